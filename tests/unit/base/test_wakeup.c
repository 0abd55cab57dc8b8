#include "dd/base/wakeup.h"

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "suite.h"

static const uint64_t brim = UINT64_MAX - 1; /* eventfd(2): a write beyond it blocks, or is refused */

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

START_TEST(an_eventfd_wakes_until_it_is_drained)
{
    int fd = dd_wakeup_open();
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ck_assert(!readable(fd));
    ck_assert(dd_wakeup_drain(fd)); /* nothing there: it does not wait */
    dd_wakeup_send(fd);
    dd_wakeup_send(fd);
    ck_assert(readable(fd));
    ck_assert(dd_wakeup_drain(fd));
    ck_assert(!readable(fd));
    close(fd);
}
END_TEST

START_TEST(a_full_eventfd_blocks_nobody)
{
    int fd = dd_wakeup_open();
    ck_assert_int_eq(write(fd, &brim, sizeof brim), sizeof brim);
    dd_wakeup_send(fd);
    ck_assert(readable(fd));
    ck_assert(dd_wakeup_drain(fd));
    ck_assert(!readable(fd));
    close(fd);
}
END_TEST

START_TEST(sends_to_nobody)
{
    dd_wakeup_send(-1);
}
END_TEST

static void open_pipe(int *wait_fd, int *send_fd)
{
    ck_assert_int_eq(dd_wakeup_open_pipe(wait_fd, send_fd), 0);
    ck_assert_int_eq(fcntl(*wait_fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(*send_fd, F_GETFD), FD_CLOEXEC);
    ck_assert(!readable(*wait_fd));
}

START_TEST(a_pipe_wakes_until_it_is_drained)
{
    int wait_fd, send_fd;
    open_pipe(&wait_fd, &send_fd);
    ck_assert(dd_wakeup_drain(wait_fd));
    dd_wakeup_send(send_fd);
    ck_assert(readable(wait_fd));
    ck_assert(dd_wakeup_drain(wait_fd));
    ck_assert(!readable(wait_fd));
    close(send_fd);
    close(wait_fd);
}
END_TEST

START_TEST(a_pipe_whose_ends_close)
{
    int wait_fd, send_fd;
    open_pipe(&wait_fd, &send_fd);
    dd_wakeup_send(send_fd);
    close(send_fd);
    ck_assert(dd_wakeup_drain(wait_fd)); /* what was sent before */
    ck_assert(!dd_wakeup_drain(wait_fd));
    close(wait_fd);

    open_pipe(&wait_fd, &send_fd);
    close(wait_fd);
    dd_wakeup_send(send_fd);
    close(send_fd);
}
END_TEST

/* The side that waits is the less trusted one: it does not read, and makes its own end blocking. */
START_TEST(a_full_pipe_does_not_block_its_sender)
{
    int wait_fd, send_fd;
    open_pipe(&wait_fd, &send_fd);
    ck_assert_int_eq(fcntl(wait_fd, F_SETFL, 0), 0);
    for (int i = 0; i < 70000; i++)
        dd_wakeup_send(send_fd);
    ck_assert(fcntl(send_fd, F_GETFL) & O_NONBLOCK);
    ck_assert(readable(wait_fd));
    close(send_fd);
    close(wait_fd);
}
END_TEST

/* The side that waits is the more trusted one: it watches edge-triggered, and never reads. */
START_TEST(every_send_is_an_edge)
{
    int fd = dd_wakeup_open(), epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(epoll_wait(epoll_fd, &event, 1, 0), 0);
        dd_wakeup_send(fd);
        ck_assert_int_eq(epoll_wait(epoll_fd, &event, 1, 0), 1);
    }
    close(epoll_fd);
    close(fd);
}
END_TEST

/* What a process left that was taken over: its successor's wake-ups come through all the same. */
START_TEST(reset_mends_what_was_filled_and_made_blocking)
{
    int fd = dd_wakeup_open(), epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    ck_assert_int_eq(write(fd, &brim, sizeof brim), sizeof brim);
    ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
    ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
    ck_assert_int_eq(epoll_wait(epoll_fd, &event, 1, 0), 1);
    dd_wakeup_reset(fd);
    ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
    dd_wakeup_send(fd);
    ck_assert_int_eq(epoll_wait(epoll_fd, &event, 1, 0), 1);
    /* of an empty one it does not wait for anything */
    ck_assert(dd_wakeup_drain(fd));
    ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
    dd_wakeup_reset(fd);
    ck_assert(!readable(fd));
    close(epoll_fd);
    close(fd);
}
END_TEST

START_TEST(says_that_no_descriptor_is_left)
{
    struct rlimit before, none;
    int wait_fd = 0, send_fd = 0;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    ck_assert_int_lt(dd_wakeup_open(), 0);
    ck_assert_int_lt(dd_wakeup_open_pipe(&wait_fd, &send_fd), 0);
    ck_assert_int_eq(wait_fd, -1);
    ck_assert_int_eq(send_fd, -1);
    setrlimit(RLIMIT_NOFILE, &before); /* for the leak sanitizer */
}
END_TEST

SUITE("base/wakeup", an_eventfd_wakes_until_it_is_drained, a_full_eventfd_blocks_nobody, sends_to_nobody,
      a_pipe_wakes_until_it_is_drained, a_pipe_whose_ends_close, a_full_pipe_does_not_block_its_sender, every_send_is_an_edge,
      reset_mends_what_was_filled_and_made_blocking, says_that_no_descriptor_is_left)
