#include "send/transmit/fair_queue.h"

void dd_fair_queue_activate(struct dd_fair_queue_flow *flow, double clock)
{
    flow->active = true;
    if (flow->served < clock)
        flow->served = clock;
}

void dd_fair_queue_deactivate(struct dd_fair_queue_flow *flow)
{
    flow->active = false;
}

size_t dd_fair_queue_pick(const struct dd_fair_queue_flow *flows, size_t count, double *clock)
{
    size_t next = count;

    for (size_t i = 0; i < count; i++)
        if (flows[i].active && (next == count || flows[i].served < flows[next].served))
            next = i;
    if (next < count)
        *clock = flows[next].served;
    return next;
}

void dd_fair_queue_charge(struct dd_fair_queue_flow *flow, uint64_t bits)
{
    flow->served += (double)bits / flow->weight;
}
