/* Datagrams of the stream sender, opened and reassembled with the receiver's code. */
#include "send/transmit/stream_sender.h"

#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/link/block_plan.h"
#include "dd/link/fragmenter.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "dd/link/reassembly.h"
#include "dd/link/unseal.h"
#include "dd/link/wire.h"
#include "send/source_status.h"
#include "send/transmit/encoder_pool.h"
#include "send/transmit/transmit_role.h"
#include "suite.h"

enum { PACKET = 1400, JPEG = 100000 };

static struct dd_transmit_stream config = {.name = "lobby",
                                           .key = {1},
                                           .stream_id = "id",
                                           .max_packet_size = PACKET,
                                           .loss_tolerance = 0.05,
                                           .interval_us = 40000,
                                           .quality = 75};
static const struct dd_frame_ring_shape shape = {.entries = 3, .arena_bytes = 3 * 4096};
static uint8_t bytes[DD_ONEWAY_SOCKET_BURST * PACKET], jpeg[JPEG + DD_FRAGMENTER_SLACK];
static struct dd_stream_sender_burst burst = {.bytes = bytes, .stride = PACKET, .most = sizeof bytes};

static int ring_fd;
static struct dd_frame_ring *writer, *reader;
static struct dd_stream_sender *sender;
static struct dd_unseal_memory memory;
static struct dd_unseal *unseal;
static uint64_t epoch_us;

static void set_up(void)
{
    struct dd_key key;
    ring_fd = dd_frame_ring_create("test", &shape);
    writer = dd_frame_ring_open_writer(ring_fd, &shape, -1);
    reader = dd_frame_ring_open_reader(ring_fd, &shape);
    epoch_us = dd_clock_wall_us() - dd_clock_now_us();
    sender = dd_stream_sender_new(&config, reader, &(struct dd_stream_sender_clock){.epoch_us = epoch_us, .boot_tag = 0xb007});
    ck_assert_ptr_nonnull(sender);
    ck_assert_int_eq(dd_key_derive(&key, config.key, config.stream_id), 0);
    unseal = dd_unseal_new(&key, &memory);
    for (size_t i = 0; i < JPEG; i++)
        jpeg[i] = (uint8_t)(i * 7 + i / 255);
}

static void tear_down(void)
{
    dd_stream_sender_free(sender);
    dd_unseal_free(unseal);
    dd_frame_ring_close(writer);
    dd_frame_ring_close(reader);
    close(ring_fd);
}

/* Opens datagram i of the burst. */
static struct dd_unseal_message open_datagram(size_t i)
{
    static uint8_t scratch[PACKET];
    struct dd_wire_header header;
    struct dd_unseal_message m;
    const struct iovec *d = &burst.datagrams[i];
    ck_assert_uint_le(d->iov_len, PACKET);
    ck_assert_int_eq(dd_wire_read_header(&header, d->iov_base, d->iov_len), 0);
    ck_assert_int_eq(
        dd_unseal_datagram(unseal, &header, d->iov_base, d->iov_len, scratch, dd_clock_now_us(), dd_clock_wall_us(), &m),
        DD_UNSEAL_ACCEPTED);
    return m;
}

static struct dd_wire_status read_status(uint64_t now_us, uint64_t skipped)
{
    struct dd_wire_status status;
    dd_stream_sender_write_status(sender, now_us, skipped, &burst);
    ck_assert_uint_eq(burst.count, 1);
    struct dd_unseal_message m = open_datagram(0);
    ck_assert_int_eq(dd_wire_read_status(&status, m.bytes, m.size), 0);
    return status;
}

static void send_frame(uint64_t position, uint64_t captured_us)
{
    struct dd_encoder_pool_picture picture = {
        .jpeg = jpeg, .size = JPEG, .captured_us = captured_us, .position = position, .width = 1280, .height = 720};
    ck_assert_int_eq(dd_stream_sender_begin_frame(sender, &picture), 0);
    while (dd_stream_sender_is_sending(sender))
        dd_stream_sender_fill(sender, &burst);
}

START_TEST(a_frame_arrives)
{
    struct dd_reassembly *r = dd_reassembly_new(JPEG);
    struct dd_reassembly_frame frame = {0};
    struct dd_encoder_pool_picture picture = {.jpeg = jpeg, .size = JPEG, .captured_us = 5000, .width = 1280, .height = 720};
    enum dd_reassembly_verdict verdict = DD_REASSEMBLY_TAKEN;
    set_up();
    ck_assert_int_eq(dd_stream_sender_begin_frame(sender, &picture), 0);
    while (dd_stream_sender_is_sending(sender)) {
        dd_stream_sender_fill(sender, &burst);
        for (size_t i = 0; i < burst.count; i++) {
            struct dd_wire_fragment f;
            struct dd_unseal_message m = open_datagram(i);
            /* all datagrams of a frame have the same length */
            ck_assert_uint_eq(burst.datagrams[i].iov_len, burst.datagrams[0].iov_len);
            ck_assert_int_eq(dd_wire_read_fragment(&f, JPEG, m.bytes, m.size), 0);
            if (verdict == DD_REASSEMBLY_TAKEN)
                verdict = dd_reassembly_add(r, m.session, &f, 0, &frame);
        }
    }
    ck_assert_int_eq(verdict, DD_REASSEMBLY_COMPLETE);
    ck_assert_uint_eq(frame.size, JPEG);
    ck_assert_mem_eq(frame.bytes, jpeg, JPEG);
    ck_assert_uint_eq(frame.captured_us, epoch_us + 5000);
    ck_assert_uint_eq(frame.number, dd_stream_sender_session_start_us(sender) / 1000);
    dd_reassembly_free(r);
    tear_down();
}
END_TEST

/* Datagrams come in the order of the block plan. The frame counts as sent after the last one. It is recovered if as many
 * datagrams are lost as there is parity. */
START_TEST(data_symbols_come_before_parity)
{
    struct dd_reassembly *r = dd_reassembly_new(JPEG);
    struct dd_reassembly_frame frame = {0};
    struct dd_block_plan plan;
    struct dd_wire_fragment expected;
    struct dd_encoder_pool_picture picture = {.jpeg = jpeg, .size = JPEG, .captured_us = 5000, .width = 1280, .height = 720};
    uint32_t n = 0, completed = 0;
    set_up();
    ck_assert_int_eq(dd_block_plan_compute(&plan, JPEG, PACKET, config.loss_tolerance), 0);
    ck_assert_uint_gt(plan.parity, 0);
    ck_assert_int_eq(dd_stream_sender_begin_frame(sender, &picture), 0);
    while (dd_stream_sender_is_sending(sender)) {
        ck_assert_uint_eq(read_status(dd_clock_now_us(), 0).frames_sent, 0);
        dd_stream_sender_fill(sender, &burst);
        for (size_t i = 0; i < burst.count; i++, n++) {
            struct dd_wire_fragment f;
            struct dd_unseal_message m = open_datagram(i);
            ck_assert_int_eq(dd_wire_read_fragment(&f, JPEG, m.bytes, m.size), 0);
            dd_block_plan_describe(&plan, n, &expected);
            ck_assert(f.block == expected.block && f.index == expected.index && f.parity == plan.parity);
            if (n >= 3U && n < 3U + plan.parity)
                continue;
            if (dd_reassembly_add(r, m.session, &f, 0, &frame) == DD_REASSEMBLY_COMPLETE) {
                ck_assert_mem_eq(frame.bytes, jpeg, JPEG);
                completed = n;
            }
        }
    }
    ck_assert_uint_eq(n, dd_block_plan_datagrams(&plan));
    ck_assert_uint_eq(completed, n - 1);
    ck_assert_uint_eq(read_status(dd_clock_now_us(), 0).frames_sent, 1);
    double expansion = (double)n * (plan.symbol_bytes + DD_WIRE_OVERHEAD) / (double)JPEG;
    ck_assert(dd_stream_sender_expansion(sender) == expansion);
    dd_reassembly_free(r);
    tear_down();
}
END_TEST

/* Sends a frame in bursts for this rate. Checks that each is as long as it may be, and returns how many there are of it at most.
 */
static size_t longest_burst(uint64_t rate_bps, double loss_tolerance)
{
    struct dd_encoder_pool_picture picture = {.jpeg = jpeg, .size = JPEG, .captured_us = 5000};
    size_t longest = 0, sum = 0;
    config.loss_tolerance = loss_tolerance;
    set_up();
    burst.most = dd_oneway_socket_burst_bytes(rate_bps);
    ck_assert_int_eq(dd_stream_sender_begin_frame(sender, &picture), 0);
    while (dd_stream_sender_is_sending(sender)) {
        dd_stream_sender_fill(sender, &burst);
        ck_assert_uint_ge(burst.count, 1);
        ck_assert(burst.count == 1 || burst.count * burst.datagrams[0].iov_len * 8 <= rate_bps * 3 / 10000);
        longest = burst.count > longest ? burst.count : longest;
        sum += burst.count;
    }
    ck_assert_uint_ge(sum, JPEG / PACKET);
    burst.most = sizeof bytes;
    config.loss_tolerance = 0.05;
    tear_down();
    return longest;
}

/* A firewall may drop what one call sent as one: see docs/protocol.md, "Parity". */
START_TEST(bursts_are_as_long_as_the_rate_justifies)
{
    struct dd_block_plan plan;
    ck_assert_int_eq(dd_block_plan_compute(&plan, JPEG, PACKET, 0.02), 0);
    ck_assert_uint_eq(longest_burst(64000, 0.05), 1);
    ck_assert_uint_eq(longest_burst(50000000, 0.05), 1);
    ck_assert_uint_eq(longest_burst(100000000, 0.05), 2);
    ck_assert_uint_eq(longest_burst(300000000, 0.05), 8);
    ck_assert_uint_eq(longest_burst(600000000, 0.3), DD_ONEWAY_SOCKET_BURST);
    ck_assert_uint_eq(longest_burst(100000000000, 0.3), DD_ONEWAY_SOCKET_BURST);
    /* at any rate one lost burst loses no frame */
    ck_assert_uint_lt(plan.parity, DD_ONEWAY_SOCKET_BURST);
    ck_assert_uint_eq(longest_burst(600000000, 0.02), plan.parity);
    ck_assert_uint_eq(longest_burst(600000000, 0), DD_ONEWAY_SOCKET_BURST);
}
END_TEST

/* Also in the middle of a frame: not one more datagram is of the old session. */
START_TEST(a_session_begins_at_once)
{
    struct dd_encoder_pool_picture picture = {.jpeg = jpeg, .size = JPEG, .captured_us = 5000, .width = 1280, .height = 720};
    struct dd_wire_header before, after;
    set_up();
    ck_assert_int_eq(dd_stream_sender_begin_frame(sender, &picture), 0);
    dd_stream_sender_fill(sender, &burst);
    ck_assert_int_eq(dd_wire_read_header(&before, burst.datagrams[0].iov_base, burst.datagrams[0].iov_len), 0);
    ck_assert_int_eq(dd_stream_sender_begin_session(sender), 0);
    ck_assert(dd_stream_sender_is_sending(sender));
    dd_stream_sender_fill(sender, &burst);
    ck_assert_int_eq(dd_wire_read_header(&after, burst.datagrams[0].iov_base, burst.datagrams[0].iov_len), 0);
    ck_assert(after.session_start_us > before.session_start_us && after.session_salt != before.session_salt);
    ck_assert_uint_eq(after.counter, 0);
    while (dd_stream_sender_is_sending(sender))
        dd_stream_sender_fill(sender, &burst);
    tear_down();
}
END_TEST

START_TEST(status_describes_the_frame_sent)
{
    uint64_t now = dd_clock_now_us();
    set_up();
    struct dd_wire_status status = read_status(now, 0);
    ck_assert_uint_eq(status.source, DD_WIRE_SOURCE_STARTING);
    ck_assert_uint_eq(status.frame, 0);
    ck_assert_uint_eq(status.interval_ms, 40);
    ck_assert_uint_eq(status.period_ms, 1000);
    ck_assert_uint_eq(status.sent_us, epoch_us + now);
    ck_assert_uint_eq(status.epoch_us, epoch_us);
    ck_assert_uint_eq(status.boot_tag, 0xb007);
    ck_assert_uint_eq(status.jpeg_quality, 75);
    send_frame(0, now - 300000);
    status = read_status(now, 3);
    ck_assert_uint_eq(status.frame, dd_stream_sender_session_start_us(sender) / 1000);
    ck_assert_uint_eq(status.frames_sent, 1);
    ck_assert_uint_eq(status.frames_skipped, 3);
    ck_assert_uint_eq(status.age_ms, 300);
    ck_assert_uint_eq(status.width, 1280);
    tear_down();
}
END_TEST

static void publish(uint32_t source, uint32_t reason, uint64_t confirmed_us)
{
    struct dd_source_status state = {.source = source, .reason = reason, .confirmed_us = confirmed_us};
    dd_frame_ring_publish(writer, &state, sizeof state, false);
}

START_TEST(status_is_due_every_second_and_after_changes)
{
    uint64_t now = dd_clock_now_us();
    set_up();
    dd_frame_ring_beat(writer, now + 3600000000);
    ck_assert(dd_stream_sender_poll_source(sender, now));
    read_status(now, 0);
    ck_assert(!dd_stream_sender_poll_source(sender, now + 999999));
    ck_assert(dd_stream_sender_poll_source(sender, now + 1000000));
    publish(DD_WIRE_SOURCE_FAILED, DD_WIRE_REASON_CREDENTIALS, 0);
    ck_assert(dd_stream_sender_poll_source(sender, now + 500000));
    struct dd_wire_status status = read_status(now + 500000, 0);
    ck_assert_uint_eq(status.source, DD_WIRE_SOURCE_FAILED);
    ck_assert_uint_eq(status.reason, DD_WIRE_REASON_CREDENTIALS);
    /* a capture that changes its state all the time causes no flood */
    publish(DD_WIRE_SOURCE_OK, 0, 0);
    ck_assert(!dd_stream_sender_poll_source(sender, now + 501000));
    ck_assert(dd_stream_sender_poll_source(sender, now + 550000));
    tear_down();
}
END_TEST

START_TEST(a_source_that_changes_all_the_time_causes_few_status)
{
    uint64_t now = dd_clock_now_us();
    unsigned count = 0;
    set_up();
    dd_frame_ring_beat(writer, now + UINT64_C(3600000000));
    for (unsigned ms = 0; ms < 10000; ms += 10) {
        publish(ms % 20 ? DD_WIRE_SOURCE_OK : DD_WIRE_SOURCE_CONNECTING, 0, 0);
        if (!dd_stream_sender_poll_source(sender, now + ms * 1000))
            continue;
        read_status(now + ms * 1000, 0);
        count++;
    }
    ck_assert_uint_le(count, 42);
    ck_assert_uint_ge(count, 10);
    tear_down();
}
END_TEST

START_TEST(false_claims_of_capture_are_corrected)
{
    uint64_t now = dd_clock_now_us();
    struct dd_frame_ring_frame frame = {.bytes = 1};
    set_up();
    dd_frame_ring_beat(writer, now + 3600000000);
    dd_frame_ring_reserve(writer, 1);
    dd_frame_ring_commit(writer, &frame);
    send_frame(0, now - 1000000);
    publish(99, 7, now + 3600000000);
    dd_stream_sender_poll_source(sender, now);
    struct dd_wire_status status = read_status(now, 0);
    ck_assert_uint_eq(status.source, DD_WIRE_SOURCE_FAILED);
    ck_assert_uint_eq(status.age_ms, 0);
    publish(DD_WIRE_SOURCE_OK, 7, now - 400000);
    dd_stream_sender_poll_source(sender, now);
    status = read_status(now, 0);
    ck_assert_uint_eq(status.reason, 0);
    ck_assert_uint_eq(status.age_ms, 400);
    /* the confirmation is of the newest picture in the ring, which is no longer the one that was sent */
    dd_frame_ring_reserve(writer, 1);
    dd_frame_ring_commit(writer, &frame);
    dd_stream_sender_poll_source(sender, now);
    status = read_status(now, 0);
    ck_assert_uint_eq(status.age_ms, 1000);
    tear_down();
}
END_TEST

/* The reason that a STATUS at now_us tells: 0 as long as the capture role counts as alive. */
static unsigned reason_at(uint64_t now_us)
{
    dd_stream_sender_poll_source(sender, now_us);
    return read_status(now_us, 0).reason;
}

START_TEST(a_capture_that_is_known_to_have_died_is_reported_at_once)
{
    uint64_t now = dd_clock_now_us();
    set_up();
    publish(DD_WIRE_SOURCE_OK, 0, 0);
    dd_frame_ring_beat(writer, now + 3000000);
    ck_assert_uint_eq(reason_at(now), 0);
    dd_stream_sender_end_heartbeat(sender);
    ck_assert_uint_eq(reason_at(now + 1), DD_WIRE_REASON_CAPTURE);
    /* a pause brings no dead one back */
    dd_stream_sender_forgive(sender, 5000000);
    ck_assert_uint_eq(reason_at(now + 5000000), DD_WIRE_REASON_CAPTURE);
    dd_frame_ring_beat(writer, now + 8000000);
    ck_assert_uint_eq(reason_at(now + 5000001), 0);
    tear_down();
}
END_TEST

START_TEST(a_capture_that_was_away_with_transmit_is_not_dead)
{
    uint64_t now = dd_clock_now_us(), hour = UINT64_C(3600000000);
    set_up();
    publish(DD_WIRE_SOURCE_OK, 0, 0);
    dd_frame_ring_beat(writer, now + 2500000);
    ck_assert_uint_eq(reason_at(now), 0);
    dd_stream_sender_forgive(sender, hour);
    ck_assert_uint_eq(reason_at(now + hour), 0);
    ck_assert_uint_eq(reason_at(now + hour + 2499999), 0);
    ck_assert_uint_eq(reason_at(now + hour + 2500000), DD_WIRE_REASON_CAPTURE);
    tear_down();
}
END_TEST

START_TEST(a_dead_capture_is_reported)
{
    uint64_t now = dd_clock_now_us();
    set_up();
    publish(DD_WIRE_SOURCE_OK, 0, 0);
    dd_frame_ring_beat(writer, now + 3000000);
    dd_stream_sender_poll_source(sender, now);
    ck_assert_uint_eq(read_status(now, 0).source, DD_WIRE_SOURCE_OK);
    ck_assert(dd_stream_sender_poll_source(sender, now + 3000000));
    struct dd_wire_status status = read_status(now + 3000000, 0);
    ck_assert_uint_eq(status.source, DD_WIRE_SOURCE_FAILED);
    ck_assert_uint_eq(status.reason, DD_WIRE_REASON_CAPTURE);
    dd_frame_ring_beat(writer, now + 9000000);
    dd_stream_sender_poll_source(sender, now + 4000000);
    ck_assert_uint_eq(read_status(now + 4000000, 0).source, DD_WIRE_SOURCE_OK);
    tear_down();
}
END_TEST

/* Sends the rest of the frame that was begun. Returns its number. */
static uint64_t finish_frame(void)
{
    struct dd_wire_fragment f = {0};
    while (dd_stream_sender_is_sending(sender)) {
        dd_stream_sender_fill(sender, &burst);
        for (size_t i = 0; i < burst.count; i++) {
            struct dd_unseal_message m = open_datagram(i);
            ck_assert_int_eq(dd_wire_read_fragment(&f, JPEG, m.bytes, m.size), 0);
        }
    }
    return f.frame;
}

START_TEST(a_picture_that_is_still_shown_is_refreshed)
{
    struct dd_encoder_pool_picture picture = {.jpeg = jpeg, .size = JPEG, .captured_us = dd_clock_now_us(), .position = 7};
    config.refresh_us = 10 * DD_CLOCK_US_PER_S;
    set_up();
    ck_assert(!dd_stream_sender_is_refresh_due(sender, UINT64_MAX / 2)); /* no frame yet */
    ck_assert_int_eq(dd_stream_sender_begin_frame(sender, &picture), 0);
    ck_assert(!dd_stream_sender_is_refresh_due(sender, UINT64_MAX / 2)); /* it is being sent */
    uint64_t number = finish_frame(), now_us = dd_clock_now_us();
    ck_assert(
        !dd_stream_sender_is_refresh_due(sender, now_us + 60 * DD_CLOCK_US_PER_S)); /* nothing confirms that it is still shown */

    struct dd_encoder_pool_shown shown = {.captured_us = now_us + 9 * DD_CLOCK_US_PER_S, .position = 9};
    dd_stream_sender_note_shown(sender, &shown);
    ck_assert(!dd_stream_sender_is_refresh_due(sender, now_us + 9 * DD_CLOCK_US_PER_S));
    ck_assert(dd_stream_sender_is_refresh_due(sender, now_us + 11 * DD_CLOCK_US_PER_S));
    ck_assert_uint_eq(read_status(now_us + 11 * DD_CLOCK_US_PER_S, 0).age_ms, 2000);
    ck_assert_int_eq(dd_stream_sender_begin_refresh(sender), 0);
    ck_assert_uint_eq(finish_frame(), number);
    struct dd_wire_status status = read_status(now_us + 11 * DD_CLOCK_US_PER_S, 0);
    ck_assert_uint_eq(status.frame, number);
    ck_assert_uint_eq(status.captured_us, epoch_us + picture.captured_us);
    ck_assert_uint_eq(status.frames_sent, 1);
    ck_assert_uint_eq(status.age_ms, 2000);

    /* the next frame has its own number and age, while it is sent and afterwards */
    picture.captured_us = now_us + 12 * DD_CLOCK_US_PER_S;
    ck_assert_int_eq(dd_stream_sender_begin_frame(sender, &picture), 0);
    shown.captured_us = now_us + 20 * DD_CLOCK_US_PER_S;
    dd_stream_sender_note_shown(sender, &shown);
    ck_assert_uint_eq(read_status(now_us + 21 * DD_CLOCK_US_PER_S, 0).age_ms, 12000);
    ck_assert_uint_eq(finish_frame(), number + 1);
    ck_assert_uint_eq(read_status(now_us + 21 * DD_CLOCK_US_PER_S, 0).age_ms, 9000);
    tear_down();
}
END_TEST

START_TEST(without_an_interval_each_change_is_refreshed_once)
{
    struct dd_encoder_pool_picture picture = {.jpeg = jpeg, .size = JPEG, .captured_us = dd_clock_now_us()};
    config.refresh_us = 0;
    set_up();
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(dd_stream_sender_begin_frame(sender, &picture), 0);
        uint64_t number = finish_frame(), now_us = dd_clock_now_us();
        ck_assert(!dd_stream_sender_is_refresh_due(sender, now_us + DD_CLOCK_US_PER_S));
        ck_assert(dd_stream_sender_is_refresh_due(sender, now_us + 2 * DD_CLOCK_US_PER_S));
        ck_assert_int_eq(dd_stream_sender_begin_refresh(sender), 0);
        ck_assert_uint_eq(finish_frame(), number);
        ck_assert(!dd_stream_sender_is_refresh_due(sender, now_us + 60 * DD_CLOCK_US_PER_S));
    }
    tear_down();
}
END_TEST

SUITE("send/transmit/stream_sender", a_frame_arrives, data_symbols_come_before_parity, bursts_are_as_long_as_the_rate_justifies,
      a_session_begins_at_once, status_describes_the_frame_sent, status_is_due_every_second_and_after_changes,
      a_source_that_changes_all_the_time_causes_few_status, false_claims_of_capture_are_corrected, a_dead_capture_is_reported,
      a_capture_that_is_known_to_have_died_is_reported_at_once, a_capture_that_was_away_with_transmit_is_not_dead,
      a_picture_that_is_still_shown_is_refreshed, without_an_interval_each_change_is_refreshed_once)
