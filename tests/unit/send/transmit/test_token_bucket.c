#include "send/transmit/token_bucket.h"

#include "dd/base/clock.h"
#include "suite.h"

/* Sends bursts as fast as the bucket allows, for us microseconds. Returns the bits sent. */
static uint64_t run(struct dd_token_bucket *bucket, uint64_t bits, uint64_t *now_us, uint64_t us)
{
    uint64_t sent = 0, end = *now_us + us;
    while (*now_us < end) {
        uint64_t wait = dd_token_bucket_wait_us(bucket, *now_us);
        *now_us += wait;
        if (wait)
            continue;
        dd_token_bucket_spend(bucket, bits);
        sent += bits;
    }
    return sent;
}

START_TEST(keeps_the_rate)
{
    static const uint64_t rates[] = {64000, 1000000, 100000000, 10000000000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct dd_token_bucket bucket;
        uint64_t now_us = 1000, burst = 16 * 1428 * 8, seconds = 20;
        dd_token_bucket_init(&bucket, rates[i], burst, now_us);
        uint64_t sent = run(&bucket, burst, &now_us, seconds * 1000000), expected = rates[i] * seconds;
        uint64_t slack = expected / 500 + 3 * burst;
        ck_assert_uint_le(sent, expected + slack);
        ck_assert_uint_ge(sent + slack, expected);
    }
}
END_TEST

/* A wake-up of a millisecond's bursts costs less than one for each of them. */
START_TEST(sends_several_short_bursts_in_a_row)
{
    enum { BITS = 2 * 1428 * 8, RATE = 100000000 };
    struct dd_token_bucket bucket;
    uint64_t now_us = 0, bursts = 0, waits = 0, longest_row = 0, row = 0;
    dd_token_bucket_init(&bucket, RATE, BITS, now_us);
    while (now_us < DD_CLOCK_US_PER_S) {
        uint64_t wait = dd_token_bucket_wait_us(&bucket, now_us);
        now_us += wait;
        if (wait) {
            waits++;
            row = 0;
            continue;
        }
        dd_token_bucket_spend(&bucket, BITS);
        bursts++;
        longest_row = ++row > longest_row ? row : longest_row;
    }
    ck_assert_uint_ge(bursts * BITS, RATE / 1000 * 995);
    ck_assert_uint_le(bursts * BITS, RATE / 1000 * 1005);
    ck_assert_uint_le(waits, 1000);
    /* of a full bucket, 2 ms */
    ck_assert_uint_le((longest_row - 1) * BITS, RATE / 500);
}
END_TEST

START_TEST(saves_up_one_burst_at_most)
{
    struct dd_token_bucket bucket;
    dd_token_bucket_init(&bucket, 1000000, 10000, 0);
    /* after an idle hour */
    uint64_t spent = 0, now_us = UINT64_C(3600) * 1000000;
    while (dd_token_bucket_wait_us(&bucket, now_us) == 0) {
        dd_token_bucket_spend(&bucket, 1000);
        spent += 1000;
    }
    ck_assert_uint_le(spent, 11000);
    ck_assert_uint_ge(spent, 10000);
}
END_TEST

START_TEST(says_how_long_to_wait)
{
    struct dd_token_bucket bucket;
    dd_token_bucket_init(&bucket, 1000000, 1000, 0);
    dd_token_bucket_spend(&bucket, 12000); /* the bucket holds 2000 */
    uint64_t wait = dd_token_bucket_wait_us(&bucket, 0);
    ck_assert_uint_ge(wait, 11000); /* until it is half full */
    ck_assert_uint_le(wait, 11002);
    ck_assert_uint_gt(dd_token_bucket_wait_us(&bucket, 9900), 0);
    ck_assert_uint_eq(dd_token_bucket_wait_us(&bucket, wait), 0);
}
END_TEST

SUITE("send/transmit/token_bucket", keeps_the_rate, sends_several_short_bursts_in_a_row, saves_up_one_burst_at_most,
      says_how_long_to_wait)
