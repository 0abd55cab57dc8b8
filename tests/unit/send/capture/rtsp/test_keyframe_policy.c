/* Which packets are decoded, of simulated cameras of 25 pictures/s with key frames at all kinds of distances. */
#include "dd/base/clock.h"
#include "send/capture/rtsp/keyframe_policy.h"
#include "suite.h"

enum { PICTURE_US = 40000, PACKET_BYTES = 20000 };
#define S(seconds) ((uint64_t)((seconds) * (double)DD_CLOCK_US_PER_S))

/* A camera, and what happened to its packets. */
struct camera {
    struct dd_keyframe_policy policy;
    uint64_t interval_us, due_us, captured_us, picture_us;
    uint64_t late_us, unseen_us; /* the longest times from due to shown, and between decoded pictures */
    unsigned packets, decoded, shown;
    size_t buffered, buffered_max; /* packets that a caller would have buffered */
    size_t bytes;                  /* of a packet */
    bool undecodable;              /* its key frames give no picture alone */
};

static struct camera start(double interval_s, double timeout_s)
{
    struct camera p = {.interval_us = S(interval_s), .captured_us = S(1000), .picture_us = S(1000), .bytes = PACKET_BYTES};

    p.due_us = p.captured_us;
    dd_keyframe_policy_init(&p.policy, p.interval_us, S(timeout_s));
    return p;
}

static void show(struct camera *p)
{
    if (p->captured_us - p->picture_us > p->unseen_us)
        p->unseen_us = p->captured_us - p->picture_us;
    p->picture_us = p->captured_us;
    if (p->captured_us < p->due_us)
        return;
    if (p->captured_us - p->due_us > p->late_us)
        p->late_us = p->captured_us - p->due_us;
    p->shown++;
    p->due_us = p->due_us + 2 * p->interval_us <= p->captured_us ? p->captured_us : p->due_us + p->interval_us;
}

static void packet(struct camera *p, bool key)
{
    const struct dd_keyframe_policy_packet packet = {.is_key = key,
                                                     .bytes = p->bytes,
                                                     .captured_us = p->captured_us,
                                                     .now_us = p->captured_us,
                                                     .due_us = p->due_us,
                                                     .picture_us = p->picture_us};
    enum dd_keyframe_policy_action action = dd_keyframe_policy_decide(&p->policy, &packet);

    p->packets++;
    if (key)
        p->buffered = 0;
    switch (action) {
    case DD_KEYFRAME_POLICY_DECODE_ALONE:
        ck_assert(key);
        p->decoded++;
        p->buffered = 1;
        if (!p->undecodable) {
            show(p);
            ck_assert(!dd_keyframe_policy_note_result(&p->policy, true));
        } else if (dd_keyframe_policy_note_result(&p->policy, false)) {
            p->buffered = 0;
        }
        break;
    case DD_KEYFRAME_POLICY_DECODE:
        p->decoded++;
        show(p);
        break;
    case DD_KEYFRAME_POLICY_BUFFER:
        p->buffered++;
        ck_assert_uint_le(p->buffered, DD_KEYFRAME_POLICY_BUFFERED_MAX);
        ck_assert_uint_le(p->buffered * p->bytes, DD_KEYFRAME_POLICY_BUFFERED_BYTES_MAX);
        break;
    case DD_KEYFRAME_POLICY_CATCH_UP:
        ck_assert_msg(key || p->buffered > 0, "catching up begins with a key frame");
        p->decoded += (unsigned)p->buffered + 1;
        ck_assert_uint_le(p->buffered + 1, DD_KEYFRAME_POLICY_BUFFERED_MAX);
        p->buffered = 0;
        show(p);
        break;
    case DD_KEYFRAME_POLICY_DROP:
        p->buffered = 0;
        break;
    }
    if (p->buffered > p->buffered_max)
        p->buffered_max = p->buffered;
    p->captured_us += PICTURE_US;
}

/* A key frame, and pictures until the next one would come. */
static void group(struct camera *p, double gap_s)
{
    packet(p, true);
    for (uint64_t t = PICTURE_US; t < S(gap_s); t += PICTURE_US)
        packet(p, false);
}

static void groups(struct camera *p, unsigned count, double gap_s)
{
    while (count--)
        group(p, gap_s);
}

static void reset_counts(struct camera *p)
{
    p->packets = p->decoded = p->shown = 0;
    p->late_us = p->unseen_us = 0;
}

START_TEST(only_due_key_frames_are_decoded)
{
    struct camera p = start(10, 30);

    groups(&p, 4, 2);
    reset_counts(&p);
    groups(&p, 50, 2);
    /* one picture every 10 s, and one at 8 s because of the time-out */
    ck_assert_uint_eq(p.shown, 10);
    ck_assert_uint_le(p.decoded, 20);
    ck_assert_uint_lt(p.late_us, S(2));
    ck_assert_uint_le(p.buffered_max, 50);
}
END_TEST

START_TEST(three_short_gaps_are_needed)
{
    struct camera p = start(10, 30);

    groups(&p, 3, 2);
    ck_assert_uint_eq(p.decoded, p.packets);
    packet(&p, true);
    reset_counts(&p);
    for (int i = 0; i < 49; i++)
        packet(&p, false);
    ck_assert_uint_eq(p.decoded, 0);
}
END_TEST

START_TEST(all_is_decoded_where_key_frames_are_rarer)
{
    static const struct {
        double interval, gap;
    } rows[] = {{0, 2}, {0.1, 2}, {2, 2}, {10, 10}, {10, 60}, {60, 20}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct camera p = start(rows[i].interval, 30);
        groups(&p, 5, rows[i].gap);
        ck_assert_uint_eq(p.decoded, p.packets);
    }
}
END_TEST

START_TEST(with_every_packet_a_key_frame_those_due_are_decoded)
{
    struct camera p = start(1, 30);

    groups(&p, 10, 0.04);
    reset_counts(&p);
    groups(&p, 250, 0.04);
    ck_assert_uint_eq(p.decoded, 10);
    ck_assert_uint_eq(p.shown, 10);
    ck_assert_uint_eq(p.buffered_max, 1);
}
END_TEST

START_TEST(pictures_come_within_the_time_out_however_long_the_interval)
{
    for (double gap = 0.5; gap < 30; gap += suite_is_short() ? 4.9 : 0.7) {
        struct camera p = start(3600, 30);
        groups(&p, (unsigned)(600 / gap), gap);
        ck_assert_msg(p.unseen_us < S(25), "gaps of %g s: %g s without a picture", gap, (double)p.unseen_us / S(1));
        if (gap < 14)
            ck_assert_uint_lt(p.decoded, p.packets / 2);
        group(&p, 100);
        ck_assert_msg(p.unseen_us < S(25), "after gaps of %g s: %g s without a picture", gap, (double)p.unseen_us / S(1));
    }
}
END_TEST

START_TEST(a_missing_key_frame_delays_no_picture)
{
    struct camera p = start(10, 30);

    groups(&p, 20, 2);
    reset_counts(&p);
    group(&p, 300); /* no more key frames for long */
    ck_assert_uint_ge(p.shown, 29);
    ck_assert_uint_lt(p.late_us, S(2.8));
    ck_assert_uint_lt(p.unseen_us, S(13));
    /* and back: after three gaps no more than needed */
    groups(&p, 4, 2);
    reset_counts(&p);
    groups(&p, 20, 2);
    ck_assert_uint_lt(p.decoded, 20);
}
END_TEST

START_TEST(alternating_distances)
{
    struct camera p = start(10, 30);

    for (int i = 0; i < 20; i++) {
        group(&p, 1);
        group(&p, 20);
    }
    ck_assert_uint_eq(p.shown, 42);
    ck_assert_uint_lt(p.late_us, S(0.1));
    ck_assert_uint_lt(p.unseen_us, S(0.1));

    p = start(10, 30);
    for (int i = 0; i < 20; i++) {
        groups(&p, 5, 1);
        group(&p, 20);
    }
    ck_assert_uint_ge(p.shown, 49);
    ck_assert_uint_lt(p.late_us, S(1.6));
}
END_TEST

START_TEST(the_buffer_is_bounded)
{
    struct camera p = start(3600, 300);

    /* more packets than may be buffered, in gaps as before: there is nothing to do but wait for the next key frame */
    p.bytes = 1000;
    groups(&p, 6, 100);
    ck_assert_uint_eq(p.buffered_max, DD_KEYFRAME_POLICY_BUFFERED_MAX - 1);
    ck_assert_uint_lt(p.unseen_us, S(225));

    p = start(10, 30);
    groups(&p, 4, 8);
    p.bytes = 1 << 20;
    groups(&p, 4, 8); /* packet() checks the bound in bytes */
    ck_assert_uint_lt(p.unseen_us, S(17));

    /* a packet that is too large by itself */
    p = start(10, 30);
    groups(&p, 4, 2);
    p.bytes = (size_t)DD_KEYFRAME_POLICY_BUFFERED_BYTES_MAX + 1;
    packet(&p, false);
    ck_assert(!p.policy.is_buffer_complete);
}
END_TEST

START_TEST(a_full_buffer_is_decoded_when_a_key_frame_is_late)
{
    struct camera p = start(3600, 300);

    groups(&p, 10, 1);
    reset_counts(&p);
    group(&p, 70); /* not due, but full and late */
    ck_assert_uint_gt(p.decoded, DD_KEYFRAME_POLICY_BUFFERED_MAX);
    ck_assert_uint_lt(p.unseen_us, S(45));
}
END_TEST

START_TEST(key_frames_without_a_picture)
{
    struct camera p = start(10, 30);

    p.undecodable = true;
    groups(&p, 60, 2);
    reset_counts(&p);
    groups(&p, 10, 2);
    ck_assert_uint_eq(p.decoded, p.packets);
}
END_TEST

SUITE("send/capture/rtsp/keyframe_policy", only_due_key_frames_are_decoded, three_short_gaps_are_needed,
      all_is_decoded_where_key_frames_are_rarer, with_every_packet_a_key_frame_those_due_are_decoded,
      pictures_come_within_the_time_out_however_long_the_interval, a_missing_key_frame_delays_no_picture, alternating_distances,
      the_buffer_is_bounded, a_full_buffer_is_decoded_when_a_key_frame_is_late, key_frames_without_a_picture)
