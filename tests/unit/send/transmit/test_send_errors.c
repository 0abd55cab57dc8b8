#include "send/transmit/send_errors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

static int fds[2], saved;
static char text[65536];
static const uint64_t second_us = 1000000;

static void set_up(void)
{
    ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
    saved = dup(STDERR_FILENO);
    dup2(fds[1], STDERR_FILENO);
    dd_log_open("test", DD_LOG_INFO);
}

static void tear_down(void)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fds[0]);
    close(fds[1]);
}

/* How often part was logged since the last call. */
static unsigned count_logged(const char *part)
{
    unsigned count = 0;
    ssize_t n = read(fds[0], text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    for (const char *at = text; (at = strstr(at, part)); at++)
        count++;
    return count;
}

/* Refuses ten datagrams a second for a time, and checks every ten seconds. */
static void refuse(struct dd_send_errors *errors, uint64_t from_s, uint64_t to_s)
{
    for (uint64_t s = from_s; s < to_s; s++) {
        suite_stop_clock(s * second_us);
        dd_send_errors_note(errors, "gate", "192.0.2.1:5005", 10, ENETUNREACH);
        if (s % 10 == 0)
            dd_send_errors_check(errors, "gate", "192.0.2.1:5005", s * second_us);
    }
}

START_TEST(a_lasting_fault_is_repeated_with_growing_gaps)
{
    struct dd_send_errors errors = {0};
    set_up();
    refuse(&errors, 1000, 1001);
    ck_assert_uint_eq(count_logged("gate: datagrams to 192.0.2.1:5005 are not sent: Network is unreachable (10 so far)\n"), 1);
    refuse(&errors, 1001, 1061);
    ck_assert_uint_eq(count_logged("(610 so far)\n"), 1);
    refuse(&errors, 1061, 1000 + 2 * 3600);
    ck_assert_uint_eq(count_logged("are not sent"), 3); /* after 6, 36 and 96 minutes */
    tear_down();
}
END_TEST

START_TEST(its_end_is_told_once)
{
    struct dd_send_errors errors = {0};
    set_up();
    refuse(&errors, 1000, 1100);
    count_logged("not sent");
    dd_send_errors_check(&errors, "gate", "192.0.2.1:5005", 1108 * second_us);
    ck_assert_uint_eq(count_logged("again"), 0);
    dd_send_errors_check(&errors, "gate", "192.0.2.1:5005", 1110 * second_us);
    dd_send_errors_check(&errors, "gate", "192.0.2.1:5005", 1120 * second_us);
    ck_assert_uint_eq(count_logged("gate: datagrams to 192.0.2.1:5005 go again; 1000 were not sent\n"), 1);
    refuse(&errors, 1120, 1121);
    ck_assert_uint_eq(count_logged("are not sent"), 1);
    tear_down();
}
END_TEST

SUITE("send/transmit/send_errors", a_lasting_fault_is_repeated_with_growing_gaps, its_end_is_told_once)
