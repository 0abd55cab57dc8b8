/* A token bucket: how many bits may leave by now. */
#ifndef DD_SEND_TRANSMIT_TOKEN_BUCKET_H
#define DD_SEND_TRANSMIT_TOKEN_BUCKET_H

#include <stdint.h>

struct dd_token_bucket {
    uint64_t rate_bps;
    double tokens, depth; /* bits; tokens are negative after a burst larger than what was there */
    uint64_t filled_us;   /* dd_clock_now_us() of the last refill */
};

/* Begins full. The bucket holds what may leave in one go: 2 ms of the rate, and never less than burst_bits. */
void dd_token_bucket_init(struct dd_token_bucket *pace, uint64_t rate_bps, uint64_t burst_bits, uint64_t now_us);

/* Microseconds until the next burst may go: 0 if it may go now. */
uint64_t dd_token_bucket_wait_us(struct dd_token_bucket *pace, uint64_t now_us);

/* What went. */
void dd_token_bucket_spend(struct dd_token_bucket *pace, uint64_t bits);

#endif
