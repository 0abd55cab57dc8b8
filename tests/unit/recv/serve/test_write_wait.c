#include "recv/serve/write_wait.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "suite.h"

static const uint64_t start_us = 1000 * DD_CLOCK_US_PER_S, limit_us = 30 * DD_CLOCK_US_PER_S;

/* A connection whose other end does not read by itself. */
struct connection {
    struct dd_write_wait_entry entry;
    int peer;
    unsigned suspended, resumed;
};

static void suspend(void *owner)
{
    ((struct connection *)owner)->suspended++;
}

static void resume(void *owner)
{
    ((struct connection *)owner)->resumed++;
}

/* Writes until the socket takes no more. */
static void fill(const struct connection *c)
{
    static const char bytes[1024];
    while (send(c->entry.fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    ck_assert(!dd_write_wait_writable(c->entry.fd));
}

static void drain(const struct connection *c)
{
    char bytes[4096];
    while (recv(c->peer, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

static void open_connection(struct connection *c)
{
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    *c = (struct connection){.entry = {.fd = fds[0], .suspend = suspend, .resume = resume, .owner = c}, .peer = fds[1]};
    fill(c);
}

static void close_connection(const struct connection *c)
{
    close(c->entry.fd);
    close(c->peer);
}

static bool is_readable(const struct dd_write_wait *wait)
{
    struct pollfd p = {.fd = dd_write_wait_fd(wait), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static struct dd_write_wait *new_wait(void)
{
    suite_stop_clock(start_us);
    struct dd_write_wait *wait = dd_write_wait_new(limit_us);
    ck_assert_ptr_nonnull(wait);
    return wait;
}

START_TEST(resumed_once_the_socket_takes_more)
{
    struct connection a, b;
    struct dd_write_wait *wait = new_wait();
    open_connection(&a);
    open_connection(&b);
    ck_assert_int_eq(dd_write_wait_add(wait, &a.entry), DD_ERROR_AGAIN);
    ck_assert_int_eq(dd_write_wait_add(wait, &b.entry), DD_ERROR_AGAIN);
    ck_assert(a.suspended == 1 && b.suspended == 1 && !is_readable(wait));
    ck_assert_uint_eq(dd_write_wait_watch(wait, start_us), start_us + limit_us);
    ck_assert_uint_eq(a.resumed + b.resumed, 0);

    drain(&b);
    ck_assert(is_readable(wait));
    dd_write_wait_watch(wait, start_us);
    ck_assert(a.resumed == 0 && b.resumed == 1 && !b.entry.expired);
    ck_assert(!is_readable(wait));

    fill(&b); /* again */
    suite_stop_clock(start_us + 1);
    ck_assert_int_eq(dd_write_wait_add(wait, &b.entry), DD_ERROR_AGAIN);
    drain(&a);
    ck_assert_uint_eq(dd_write_wait_watch(wait, start_us + 1), start_us + 1 + limit_us);
    ck_assert(a.resumed == 1 && b.resumed == 1);
    drain(&b);
    ck_assert_uint_eq(dd_write_wait_watch(wait, start_us + 1), UINT64_MAX);
    close_connection(&a);
    close_connection(&b);
    dd_write_wait_free(wait);
}
END_TEST

START_TEST(what_takes_nothing_expires)
{
    struct connection c;
    struct dd_write_wait *wait = new_wait();
    open_connection(&c);
    dd_write_wait_add(wait, &c.entry);
    dd_write_wait_watch(wait, start_us + limit_us - 1);
    ck_assert_uint_eq(c.resumed, 0);
    ck_assert_uint_eq(dd_write_wait_watch(wait, start_us + limit_us), UINT64_MAX);
    ck_assert(c.resumed == 1 && c.entry.expired);
    drain(&c); /* no event may name it any more */
    ck_assert(!is_readable(wait));
    close_connection(&c);
    dd_write_wait_free(wait);
}
END_TEST

/* While the machine slept, or this process was stopped, no viewer could take anything. */
START_TEST(a_sleep_does_not_count)
{
    struct connection c;
    struct dd_write_wait *wait = new_wait();
    uint64_t now_us = start_us, slept_us = 10 * limit_us;
    open_connection(&c);
    dd_write_wait_add(wait, &c.entry);
    dd_write_wait_watch(wait, now_us);
    now_us += slept_us;
    ck_assert_uint_gt(dd_write_wait_watch(wait, now_us), now_us + limit_us - 2 * DD_CLOCK_US_PER_S);
    for (; now_us < start_us + slept_us + limit_us - 2 * DD_CLOCK_US_PER_S; now_us += DD_CLOCK_US_PER_S)
        dd_write_wait_watch(wait, now_us);
    ck_assert_uint_eq(c.resumed, 0);
    for (; now_us <= start_us + slept_us + limit_us; now_us += DD_CLOCK_US_PER_S)
        dd_write_wait_watch(wait, now_us);
    ck_assert(c.resumed == 1 && c.entry.expired);
    close_connection(&c);
    dd_write_wait_free(wait);
}
END_TEST

START_TEST(resumed_when_the_other_end_goes)
{
    struct connection c;
    struct dd_write_wait *wait = new_wait();
    open_connection(&c);
    dd_write_wait_add(wait, &c.entry);
    close(c.peer);
    ck_assert(dd_write_wait_writable(c.entry.fd)); /* the next write fails */
    dd_write_wait_watch(wait, start_us);
    ck_assert(c.resumed == 1 && !c.entry.expired);
    close(c.entry.fd);
    dd_write_wait_free(wait);
}
END_TEST

START_TEST(nobody_waits_once_it_stops)
{
    struct connection c;
    struct dd_write_wait *wait = new_wait();
    open_connection(&c);
    dd_write_wait_add(wait, &c.entry);
    dd_write_wait_stop(wait);
    ck_assert(c.resumed == 1 && !c.entry.expired);
    ck_assert_int_eq(dd_write_wait_add(wait, &c.entry), DD_ERROR_STOPPED);
    ck_assert_uint_eq(c.suspended, 1);
    close_connection(&c);
    dd_write_wait_free(wait);
    dd_write_wait_free(NULL);
}
END_TEST

SUITE("recv/serve/write_wait", resumed_once_the_socket_takes_more, what_takes_nothing_expires, a_sleep_does_not_count,
      resumed_when_the_other_end_goes, nobody_waits_once_it_stops)
