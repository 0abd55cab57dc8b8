/* What a receiver notes of datagrams that it refuses. */
#include "recv/intake/refusal.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "dd/link/seal.h"
#include "dd/link/wire.h"
#include "recv/intake/intake_role.h"
#include "recv/intake/stream_receiver.h"
#include "suite.h"

static const struct dd_wire_status status = {.source = DD_WIRE_SOURCE_OK, .period_ms = 1000};
static const struct dd_intake_stream config = {
    .name = "cam", .keys = {{1}, {2}}, .key_count = 2, .max_frame_bytes = 10000, .ring = {.entries = 4, .arena_bytes = 65536}};
static int ring_fd;
static struct dd_frame_ring *reader;
static struct dd_stream_receiver *receiver;
static struct dd_seal *seals[2];
static uint8_t scratch[65536], datagram[1400];
static size_t size; /* of the datagram that was sealed last */
static uint64_t now_us, wall_us;

static void set_up(void)
{
    ring_fd = dd_frame_ring_create("test", &config.ring);
    reader = dd_frame_ring_open_reader(ring_fd, &config.ring);
    now_us = dd_clock_now_us();
    wall_us = dd_clock_wall_us();
    suite_stop_clock(now_us);
    receiver = dd_stream_receiver_new(
        &config, &(struct dd_stream_receiver_io){.ring_fd = ring_fd, .wake_fd = -1, .scratch = scratch, .now_us = now_us});
    ck_assert_ptr_nonnull(receiver);
    for (size_t i = 0; i < 2; i++) {
        struct dd_key key;
        ck_assert_int_eq(dd_key_derive(&key, config.keys[i], ""), 0);
        seals[i] = dd_seal_new(&key, 0);
    }
}

static void tear_down(void)
{
    dd_stream_receiver_free(receiver);
    dd_frame_ring_close(reader);
    close(ring_fd);
    dd_seal_free(seals[0]);
    dd_seal_free(seals[1]);
}

static void seal(size_t key, const struct dd_wire_status *of)
{
    uint8_t message[256];
    size = dd_seal_datagram(seals[key], message, dd_wire_write_status(of, message, sizeof message), datagram);
}

/* The datagram that was sealed last arrives at the stream's port, or at another one. */
static void take(size_t key, const char *other_port)
{
    static const struct sockaddr_storage from = {.ss_family = AF_INET};
    struct dd_wire_header header;
    ck_assert_int_eq(dd_wire_read_header(&header, datagram, size), 0);
    struct dd_stream_receiver_datagram d = {
        .header = &header, .bytes = datagram, .size = size, .key = key, .from = &from, .now_us = now_us, .wall_us = wall_us};
    if (dd_stream_receiver_is_retired(receiver, key))
        dd_stream_receiver_refuse_retired(receiver, &d);
    else if (other_port)
        dd_stream_receiver_refuse_port(receiver, &d, other_port);
    else
        dd_stream_receiver_handle(receiver, &d);
}

static void give(size_t key)
{
    seal(key, &status);
    take(key, NULL);
}

static struct dd_stream_state state(void)
{
    static const struct dd_socket_counters no_socket;
    struct dd_stream_state s;
    dd_stream_receiver_publish(receiver, &no_socket, now_us);
    ck_assert_int_eq(dd_frame_ring_observe(reader, &s, sizeof s), 0);
    return s;
}

/* Lets time go on until the receiver looks at the next refused datagram. */
static void wait_a_second(void)
{
    now_us += DD_CLOCK_US_PER_S;
    suite_stop_clock(now_us);
}

START_TEST(what_is_refused_as_old_is_noted_if_it_has_the_key)
{
    set_up();
    struct dd_key key;
    ck_assert_int_eq(dd_key_derive(&key, config.keys[0], ""), 0);
    struct dd_seal *other = dd_seal_new(&key, wall_us + 3600 * UINT64_C(1000000));
    struct dd_seal *old = seals[0];
    seals[0] = other;
    give(0);
    seals[0] = old;
    give(0);
    ck_assert_uint_eq(state().total.refused_session, 1);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_OLD_SESSION], now_us);
    uint64_t noted_us = now_us;
    wait_a_second();
    datagram[size - 1] ^= 1; /* the header of an old session, but not the key */
    take(0, NULL);
    ck_assert_uint_eq(state().total.refused_session, 2);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_OLD_SESSION], noted_us);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_FORGED], now_us);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_AHEAD], 0);
    dd_seal_free(other);
    tear_down();
}
END_TEST

START_TEST(what_is_ahead_is_noted)
{
    set_up();
    wall_us -= UINT64_C(2) * 86400 * 1000000;
    give(0);
    struct dd_stream_state s = state();
    ck_assert_uint_eq(s.total.refused_session, 1);
    ck_assert_uint_eq(s.refused_us[DD_STREAM_REFUSAL_AHEAD], now_us);
    ck_assert_uint_eq(s.refused_us[DD_STREAM_REFUSAL_OLD_SESSION], 0);
    tear_down();
}
END_TEST

/* Duplicates on the way, and somebody who repeats what he has recorded, are no trouble while the sender is heard. */
START_TEST(replays_are_noted_while_nothing_else_is_accepted)
{
    set_up();
    give(0);
    take(0, NULL);
    ck_assert_uint_eq(state().total.refused_replay, 1);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_REPLAYED], 0);
    wait_a_second();
    datagram[size - 1] ^= 1;
    take(0, NULL);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_REPLAYED], 0);
    wait_a_second();
    datagram[size - 1] ^= 1;
    take(0, NULL);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_REPLAYED], now_us);
    tear_down();
}
END_TEST

START_TEST(what_arrives_at_another_port_is_noted_and_not_accepted)
{
    set_up();
    give(0);
    wait_a_second();
    take(0, "another"); /* a recording: here it would not be accepted either */
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_OTHER_PORT], 0);
    seal(0, &status);
    datagram[size - 1] ^= 1;
    take(0, "another");
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_OTHER_PORT], 0);
    wait_a_second();
    datagram[size - 1] ^= 1;
    take(0, "another");
    struct dd_stream_state s = state();
    ck_assert_uint_eq(s.refused_us[DD_STREAM_REFUSAL_OTHER_PORT], now_us);
    ck_assert_uint_eq(s.total.datagrams_received, 1);
    take(0, NULL); /* at the right one */
    ck_assert_uint_eq(state().total.datagrams_received, 2);
    tear_down();
}
END_TEST

START_TEST(what_comes_under_a_replaced_key_is_noted)
{
    set_up();
    give(0);
    give(1);
    seal(0, &status);
    take(0, NULL);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_REPLACED_KEY], now_us);
    wait_a_second();
    seal(0, &status);
    datagram[size - 1] ^= 1;
    take(0, NULL);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_REPLACED_KEY], now_us - DD_CLOCK_US_PER_S);
    tear_down();
}
END_TEST

START_TEST(forgeries_and_what_cannot_be_read_are_noted)
{
    set_up();
    seal(0, &status);
    datagram[size - 1] ^= 1;
    take(0, NULL);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_FORGED], now_us);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_MALFORMED], 0);
    seal(0, &(struct dd_wire_status){.period_ms = 0});
    take(0, NULL);
    ck_assert_uint_eq(state().refused_us[DD_STREAM_REFUSAL_MALFORMED], now_us);
    tear_down();
}
END_TEST

SUITE("recv/intake/refusal", what_is_refused_as_old_is_noted_if_it_has_the_key, what_is_ahead_is_noted,
      replays_are_noted_while_nothing_else_is_accepted, what_arrives_at_another_port_is_noted_and_not_accepted,
      what_comes_under_a_replaced_key_is_noted, forgeries_and_what_cannot_be_read_are_noted)
