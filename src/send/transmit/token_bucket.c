#include "send/transmit/token_bucket.h"

#include "dd/base/clock.h"

enum { DEPTH_US = 2000 };

static double bits_in(const struct dd_token_bucket *bucket, uint64_t us)
{
    return (double)bucket->rate_bps * dd_clock_seconds(us);
}

void dd_token_bucket_init(struct dd_token_bucket *bucket, uint64_t rate_bps, uint64_t least_bits, uint64_t now_us)
{
    bucket->rate_bps = rate_bps;
    bucket->depth = bits_in(bucket, DEPTH_US);
    if (bucket->depth < (double)least_bits)
        bucket->depth = (double)least_bits;
    bucket->tokens = bucket->depth;
    bucket->filled_us = now_us;
}

uint64_t dd_token_bucket_wait_us(struct dd_token_bucket *bucket, uint64_t now_us)
{
    bucket->tokens += bits_in(bucket, now_us - bucket->filled_us);
    bucket->filled_us = now_us;
    if (bucket->tokens > bucket->depth)
        bucket->tokens = bucket->depth;
    /* A burst may be larger than the tokens that are left: the next one then waits until the debt is paid. */
    if (bucket->tokens >= 0)
        return 0;
    return (uint64_t)((bucket->depth / 2 - bucket->tokens) * (double)DD_CLOCK_US_PER_S / (double)bucket->rate_bps) + 1;
}

void dd_token_bucket_spend(struct dd_token_bucket *bucket, uint64_t bits)
{
    bucket->tokens -= (double)bits;
}
