#include "recv/serve/broadcast.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/frame_ring.h"
#include "recv/serve/jpeg_codec.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_picture.h"
#include "recv/stream_state.h"
#include "suite.h"

enum { STREAMS = 2, WAIT_S = 20 };

static struct dd_serve_config *config;
static struct dd_frame_ring *writer, *other_writer; /* of the first stream and the second */
static struct dd_broadcast *broadcast;
static int fds[STREAMS];

/* What was called for whoever waits, by any thread. */
struct log {
    atomic_uint suspended, resumed;
};

/* ---- marks that are made while a test allows it, and copies that fail ---- */

static atomic_uint marks_begun;
static atomic_uint copies_tried;
static atomic_bool failing; /* no picture is copied out of a ring, as without memory */
static atomic_bool gated;   /* each mark waits for the gate */
static sem_t gate;
static pthread_t marking_thread; /* of the last mark; read once it has begun */

/* The linker puts these in the place of ours (--wrap). */
struct dd_shared_picture *__real_dd_stale_mark_apply(const struct dd_shared_picture *picture,
                                                     const struct dd_stale_mark_words *words, size_t bytes_max);
struct dd_shared_picture *__wrap_dd_stale_mark_apply(const struct dd_shared_picture *picture,
                                                     const struct dd_stale_mark_words *words, size_t bytes_max);
struct dd_shared_picture *__real_dd_shared_picture_copy(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes);
struct dd_shared_picture *__wrap_dd_shared_picture_copy(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes);

struct dd_shared_picture *__wrap_dd_stale_mark_apply(const struct dd_shared_picture *picture,
                                                     const struct dd_stale_mark_words *words, size_t bytes_max)
{
    marking_thread = pthread_self();
    atomic_fetch_add(&marks_begun, 1);
    if (atomic_load(&gated))
        sem_wait(&gate);
    return __real_dd_stale_mark_apply(picture, words, bytes_max);
}

struct dd_shared_picture *__wrap_dd_shared_picture_copy(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes)
{
    atomic_fetch_add(&copies_tried, 1);
    return atomic_load(&failing) ? NULL : __real_dd_shared_picture_copy(ring, position, max_bytes);
}

/* Waits until counter has this value, which another thread gives it. */
static void wait_for(atomic_uint *counter, unsigned value)
{
    static const struct timespec pause = {.tv_nsec = DD_CLOCK_US_PER_MS * 1000};
    for (int i = 0; i < WAIT_S * 1000 && atomic_load(counter) < value; i++)
        nanosleep(&pause, NULL);
    ck_assert_uint_eq(atomic_load(counter), value);
}

/* Lets time pass; the clock stands still meanwhile. */
static void pass(uint64_t us)
{
    suite_stop_clock(dd_clock_now_us() + us);
}

static void set_up_with(bool stale_mark)
{
    pass(0);
    sem_init(&gate, 0, 0);
    config = calloc(1, sizeof *config + STREAMS * sizeof config->streams[0]);
    config->stream_count = STREAMS;
    config->max_viewers = stale_mark ? 4 : 2;
    for (size_t i = 0; i < STREAMS; i++) {
        struct dd_serve_stream *stream = &config->streams[i];
        stream->stale_mark = stale_mark;
        stream->live_us = 30 * DD_CLOCK_US_PER_S;
        stream->stale_us = 300 * DD_CLOCK_US_PER_S;
        stream->ring = (struct dd_frame_ring_shape){.entries = 4, .arena_bytes = 64 * 1024};
        stream->max_frame_bytes = 10000;
        fds[i] = dd_frame_ring_create("test", &stream->ring);
    }
    writer = dd_frame_ring_open_writer(fds[0], &config->streams[0].ring, -1);
    other_writer = dd_frame_ring_open_writer(fds[1], &config->streams[1].ring, -1);
    broadcast = dd_broadcast_new(config, fds);
    ck_assert(writer && other_writer && broadcast);
}

static void set_up(void)
{
    set_up_with(false);
}

static void tear_down(void)
{
    dd_broadcast_free(broadcast);
    dd_frame_ring_close(writer);
    dd_frame_ring_close(other_writer);
    for (size_t i = 0; i < STREAMS; i++)
        close(fds[i]);
    free(config);
    sem_destroy(&gate);
}

static void commit(uint64_t number)
{
    const struct dd_frame_ring_frame frame = {.number = number, .bytes = 10};
    memset(dd_frame_ring_reserve(writer, 10), 'x', 10);
    dd_frame_ring_commit(writer, &frame);
}

static void note_suspend(void *owner)
{
    atomic_fetch_add(&((struct log *)owner)->suspended, 1);
}

static void note_resume(void *owner)
{
    atomic_fetch_add(&((struct log *)owner)->resumed, 1);
}

static struct dd_broadcast_subscriber *subscribe_as(struct log *log, uint64_t period_us, bool raw)
{
    const struct dd_broadcast_subscription viewer = {
        .period_us = period_us, .raw = raw, .waiter = {note_suspend, note_resume, log}};
    struct dd_broadcast_subscriber *subscriber;
    ck_assert_int_eq(dd_broadcast_subscribe(broadcast, &viewer, &subscriber), 0);
    return subscriber;
}

static struct dd_broadcast_subscriber *subscribe(struct log *log, uint64_t period_us)
{
    return subscribe_as(log, period_us, false);
}

/* As viewers do: what they get is decided once they can take it. */
static int wait_and_take(struct dd_broadcast_subscriber *subscriber, struct dd_shared_picture **picture,
                         enum dd_freshness_level *level)
{
    *picture = NULL;
    int error = dd_broadcast_wait(subscriber);
    return error ? error : dd_broadcast_next(subscriber, picture, level);
}

/* The number of the picture that a viewer gets; 0: a sign of life only. */
static uint64_t next(struct dd_broadcast_subscriber *subscriber)
{
    struct dd_shared_picture *picture;
    enum dd_freshness_level level;
    ck_assert_int_eq(wait_and_take(subscriber, &picture, &level), 0);
    uint64_t number = picture ? dd_shared_picture_number(picture) : 0;
    dd_shared_picture_unref(&picture);
    return number;
}

static void expect_no_picture(struct dd_broadcast_subscriber *subscriber, int expected)
{
    struct dd_shared_picture *picture;
    enum dd_freshness_level level;
    ck_assert_int_eq(wait_and_take(subscriber, &picture, &level), expected);
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
    const struct dd_broadcast_subscription viewer = {.waiter = {note_suspend, note_resume, &log}};
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

static void commit_jpeg_to(struct dd_frame_ring *ring, uint64_t number)
{
    struct dd_jpeg_codec_picture *picture = dd_jpeg_codec_picture_new(160, 90);
    size_t size;
    uint8_t *bytes = dd_jpeg_codec_encode(picture, 80, &size);
    const struct dd_frame_ring_frame frame = {.number = number, .bytes = (uint32_t)size};
    memcpy(dd_frame_ring_reserve(ring, (uint32_t)size), bytes, size);
    dd_frame_ring_commit(ring, &frame);
    dd_jpeg_codec_bytes_free(bytes);
    dd_jpeg_codec_picture_free(picture);
}

static void commit_jpeg(uint64_t number)
{
    commit_jpeg_to(writer, number);
}

/* Publishes a state in which frame number is live, or stalled since a newer frame was lost. */
static void publish_to(struct dd_frame_ring *ring, uint64_t number, bool live)
{
    uint64_t now_us = dd_clock_now_us();
    const struct dd_stream_state state = {.heard_us = now_us,
                                          .status_us = now_us,
                                          .status = {.source = DD_WIRE_SOURCE_OK, .frame = number},
                                          .frame = number,
                                          .frame_us = now_us,
                                          .newer_announced_us = live ? 0 : now_us - 10 * DD_CLOCK_US_PER_S};
    dd_frame_ring_publish(ring, &state, sizeof state, false);
}

static void publish(uint64_t number, bool live)
{
    publish_to(writer, number, live);
}

static struct dd_shared_picture *next_picture(struct dd_broadcast_subscriber *subscriber, enum dd_freshness_level expected)
{
    struct dd_shared_picture *picture;
    enum dd_freshness_level level;
    ck_assert_int_eq(wait_and_take(subscriber, &picture, &level), 0);
    ck_assert_int_eq(level, expected);
    ck_assert_ptr_nonnull(picture);
    return picture;
}

/* The same once the mark is made: until then the viewer is suspended. */
static struct dd_shared_picture *next_marked(struct dd_broadcast_subscriber *subscriber, struct log *log,
                                             enum dd_freshness_level expected)
{
    struct dd_shared_picture *picture;
    enum dd_freshness_level level;
    unsigned resumed = atomic_load(&log->resumed);
    int error = wait_and_take(subscriber, &picture, &level);
    if (!error) {
        ck_assert_int_eq(level, expected);
        return picture;
    }
    ck_assert_int_eq(error, DD_ERROR_AGAIN);
    wait_for(&log->resumed, resumed + 1);
    return next_picture(subscriber, expected);
}

static struct dd_broadcast_snapshot snapshot(struct log *log, bool raw)
{
    const struct dd_broadcast_waiter waiter = {note_suspend, note_resume, log};
    struct dd_broadcast_snapshot out;
    unsigned resumed = atomic_load(&log->resumed);
    int error = dd_broadcast_snapshot(broadcast, 0, raw, &waiter, &out);
    if (error == DD_ERROR_AGAIN) {
        ck_assert_ptr_null(out.picture);
        wait_for(&log->resumed, resumed + 1);
        error = dd_broadcast_snapshot(broadcast, 0, raw, &waiter, &out);
    }
    ck_assert_int_eq(error, 0);
    return out;
}

START_TEST(viewers_and_snapshots_share_one_mark_except_raw_ones)
{
    struct log log = {0}, other = {0};
    set_up_with(true);
    commit_jpeg(5);
    publish(5, false);
    struct dd_broadcast_subscriber *subscribers[] = {subscribe(&log, 0), subscribe(&log, 0), subscribe_as(&log, 0, true)};
    struct dd_shared_picture *first = next_marked(subscribers[0], &log, DD_FRESHNESS_STALLED),
                             *second = next_picture(subscribers[1], DD_FRESHNESS_STALLED),
                             *raw = next_picture(subscribers[2], DD_FRESHNESS_STALLED);
    struct dd_broadcast_snapshot marked = snapshot(&other, false), plain = snapshot(&other, true);
    ck_assert_int_eq(marked.words.level, DD_FRESHNESS_STALLED);
    ck_assert_str_eq(marked.words.reason, "newer picture lost");
    ck_assert_int_eq(plain.words.level, DD_FRESHNESS_LIVE);
    ck_assert_ptr_eq(first, second);
    ck_assert_ptr_eq(first, marked.picture);
    ck_assert_ptr_eq(raw, plain.picture);
    ck_assert_ptr_ne(first, raw);
    ck_assert_uint_eq(dd_shared_picture_number(first), 5);
    ck_assert_uint_eq(atomic_load(&other.suspended), 0);
    dd_shared_picture_unref(&first);
    dd_shared_picture_unref(&second);
    dd_shared_picture_unref(&raw);
    dd_shared_picture_unref(&marked.picture);
    dd_shared_picture_unref(&plain.picture);

    /* a moving stream that is held back: still one mark for all, of one picture */
    for (uint64_t number = 6; number < 10; number++) {
        pass(DD_CLOCK_US_PER_S / 10);
        unsigned resumed = atomic_load(&log.resumed);
        expect_no_picture(subscribers[0], DD_ERROR_AGAIN);
        expect_no_picture(subscribers[1], DD_ERROR_AGAIN);
        pass(DD_CLOCK_US_PER_S / 5);
        commit_jpeg(number);
        publish(number, false);
        dd_broadcast_watch(broadcast, dd_clock_now_us());
        wait_for(&log.resumed, resumed + 2);
        first = next_picture(subscribers[0], DD_FRESHNESS_STALLED);
        second = next_picture(subscribers[1], DD_FRESHNESS_STALLED);
        marked = snapshot(&other, false);
        ck_assert_uint_eq(dd_shared_picture_number(first), number);
        ck_assert_ptr_eq(first, second);
        ck_assert_ptr_eq(first, marked.picture);
        dd_shared_picture_unref(&first);
        dd_shared_picture_unref(&second);
        dd_shared_picture_unref(&marked.picture);
    }
    ck_assert_uint_eq(atomic_load(&other.suspended), 0);
    ck_assert_uint_eq(atomic_load(&marks_begun), 5);
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
    struct dd_broadcast_snapshot same = snapshot(&log, false);
    ck_assert_int_eq(same.words.level, DD_FRESHNESS_LIVE);
    ck_assert_ptr_eq(picture, same.picture);
    dd_shared_picture_unref(&picture);
    dd_shared_picture_unref(&same.picture);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

/* Watches for 1 s, of which the viewer is resumed once, after the mark was made if it needs one. */
static void watch_until_resumed(struct log *log, unsigned resumed)
{
    for (int i = 0; i < 10; i++) {
        pass(DD_CLOCK_US_PER_S / 10);
        dd_broadcast_watch(broadcast, dd_clock_now_us());
    }
    wait_for(&log->resumed, resumed);
}

START_TEST(a_change_of_level_does_not_wait_for_a_slow_rate)
{
    struct log log = {0}, other = {0};
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

    /* the mark was dropped while the stream was live: it is made again */
    pass(5 * DD_CLOCK_US_PER_S);
    publish(5, false);
    struct dd_broadcast_snapshot remade = snapshot(&other, false);
    ck_assert_ptr_ne(remade.picture, stalled);
    dd_broadcast_stop(broadcast);
    dd_shared_picture_unref(&remade.picture);
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
    struct dd_shared_picture *picture = next_marked(subscriber, &log, DD_FRESHNESS_STALLED);
    dd_shared_picture_unref(&picture);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    unsigned resumed = atomic_load(&log.resumed);
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    commit_jpeg(6);
    publish(6, true);
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    ck_assert_uint_eq(atomic_load(&log.resumed), resumed + 1);
    picture = next_picture(subscriber, DD_FRESHNESS_LIVE);
    ck_assert_uint_eq(dd_shared_picture_number(picture), 6);
    dd_shared_picture_unref(&picture);
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
    struct dd_shared_picture *first = next_marked(subscribers[0], &log, DD_FRESHNESS_STALLED);
    commit_jpeg(6);
    publish(6, false);
    struct dd_shared_picture *second = next_picture(subscribers[1], DD_FRESHNESS_STALLED),
                             *raw = next_picture(subscribers[2], DD_FRESHNESS_STALLED);
    ck_assert_ptr_eq(first, second);
    ck_assert_uint_eq(dd_shared_picture_number(raw), 6);
    dd_shared_picture_unref(&second);
    expect_no_picture(subscribers[0], DD_ERROR_AGAIN);
    pass(240 * DD_CLOCK_US_PER_MS);
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    ck_assert_uint_eq(atomic_load(&marks_begun), 1);
    pass(250 * DD_CLOCK_US_PER_MS);
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    wait_for(&log.resumed, 2); /* the repetition is due, with the mark before or already with the new one */
    second = next_picture(subscribers[0], DD_FRESHNESS_STALLED);
    if (dd_shared_picture_number(second) == 5) {
        dd_shared_picture_unref(&second);
        second = next_marked(subscribers[0], &log, DD_FRESHNESS_STALLED);
    }
    ck_assert_uint_eq(dd_shared_picture_number(second), 6);
    ck_assert_uint_eq(atomic_load(&marks_begun), 2);
    dd_shared_picture_unref(&first);
    dd_shared_picture_unref(&second);
    dd_shared_picture_unref(&raw);
    for (size_t k = 0; k < 3; k++)
        dd_broadcast_unsubscribe(subscribers[k]);
    tear_down();
}
END_TEST

/* The mark has nothing to do with it: an <img> of raw pictures needs them twice, too. */
START_TEST(a_new_picture_is_repeated_soon_unless_told_not_to)
{
    for (unsigned i = 0; i < 4; i++) {
        struct log log = {0};
        bool raw = i & 1, once = i & 2;
        set_up();
        commit(5);
        const struct dd_broadcast_subscription subscription = {
            .raw = raw, .once = once, .waiter = {note_suspend, note_resume, &log}};
        struct dd_broadcast_subscriber *subscriber;
        ck_assert_int_eq(dd_broadcast_subscribe(broadcast, &subscription, &subscriber), 0);
        ck_assert_uint_eq(next(subscriber), 5);
        expect_no_picture(subscriber, DD_ERROR_AGAIN);
        dd_broadcast_watch(broadcast, dd_clock_now_us() + DD_CLOCK_US_PER_S / 2);
        ck_assert_msg(log.resumed == !once, "raw=%d once=%d: resumed %u times", raw, once, log.resumed);
        dd_broadcast_watch(broadcast, dd_clock_now_us() + DD_CLOCK_US_PER_S);
        ck_assert_uint_eq(log.resumed, 1);
        dd_broadcast_unsubscribe(subscriber);
        tear_down();
    }
}
END_TEST

/* Who needs the mark is suspended meanwhile; whoever does not goes on. */
START_TEST(nobody_is_held_while_a_mark_is_made)
{
    struct log log = {0}, request = {0}, other = {0};
    const struct dd_broadcast_subscription live = {.stream = 1, .waiter = {note_suspend, note_resume, &other}};
    const struct dd_broadcast_waiter waiter = {note_suspend, note_resume, &request};
    struct dd_broadcast_snapshot waiting;
    struct dd_freshness freshness;
    struct dd_broadcast_subscriber *elsewhere;
    set_up_with(true);
    atomic_store(&gated, true);
    commit_jpeg(5);
    publish(5, false);
    commit_jpeg_to(other_writer, 9);
    publish_to(other_writer, 9, true);
    struct dd_broadcast_subscriber *marked = subscribe(&log, 0), *raw = subscribe_as(&other, 0, true);
    ck_assert_int_eq(dd_broadcast_subscribe(broadcast, &live, &elsewhere), 0);
    expect_no_picture(marked, DD_ERROR_AGAIN);
    ck_assert_int_eq(dd_broadcast_snapshot(broadcast, 0, false, &waiter, &waiting), DD_ERROR_AGAIN);
    wait_for(&marks_begun, 1);
    ck_assert(!pthread_equal(marking_thread, pthread_self()));
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    dd_broadcast_freshness(broadcast, 0, &freshness);
    ck_assert_int_eq(freshness.level, DD_FRESHNESS_STALLED);
    dd_broadcast_freshness(broadcast, 1, &freshness);
    ck_assert_int_eq(freshness.level, DD_FRESHNESS_LIVE);
    struct dd_shared_picture *first = next_picture(raw, DD_FRESHNESS_STALLED),
                             *second = next_picture(elsewhere, DD_FRESHNESS_LIVE);
    dd_shared_picture_unref(&first);
    dd_shared_picture_unref(&second);
    ck_assert_uint_eq(atomic_load(&log.resumed) + atomic_load(&request.resumed), 0);

    sem_post(&gate);
    wait_for(&log.resumed, 1);
    wait_for(&request.resumed, 1);
    first = next_picture(marked, DD_FRESHNESS_STALLED);
    ck_assert_int_eq(dd_broadcast_snapshot(broadcast, 0, false, &waiter, &waiting), 0);
    ck_assert_ptr_eq(first, waiting.picture);
    ck_assert_uint_eq(atomic_load(&marks_begun), 1);
    dd_shared_picture_unref(&first);
    dd_shared_picture_unref(&waiting.picture);
    dd_broadcast_unsubscribe(marked);
    dd_broadcast_unsubscribe(raw);
    dd_broadcast_unsubscribe(elsewhere);
    tear_down();
}
END_TEST

START_TEST(the_mark_before_is_sent_for_a_second)
{
    struct log log = {0};
    set_up_with(true);
    commit_jpeg(5);
    publish(5, false);
    struct dd_broadcast_subscriber *subscribers[] = {subscribe(&log, 0), subscribe(&log, 0), subscribe(&log, 0)};
    struct dd_shared_picture *picture = next_marked(subscribers[0], &log, DD_FRESHNESS_STALLED);
    dd_shared_picture_unref(&picture);
    atomic_store(&gated, true);
    pass(DD_CLOCK_US_PER_S / 2);
    commit_jpeg(6);
    publish(6, false);
    picture = next_picture(subscribers[1], DD_FRESHNESS_STALLED);
    ck_assert_uint_eq(dd_shared_picture_number(picture), 5);
    dd_shared_picture_unref(&picture);
    wait_for(&marks_begun, 2);
    pass(DD_CLOCK_US_PER_S);
    unsigned resumed = atomic_load(&log.resumed);
    expect_no_picture(subscribers[2], DD_ERROR_AGAIN);
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    ck_assert_uint_eq(atomic_load(&log.resumed), resumed);
    atomic_store(&gated, false);
    sem_post(&gate);
    wait_for(&log.resumed, resumed + 1);
    picture = next_picture(subscribers[2], DD_FRESHNESS_STALLED);
    ck_assert_uint_eq(dd_shared_picture_number(picture), 6);
    dd_shared_picture_unref(&picture);
    for (size_t i = 0; i < 3; i++)
        dd_broadcast_unsubscribe(subscribers[i]);
    tear_down();
}
END_TEST

START_TEST(whoever_waits_for_a_mark_is_resumed_at_the_end)
{
    struct log log = {0}, request = {0};
    const struct dd_broadcast_waiter waiter = {note_suspend, note_resume, &request};
    struct dd_broadcast_snapshot out;
    set_up_with(true);
    atomic_store(&gated, true);
    commit_jpeg(5);
    publish(5, false);
    struct dd_broadcast_subscriber *subscriber = subscribe(&log, 0);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);
    ck_assert_int_eq(dd_broadcast_snapshot(broadcast, 0, false, &waiter, &out), DD_ERROR_AGAIN);
    dd_broadcast_stop(broadcast);
    ck_assert_uint_eq(atomic_load(&log.resumed), 1);
    ck_assert_uint_eq(atomic_load(&request.resumed), 1);
    ck_assert_int_eq(dd_broadcast_snapshot(broadcast, 0, false, &waiter, &out), DD_ERROR_STOPPED);
    expect_no_picture(subscriber, DD_ERROR_STOPPED);
    dd_broadcast_unsubscribe(subscriber);
    sem_post(&gate);
    tear_down();
}
END_TEST

/* Nothing is sent as newer than it is while the newest picture cannot be copied. */
START_TEST(a_picture_is_labelled_by_its_own_freshness)
{
    struct log log = {0};
    struct dd_freshness freshness;
    set_up();
    commit(5);
    publish(5, true);
    struct dd_broadcast_subscriber *subscriber = subscribe(&log, 0);
    struct dd_shared_picture *picture = next_picture(subscriber, DD_FRESHNESS_LIVE);
    dd_shared_picture_unref(&picture);
    pass(10 * DD_CLOCK_US_PER_S);
    atomic_store(&failing, true);
    publish(6, true);
    commit(6);
    picture = next_picture(subscriber, DD_FRESHNESS_LIVE);
    ck_assert_uint_eq(dd_shared_picture_number(picture), 5);
    dd_shared_picture_unref(&picture);
    unsigned tried = atomic_load(&copies_tried); /* not tried again and again */
    for (int i = 0; i < 10; i++)
        dd_broadcast_watch(broadcast, dd_clock_now_us());
    ck_assert_uint_eq(atomic_load(&copies_tried), tried);
    pass(3 * DD_CLOCK_US_PER_S);
    picture = next_picture(subscriber, DD_FRESHNESS_STALLED);
    ck_assert_uint_eq(dd_shared_picture_number(picture), 5);
    dd_shared_picture_unref(&picture);
    dd_broadcast_freshness(broadcast, 0, &freshness);
    ck_assert_int_eq(freshness.level, DD_FRESHNESS_LIVE);
    ck_assert_uint_eq(freshness.frame, 6);
    expect_no_picture(subscriber, DD_ERROR_AGAIN);

    atomic_store(&failing, false);
    pass(DD_CLOCK_US_PER_S / 4);
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    ck_assert_uint_eq(atomic_load(&log.resumed), 1);
    picture = next_picture(subscriber, DD_FRESHNESS_LIVE);
    ck_assert_uint_eq(dd_shared_picture_number(picture), 6);
    dd_shared_picture_unref(&picture);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

/* Between the two its socket may take a while. */
START_TEST(a_viewer_that_could_not_take_its_part_gets_the_newest)
{
    struct log log = {0};
    set_up();
    struct dd_broadcast_subscriber *subscriber = subscribe(&log, 0);
    commit(1);
    ck_assert_int_eq(dd_broadcast_wait(subscriber), 0);
    ck_assert_int_eq(dd_broadcast_wait(subscriber), 0); /* nothing was taken */
    commit(2);
    ck_assert_uint_eq(next(subscriber), 2);
    ck_assert_uint_eq(log.suspended, 0);
    ck_assert_int_eq(dd_broadcast_wait(subscriber), DD_ERROR_AGAIN);
    ck_assert_uint_eq(log.suspended, 1);
    commit(3);
    dd_broadcast_watch(broadcast, dd_clock_now_us());
    ck_assert_uint_eq(log.resumed, 1);
    ck_assert_int_eq(dd_broadcast_wait(subscriber), 0);
    dd_broadcast_stop(broadcast);
    ck_assert_int_eq(dd_broadcast_wait(subscriber), 0);
    expect_no_picture(subscriber, DD_ERROR_STOPPED);
    dd_broadcast_unsubscribe(subscriber);
    tear_down();
}
END_TEST

SUITE("recv/serve/broadcast", a_viewer_gets_the_newest_and_skips_the_rest, a_new_picture_is_repeated_soon_then_every_second,
      a_rate_is_kept, viewers_are_counted, nobody_is_suspended_once_it_stops,
      viewers_and_snapshots_share_one_mark_except_raw_ones, without_stale_mark_there_is_none,
      a_change_of_level_does_not_wait_for_a_slow_rate, a_live_picture_follows_at_once,
      not_every_picture_of_a_moving_stream_is_marked, a_new_picture_is_repeated_soon_unless_told_not_to,
      nobody_is_held_while_a_mark_is_made, the_mark_before_is_sent_for_a_second, whoever_waits_for_a_mark_is_resumed_at_the_end,
      a_picture_is_labelled_by_its_own_freshness, a_viewer_that_could_not_take_its_part_gets_the_newest)
