#include "recv/serve/newest_picture.h"

#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/link/frame_ring.h"
#include "recv/serve/freshness.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_picture.h"
#include "recv/stream_state.h"
#include "suite.h"

#define SECOND ((uint64_t)DD_CLOCK_US_PER_S)

static struct dd_serve_stream config;
static struct dd_frame_ring *writer;
static struct dd_newest_picture *newest;
static int fd;
static uint64_t now_us;

static void set_up(void)
{
    now_us = 1000 * SECOND;
    config = (struct dd_serve_stream){.live_us = 30 * SECOND,
                                      .stale_us = 300 * SECOND,
                                      .ring = {.entries = 4, .arena_bytes = 64 * 1024},
                                      .max_frame_bytes = 10000};
    fd = dd_frame_ring_create("test", &config.ring);
    writer = dd_frame_ring_open_writer(fd, &config.ring, -1);
    newest = dd_newest_picture_open(fd, &config);
    ck_assert(writer && newest);
}

static void tear_down(void)
{
    dd_newest_picture_close(newest);
    dd_newest_picture_close(NULL);
    dd_frame_ring_close(writer);
    close(fd);
}

static void commit(uint64_t number)
{
    const struct dd_frame_ring_frame frame = {.number = number, .captured_us = number * 1000, .bytes = 10};
    memset(dd_frame_ring_reserve(writer, 10), 'x', 10);
    dd_frame_ring_commit(writer, &frame);
}

/* The state that intake writes before it commits the frame. */
static void publish(uint64_t number)
{
    const struct dd_stream_state state = {.heard_us = now_us,
                                          .status_us = now_us,
                                          .status = {.source = DD_WIRE_SOURCE_OK, .frame = number},
                                          .frame = number,
                                          .frame_us = now_us,
                                          .frame_captured_us = number * 1000};
    dd_frame_ring_publish(writer, &state, sizeof state, false);
}

static void expect(uint64_t number, enum dd_freshness_level level, enum dd_freshness_level stream_level)
{
    struct dd_freshness own, stream;
    ck_assert_uint_eq(dd_shared_picture_number(dd_newest_picture_get(newest)), number);
    dd_newest_picture_evaluate(newest, now_us, &own);
    dd_newest_picture_evaluate_stream(newest, now_us, &stream);
    ck_assert_int_eq(own.level, level);
    ck_assert_int_eq(stream.level, stream_level);
}

START_TEST(nothing_is_there_before_the_first)
{
    struct dd_freshness freshness;
    set_up();
    ck_assert(!dd_newest_picture_update(newest, now_us));
    ck_assert_ptr_null(dd_newest_picture_get(newest));
    dd_newest_picture_evaluate(newest, now_us, &freshness);
    ck_assert_int_eq(freshness.level, DD_FRESHNESS_STALE);
    ck_assert_uint_eq(freshness.frame, 0);
    tear_down();
}
END_TEST

START_TEST(the_state_may_be_ahead_of_the_picture)
{
    set_up();
    publish(5);
    commit(5);
    ck_assert(dd_newest_picture_update(newest, now_us));
    ck_assert(!dd_newest_picture_update(newest, now_us));
    expect(5, DD_FRESHNESS_LIVE, DD_FRESHNESS_LIVE);
    now_us += 10 * SECOND;
    publish(6);
    ck_assert(!dd_newest_picture_update(newest, now_us));
    expect(5, DD_FRESHNESS_LIVE, DD_FRESHNESS_LIVE);
    now_us += 3 * SECOND; /* it does not come: a newer picture is lost */
    expect(5, DD_FRESHNESS_STALLED, DD_FRESHNESS_LIVE);
    now_us += 20 * SECOND; /* by its own age, it is over the limit as well */
    expect(5, DD_FRESHNESS_STALLED, DD_FRESHNESS_LIVE);
    commit(6);
    ck_assert(dd_newest_picture_update(newest, now_us));
    expect(6, DD_FRESHNESS_LIVE, DD_FRESHNESS_LIVE);
    tear_down();
}
END_TEST

START_TEST(a_picture_of_which_nothing_is_known_is_stale)
{
    set_up();
    commit(5);
    ck_assert(dd_newest_picture_update(newest, now_us));
    expect(5, DD_FRESHNESS_STALE, DD_FRESHNESS_STALE);
    commit(6);
    ck_assert(dd_newest_picture_update(newest, now_us));
    publish(6);
    expect(6, DD_FRESHNESS_LIVE, DD_FRESHNESS_LIVE);
    commit(7); /* no state says of it that it is newer */
    ck_assert(!dd_newest_picture_update(newest, now_us));
    expect(6, DD_FRESHNESS_LIVE, DD_FRESHNESS_LIVE);
    publish(7);
    ck_assert(!dd_newest_picture_update(newest, now_us + SECOND / 5));
    now_us += SECOND / 4;
    ck_assert(dd_newest_picture_update(newest, now_us));
    expect(7, DD_FRESHNESS_LIVE, DD_FRESHNESS_LIVE);
    tear_down();
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    set_up();
    publish(5);
    commit(5);
    ck_assert(dd_newest_picture_update(newest, now_us));
    const struct dd_frame_ring_frame large = {.number = 6, .bytes = config.max_frame_bytes + 1};
    dd_frame_ring_reserve(writer, large.bytes);
    dd_frame_ring_commit(writer, &large);
    ck_assert(!dd_newest_picture_update(newest, now_us));
    expect(5, DD_FRESHNESS_LIVE, DD_FRESHNESS_LIVE);
    ck_assert_ptr_null(
        dd_newest_picture_open(fd, &(struct dd_serve_stream){.ring = {.entries = 5, .arena_bytes = 64 * 1024 * 1024}}));
    tear_down();
}
END_TEST

SUITE("recv/serve/newest_picture", nothing_is_there_before_the_first, the_state_may_be_ahead_of_the_picture,
      a_picture_of_which_nothing_is_known_is_stale, what_does_not_fit_is_refused)
