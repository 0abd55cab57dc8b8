#include "send/transmit/token_bucket.h"

#include "dd/base/clock.h"

enum { DEPTH_US = 2000 };

static double bits_in(const struct dd_token_bucket *pace, uint64_t us)
{
    return (double)pace->rate_bps * (double)us / DD_CLOCK_US_PER_S;
}

void dd_token_bucket_init(struct dd_token_bucket *pace, uint64_t rate_bps, uint64_t burst_bits, uint64_t now_us)
{
    pace->rate_bps = rate_bps;
    pace->depth = bits_in(pace, DEPTH_US);
    if (pace->depth < (double)burst_bits)
        pace->depth = (double)burst_bits;
    pace->tokens = pace->depth;
    pace->filled_us = now_us;
}

uint64_t dd_token_bucket_wait_us(struct dd_token_bucket *pace, uint64_t now_us)
{
    pace->tokens += bits_in(pace, now_us - pace->filled_us);
    pace->filled_us = now_us;
    if (pace->tokens > pace->depth)
        pace->tokens = pace->depth;
    /* A burst may go as soon as nothing is owed: it borrows, and the next one waits the longer. */
    if (pace->tokens >= 0)
        return 0;
    return (uint64_t)(-pace->tokens * DD_CLOCK_US_PER_S / (double)pace->rate_bps) + 1;
}

void dd_token_bucket_spend(struct dd_token_bucket *pace, uint64_t bits)
{
    pace->tokens -= (double)bits;
}
