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

SUITE("base/clock", writes_rfc_3339, rounds_waits_up_and_limits_them, never_goes_back)
