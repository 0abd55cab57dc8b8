#include "dd/recv/serve/hub.h"

#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/ring.h"
#include "dd/recv/serve/frame.h"
#include "dd/recv/serve/serve.h"
#include "suite.h"

static struct dd_serve_config *config;
static struct dd_ring *writer;
static struct dd_hub *hub;
static int fd;

/* What happened to a viewer. */
struct log {
    unsigned slept, woken;
};

static void set_up(void)
{
    config = calloc(1, sizeof *config + sizeof config->streams[0]);
    config->stream_count = 1;
    config->max_viewers = 2;
    config->streams[0].ring = (struct dd_ring_shape){.entries = 4, .arena_bytes = 64 * 1024};
    config->streams[0].max_frame_bytes = 1000;
    fd = dd_ring_create("test", &config->streams[0].ring);
    writer = dd_ring_open_writer(fd, &config->streams[0].ring, -1);
    hub = dd_hub_new(config, &fd);
    ck_assert(writer && hub);
}

static void tear_down(void)
{
    dd_hub_free(hub);
    dd_ring_close(writer);
    close(fd);
    free(config);
}

static void commit(uint64_t number)
{
    const struct dd_ring_frame frame = {.number = number, .bytes = 10};
    memset(dd_ring_reserve(writer, 10), 'x', 10);
    dd_ring_commit(writer, &frame);
}

static void note_sleep(void *owner)
{
    ((struct log *)owner)->slept++;
}

static void note_wake(void *owner)
{
    ((struct log *)owner)->woken++;
}

static struct dd_hub_seat *join(struct log *log, uint64_t period_us)
{
    const struct dd_hub_viewer viewer = {.period_us = period_us, .sleep = note_sleep, .wake = note_wake, .owner = log};
    struct dd_hub_seat *seat;
    ck_assert_int_eq(dd_hub_join(hub, &viewer, &seat), 0);
    return seat;
}

/* The number of the frame that a viewer gets; 0: just a sign of life. */
static uint64_t next(struct dd_hub_seat *seat)
{
    struct dd_frame *frame;
    enum dd_freshness_level level;
    ck_assert_int_eq(dd_hub_next(seat, &frame, &level), 0);
    uint64_t number = frame ? dd_frame_number(frame) : 0;
    dd_frame_unref(&frame);
    return number;
}

static void sleep_on(struct dd_hub_seat *seat, int expected)
{
    struct dd_frame *frame;
    enum dd_freshness_level level;
    ck_assert_int_eq(dd_hub_next(seat, &frame, &level), expected);
    ck_assert_ptr_null(frame);
}

START_TEST(a_viewer_gets_the_newest_and_skips_the_rest)
{
    struct log log = {0};
    set_up();
    struct dd_hub_seat *seat = join(&log, 0);
    ck_assert_uint_eq(next(seat), 0);
    sleep_on(seat, DD_ERROR_AGAIN);
    ck_assert_uint_eq(log.slept, 1);
    dd_hub_watch(hub, dd_clock_now_us());
    ck_assert_uint_eq(log.woken, 0);
    commit(5);
    commit(6);
    commit(7);
    dd_hub_watch(hub, dd_clock_now_us());
    ck_assert_uint_eq(log.woken, 1);
    ck_assert_uint_eq(next(seat), 7);
    sleep_on(seat, DD_ERROR_AGAIN);
    dd_hub_stop(hub);
    ck_assert_uint_eq(log.woken, 2);
    dd_hub_leave(seat);
    tear_down();
}
END_TEST

START_TEST(a_new_one_again_soon_then_every_second)
{
    struct log log = {0};
    set_up();
    commit(5);
    struct dd_hub_seat *seat = join(&log, 0);
    ck_assert_uint_eq(next(seat), 5);
    uint64_t sent_us = dd_clock_now_us();
    sleep_on(seat, DD_ERROR_AGAIN);
    uint64_t due_us = dd_hub_watch(hub, sent_us);
    ck_assert_uint_gt(due_us, sent_us);
    ck_assert_uint_le(due_us, sent_us + DD_CLOCK_US_PER_S / 3);
    ck_assert_uint_eq(dd_hub_watch(hub, due_us), UINT64_MAX);
    ck_assert_uint_eq(log.woken, 1);

    while (dd_clock_now_us() < due_us)
        usleep(10000);
    sent_us = dd_clock_now_us();
    ck_assert_uint_eq(next(seat), 5);
    sleep_on(seat, DD_ERROR_AGAIN);
    due_us = dd_hub_watch(hub, sent_us);
    ck_assert_uint_ge(due_us, sent_us + DD_CLOCK_US_PER_S);
    ck_assert_uint_le(due_us, dd_clock_now_us() + DD_CLOCK_US_PER_S);
    dd_hub_leave(seat);
    tear_down();
}
END_TEST

START_TEST(a_rate_is_kept)
{
    struct log log = {0};
    set_up();
    commit(5);
    struct dd_hub_seat *seat = join(&log, 3 * DD_CLOCK_US_PER_S);
    ck_assert_uint_eq(next(seat), 5);
    uint64_t sent_us = dd_clock_now_us();
    commit(6);
    sleep_on(seat, DD_ERROR_AGAIN);
    dd_hub_watch(hub, sent_us + 2 * DD_CLOCK_US_PER_S);
    ck_assert_uint_eq(log.woken, 0);
    dd_hub_watch(hub, sent_us + 3 * DD_CLOCK_US_PER_S);
    ck_assert_uint_eq(log.woken, 1);
    dd_hub_leave(seat);
    tear_down();
}
END_TEST

START_TEST(seats_are_counted)
{
    struct log log = {0};
    struct dd_hub_seat *third = NULL;
    const struct dd_hub_viewer viewer = {.sleep = note_sleep, .wake = note_wake, .owner = &log};
    set_up();
    struct dd_hub_seat *first = join(&log, 0);
    struct dd_hub_seat *second = join(&log, 0);
    ck_assert_uint_eq(dd_hub_viewers(hub, 0), 2);
    ck_assert_int_eq(dd_hub_join(hub, &viewer, &third), DD_ERROR_SPACE);
    dd_hub_leave(first);
    ck_assert_uint_eq(dd_hub_viewers(hub, 0), 1);
    third = join(&log, 0);
    dd_hub_leave(second);
    dd_hub_leave(third);
    dd_hub_leave(NULL);
    ck_assert_uint_eq(dd_hub_viewers(hub, 0), 0);
    tear_down();
}
END_TEST

START_TEST(nobody_sleeps_once_it_stops)
{
    struct log log = {0};
    set_up();
    struct dd_hub_seat *seat = join(&log, 0);
    ck_assert_uint_eq(next(seat), 0);
    dd_hub_stop(hub);
    sleep_on(seat, DD_ERROR_STOPPED);
    ck_assert_uint_eq(log.slept, 0);
    ck_assert_uint_eq(log.woken, 0);
    dd_hub_leave(seat);
    tear_down();
}
END_TEST

SUITE_MAIN("recv/serve/hub", a_viewer_gets_the_newest_and_skips_the_rest, a_new_one_again_soon_then_every_second, a_rate_is_kept,
           seats_are_counted, nobody_sleeps_once_it_stops)
