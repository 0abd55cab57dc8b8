/* In clear, against a thread of the test that has the other end. */
#include "send/capture/net/channel.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "send/capture/source.h"
#include "suite.h"

enum { BYTES = 1000 * 1000, PIECE = 777 };

static int peer_fd;
static uint8_t sent[BYTES], got[BYTES];
static struct dd_source_io io;
static struct dd_channel channel;

static bool checkpoint(void *context)
{
    (void)context;
    return false;
}

static void set_up(void)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    peer_fd = pair[1];
    io =
        (struct dd_source_io){.deadline_us = dd_clock_now_us() + 60 * DD_CLOCK_US_PER_S, .checkpoint = checkpoint, .stop_fd = -1};
    channel = (struct dd_channel){.fd = pair[0], .io = &io};
    for (size_t i = 0; i < BYTES; i++)
        sent[i] = (uint8_t)(i * i / 251);
}

static void *write_pieces(void *unused)
{
    (void)unused;
    for (size_t done = 0; done < BYTES; done += PIECE)
        ck_assert_int_gt(write(peer_fd, sent + done, BYTES - done < PIECE ? BYTES - done : PIECE), 0);
    return NULL;
}

static void *read_pieces(void *unused)
{
    (void)unused;
    for (size_t done = 0; done < BYTES;) {
        ssize_t n = read(peer_fd, got + done, PIECE);
        ck_assert_int_gt(n, 0);
        done += (size_t)n;
    }
    return NULL;
}

START_TEST(reads_whole_pieces_and_skips)
{
    pthread_t thread;
    set_up();
    ck_assert_int_eq(pthread_create(&thread, NULL, write_pieces, NULL), 0);
    ck_assert_int_eq(dd_channel_read(&channel, got, 10), 0);
    ck_assert_int_eq(dd_channel_skip(&channel, 300000), 0);
    ck_assert_int_eq(dd_channel_read(&channel, got + 300010, BYTES - 300010), 0);
    ck_assert_mem_eq(got, sent, 10);
    ck_assert_mem_eq(got + 300010, sent + 300010, BYTES - 300010);
    ck_assert_int_eq(dd_channel_read(&channel, got, 0), 0);
    pthread_join(thread, NULL);
    dd_channel_close(&channel);
    ck_assert_int_eq(channel.fd, -1);
    close(peer_fd);
}
END_TEST

START_TEST(writes_whole_pieces)
{
    pthread_t thread;
    set_up();
    ck_assert_int_eq(pthread_create(&thread, NULL, read_pieces, NULL), 0);
    ck_assert_int_eq(dd_channel_write(&channel, sent, BYTES), 0);
    pthread_join(thread, NULL);
    ck_assert_mem_eq(got, sent, BYTES);
    dd_channel_close(&channel);
    close(peer_fd);
}
END_TEST

START_TEST(ends_with_the_other_side)
{
    set_up();
    ck_assert_int_eq(write(peer_fd, sent, 5), 5);
    close(peer_fd);
    ck_assert_int_eq(dd_channel_read(&channel, got, 6), DD_ERROR_GONE);
    ck_assert_int_eq(dd_channel_write(&channel, sent, 6), DD_ERROR_GONE);
    ck_assert_int_eq(dd_channel_skip(&channel, 1), DD_ERROR_GONE);
    dd_channel_close(&channel);
}
END_TEST

START_TEST(waits_for_its_deadline_only)
{
    set_up();
    ck_assert_int_eq(write(peer_fd, sent, 5), 5);
    io.deadline_us = dd_clock_now_us() + 50 * DD_CLOCK_US_PER_MS;
    ck_assert_int_eq(dd_channel_read(&channel, got, 6), DD_ERROR_TIMEOUT);
    ck_assert_uint_ge(dd_clock_now_us(), io.deadline_us);
    /* more than the socket holds, and nobody reads */
    io.deadline_us = dd_clock_now_us() + 50 * DD_CLOCK_US_PER_MS;
    ck_assert_int_eq(dd_channel_write(&channel, sent, BYTES), DD_ERROR_TIMEOUT);
    ck_assert_uint_ge(dd_clock_now_us(), io.deadline_us);
    dd_channel_close(&channel);
    close(peer_fd);
}
END_TEST

SUITE("send/capture/net/channel", reads_whole_pieces_and_skips, writes_whole_pieces, ends_with_the_other_side,
      waits_for_its_deadline_only)
