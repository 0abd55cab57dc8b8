#include "send/capture/source_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "send/picture.h"
#include "suite.h"

static int fds[2], saved;
static char text[65536];
static uint64_t now_s;
static struct dd_source_log source;

static void set_up(void)
{
    ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
    saved = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    dd_log_open("test", DD_LOG_INFO);
    source = (struct dd_source_log){0};
    now_s = 100000;
    suite_stop_clock(now_s * DD_CLOCK_US_PER_S);
}

static void tear_down(void)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fds[0]);
    close(fds[1]);
}

static void wait_s(uint64_t seconds)
{
    now_s += seconds;
    suite_stop_clock(now_s * DD_CLOCK_US_PER_S);
}

/* What was logged since the last call. */
static const char *logged(void)
{
    ssize_t n = read(fds[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static unsigned count(const char *part)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        n++;
    return n;
}

static void show(int width)
{
    const struct dd_picture in = {.width = width, .height = 100}, out = {.width = 80, .height = 50};
    dd_source_log_picture(&source, &in, &out);
    dd_source_log_works(&source);
}

static void break_off(const char *message, bool was_ok)
{
    dd_source_log_failure(&source, message, was_ok, 5000);
    dd_source_log_disconnected(&source);
}

/* Comes and goes every ten seconds, so many times. */
static void flap(unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        wait_s(5);
        show(160);
        wait_s(5);
        break_off("it hung up", true);
    }
}

START_TEST(tells_of_loss_and_recovery)
{
    set_up();
    show(160);
    ck_assert_ptr_nonnull(strstr(logged(), "test: connected: 160x100, sent as 80x50\n"));
    show(160);
    show(320);
    ck_assert_ptr_nonnull(strstr(logged(), "test: its picture is now another: 320x100, sent as 80x50\n"));
    break_off("it hung up", true);
    ck_assert_ptr_nonnull(strstr(logged(), "warning: lost: it hung up; trying again in 5 s\n"));
    break_off("no route", false);
    ck_assert_ptr_nonnull(strstr(logged(), "warning: no route; trying again in 5 s\n"));
    show(320);
    ck_assert_ptr_nonnull(strstr(logged(), "test: connected: 320x100, sent as 80x50\n"));
    tear_down();
}
END_TEST

/* Attempts of three minutes each are one failure, too. */
START_TEST(a_lasting_failure_is_repeated_with_growing_gaps)
{
    set_up();
    for (int i = 0; i < 160; i++, wait_s(180))
        break_off("no answer", false);
    logged();
    ck_assert_uint_ge(count("warning: "), 4 + 7); /* at once, after 1, 5 and 30 more minutes, and each hour of the eight */
    ck_assert_uint_le(count("warning: "), 4 + 8);
    tear_down();
}
END_TEST

START_TEST(a_source_that_comes_and_goes_fills_no_log)
{
    set_up();
    flap(1000);
    logged();
    ck_assert_uint_le(count("\n"), 40 + 6);
    ck_assert_uint_ge(count(" changes before it had no line)\n"), 2);
    tear_down();
}
END_TEST

START_TEST(what_lasts_has_a_line_even_then)
{
    set_up();
    flap(1000);
    logged();
    for (int i = 0; i < 4; i++, wait_s(20))
        break_off("no route", false);
    ck_assert_uint_eq((logged(), count("for 1 min: no route; trying again in 5 s\n")), 1);

    flap(10);
    logged();
    show(160);
    wait_s(59);
    show(160);
    ck_assert_str_eq(logged(), "");
    wait_s(1);
    dd_source_log_works(&source); /* it still shows the same */
    ck_assert_ptr_nonnull(strstr(logged(), "test: connected: 160x100, sent as 80x50\n"));
    wait_s(60);
    show(160);
    ck_assert_str_eq(logged(), "");
    tear_down();
}
END_TEST

SUITE("send/capture/source_log", tells_of_loss_and_recovery, a_lasting_failure_is_repeated_with_growing_gaps,
      a_source_that_comes_and_goes_fills_no_log, what_lasts_has_a_line_even_then)
