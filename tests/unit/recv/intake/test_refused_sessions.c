#include "recv/intake/refused_sessions.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "suite.h"

enum { STREAMS = 60 };
#define S UINT64_C(1000000)
#define START UINT64_C(1767268800000000) /* 2026-01-01T12:00:00Z */

static struct dd_refused_sessions *refused;
static char text[1 << 16];

/* What is logged at that second. */
static const char *log_at(uint64_t second)
{
    FILE *file = tmpfile();
    int saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    dd_refused_sessions_log(refused, second * S);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void add(size_t stream, uint64_t start_us, bool is_ahead, uint64_t second)
{
    char name[8];
    snprintf(name, sizeof name, "s%zu", stream);
    const struct dd_refused_session session = {.stream = name,
                                               .port = "0.0.0.0:5006",
                                               .from = "192.0.2.7:4242",
                                               .start_us = start_us,
                                               .salt = 0xabc + stream,
                                               .is_ahead = is_ahead,
                                               .newest_start_us = START + 300 * S,
                                               .newest_from = "192.0.2.8:5000"};
    dd_refused_sessions_add(refused, stream, &session, second * S);
}

static void set_up(void)
{
    refused = dd_refused_sessions_new(STREAMS, "ddrecv --config '/etc/a file.json'");
    ck_assert_ptr_nonnull(refused);
}

static size_t count(const char *in, const char *what)
{
    size_t n = 0;
    for (const char *at = in; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

#define ASSERT_HAS(in, what) ck_assert_msg(strstr(in, what) != NULL, "no \"%s\" in: %s", what, in)

START_TEST(a_line_has_all_that_is_needed_to_act)
{
    set_up();
    ck_assert_str_eq(log_at(1), "");
    add(0, START, false, 100);
    ck_assert_str_eq(log_at(100), "");
    const char *line = log_at(102);
    ASSERT_HAS(line,
               "s0: refused session 1767268800000000:0000000000000abc from 192.0.2.7:4242 at UDP 0.0.0.0:5006, which has the "
               "key and began 2026-01-01T12:00:00.000Z: the newest one began 2026-01-01T12:05:00.000Z, from 192.0.2.8:5000.");
    ASSERT_HAS(line, "admit it with: ddrecv --config '/etc/a file.json' --forget-session s0=1767268800000000:0000000000000abc\n");
    ck_assert_str_eq(log_at(103), "");
    dd_refused_sessions_free(refused);
}
END_TEST

START_TEST(what_is_ahead_names_this_clock)
{
    set_up();
    add(0, START, true, 100);
    const char *line = log_at(102);
    ASSERT_HAS(line, "it begins over a day ahead of this machine's clock (20");
    ASSERT_HAS(line, "set the clocks right");
    dd_refused_sessions_free(refused);
}
END_TEST

START_TEST(five_streams_are_one_line_and_one_command)
{
    set_up();
    for (size_t i = 0; i < 5; i++)
        add(i, START + i, false, 100 + i / 3);
    const char *line = log_at(102);
    ck_assert_uint_eq(count(line, "\n"), 1);
    ASSERT_HAS(line, " 4 other streams are refused likewise.");
    ASSERT_HAS(line, " --forget-session s0=1767268800000000:0000000000000abc,s1=1767268800000001:0000000000000abd,"
                     "s2=1767268800000002:0000000000000abe,s3=1767268800000003:0000000000000abf,"
                     "s4=1767268800000004:0000000000000ac0\n");
    dd_refused_sessions_free(refused);
}
END_TEST

START_TEST(another_stream_is_told_at_once_and_with_the_others)
{
    set_up();
    add(0, START, false, 100);
    ck_assert_uint_eq(count(log_at(102), "\n"), 1);
    add(0, START, false, 103);
    add(1, START, false, 104);
    ck_assert_str_eq(log_at(105), "");
    const char *line = log_at(106);
    ASSERT_HAS(line, " --forget-session s0=1767268800000000:0000000000000abc,s1=1767268800000000:0000000000000abd\n");
    add(1, START + 1, false, 107);
    ck_assert_str_eq(log_at(165), "");
    ck_assert_uint_eq(count(log_at(166), "\n"), 1);
    dd_refused_sessions_free(refused);
}
END_TEST

/* The log cuts long lines: a command must not be cut. */
START_TEST(no_line_is_cut_however_many_streams_there_are)
{
    char wanted[64];
    set_up();
    for (size_t i = 0; i < STREAMS; i++)
        add(i, START, false, 100);
    const char *lines = log_at(102);
    ck_assert_uint_gt(count(lines, "\n"), 1);
    ck_assert_uint_lt(count(lines, "\n"), 5);
    for (size_t i = 0; i < STREAMS; i++) {
        snprintf(wanted, sizeof wanted, "s%zu=1767268800000000:%016zx", i, 0xabc + i);
        ck_assert_uint_eq(count(lines, wanted), 1);
    }
    dd_refused_sessions_free(refused);
}
END_TEST

START_TEST(lines_come_at_growing_distances)
{
    static const uint64_t expected[] = {102, 162, 462, 2262, 5862, 9462};
    size_t lines = 0;
    set_up();
    for (uint64_t second = 100; second < 10000; second++) {
        add(0, START, false, second);
        if (!*log_at(second))
            continue;
        ck_assert_uint_lt(lines, sizeof expected / sizeof *expected);
        ck_assert_uint_eq(second, expected[lines]);
        lines++;
    }
    ck_assert_uint_eq(lines, 6);
    /* another session is news, but once a minute at most: somebody with the key can begin a million */
    add(0, START + 1, false, 10000);
    ck_assert_uint_eq(count(log_at(10002), "\n"), 1);
    for (uint64_t i = 0; i < 1000; i++)
        add(0, START + 2 + i, false, 10003);
    ck_assert_str_eq(log_at(10061), "");
    ck_assert_uint_eq(count(log_at(10062), "\n"), 1);
    dd_refused_sessions_free(refused);
}
END_TEST

START_TEST(without_a_state_there_is_another_way)
{
    refused = dd_refused_sessions_new(1, "");
    add(0, START, false, 100);
    const char *line = log_at(102);
    ASSERT_HAS(line, "start ddrecv afresh");
    ck_assert_ptr_null(strstr(line, "--forget-session"));
    dd_refused_sessions_free(refused);
    dd_refused_sessions_free(NULL);
}
END_TEST

SUITE("recv/intake/refused_sessions", a_line_has_all_that_is_needed_to_act, what_is_ahead_names_this_clock,
      five_streams_are_one_line_and_one_command, another_stream_is_told_at_once_and_with_the_others,
      no_line_is_cut_however_many_streams_there_are, lines_come_at_growing_distances, without_a_state_there_is_another_way)
