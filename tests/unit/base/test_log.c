#include "dd/base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "suite.h"

/* What log writes to standard error meanwhile. */
static int pipe_fds[2], saved;

static void capture(void)
{
    ck_assert_int_eq(pipe2(pipe_fds, O_NONBLOCK), 0);
    saved = dup(STDERR_FILENO);
    dup2(pipe_fds[1], STDERR_FILENO);
}

static void release(char *text, size_t size)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipe_fds[1]);
    ssize_t n = read(pipe_fds[0], text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    close(pipe_fds[0]);
}

START_TEST(keeps_a_message_on_one_line)
{
    char text[4096];
    capture();
    dd_log_open("test: role", DD_LOG_INFO);
    dd_log_warning("a\nb\x1b[31m%s", "\r<3>forged");
    dd_log_debug("not to be seen");
    release(text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "Z test: role: warning: a?b?[31m?<3>forged\n"));
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
}
END_TEST

START_TEST(cuts_long_messages)
{
    char text[8192], longest[5000];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    capture();
    dd_log_open("test", DD_LOG_INFO);
    dd_log_error("%s", longest);
    release(text, sizeof text);
    ck_assert_uint_lt(strlen(text), 2100);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
}
END_TEST

START_TEST(marks_priorities_for_the_journal)
{
    char text[256], stream[64];
    struct stat s;
    capture();
    ck_assert_int_eq(fstat(STDERR_FILENO, &s), 0);
    snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)s.st_dev, (uintmax_t)s.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    dd_log_open("test", DD_LOG_INFO);
    dd_log_error("x");
    unsetenv("JOURNAL_STREAM");
    release(text, sizeof text);
    ck_assert_str_eq(text, "<3>test: x\n");
}
END_TEST

START_TEST(replaces_what_is_not_printable_text)
{
    static const struct {
        const char *text, *cleaned;
    } cases[] = {{"plain ~", "plain ~"},
                 {"\t\x01\x1f\x7f", "????"},
                 {"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80", "Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80"},
                 {"\xc2\x80\xc2\x9b\xc2\xa0", "????\xc2\xa0"},             /* C1; a space that does not break */
                 {"\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa7", "?????????"},    /* line separator; overrides of direction */
                 {"\xe2\x80\xa7\xe2\x80\xaf", "\xe2\x80\xa7\xe2\x80\xaf"}, /* their neighbours */
                 {"\xff\x80\xc3", "???"},                                  /* no UTF-8; a character that is cut off */
                 {"\xc0\x8a\xe0\x80\x8a\xf0\x80\x80\x8a", "?????????"},    /* a newline in too many bytes */
                 {"\xed\xa0\x80\xf4\x90\x80\x80", "???????"}};             /* a surrogate; beyond U+10FFFF */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s", cases[i].text);
        dd_log_clean(text, strlen(text));
        ck_assert_str_eq(text, cases[i].cleaned);
    }
}
END_TEST

START_TEST(a_role_writes_the_priority_for_its_supervisor)
{
    char text[256];
    capture();
    dd_log_open_role(DD_LOG_INFO);
    dd_log_warning("x");
    dd_log_debug("not to be seen");
    release(text, sizeof text);
    ck_assert_str_eq(text, "<4>x\n");
}
END_TEST

/* Fills a pipe that nobody reads, then reads it. */
static void lose_lines(char *text, size_t size)
{
    capture();
    for (int i = 0; i < 2000; i++)
        dd_log_info("a line of a hundred characters, which is so long because nobody wants to wait for a pipe to be full %d", i);
    while (read(pipe_fds[0], text, size - 1) > 0)
        ;
    dd_log_info("last");
    release(text, size);
}

START_TEST(counts_what_a_full_pipe_does_not_take)
{
    static char text[65536];
    dd_log_open_role(DD_LOG_INFO);
    lose_lines(text, sizeof text);
    ck_assert_msg(strstr(text, "<4>") == text &&
                      strstr(text, " lines before this one are lost: nobody read them in time\n<6>last\n"),
                  "%s", text);
    ck_assert_int_gt(atoi(text + 3), 1000);
    ck_assert_int_lt(atoi(text + 3), 2000);
}
END_TEST

static atomic_bool done;

/* Reads a little, a few times a second. */
static void *read_slowly(void *unused)
{
    char bytes[4096];
    while (!done && read(pipe_fds[0], bytes, sizeof bytes) != 0)
        usleep(300000);
    return unused;
}

START_TEST(does_not_wait_for_a_slow_reader_again_and_again)
{
    pthread_t thread;
    capture();
    fcntl(pipe_fds[1], F_SETFL, 0);
    dd_log_open("test", DD_LOG_INFO);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_slowly, NULL), 0);
    uint64_t begun_us = dd_clock_now_us();
    for (int i = 0; i < 4000; i++)
        dd_log_info("a line of a hundred characters, which is so long because nobody wants to wait for a pipe to be full %d", i);
    uint64_t took_us = dd_clock_now_us() - begun_us;
    done = true;
    pthread_join(thread, NULL);
    dup2(saved, STDERR_FILENO);
    ck_assert_uint_lt(took_us, 10000000); /* waiting for each would take half a minute */
}
END_TEST

START_TEST(does_not_wait_for_a_reader_for_long)
{
    static char text[65536];
    capture();
    fcntl(pipe_fds[1], F_SETFL, 0); /* as a terminal after Ctrl-S: a write would wait for ever */
    dd_log_open("test", DD_LOG_INFO);
    for (int i = 0; i < 2000; i++)
        dd_log_info("a line of a hundred characters, which is so long because nobody wants to wait for a pipe to be full %d", i);
    while (read(pipe_fds[0], text, sizeof text - 1) > 0)
        ;
    dd_log_info("last");
    release(text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, " lines before this one are lost: nobody read them in time\n"));
    ck_assert_ptr_nonnull(strstr(text, "test: last\n"));
}
END_TEST

/* Reads what a terminal shows, until it has shown part, or nothing more for so long. */
static void watch_terminal(int terminal, const char *part, int quiet_ms, char *text, size_t size)
{
    struct pollfd p = {.fd = terminal, .events = POLLIN};
    size_t length = 0;
    text[0] = '\0';
    while (!strstr(text, part) && poll(&p, 1, quiet_ms) > 0) {
        ssize_t n = read(terminal, text + length, size - 1 - length);
        length += n > 0 ? (size_t)n : 0;
        text[length] = '\0';
    }
}

/* A terminal that nobody reads takes a part of a line, and would wait with the rest. */
START_TEST(does_not_wait_for_a_terminal)
{
    static char text[1 << 20];
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    ck_assert_int_ge(terminal, 0);
    ck_assert_int_eq(grantpt(terminal) | unlockpt(terminal), 0);
    int user = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(user, 0);
    saved = dup(STDERR_FILENO);
    dup2(user, STDERR_FILENO);
    dd_log_open("test", DD_LOG_INFO);
    for (int i = 0; i < 4000; i++)
        dd_log_info("a line of a hundred characters, which is so long because nobody wants to wait for a pipe to be full %d", i);
    ck_assert_int_eq(fcntl(user, F_GETFL) & O_NONBLOCK, 0); /* of the shell's */
    watch_terminal(terminal, "\n\n", 300, text, sizeof text);
    dd_log_info("last");
    dup2(saved, STDERR_FILENO);
    watch_terminal(terminal, "test: last\r\n", 5000, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, " lines before this one are lost: nobody read them in time\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "test: last\r\n"));
    close(user);
    close(terminal);
}
END_TEST

static void *log_for_a_while(void *unused)
{
    for (int i = 0; i < 1000; i++)
        dd_log_info("%d", i);
    return unused;
}

START_TEST(the_threshold_may_change_while_threads_log)
{
    char text[256];
    pthread_t thread;
    capture();
    dd_log_open_role(DD_LOG_INFO);
    ck_assert_int_eq(pthread_create(&thread, NULL, log_for_a_while, NULL), 0);
    for (int i = 0; i < 1000; i++)
        dd_log_set_threshold(i % 2 ? DD_LOG_INFO : DD_LOG_WARNING);
    pthread_join(thread, NULL);
    release(text, sizeof text);
}
END_TEST

/* ---- limits ---- */

static const uint64_t minute_us = UINT64_C(60000000);

/* Lets an event happen every second, from from_s seconds on until to_s. Returns the number of messages; *last_s is when the last
 * one went, *suppressed what it counted. */
static unsigned happen(struct dd_log_limit *limit, unsigned from_s, unsigned to_s, unsigned *last_s, uint64_t *suppressed)
{
    unsigned messages = 0;
    uint64_t n;
    for (unsigned s = from_s; s < to_s; s++) {
        suite_stop_clock(minute_us + s * UINT64_C(1000000));
        if (!dd_log_allowed(limit, &n))
            continue;
        messages++;
        *last_s = s;
        *suppressed = n;
    }
    return messages;
}

START_TEST(a_lasting_cause_is_repeated_with_growing_gaps)
{
    static const unsigned at_min[] = {0, 1, 6, 36, 96, 156, 216};
    struct dd_log_limit limit = {0};
    unsigned last_s = 0;
    uint64_t suppressed = 0;
    for (size_t i = 0; i < sizeof at_min / sizeof *at_min; i++) {
        unsigned from_s = i ? at_min[i - 1] * 60 + 1 : 0;
        ck_assert_uint_eq(happen(&limit, from_s, at_min[i] * 60 + 1, &last_s, &suppressed), 1);
        ck_assert_uint_eq(last_s, at_min[i] * 60);
        ck_assert_uint_eq(suppressed, i ? (at_min[i] - at_min[i - 1]) * 60 - 1 : 0);
    }
}
END_TEST

START_TEST(a_cause_that_was_away_begins_anew)
{
    struct dd_log_limit limit = {0};
    unsigned last_s = 0;
    uint64_t suppressed = 0;
    ck_assert_uint_eq(happen(&limit, 0, 400, &last_s, &suppressed), 3);
    /* quiet for less than two gaps of 30 minutes: not over */
    ck_assert_uint_eq(happen(&limit, 2100, 2110, &last_s, &suppressed), 0);
    ck_assert_uint_eq(happen(&limit, 2110 + 3600, 2110 + 3600 + 61, &last_s, &suppressed), 2);
    ck_assert(dd_log_end(&limit));
    ck_assert(!dd_log_end(&limit));
    ck_assert_uint_eq(happen(&limit, 6000, 6061, &last_s, &suppressed), 2);
    ck_assert_uint_eq(suppressed, 59);
}
END_TEST

START_TEST(some_may_go_at_once)
{
    struct dd_log_limit limit = {.burst = 8};
    unsigned last_s = 0;
    uint64_t suppressed = 0;
    ck_assert_uint_eq(happen(&limit, 0, 60, &last_s, &suppressed), 8);
    ck_assert_uint_eq(last_s, 7);
    ck_assert_uint_eq(happen(&limit, 60, 68, &last_s, &suppressed), 1);
    ck_assert_uint_eq(last_s, 67);
    ck_assert_uint_eq(suppressed, 59);
}
END_TEST

START_TEST(a_gap_may_be_fixed)
{
    struct dd_log_limit limit = {.period_ms = 10000};
    unsigned last_s = 0;
    uint64_t suppressed = 0;
    ck_assert_uint_eq(happen(&limit, 0, 100, &last_s, &suppressed), 10);
    ck_assert_uint_eq(suppressed, 9);
}
END_TEST

SUITE("base/log", keeps_a_message_on_one_line, cuts_long_messages, marks_priorities_for_the_journal,
      replaces_what_is_not_printable_text, a_role_writes_the_priority_for_its_supervisor, counts_what_a_full_pipe_does_not_take,
      does_not_wait_for_a_reader_for_long, does_not_wait_for_a_terminal, does_not_wait_for_a_slow_reader_again_and_again,
      the_threshold_may_change_while_threads_log, a_lasting_cause_is_repeated_with_growing_gaps,
      a_cause_that_was_away_begins_anew, some_may_go_at_once, a_gap_may_be_fixed)
