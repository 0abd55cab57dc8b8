#include "base/log_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/log.h"
#include "suite.h"

/* Begins at a full hour, so that sums of seconds are easy to read. */
static const uint64_t start_us = UINT64_C(3600000000);

/* Everything that the supervisor wrote to standard error meanwhile. */
static int out_fds[2], saved;
static char text[1 << 20];
static struct dd_log_relay *relay;
static int role_fd; /* the role's end */

static void set_up(void)
{
    ck_assert_int_eq(pipe2(out_fds, O_NONBLOCK), 0);
    ck_assert_int_ge(fcntl(out_fds[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
    saved = dup(STDERR_FILENO);
    dup2(out_fds[1], STDERR_FILENO);
    close(out_fds[1]);
    dd_log_open("test", DD_LOG_INFO);
    suite_stop_clock(start_us);
    relay = dd_log_relay_new("capture one");
    ck_assert_ptr_nonnull(relay);
    role_fd = dd_log_relay_open(relay);
    ck_assert_int_ge(role_fd, 0);
}

static void tear_down(void)
{
    dd_log_relay_free(relay);
    close(role_fd);
    close(out_fds[0]);
    dup2(saved, STDERR_FILENO);
    close(saved);
}

/* What was written since the last call. */
static const char *written(void)
{
    ssize_t n = read(out_fds[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* True if the role's line got into the pipe. */
static bool say(const char *line)
{
    return write(role_fd, line, strlen(line)) == (ssize_t)strlen(line);
}

/* As the supervisor does it. */
static void turn(void)
{
    struct pollfd p = {.fd = dd_log_relay_fd(relay), .events = POLLIN};
    dd_log_relay_turn(relay, poll(&p, 1, 0) > 0);
}

static size_t count(const char *haystack, const char *needle)
{
    size_t n = 0;
    for (const char *at = haystack; (at = strstr(at, needle)); at += strlen(needle))
        n++;
    return n;
}

static void assert_has(const char *part)
{
    size_t size = strlen(text); /* Check takes short messages only */
    ck_assert_msg(strstr(text, part) != NULL, "'%s' is not in:\n%s", part, text + (size > 1000 ? size - 1000 : 0));
}

START_TEST(puts_time_daemon_and_role_in_front)
{
    set_up();
    say("<4>beware\n<6>all is well\nfrom a library\n\n<3>cut");
    turn();
    written();
    assert_has("Z test: capture one: warning: beware\n");
    assert_has("Z test: capture one: all is well\n");
    assert_has("Z test: capture one: from a library\n");
    ck_assert_uint_eq(count(text, "\n"), 3);
    say(" in two\n");
    turn();
    written();
    assert_has("Z test: capture one: error: cut in two\n");
    tear_down();
}
END_TEST

START_TEST(a_role_speaks_for_itself_only)
{
    set_up();
    say("2026-01-01T00:00:00.000Z test: transmit: forged\n<4>\r\x1b[2K\xc2\x85next\xff\n<0>panic\n<9>odd\n");
    turn();
    written();
    ck_assert_uint_eq(count(text, "\n"), 4);
    ck_assert_uint_eq(count(text, "Z test: capture one: "), 4);
    assert_has("capture one: 2026-01-01T00:00:00.000Z test: transmit: forged\n");
    assert_has("capture one: warning: ??[2K??next?\n");
    assert_has("capture one: error: panic\n");
    assert_has("capture one: <9>odd\n");
    tear_down();
}
END_TEST

START_TEST(cuts_a_line_without_end)
{
    char longest[3 * DD_LOG_LINE_SIZE + 1];
    set_up();
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    say(longest);
    turn();
    ck_assert_uint_eq(count(written(), "\n"), 3);
    tear_down();
}
END_TEST

/* Floods the relay for so many seconds: a full pipe at each of ten turns a second. Returns the number of lines that were passed
 * on, notes about others aside. */
static size_t flood(uint64_t *now_us, int seconds, size_t *notes)
{
    size_t passed = 0;
    for (int i = 0; i < 10 * seconds; i++) {
        while (say("<6>a line that some hostile role repeats again and again\n"))
            ;
        *now_us += 100000;
        suite_stop_clock(*now_us);
        turn();
        written();
        passed += count(text, "repeats");
        *notes += count(text, "left out here: it logs too much\n");
    }
    return passed;
}

START_TEST(a_flood_is_limited_and_counted)
{
    uint64_t now_us = start_us;
    size_t notes = 0;
    set_up();
    size_t passed = flood(&now_us, 10, &notes);
    ck_assert_uint_ge(passed, 2000);
    ck_assert_uint_le(passed, 2600);
    passed = flood(&now_us, 100, &notes);
    ck_assert_uint_ge(passed, 500);
    ck_assert_uint_le(passed, 1000); /* a KiB a second */
    ck_assert_uint_ge(notes, 5);
    ck_assert_uint_le(notes, 20);
    tear_down();
}
END_TEST

START_TEST(a_flood_does_not_keep_the_supervisor_busy)
{
    uint64_t now_us = start_us;
    size_t notes = 0;
    set_up();
    flood(&now_us, 10, &notes);
    while (say("<6>more\n"))
        ;
    turn();
    ck_assert_int_eq(dd_log_relay_fd(relay), -1);
    suite_stop_clock(now_us + 250000);
    ck_assert_int_ge(dd_log_relay_fd(relay), 0);
    tear_down();
}
END_TEST

START_TEST(empty_lines_do_not_keep_it_busy_either)
{
    int turns = 0;
    set_up();
    while (dd_log_relay_fd(relay) >= 0 && turns < 10000 && say("\n")) {
        turn();
        turns++;
    }
    ck_assert_int_lt(turns, 10000);
    suite_stop_clock(start_us + 20000000);
    turn();
    written();
    ck_assert_uint_eq(count(text, "\n"), 1);
    assert_has("left out here: it logs too much");
    tear_down();
}
END_TEST

START_TEST(says_what_was_left_out_once_there_is_quiet)
{
    uint64_t now_us = start_us;
    size_t notes = 0;
    set_up();
    flood(&now_us, 3, &notes);
    for (int i = 0; i < 20; i++) {
        suite_stop_clock(now_us += 1000000);
        turn();
    }
    written();
    ck_assert_uint_eq(count(text, "left out here"), 1);
    say("<6>as before\n");
    turn();
    written();
    assert_has("capture one: as before\n");
    tear_down();
}
END_TEST

START_TEST(last_words_come_out)
{
    uint64_t now_us = start_us;
    size_t notes = 0;
    set_up();
    say("Assertion `x' failed.");
    dd_log_relay_close(relay);
    written();
    assert_has("Z test: capture one: Assertion `x' failed.\n");

    close(role_fd);
    role_fd = dd_log_relay_open(relay);
    flood(&now_us, 3, &notes);
    int size = fcntl(role_fd, F_GETPIPE_SZ);
    for (int i = 0; i < 5; i++) { /* it makes room, but does not listen yet */
        suite_stop_clock(now_us += 250000);
        turn();
    }
    for (int i = 0; i < size / 2; i += 8)
        say("<6>more\n");
    ck_assert(say("==1==ERROR: AddressSanitizer\n"));
    dd_log_relay_close(relay);
    written();
    assert_has("left out here");
    assert_has("Z test: capture one: ==1==ERROR: AddressSanitizer\n");
    tear_down();
}
END_TEST

START_TEST(the_role_cannot_make_it_wait)
{
    set_up();
    /* the flags of the write end, and a reader that takes away what poll(2) reported */
    ck_assert_int_eq(fcntl(role_fd, F_SETFL, 0), 0);
    dd_log_relay_turn(relay, true);
    dd_log_relay_turn(relay, true);
    ck_assert_int_ge(dd_log_relay_fd(relay), 0);
    /* it closes its standard error */
    say("bye");
    close(role_fd);
    turn();
    turn();
    ck_assert_int_eq(dd_log_relay_fd(relay), -1);
    written();
    assert_has("Z test: capture one: bye\n");
    role_fd = dd_log_relay_open(relay);
    tear_down();
}
END_TEST

SUITE("base/log_relay", puts_time_daemon_and_role_in_front, a_role_speaks_for_itself_only, cuts_a_line_without_end,
      a_flood_is_limited_and_counted, a_flood_does_not_keep_the_supervisor_busy, empty_lines_do_not_keep_it_busy_either,
      says_what_was_left_out_once_there_is_quiet, last_words_come_out, the_role_cannot_make_it_wait)
