/* Who sends next when all want to: start-time fair queuing (Goyal, Vin, Cheng 1996). Each stream gets its weight's share of
 * what goes out while it has something to send, and saves up nothing while it has not. */
#ifndef DD_SEND_TRANSMIT_FAIR_QUEUE_H
#define DD_SEND_TRANSMIT_FAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One stream's; begins zeroed but for weight. */
struct dd_fair_queue_flow {
    double weight; /* above 0 */
    double served; /* bits by weight, as if it had always been sending */
    bool active;   /* it has something to send */
};

/* The stream has something to send, after it had nothing. clock is that of dd_fair_queue_pick(). */
void dd_fair_queue_activate(struct dd_fair_queue_flow *share, double clock);
void dd_fair_queue_deactivate(struct dd_fair_queue_flow *share);

/* Of the active ones the one that is to send next, and sets *clock to its place; count if none is active. */
size_t dd_fair_queue_pick(const struct dd_fair_queue_flow *shares, size_t count, double *clock);

/* What it sent. */
void dd_fair_queue_charge(struct dd_fair_queue_flow *share, uint64_t bits);

#endif
