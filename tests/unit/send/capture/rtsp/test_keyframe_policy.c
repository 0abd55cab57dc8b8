/* Which packets are decoded: cameras of 25 pictures/s with key frames at all kinds of distances, played against the logic. */
#include "dd/base/clock.h"
#include "send/capture/rtsp/keyframe_policy.h"
#include "suite.h"

enum { PICTURE_US = 40000, PACKET_BYTES = 20000 };
#define S(seconds) ((uint64_t)((seconds)*DD_CLOCK_US_PER_S))

/* A camera, and what became of its packets. */
struct play {
    struct dd_keyframe_policy k;
    uint64_t interval_us, due_us, captured_us, picture_us;
    uint64_t late_us, unseen_us; /* the longest time from due to shown, and between decoded pictures */
    unsigned packets, decoded, shown;
    size_t kept, kept_max; /* what a caller would have kept */
    size_t bytes;          /* of a packet */
    bool useless;          /* its key frames give no picture alone */
};

static struct play start(double interval_s, double timeout_s)
{
    struct play p = {.interval_us = S(interval_s), .captured_us = S(1000), .picture_us = S(1000), .bytes = PACKET_BYTES};

    p.due_us = p.captured_us;
    dd_keyframe_policy_init(&p.k, p.interval_us, S(timeout_s));
    return p;
}

static void see(struct play *p)
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

static void packet(struct play *p, bool key)
{
    const struct dd_keyframe_policy_packet packet = {.key = key,
                                                     .bytes = p->bytes,
                                                     .captured_us = p->captured_us,
                                                     .now_us = p->captured_us,
                                                     .due_us = p->due_us,
                                                     .picture_us = p->picture_us};
    enum dd_keyframe_policy_action act = dd_keyframe_policy_decide(&p->k, &packet);

    p->packets++;
    if (key)
        p->kept = 0;
    switch (act) {
    case DD_KEYFRAME_POLICY_DECODE_ALONE:
        ck_assert(key);
        p->decoded++;
        p->kept = 1;
        if (!p->useless) {
            see(p);
            ck_assert(!dd_keyframe_policy_shown(&p->k, true));
        } else if (dd_keyframe_policy_shown(&p->k, false)) {
            p->kept = 0;
        }
        break;
    case DD_KEYFRAME_POLICY_DECODE:
        p->decoded++;
        see(p);
        break;
    case DD_KEYFRAME_POLICY_KEEP:
        p->kept++;
        ck_assert_uint_le(p->kept, DD_KEYFRAME_POLICY_KEPT_MAX);
        ck_assert_uint_le(p->kept * p->bytes, DD_KEYFRAME_POLICY_KEPT_BYTES_MAX);
        break;
    case DD_KEYFRAME_POLICY_CATCH_UP:
        ck_assert_msg(key || p->kept > 0, "what is caught up with begins with a key frame");
        p->decoded += (unsigned)p->kept + 1;
        ck_assert_uint_le(p->kept + 1, DD_KEYFRAME_POLICY_KEPT_MAX);
        p->kept = 0;
        see(p);
        break;
    case DD_KEYFRAME_POLICY_DROP:
        p->kept = 0;
        break;
    }
    if (p->kept > p->kept_max)
        p->kept_max = p->kept;
    p->captured_us += PICTURE_US;
}

/* A key frame, and pictures until the next one would come. */
static void group(struct play *p, double gap_s)
{
    packet(p, true);
    for (uint64_t t = PICTURE_US; t < S(gap_s); t += PICTURE_US)
        packet(p, false);
}

static void groups(struct play *p, unsigned count, double gap_s)
{
    while (count--)
        group(p, gap_s);
}

static void forget_counts(struct play *p)
{
    p->packets = p->decoded = p->shown = 0;
    p->late_us = p->unseen_us = 0;
}

START_TEST(only_due_key_frames_are_decoded)
{
    struct play p = start(10, 30);

    groups(&p, 4, 2);
    forget_counts(&p);
    groups(&p, 50, 2);
    /* a picture each 10 s, and one more between them lest the watchdog bites: one at 8 s, then the due one at 10 s */
    ck_assert_uint_eq(p.shown, 10);
    ck_assert_uint_le(p.decoded, 20);
    ck_assert_uint_lt(p.late_us, S(2));
    ck_assert_uint_le(p.kept_max, 50);
}
END_TEST

START_TEST(three_short_gaps_are_needed)
{
    struct play p = start(10, 30);

    groups(&p, 3, 2);
    ck_assert_uint_eq(p.decoded, p.packets);
    packet(&p, true);
    forget_counts(&p);
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
        struct play p = start(rows[i].interval, 30);
        groups(&p, 5, rows[i].gap);
        ck_assert_uint_eq(p.decoded, p.packets);
    }
}
END_TEST

START_TEST(with_every_packet_a_key_frame_those_due_are_decoded)
{
    struct play p = start(1, 30);

    groups(&p, 10, 0.04);
    forget_counts(&p);
    groups(&p, 250, 0.04);
    ck_assert_uint_eq(p.decoded, 10);
    ck_assert_uint_eq(p.shown, 10);
    ck_assert_uint_eq(p.kept_max, 1);
}
END_TEST

START_TEST(the_watchdog_is_fed_however_long_the_interval)
{
    for (double gap = 0.5; gap < 30; gap += 0.7) {
        struct play p = start(3600, 30);
        groups(&p, (unsigned)(600 / gap), gap);
        ck_assert_msg(p.unseen_us < S(25), "gaps of %g s: %g s without a picture", gap, (double)p.unseen_us / S(1));
        if (gap < 14)
            ck_assert_uint_lt(p.decoded, p.packets / 2);
        group(&p, 100);
        ck_assert_msg(p.unseen_us < S(25), "after gaps of %g s: %g s without a picture", gap, (double)p.unseen_us / S(1));
    }
}
END_TEST

START_TEST(a_key_frame_that_stays_out_holds_up_no_picture)
{
    struct play p = start(10, 30);

    groups(&p, 20, 2);
    forget_counts(&p);
    group(&p, 300); /* and no more key frames for long */
    ck_assert_uint_ge(p.shown, 29);
    ck_assert_uint_lt(p.late_us, S(2.8));
    ck_assert_uint_lt(p.unseen_us, S(13));
    /* and back: three gaps, then no more than needed */
    groups(&p, 4, 2);
    forget_counts(&p);
    groups(&p, 20, 2);
    ck_assert_uint_lt(p.decoded, 20);
}
END_TEST

START_TEST(alternating_distances)
{
    struct play p = start(10, 30);

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

START_TEST(what_is_kept_has_bounds)
{
    struct play p = start(3600, 300);

    /* more packets than may be kept, in gaps as before: all that can be done is to wait for the next key frame */
    p.bytes = 1000;
    groups(&p, 6, 100);
    ck_assert_uint_eq(p.kept_max, DD_KEYFRAME_POLICY_KEPT_MAX - 1);
    ck_assert_uint_lt(p.unseen_us, S(225));

    p = start(10, 30);
    groups(&p, 4, 8);
    p.bytes = 1 << 20;
    groups(&p, 4, 8); /* the packets are checked as they are kept */
    ck_assert_uint_lt(p.unseen_us, S(17));

    /* a key frame out of all bounds by itself */
    p = start(10, 30);
    groups(&p, 4, 2);
    p.bytes = (size_t)DD_KEYFRAME_POLICY_KEPT_BYTES_MAX + 1;
    packet(&p, false);
    ck_assert(!p.k.whole);
}
END_TEST

START_TEST(what_would_be_lost_is_decoded)
{
    struct play p = start(3600, 300);

    groups(&p, 10, 1);
    forget_counts(&p);
    group(&p, 70); /* not due, but full and late */
    ck_assert_uint_gt(p.decoded, DD_KEYFRAME_POLICY_KEPT_MAX);
    ck_assert_uint_lt(p.unseen_us, S(45));
}
END_TEST

START_TEST(key_frames_that_are_none)
{
    struct play p = start(10, 30);

    p.useless = true;
    groups(&p, 60, 2);
    forget_counts(&p);
    groups(&p, 10, 2);
    ck_assert_uint_eq(p.decoded, p.packets);
}
END_TEST

SUITE("send/capture/rtsp/keyframe_policy", only_due_key_frames_are_decoded, three_short_gaps_are_needed,
      all_is_decoded_where_key_frames_are_rarer, with_every_packet_a_key_frame_those_due_are_decoded,
      the_watchdog_is_fed_however_long_the_interval, a_key_frame_that_stays_out_holds_up_no_picture, alternating_distances,
      what_is_kept_has_bounds, what_would_be_lost_is_decoded, key_frames_that_are_none)
