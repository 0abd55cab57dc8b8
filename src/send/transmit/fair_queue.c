#include "send/transmit/fair_queue.h"

void dd_share_begin(struct dd_share *share, double clock)
{
    share->active = true;
    if (share->served < clock)
        share->served = clock;
}

void dd_share_end(struct dd_share *share)
{
    share->active = false;
}

size_t dd_share_pick(const struct dd_share *shares, size_t count, double *clock)
{
    size_t next = count;

    for (size_t i = 0; i < count; i++)
        if (shares[i].active && (next == count || shares[i].served < shares[next].served))
            next = i;
    if (next < count)
        *clock = shares[next].served;
    return next;
}

void dd_share_spend(struct dd_share *share, uint64_t bits)
{
    share->served += (double)bits / share->weight;
}
