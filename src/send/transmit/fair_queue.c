#include "send/transmit/fair_queue.h"

void dd_fair_queue_activate(struct dd_fair_queue_flow *share, double clock)
{
    share->active = true;
    if (share->served < clock)
        share->served = clock;
}

void dd_fair_queue_deactivate(struct dd_fair_queue_flow *share)
{
    share->active = false;
}

size_t dd_fair_queue_pick(const struct dd_fair_queue_flow *shares, size_t count, double *clock)
{
    size_t next = count;

    for (size_t i = 0; i < count; i++)
        if (shares[i].active && (next == count || shares[i].served < shares[next].served))
            next = i;
    if (next < count)
        *clock = shares[next].served;
    return next;
}

void dd_fair_queue_charge(struct dd_fair_queue_flow *share, uint64_t bits)
{
    share->served += (double)bits / share->weight;
}
