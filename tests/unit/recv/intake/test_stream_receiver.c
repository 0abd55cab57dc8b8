/* A receiver and its ring, with datagrams as a sender seals them. */
#include "recv/intake/stream_receiver.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "dd/link/block_plan.h"
#include "dd/link/fragmenter.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "dd/link/seal.h"
#include "dd/link/wire.h"
#include "recv/intake/intake_role.h"
#include "recv/stream_state.h"
#include "suite.h"

enum { PACKET = 1400, MAX_FRAME = 100000 };

static const struct dd_frame_ring_shape shape = {.entries = 4, .arena_bytes = 4 * MAX_FRAME};
static const struct dd_socket_counters no_socket;
static struct dd_log_limit begun_log;
static struct dd_intake_stream config;
static int ring_fd;
static struct dd_frame_ring *reader;
static struct dd_stream_receiver *receiver;
static struct dd_seal *seals[2];
static uint8_t scratch[65536], message[PACKET], datagram[PACKET];
static uint64_t now_us, wall_us;
static uint8_t jpeg[MAX_FRAME + DD_FRAGMENTER_SLACK];
static uint32_t jpeg_size;

static void make_jpeg(void)
{
    static uint8_t pixels[320 * 240 * 3];
    uint8_t *out = jpeg;
    unsigned long size = MAX_FRAME;
    tjhandle handle = tjInitCompress();
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 2654435761U >> 24); /* noise: several datagrams */
    ck_assert_int_eq(tjCompress2(handle, pixels, 320, 0, 240, TJPF_RGB, &out, &size, TJSAMP_444, 50, TJFLAG_NOREALLOC), 0);
    tjDestroy(handle);
    jpeg_size = (uint32_t)size;
    ck_assert_uint_gt(jpeg_size, 3000);
}

static void set_up(void)
{
    struct dd_key key;
    config = (struct dd_intake_stream){.name = "cam",
                                       .keys = {{1}, {2}},
                                       .key_count = 2,
                                       .max_frame_bytes = MAX_FRAME,
                                       .ring = shape,
                                       .delay_drift_us = 5 * DD_CLOCK_US_PER_S};
    ring_fd = dd_frame_ring_create("test", &shape);
    reader = dd_frame_ring_open_reader(ring_fd, &shape);
    now_us = dd_clock_now_us();
    wall_us = dd_clock_wall_us();
    receiver = dd_stream_receiver_new(
        &config, &(struct dd_stream_receiver_io){
                     .ring_fd = ring_fd, .wake_fd = -1, .scratch = scratch, .now_us = now_us, .begun_log = &begun_log});
    ck_assert_ptr_nonnull(receiver);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(dd_key_derive(&key, config.keys[i], ""), 0);
        ck_assert_uint_eq(dd_stream_receiver_key_id(receiver, i), key.id);
        seals[i] = dd_seal_new(&key, 0);
        ck_assert_ptr_nonnull(seals[i]);
    }
    make_jpeg();
}

static void tear_down(void)
{
    dd_stream_receiver_free(receiver);
    dd_frame_ring_close(reader);
    close(ring_fd);
    dd_seal_free(seals[0]);
    dd_seal_free(seals[1]);
}

static void take(size_t key, size_t size)
{
    static const struct sockaddr_storage from = {.ss_family = AF_INET};
    struct dd_wire_header header;
    size_t sealed = dd_seal_datagram(seals[key], message, size, datagram);
    ck_assert_int_eq(dd_wire_read_header(&header, datagram, sealed), 0);
    struct dd_stream_receiver_datagram d = {
        .header = &header, .bytes = datagram, .size = sealed, .key = key, .from = &from, .now_us = now_us, .wall_us = wall_us};
    dd_stream_receiver_handle(receiver, &d);
}

static struct dd_stream_state state(void)
{
    struct dd_stream_state s;
    dd_stream_receiver_publish(receiver, &no_socket, now_us);
    ck_assert_int_eq(dd_frame_ring_observe(reader, &s, sizeof s), 0);
    return s;
}

/* Sends datagrams [from, to) of the JPEG as frame number. */
static void send_datagrams(size_t key, uint64_t number, uint32_t from, uint32_t to, double loss_tolerance)
{
    struct dd_block_plan plan;
    struct dd_fragmenter *symbols = dd_fragmenter_new();
    struct dd_wire_fragment f = {.frame = number, .captured_us = wall_us - 20000};
    ck_assert_int_eq(dd_block_plan_compute(&plan, jpeg_size, PACKET, loss_tolerance), 0);
    ck_assert_int_eq(dd_fragmenter_begin(symbols, &plan, jpeg), 0);
    for (uint32_t n = 0; n < to && dd_fragmenter_left(symbols); n++) {
        ck_assert_int_eq(dd_fragmenter_next(symbols, &f), 0);
        if (n >= from)
            take(key, dd_wire_write_fragment(&f, message, sizeof message));
    }
    dd_fragmenter_free(symbols);
}

static void send_symbols(size_t key, uint64_t number, uint32_t from, uint32_t to)
{
    send_datagrams(key, number, from, to, 0);
}

static void send_status(size_t key, uint64_t frame, uint32_t age_ms, uint64_t sent_us)
{
    struct dd_wire_status s = {.source = DD_WIRE_SOURCE_OK,
                               .frame = frame,
                               .frames_sent = frame != 0,
                               .captured_us = wall_us - 20000,
                               .age_ms = age_ms,
                               .period_ms = 1000,
                               .sent_us = sent_us};
    take(key, dd_wire_write_status(&s, message, sizeof message));
}

START_TEST(a_frame_reaches_the_ring)
{
    struct dd_frame_ring_frame frame;
    static uint8_t bytes[MAX_FRAME];
    set_up();
    send_symbols(0, 7, 0, UINT32_MAX);
    ck_assert_int_eq(dd_frame_ring_copy(reader, 0, &frame, bytes, sizeof bytes), 0);
    ck_assert_uint_eq(frame.number, 7);
    ck_assert_uint_eq(frame.width, 320);
    ck_assert_uint_eq(frame.bytes, jpeg_size);
    ck_assert_mem_eq(bytes, jpeg, jpeg_size);
    struct dd_stream_state s = state();
    ck_assert_uint_eq(s.frame, 7);
    ck_assert_uint_eq(s.total.frames_complete, 1);
    ck_assert_uint_eq(s.total.datagrams_sent, s.total.datagrams_received);
    ck_assert_uint_eq(s.session.datagrams_received, s.total.datagrams_received);
    ck_assert_uint_gt(dd_frame_ring_alive_until(reader), now_us);
    tear_down();
}
END_TEST

START_TEST(recovered_symbols_are_counted)
{
    struct dd_frame_ring_frame frame;
    static uint8_t bytes[MAX_FRAME];
    set_up();
    send_datagrams(0, 7, 2, UINT32_MAX, 0.05);
    ck_assert_int_eq(dd_frame_ring_copy(reader, 0, &frame, bytes, sizeof bytes), 0);
    ck_assert_uint_eq(frame.bytes, jpeg_size);
    ck_assert_mem_eq(bytes, jpeg, jpeg_size);
    struct dd_stream_state s = state();
    ck_assert_uint_eq(s.total.frames_complete, 1);
    ck_assert_uint_eq(s.total.datagrams_recovered, 2);
    ck_assert_uint_eq(s.session.datagrams_recovered, 2);
    ck_assert_uint_eq(s.total.datagrams_received, s.total.datagrams_sent); /* unneeded parity included */
    ck_assert_uint_eq(s.total.refused_malformed, 0);
    ck_assert_uint_eq(s.total.frames_late, 0);
    tear_down();
}
END_TEST

/* The receiver was started later than the session: datagrams before the first one that arrived are not lost. */
START_TEST(datagrams_before_the_first_are_not_lost)
{
    struct dd_stream_state s;
    set_up();
    for (int i = 0; i < 50; i++)
        dd_seal_datagram(seals[0], message, 100, datagram);
    send_status(0, 0, 0, dd_seal_session_start_us(seals[0]) + 1000000);
    s = state();
    ck_assert_uint_eq(s.total.datagrams_sent, 1);
    ck_assert_uint_eq(s.total.datagrams_lost, 0);
    dd_seal_datagram(seals[0], message, 100, datagram);
    send_status(0, 0, 0, dd_seal_session_start_us(seals[0]) + 2000000);
    s = state();
    ck_assert_uint_eq(s.total.datagrams_sent, 3);
    ck_assert_uint_eq(s.session.datagrams_lost, 1);
    tear_down();
}
END_TEST

START_TEST(overtaken_datagrams_were_sent)
{
    static uint8_t overtaken[PACKET];
    struct dd_wire_header header;
    static const struct sockaddr_storage from = {.ss_family = AF_INET};
    set_up();
    for (int i = 0; i < 8; i++)
        dd_seal_datagram(seals[0], message, 100, datagram);
    size_t size = dd_seal_datagram(seals[0], message, 100, overtaken);
    dd_seal_datagram(seals[0], message, 100, datagram);
    send_status(0, 0, 0, dd_seal_session_start_us(seals[0]) + 1000000);
    ck_assert_int_eq(dd_wire_read_header(&header, overtaken, size), 0);
    struct dd_stream_receiver_datagram d = {
        .header = &header, .bytes = overtaken, .size = size, .from = &from, .now_us = now_us, .wall_us = wall_us};
    dd_stream_receiver_handle(receiver, &d);
    struct dd_stream_state s = state();
    ck_assert_uint_eq(s.total.datagrams_sent, 3);
    ck_assert_uint_eq(s.total.datagrams_received, 2);
    ck_assert_uint_eq(s.total.datagrams_lost, 1);
    tear_down();
}
END_TEST

/* By its STATUS, the session began while the receiver was listening. */
START_TEST(losses_at_the_beginning_are_counted)
{
    set_up();
    for (int i = 0; i < 5; i++)
        dd_seal_datagram(seals[0], message, 100, datagram);
    send_symbols(0, 7, 0, 2);
    ck_assert_uint_eq(state().total.datagrams_lost, 0);
    now_us += 3000000;
    send_status(0, 0, 0, dd_seal_session_start_us(seals[0]) + 3000000);
    struct dd_stream_state s = state();
    ck_assert_uint_eq(s.total.datagrams_sent, 8);
    ck_assert_uint_eq(s.session.datagrams_sent, 8);
    ck_assert_uint_eq(s.total.datagrams_lost, 5);
    /* a session that follows another began while it was listening, whatever its STATUS says */
    ck_assert_int_eq(dd_seal_begin(seals[0]), 0);
    dd_seal_datagram(seals[0], message, 100, datagram);
    send_status(0, 0, 0, dd_seal_session_start_us(seals[0]) + 9000000);
    s = state();
    ck_assert_uint_eq(s.session.datagrams_sent, 2);
    ck_assert_uint_eq(s.session.datagrams_lost, 1);
    ck_assert_uint_eq(s.total.datagrams_lost, 6);
    tear_down();
}
END_TEST

START_TEST(losses_are_counted)
{
    set_up();
    send_symbols(0, 7, 0, 2);
    dd_seal_datagram(seals[0], message, 100, datagram); /* lost on the way */
    dd_seal_datagram(seals[0], message, 100, datagram);
    send_status(0, 7, 0, wall_us);
    struct dd_stream_state s = state();
    ck_assert_uint_eq(s.total.datagrams_sent, 5);
    ck_assert_uint_eq(s.total.datagrams_received, 3);
    ck_assert_uint_eq(s.total.datagrams_lost, 2);
    /* the sender has a frame that has not arrived */
    ck_assert_uint_eq(s.newer_announced_us, now_us);
    ck_assert_uint_eq(s.frame, 0);
    now_us += 1000000;
    send_symbols(0, 8, 0, UINT32_MAX);
    ck_assert_uint_eq(state().newer_announced_us, 0);
    tear_down();
}
END_TEST

START_TEST(a_picture_that_is_no_jpeg_is_bad)
{
    set_up();
    memset(jpeg, 'x', jpeg_size);
    send_symbols(0, 7, 0, UINT32_MAX);
    struct dd_stream_state s = state();
    ck_assert_uint_eq(s.total.frames_bad, 1);
    ck_assert_uint_eq(s.total.frames_complete, 0);
    ck_assert_uint_eq(s.frame, 0);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 0);
    tear_down();
}
END_TEST

/* Nothing is kept of one picture when the next is checked. */
START_TEST(a_refused_picture_has_no_effect_on_the_next)
{
    set_up();
    size_t at = 2; /* of the frame header */
    while (jpeg[at + 1] != 0xc0)
        at += 2 + (size_t)(jpeg[at + 2] << 8 | jpeg[at + 3]);
    uint8_t height[2] = {jpeg[at + 5], jpeg[at + 6]};
    memset(jpeg + at + 5, 0, 2);
    send_symbols(0, 7, 0, UINT32_MAX);
    memcpy(jpeg + at + 5, height, 2);
    send_symbols(0, 8, 0, UINT32_MAX);
    struct dd_stream_state s = state();
    ck_assert_uint_eq(s.total.frames_bad, 1);
    ck_assert_uint_eq(s.total.frames_complete, 1);
    ck_assert_uint_eq(s.frame, 8);
    tear_down();
}
END_TEST

START_TEST(age_and_delay_are_relative_to_the_fastest_datagram)
{
    set_up();
    send_status(0, 0, 0, wall_us);
    ck_assert_uint_eq(state().delay_us, 0);
    /* the sender's clock is a week behind, which does not matter; two seconds of delay do */
    now_us += 3000000;
    send_status(0, 0, 0, wall_us + 1000000);
    ck_assert_uint_ge(state().delay_us, 1999000);
    ck_assert_uint_le(state().delay_us, 2000000);
    send_symbols(0, 7, 0, UINT32_MAX);
    struct dd_stream_state s = state();
    ck_assert_uint_ge(s.frame_age_us, 3019000); /* captured 20 ms before the first STATUS was sent, and 3 s ago */
    ck_assert_uint_le(s.frame_age_us, 3020000);
    send_status(0, 7, 500, wall_us + 3000000);
    s = state();
    ck_assert_uint_eq(s.confirmed_us, now_us);
    ck_assert_uint_eq(s.confirmed_age_us, 500000);
    tear_down();
}
END_TEST

/* The machine slept, or intake was stopped: what waited in the socket is as old as it is, and then all is as before. The wall
 * clock of the receiver may be set in the middle. */
START_TEST(what_waited_is_old_and_what_follows_is_not)
{
    static const uint64_t hour_us = 3600 * (uint64_t)DD_CLOCK_US_PER_S;
    set_up();
    uint64_t sent_us = wall_us;
    send_status(0, 0, 0, sent_us);
    send_symbols(0, 7, 0, 1); /* the rest of it waits in the socket */
    now_us += hour_us;
    send_symbols(0, 7, 1, UINT32_MAX);
    wall_us -= 20 * hour_us;
    send_status(0, 7, 0, sent_us + 1000000);
    struct dd_stream_state s = state();
    ck_assert_uint_eq(s.frame, 7);
    ck_assert_uint_ge(s.delay_us, hour_us - 6 * DD_CLOCK_US_PER_S);
    ck_assert_uint_ge(s.frame_age_us, hour_us - 6 * DD_CLOCK_US_PER_S);
    ck_assert_uint_ge(s.confirmed_age_us, hour_us - 6 * DD_CLOCK_US_PER_S);
    wall_us += 40 * hour_us;
    send_status(0, 7, 0, sent_us + hour_us);
    s = state();
    ck_assert_uint_eq(s.delay_us, 0);
    ck_assert_uint_eq(s.confirmed_age_us, 0);
    ck_assert_uint_eq(s.confirmed_us, now_us);
    ck_assert_uint_eq(s.total.frames_incomplete, 0);
    tear_down();
}
END_TEST

START_TEST(any_clock_of_the_sender_is_accepted)
{
    static const uint64_t clocks[] = {INT64_MAX, 0, UINT64_MAX, (uint64_t)INT64_MAX + 1, 1};
    set_up();
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        now_us += 1000000;
        send_status(0, 0, 0, clocks[i]);
        ck_assert_uint_le(state().delay_us, INT64_MAX);
    }
    tear_down();
}
END_TEST

START_TEST(an_older_status_changes_nothing)
{
    uint8_t old[PACKET];
    struct dd_wire_header header;
    static const struct sockaddr_storage from = {.ss_family = AF_INET};
    set_up();
    struct dd_wire_status s = {
        .source = DD_WIRE_SOURCE_FAILED, .reason = DD_WIRE_REASON_TIMEOUT, .period_ms = 1000, .sent_us = 1};
    size_t size = dd_seal_datagram(seals[0], message, dd_wire_write_status(&s, message, sizeof message), old);
    send_status(0, 0, 0, wall_us);
    ck_assert_int_eq(dd_wire_read_header(&header, old, size), 0);
    struct dd_stream_receiver_datagram d = {
        .header = &header, .bytes = old, .size = size, .key = 0, .from = &from, .now_us = now_us, .wall_us = wall_us};
    dd_stream_receiver_handle(receiver, &d); /* overtaken on the way */
    ck_assert_uint_eq(state().status.source, DD_WIRE_SOURCE_OK);
    ck_assert_uint_eq(state().total.datagrams_received, 2);
    dd_stream_receiver_handle(receiver, &d);
    ck_assert_uint_eq(state().total.refused_replay, 1);
    tear_down();
}
END_TEST

START_TEST(a_later_key_retires_the_earlier_one)
{
    set_up();
    send_symbols(0, 7, 0, UINT32_MAX);
    ck_assert(!dd_stream_receiver_is_retired(receiver, 0));
    send_symbols(1, 3, 0, UINT32_MAX);
    ck_assert(dd_stream_receiver_is_retired(receiver, 0));
    ck_assert(!dd_stream_receiver_is_retired(receiver, 1));
    /* a newer session's frame is newer, whatever its number */
    ck_assert_uint_eq(state().frame, 3);
    ck_assert_uint_eq(state().session.frames_complete, 1);
    ck_assert_uint_eq(state().total.frames_complete, 2);
    tear_down();
}
END_TEST

START_TEST(rubbish_with_the_right_key_is_malformed)
{
    set_up();
    memset(message, 0xff, sizeof message);
    take(0, 60);
    message[0] = DD_WIRE_FRAGMENT;
    take(0, 60);
    message[0] = DD_WIRE_STATUS;
    take(0, DD_WIRE_STATUS_BYTES);
    ck_assert_uint_eq(state().total.refused_malformed, 3);
    ck_assert_uint_eq(state().total.datagrams_received, 3);
    tear_down();
}
END_TEST

/* A refresh completes a frame that was lost. It is no new picture, in the same session and in the next. */
START_TEST(a_refresh_is_shown_once)
{
    set_up();
    send_symbols(0, 41, 0, 1); /* the rest is lost */
    ck_assert_uint_eq(state().frame, 0);
    now_us += 10 * DD_CLOCK_US_PER_S;
    send_symbols(0, 41, 0, 999);
    ck_assert_uint_eq(state().frame, 41);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 1);
    now_us += 10 * DD_CLOCK_US_PER_S;
    send_symbols(0, 41, 0, 999);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 1);

    ck_assert_int_eq(dd_seal_begin(seals[0]), 0);
    send_status(0, 41, 5, wall_us);
    ck_assert_uint_ne(state().newer_announced_us, 0); /* of a newer session: it may be another frame */
    send_symbols(0, 41, 0, 999);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 1);
    ck_assert_uint_eq(state().newer_announced_us, 0);
    ck_assert_uint_eq(state().total.frames_complete, 1);
    send_symbols(0, 42, 0, 999);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 2);
    ck_assert_uint_eq(state().frame, 42);
    tear_down();
}
END_TEST

/* The sender's clock was set back, and it was started again: its session begins 1 us after the one before, and the number of its
 * first frame is that of the one that is shown. */
START_TEST(another_frame_of_the_same_number_is_no_refresh)
{
    set_up();
    send_symbols(0, 41, 0, 999);
    send_status(0, 41, 0, wall_us);
    ck_assert_uint_eq(state().confirmed_us, now_us);
    uint64_t shown_us = now_us;
    now_us += 60 * DD_CLOCK_US_PER_S;
    wall_us += 60 * DD_CLOCK_US_PER_S;
    ck_assert_int_eq(dd_seal_begin(seals[0]), 0);
    send_status(0, 41, 0, wall_us);
    ck_assert_uint_eq(state().confirmed_us, shown_us); /* what is named is not what is shown */
    ck_assert_uint_ne(state().newer_announced_us, 0);
    send_symbols(0, 41, 0, 999);
    ck_assert_uint_eq(dd_frame_ring_count(reader), 2);
    ck_assert_uint_eq(state().frame_us, now_us);
    ck_assert_uint_eq(state().confirmed_us, now_us);
    ck_assert_uint_eq(state().newer_announced_us, 0);
    tear_down();
}
END_TEST

/* How many lines are logged while 1000 sessions begin. */
static unsigned count_begun(void)
{
    unsigned lines = 0;
    int saved = dup(STDERR_FILENO);
    FILE *log = tmpfile();
    ck_assert_ptr_nonnull(log);
    dup2(fileno(log), STDERR_FILENO);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(dd_seal_begin(seals[0]), 0);
        send_status(0, 0, 0, wall_us);
    }
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(log);
    for (int c = fgetc(log); c != EOF; c = fgetc(log))
        lines += c == '\n';
    fclose(log);
    return lines;
}

START_TEST(who_has_the_key_cannot_fill_the_log)
{
    set_up();
    begun_log = (struct dd_log_limit){.burst = 18};
    ck_assert_uint_eq(count_begun(), 18);
    ck_assert_uint_le(count_begun(), 1); /* the minute may be over */
    ck_assert_uint_ge(state().total.datagrams_received, 2000);
    tear_down();
}
END_TEST

SUITE("recv/intake/stream_receiver", a_frame_reaches_the_ring, recovered_symbols_are_counted,
      datagrams_before_the_first_are_not_lost, overtaken_datagrams_were_sent, losses_at_the_beginning_are_counted,
      losses_are_counted, a_picture_that_is_no_jpeg_is_bad, a_refused_picture_has_no_effect_on_the_next,
      age_and_delay_are_relative_to_the_fastest_datagram, what_waited_is_old_and_what_follows_is_not,
      any_clock_of_the_sender_is_accepted, an_older_status_changes_nothing, a_later_key_retires_the_earlier_one,
      rubbish_with_the_right_key_is_malformed, a_refresh_is_shown_once, another_frame_of_the_same_number_is_no_refresh,
      who_has_the_key_cannot_fill_the_log)
