#include "send/key_lock.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "suite.h"

/* Key ids that no other run of this test uses at the same time. */
static uint32_t own_id(uint32_t n)
{
    return ((uint32_t)getpid() << 4) + n;
}

START_TEST(one_process_has_the_lock_of_a_key)
{
    struct dd_key_lock_set first = {0}, second = {0};
    const uint32_t kept[] = {own_id(2)};
    ck_assert_int_eq(dd_key_lock_holder(own_id(1)), 0);
    ck_assert_int_eq(dd_key_lock_take(&first, own_id(1), "one", 0), 0);
    ck_assert_int_eq(dd_key_lock_take(&first, own_id(2), "two", 0), 0);
    ck_assert_int_eq(dd_key_lock_take(&first, own_id(1), "one", 0), 0); /* at a reload */
    ck_assert_int_eq(dd_key_lock_holder(own_id(1)), getpid());
    ck_assert_int_lt(dd_key_lock_take(&second, own_id(1), "one", 0), 0);
    ck_assert_int_lt(dd_key_lock_take(&second, own_id(2), "two", 0), 0);
    ck_assert_int_eq(dd_key_lock_take(&second, own_id(3), "three", 0), 0);

    dd_key_lock_keep(&first, kept, 1);
    ck_assert_int_eq(dd_key_lock_take(&second, own_id(1), "one", 0), 0);
    ck_assert_int_lt(dd_key_lock_take(&second, own_id(2), "two", 0), 0);
    dd_key_lock_keep(&first, NULL, 0);
    dd_key_lock_keep(&second, NULL, 0);
    ck_assert_int_eq(dd_key_lock_holder(own_id(1)), 0);
}
END_TEST

START_TEST(a_lock_ends_with_its_process)
{
    struct dd_key_lock_set set = {0};
    uint32_t id = own_id(6);
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct dd_key_lock_set own = {0};
        if (dd_key_lock_take(&own, id, "one", 0) == 0 && write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(dd_key_lock_holder(id), child);
    ck_assert_int_lt(dd_key_lock_take(&set, id, "one", 0), 0);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_int_eq(dd_key_lock_take(&set, id, "one", 0), 0);
    dd_key_lock_keep(&set, NULL, 0);
    close(ready[0]);
}
END_TEST

START_TEST(waits_for_one_that_ends)
{
    struct dd_key_lock_set first = {0}, second = {0};
    ck_assert_int_eq(dd_key_lock_take(&first, own_id(4), "one", 0), 0);
    uint64_t start_us = dd_clock_now_us();
    ck_assert_int_lt(dd_key_lock_take(&second, own_id(4), "one", 200), 0);
    ck_assert_uint_ge(dd_clock_now_us() - start_us, 200000);
    pid_t child = fork();
    if (child == 0) {
        usleep(100000);
        _exit(0); /* with its copy of the descriptors */
    }
    dd_key_lock_keep(&first, NULL, 0);
    ck_assert_int_eq(dd_key_lock_take(&second, own_id(4), "one", 20000), 0);
    dd_key_lock_keep(&second, NULL, 0);
    waitpid(child, NULL, 0);
}
END_TEST

START_TEST(nothing_can_be_sent_to_it)
{
    struct dd_key_lock_set set = {0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    ck_assert_int_eq(dd_key_lock_take(&set, own_id(5), "one", 0), 0);
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "softdatadiode/ddsend/key-%08x", own_id(5));
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    int stream = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), dgram = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    ck_assert_int_lt(bind(stream, (const struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(errno, EADDRINUSE); /* it is the right name */
    ck_assert_int_lt(connect(stream, (const struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(errno, ECONNREFUSED);
    ck_assert_int_lt(sendto(dgram, "x", 1, 0, (const struct sockaddr *)&address, size), 0);
    close(stream);
    close(dgram);
    dd_key_lock_keep(&set, NULL, 0);
}
END_TEST

SUITE("send/key_lock", one_process_has_the_lock_of_a_key, a_lock_ends_with_its_process, waits_for_one_that_ends,
      nothing_can_be_sent_to_it)
