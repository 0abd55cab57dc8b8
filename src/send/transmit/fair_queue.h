/* Which stream sends next: start-time fair queuing (Goyal, Vin, Cheng 1996). While a stream has something to send, it gets a
 * share of the rate by its weight. While it has nothing, it saves up nothing. One owner, one thread. */
#ifndef DD_SEND_TRANSMIT_FAIR_QUEUE_H
#define DD_SEND_TRANSMIT_FAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One stream. Zeroed at first, except for weight. */
struct dd_fair_queue_flow {
    double weight; /* above 0 */
    double served; /* bits sent / weight; moved up to the clock when the flow becomes active */
    bool active;   /* it has something to send */
};

/* The stream has something to send again. clock is the one that dd_fair_queue_pick() sets. */
void dd_fair_queue_activate(struct dd_fair_queue_flow *flow, double clock);
/* The stream has nothing more to send. */
void dd_fair_queue_deactivate(struct dd_fair_queue_flow *flow);

/* Returns the index of the active flow that sends next, the one served least, and sets *clock to what it was served. Returns
 * count if none is active. clock begins as 0. */
size_t dd_fair_queue_pick(const struct dd_fair_queue_flow *flows, size_t count, double *clock);

/* Adds the bits that the flow sent. */
void dd_fair_queue_charge(struct dd_fair_queue_flow *flow, uint64_t bits);

#endif
