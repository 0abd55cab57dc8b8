/* A stream that has backed up is noticed, whatever the source's clock says. */
#include "dd/base/clock.h"
#include "send/capture/rtsp/latency.h"
#include "suite.h"

enum { PERIOD_US = 40000, START_US = 1000000000 };

START_TEST(live_is_never_late)
{
    struct dd_latency latency = {0};

    /* the source's clock runs slow by a hundredth, and there is jitter */
    for (int i = 0; i < 10000; i++)
        ck_assert_uint_eq(dd_latency_update(&latency, START_US + (uint64_t)i * PERIOD_US + (uint64_t)(i % 7) * 1000, true,
                                            (int64_t)i * PERIOD_US * 99 / 100),
                          0);
}
END_TEST

START_TEST(backlog_is_seen)
{
    struct dd_latency latency = {0};
    uint64_t now_us = START_US;
    int64_t stamp_us = -77 * INT64_C(1000000);

    ck_assert_uint_eq(dd_latency_update(&latency, now_us, true, stamp_us), 0);
    /* read at half its speed: no read waits, and the delay grows */
    for (uint64_t i = 1; i <= 50; i++)
        ck_assert_uint_eq(dd_latency_update(&latency, now_us += 2 * PERIOD_US, false, stamp_us += PERIOD_US), i * PERIOD_US);
    /* read ten times as fast: the delay shrinks */
    for (uint64_t i = 1; i <= 55; i++)
        dd_latency_update(&latency, now_us += PERIOD_US / 10, false, stamp_us += PERIOD_US);
    ck_assert_uint_lt(dd_latency_update(&latency, now_us, false, stamp_us), 2 * PERIOD_US);
    ck_assert_uint_eq(dd_latency_update(&latency, now_us += PERIOD_US, true, stamp_us += PERIOD_US), 0);
}
END_TEST

START_TEST(jumps_are_not_lag)
{
    struct dd_latency latency = {0};

    ck_assert_uint_eq(dd_latency_update(&latency, START_US, false, 0), 0);
    ck_assert_uint_eq(dd_latency_update(&latency, START_US + PERIOD_US, false, INT64_C(3600) * DD_CLOCK_US_PER_S), 0);
    ck_assert_uint_eq(dd_latency_update(&latency, START_US + 2 * PERIOD_US, false, -INT64_C(3600) * DD_CLOCK_US_PER_S), 0);
    ck_assert_uint_eq(dd_latency_update(&latency, START_US + 3 * PERIOD_US, false, INT64_MAX), 0);
    ck_assert_uint_eq(dd_latency_update(&latency, START_US + 4 * PERIOD_US, false, INT64_MIN / 2), 0);
}
END_TEST

SUITE("send/capture/rtsp/latency", live_is_never_late, backlog_is_seen, jumps_are_not_lag)
