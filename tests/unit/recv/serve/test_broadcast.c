#include "recv/serve/broadcast.h"

#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/frame_ring.h"
#include "recv/serve/jpeg_codec.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_picture.h"
#include "recv/stream_state.h"
#include "suite.h"

static struct dd_serve_config *config;
static struct dd_frame_ring *writer;
static struct dd_broadcast *broadcast;
static int fd;

/* What was called for a viewer. */
struct log {
    unsigned suspended, resumed;
};

/* Lets time pass; the clock stands still meanwhile. */
static void pass(uint64_t us)
{
    suite_stop_clock(dd_clock_now_us() + us);
}

static void set_up_with(bool stale_mark)
{
    pass(0);
    config = calloc(1, sizeof *config + sizeof config->streams[0]);
    config->stream_count = 1;
    config->max_viewers = stale_mark ? 4 : 2;
    config->streams[0].stale_mark = stale_mark;
    config->streams[0].live_us = 30 * DD_CLOCK_US_PER_S;
    config->streams[0].stale_us = 300 * DD_CLOCK_US_PER_S;
    config->streams[0].ring = (struct dd_frame_ring_shape){.entries = 4, .arena_bytes = 64 * 1024};
    config->streams[0].max_frame_bytes = 10000;
    fd = dd_frame_ring_create("test", &config->streams[0].ring);
    writer = dd_frame_ring_open_writer(fd, &config->streams[0].ring, -1);
    broadcast = dd_broadcast_new(config, &fd);
    ck_assert(writer && broadcast);
}

static void set_up(void)
{
    set_up_with(false);
}

static void tear_down(void)
{
    dd_broadcast_free(broadcast);
    dd_frame_ring_close(writer);
    close(fd);
    free(config);
}

static void commit(uint64_t number)
{
    const struct dd_frame_ring_frame frame = {.number = number, .bytes = 10};
    memset(dd_frame_ring_reserve(writer, 10), 'x', 10);
    dd_frame_ring_commit(writer, &frame);
}

static void note_suspend(void *owner)
{
    ((struct log *)owner)->suspended++;
}

static void note_resume(void *owner)
{
    ((struct log *)owner)->resumed++;
}

static struct dd_broadcast_subscriber *subscribe_as(struct log *log, uint64_t period_us, bool raw)
{
    const struct dd_broadcast_subscription viewer = {
        .period_us = period_us, .raw = raw, .suspend = note_suspend, .resume = note_resume, .owner = log};
    struct dd_broadcast_subscriber *subscriber;
    ck_assert_int_eq(dd_broadcast_subscribe(broadcast, &viewer, &subscriber), 0);
    return subscriber;
}

static struct dd_broadcast_subscriber *subscribe(struct log *log, uint64_t period_us)
{
    return subscribe_as(log, period_us, false);
}

/* The number of the picture that a viewer gets; 0: a sign of life only. */
static uint64_t next(struct dd_broadcast_subscriber *subscriber)
{
    struct dd_shared_picture *picture;
    enum dd_freshness_level level;
    ck_assert_int_eq(dd_broadcast_next(subscriber, &picture, &level), 0);
    uint64_t number = picture ? dd_shared_picture_number(picture) : 0;
    dd_shared_picture_unref(&picture);
    return number;
}

static void expect_no_picture(struct dd_broadcast_subscriber *subscriber, int expected)
{
    struct dd_shared_picture *picture;
    enum dd_freshness_level level;
    ck_assert_int_eq(dd_broadcast_next(subscriber, &picture, &level), expected);
    ck_assert_ptr_null(picture);
}

START_TEST(a_viewer_gets_the_newest_and_skips_the_rest)
{
    struct log log = {0};
    set_up();
    struct dd_broadcast_subscriber *subscriber = subscribe(&log, 0);
    ck_assert_uint_eq(next(subscriber), 0);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    ck_assert_uint_eq(log.suspended, 1);
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    ck_assert_uint_eq(log.resumed, 0);
    commit(5);
    commit(6);
    commit(7);
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    ck_assert_uint_eq(log.resumed, 1);
    ck_assert_uint_eq(next(subscriber), 7);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    dd_broadcast_stop(broadcast);
    ck_assert_uint_eq(log.resumed, 2);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

START_TEST(a_new_picture_is_repeated_soon_then_every_second)
{
    struct log log = {0};
    set_up();
    commit(5);
    struct dd_broadcast_subscriber *subscriber = subscribe(&log, 0);
    ck_assert_uint_eq(next(subscriber), 5);
    uint64_t sent_us = dd_clock_now_us();
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    uint64_t due_us = dd_broadcast_watch(broadcast, sent_us);
    ck_assert_uint_gt(due_us, sent_us);
    ck_assert_uint_le(due_us, sent_us + DD_CLOCK_US_PER_S / 3);
    ck_assert_uint_eq(dd_broadcast_watch(broadcast, due_us), UINT64_MAX);
    ck_assert_uint_eq(log.resumed, 1);

    pass(due_us - sent_us);
    sent_us = due_us;
    ck_assert_uint_eq(next(subscriber), 5);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    due_us = dd_broadcast_watch(broadcast, sent_us);
    ck_assert_uint_eq(due_us, sent_us + DD_CLOCK_US_PER_S);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

START_TEST(a_rate_is_kept)
{
    struct log log = {0};
    set_up();
    commit(5);
    struct dd_broadcast_subscriber *subscriber = subscribe(&log, 3 * DD_CLOCK_US_PER_S);
    ck_assert_uint_eq(next(subscriber), 5);
    uint64_t sent_us = dd_clock_now_us();
    commit(6);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    dd_broadcast_watch(broadcast, sent_us + 2 * DD_CLOCK_US_PER_S);
    ck_assert_uint_eq(log.resumed, 0);
    dd_broadcast_watch(broadcast, sent_us + 3 * DD_CLOCK_US_PER_S);
    ck_assert_uint_eq(log.resumed, 1);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

START_TEST(viewers_are_counted)
{
    struct log log = {0};
    struct dd_broadcast_subscriber *third = NULL;
    const struct dd_broadcast_subscription viewer = {.suspend = note_suspend, .resume = note_resume, .owner = &log};
    set_up();
    struct dd_broadcast_subscriber *first = subscribe(&log, 0);
    struct dd_broadcast_subscriber *second = subscribe(&log, 0);
    ck_assert_uint_eq(dd_broadcast_viewers(broadcast, 0), 2);
    ck_assert_int_eq(dd_broadcast_subscribe(broadcast, &viewer, &third), DD_ERROR_SPACE);
    dd_broadcast_unsubscribe(first);
    ck_assert_uint_eq(dd_broadcast_viewers(broadcast, 0), 1);
    third = subscribe(&log, 0);
    dd_broadcast_unsubscribe(second);
    dd_broadcast_unsubscribe(third);
    dd_broadcast_unsubscribe(NULL);
    ck_assert_uint_eq(dd_broadcast_viewers(broadcast, 0), 0);
    tear_down();
}
END_TEST

START_TEST(nobody_is_suspended_once_it_stops)
{
    struct log log = {0};
    set_up();
    struct dd_broadcast_subscriber *subscriber = subscribe(&log, 0);
    ck_assert_uint_eq(next(subscriber), 0);
    dd_broadcast_stop(broadcast);
    expect_no_picture(subscriber, DD_ERROR_STOPPED);
    ck_assert_uint_eq(log.suspended, 0);
    ck_assert_uint_eq(log.resumed, 0);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

/* ---- marks ---- */

static void commit_jpeg(uint64_t number)
{
    struct dd_jpeg_codec_picture *picture = dd_jpeg_codec_picture_new(160, 90);
    size_t size;
    uint8_t *bytes = dd_jpeg_codec_encode(picture, 80, &size);
    const struct dd_frame_ring_frame frame = {.number = number, .bytes = (uint32_t)size};
    memcpy(dd_frame_ring_reserve(writer, (uint32_t)size), bytes, size);
    dd_frame_ring_commit(writer, &frame);
    dd_jpeg_codec_bytes_free(bytes);
    dd_jpeg_codec_picture_free(picture);
}

/* Publishes a state in which frame number is live, or stalled since a newer frame was lost. */
static void publish(uint64_t number, bool live)
{
    uint64_t now_us = dd_clock_now_us();
    const struct dd_stream_state state = {.heard_us = now_us,
                                          .status_us = now_us,
                                          .status = {.source = DD_WIRE_SOURCE_OK, .frame = number},
                                          .frame = number,
                                          .frame_us = now_us,
                                          .newer_announced_us = live ? 0 : now_us - 10 * DD_CLOCK_US_PER_S};
    dd_frame_ring_publish(writer, &state, sizeof state, false);
}

static struct dd_shared_picture *next_picture(struct dd_broadcast_subscriber *subscriber, enum dd_freshness_level expected)
{
    struct dd_shared_picture *picture;
    enum dd_freshness_level level;
    ck_assert_int_eq(dd_broadcast_next(subscriber, &picture, &level), 0);
    ck_assert_int_eq(level, expected);
    ck_assert_ptr_nonnull(picture);
    return picture;
}

START_TEST(viewers_share_one_mark_except_raw_ones)
{
    struct log log = {0};
    set_up_with(true);
    commit_jpeg(5);
    publish(5, false);
    struct dd_broadcast_subscriber *subscribers[] = {subscribe(&log, 0), subscribe(&log, 0), subscribe_as(&log, 0, true)};
    struct dd_shared_picture *first = next_picture(subscribers[0], DD_FRESHNESS_STALLED),
                             *second = next_picture(subscribers[1], DD_FRESHNESS_STALLED);
    struct dd_shared_picture *raw = next_picture(subscribers[2], DD_FRESHNESS_STALLED);
    struct dd_stale_mark_words words;
    struct dd_shared_picture *newest = dd_broadcast_newest(broadcast, 0, &words);
    ck_assert_int_eq(words.level, DD_FRESHNESS_STALLED);
    ck_assert_str_eq(words.reason, "newer picture lost");
    struct dd_shared_picture *snapshot = dd_broadcast_mark(broadcast, 0, newest, &words);
    ck_assert_ptr_eq(first, second);
    ck_assert_ptr_eq(first, snapshot);
    ck_assert_ptr_eq(raw, newest);
    ck_assert_ptr_ne(first, raw);
    ck_assert_uint_eq(dd_shared_picture_number(first), 5);
    dd_shared_picture_unref(&first);
    dd_shared_picture_unref(&second);
    dd_shared_picture_unref(&raw);
    dd_shared_picture_unref(&newest);
    dd_shared_picture_unref(&snapshot);
    for (size_t i = 0; i < 3; i++)
        dd_broadcast_unsubscribe(subscribers[i]);
    tear_down();
}
END_TEST

START_TEST(without_stale_mark_there_is_none)
{
    struct log log = {0};
    set_up();
    commit_jpeg(5);
    publish(5, false);
    struct dd_broadcast_subscriber *subscriber = subscribe(&log, 0);
    struct dd_shared_picture *picture = next_picture(subscriber, DD_FRESHNESS_STALLED);
    struct dd_stale_mark_words words;
    struct dd_shared_picture *newest = dd_broadcast_newest(broadcast, 0, &words);
    ck_assert_int_eq(words.level, DD_FRESHNESS_LIVE);
    ck_assert_ptr_eq(picture, newest);
    dd_shared_picture_unref(&picture);
    dd_shared_picture_unref(&newest);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

/* Watches until the viewer was resumed so many times; 3 s at most. */
static void watch_until_resumed(const struct log *log, unsigned resumed)
{
    for (int i = 0; i < 300 && log->resumed < resumed; i++) {
        dd_broadcast_watch(broadcast, dd_clock_now_us());
        pass(10 * DD_CLOCK_US_PER_MS);
    }
    ck_assert_uint_eq(log->resumed, resumed);
}

START_TEST(a_change_of_level_does_not_wait_for_a_slow_rate)
{
    struct log log = {0};
    set_up_with(true);
    commit_jpeg(5);
    publish(5, true);
    struct dd_broadcast_subscriber *subscriber = subscribe(&log, 100 * DD_CLOCK_US_PER_S);
    struct dd_shared_picture *live = next_picture(subscriber, DD_FRESHNESS_LIVE);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    publish(5, false);
    dd_broadcast_watch(broadcast, dd_clock_now_us()); /* not more often than once a second, though */
    ck_assert_uint_eq(log.resumed, 0);
    watch_until_resumed(&log, 1);
    struct dd_shared_picture *stalled = next_picture(subscriber, DD_FRESHNESS_STALLED);
    ck_assert_ptr_ne(stalled, live);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    publish(5, true);
    watch_until_resumed(&log, 2);
    struct dd_shared_picture *again = next_picture(subscriber, DD_FRESHNESS_LIVE);
    ck_assert_ptr_eq(again, live);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    dd_broadcast_stop(broadcast);

    /* the cache was dropped while the stream was live: the mark is made again */
    publish(5, false);
    struct dd_stale_mark_words words;
    struct dd_shared_picture *newest = dd_broadcast_newest(broadcast, 0, &words),
                             *remade = dd_broadcast_mark(broadcast, 0, newest, &words);
    ck_assert_ptr_ne(remade, stalled);
    dd_shared_picture_unref(&newest);
    dd_shared_picture_unref(&remade);
    dd_shared_picture_unref(&live);
    dd_shared_picture_unref(&stalled);
    dd_shared_picture_unref(&again);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

START_TEST(a_live_picture_follows_at_once)
{
    struct log log = {0};
    set_up_with(true);
    commit_jpeg(5);
    publish(5, false);
    struct dd_broadcast_subscriber *subscriber = subscribe(&log, 0);
    struct dd_shared_picture *picture = next_picture(subscriber, DD_FRESHNESS_STALLED);
    dd_shared_picture_unref(&picture);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    commit_jpeg(6);
    publish(6, true);
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    ck_assert_uint_eq(log.resumed, 1);
    picture = next_picture(subscriber, DD_FRESHNESS_LIVE);
    struct dd_shared_picture *newest = dd_broadcast_newest(broadcast, 0, NULL);
    ck_assert_ptr_eq(picture, newest);
    dd_shared_picture_unref(&picture);
    dd_shared_picture_unref(&newest);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

/* Delaying a moving stream must not make this machine decode and encode all of its pictures. */
START_TEST(not_every_picture_of_a_moving_stream_is_marked)
{
    struct log log = {0};
    set_up_with(true);
    commit_jpeg(5);
    publish(5, false);
    struct dd_broadcast_subscriber *subscribers[] = {subscribe(&log, 0), subscribe(&log, 0), subscribe_as(&log, 0, true)};
    struct dd_shared_picture *first = next_picture(subscribers[0], DD_FRESHNESS_STALLED);
    commit_jpeg(6);
    publish(6, false);
    struct dd_shared_picture *second = next_picture(subscribers[1], DD_FRESHNESS_STALLED),
                             *raw = next_picture(subscribers[2], DD_FRESHNESS_STALLED);
    ck_assert_ptr_eq(first, second);
    ck_assert_uint_eq(dd_shared_picture_number(raw), 6);
    dd_shared_picture_unref(&second);
    pass(300 * DD_CLOCK_US_PER_MS);
    second = next_picture(subscribers[0], DD_FRESHNESS_STALLED);
    ck_assert_uint_eq(dd_shared_picture_number(second), 6);
    dd_shared_picture_unref(&first);
    dd_shared_picture_unref(&second);
    dd_shared_picture_unref(&raw);
    for (size_t k = 0; k < 3; k++)
        dd_broadcast_unsubscribe(subscribers[k]);
    tear_down();
}
END_TEST

/* Only in an <img> is a picture needed twice. */
START_TEST(a_raw_viewer_gets_a_picture_once)
{
    struct log log = {0};
    set_up();
    commit(5);
    struct dd_broadcast_subscriber *subscriber = subscribe_as(&log, 0, true);
    ck_assert_uint_eq(next(subscriber), 5);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    dd_broadcast_watch(broadcast, dd_clock_now_us() + DD_CLOCK_US_PER_S / 2);
    ck_assert_uint_eq(log.resumed, 0);
    dd_broadcast_watch(broadcast, dd_clock_now_us() + DD_CLOCK_US_PER_S);
    ck_assert_uint_eq(log.resumed, 1);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

SUITE("recv/serve/broadcast", a_viewer_gets_the_newest_and_skips_the_rest, a_new_picture_is_repeated_soon_then_every_second,
      a_rate_is_kept, viewers_are_counted, nobody_is_suspended_once_it_stops, viewers_share_one_mark_except_raw_ones,
      without_stale_mark_there_is_none, a_change_of_level_does_not_wait_for_a_slow_rate, a_live_picture_follows_at_once,
      not_every_picture_of_a_moving_stream_is_marked, a_raw_viewer_gets_a_picture_once)
