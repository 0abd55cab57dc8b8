/* Whole numbers rounded up. The results must fit uint64_t. */
#ifndef DD_BASE_ROUND_UP_H
#define DD_BASE_ROUND_UP_H

#include <stdint.h>

/* n / divisor, rounded up; divisor is not 0. */
static inline uint64_t dd_round_up_quotient(uint64_t n, uint64_t divisor)
{
    return n / divisor + (n % divisor != 0);
}

/* The smallest multiple of step, which is not 0, that is not below n. */
static inline uint64_t dd_round_up_to(uint64_t n, uint64_t step)
{
    return dd_round_up_quotient(n, step) * step;
}

#endif
