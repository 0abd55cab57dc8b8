#include "dd/base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

START_TEST(limits_repetition)
{
    struct dd_log_limit limit = {.period_ms = 3600000};
    uint64_t suppressed;
    ck_assert(dd_log_allowed(&limit, &suppressed));
    ck_assert_uint_eq(suppressed, 0);
    ck_assert(!dd_log_allowed(&limit, &suppressed));
    ck_assert(!dd_log_allowed(&limit, &suppressed));
    limit.next_us = 0;
    ck_assert(dd_log_allowed(&limit, &suppressed));
    ck_assert_uint_eq(suppressed, 2);
}
END_TEST

SUITE("base/log", keeps_a_message_on_one_line, cuts_long_messages, marks_priorities_for_the_journal, limits_repetition)
