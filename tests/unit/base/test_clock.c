#include "dd/base/clock.h"

#include "suite.h"

START_TEST(writes_rfc_3339)
{
    char text[DD_CLOCK_ISO_SIZE];
    dd_clock_iso(UINT64_C(1767268800123456), text);
    ck_assert_str_eq(text, "2026-01-01T12:00:00.123Z");
    dd_clock_iso(0, text);
    ck_assert_str_eq(text, "1970-01-01T00:00:00.000Z");
}
END_TEST

START_TEST(rounds_waits_up_and_limits_them)
{
    ck_assert_int_eq(dd_clock_wait_ms(1000, 1000, 50), 0);
    ck_assert_int_eq(dd_clock_wait_ms(2000, 1000, 50), 0);
    /* rounding down would make a loop turn for nothing until the time has come */
    ck_assert_int_eq(dd_clock_wait_ms(1000, 1001, 50), 1);
    ck_assert_int_eq(dd_clock_wait_ms(0, 3000, 50), 3);
    ck_assert_int_eq(dd_clock_wait_ms(0, UINT64_MAX / 2, 50), 50);
}
END_TEST

START_TEST(never_goes_back)
{
    uint64_t before = dd_clock_now_us();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = dd_clock_now_us();
        ck_assert_uint_ge(now, before);
        before = now;
    }
}
END_TEST

START_TEST(tells_a_loop_how_late_it_is)
{
    const uint64_t second = DD_CLOCK_US_PER_S, period = second / 4;
    struct dd_clock_loop loop = {0};
    uint64_t now = 1000 * second;
    ck_assert_uint_eq(dd_clock_loop_late_us(&loop, now, period), 0); /* the first turn is never late */
    ck_assert_uint_eq(dd_clock_loop_late_us(&loop, now += period, period), 0);
    ck_assert_uint_eq(dd_clock_loop_late_us(&loop, now += period + second, period), 0);
    ck_assert_uint_eq(dd_clock_loop_late_us(&loop, now += period + second + 1, period), second + 1);
    ck_assert_uint_eq(dd_clock_loop_late_us(&loop, now += 3600 * second, period), 3600 * second - period);
    ck_assert_uint_eq(dd_clock_loop_late_us(&loop, now + 1, period), 0);
}
END_TEST

SUITE("base/clock", writes_rfc_3339, rounds_waits_up_and_limits_them, never_goes_back, tells_a_loop_how_late_it_is)
