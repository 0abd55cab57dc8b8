/* A token bucket limits the rate at which bits are sent (RFC 2697 has the term). One owner, one thread. */
#ifndef DD_SEND_TRANSMIT_TOKEN_BUCKET_H
#define DD_SEND_TRANSMIT_TOKEN_BUCKET_H

#include <stdint.h>

struct dd_token_bucket {
    uint64_t rate_bps;
    double tokens, depth; /* bits; tokens is negative after a burst that was larger */
    /* dd_clock_now_us() of the last refill. A sleep or a pause of this process fills the bucket, no more. */
    uint64_t filled_us;
};

/* Begins full. Its depth is 2 ms of the rate, and at least least_bits. */
void dd_token_bucket_init(struct dd_token_bucket *bucket, uint64_t rate_bps, uint64_t least_bits, uint64_t now_us);

/* Microseconds until the next burst may be sent; 0: now. Once the bucket is empty that is when it is half full: so a wake-up
 * sends several short bursts. */
uint64_t dd_token_bucket_wait_us(struct dd_token_bucket *bucket, uint64_t now_us);

/* Takes out the bits that were sent. */
void dd_token_bucket_spend(struct dd_token_bucket *bucket, uint64_t bits);

#endif
