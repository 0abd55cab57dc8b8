#include "link/parity_level.h"

/* The probability of losing any block of a frame. */
#define FRAME_LOST 1e-5
/* Above the rounding error of the probabilities; the smallest one asked for, with 65535 blocks, is 1.5e-10. */
#define ROUNDING 1e-13

/* A block is lost if more than p symbols are missing when its data-th one has arrived: the count of losses before that has
 * a negative binomial distribution, whose terms follow from each other. */
uint32_t dd_parity_level_needed(uint32_t data, uint32_t blocks, double loss, uint32_t most)
{
    const double wanted = FRAME_LOST / blocks - ROUNDING;
    double just_p_lost = 1;
    for (uint32_t i = 0; i < data; i++)
        just_p_lost *= 1 - loss;
    double over_p_lost = 1 - just_p_lost;
    for (uint32_t p = 0; p <= most; p++) {
        if (over_p_lost < wanted)
            return p;
        just_p_lost *= loss * (data + p) / (p + 1);
        over_p_lost -= just_p_lost;
    }
    return most + 1;
}
