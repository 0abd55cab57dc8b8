/* How long the path delayed a datagram, though the clocks of sender and receiver need not agree: the difference between arrival
 * and sending, less the smallest such difference ever seen (docs/protocol.md, "Freshness"). */
#ifndef DD_RECV_INTAKE_DELAY_H
#define DD_RECV_INTAKE_DELAY_H

#include <stdint.h>

/* Zeroes: nothing is known yet. */
struct dd_delay {
    uint64_t offset_us; /* the smallest difference; modulo 2^64, since the clocks need not agree */
    uint64_t seen_us;   /* dd_clock_now_us() when it was seen; 0: nothing is known */
};

/* The delay in µs of what was sent at sender_us (the sender's clock) and arrives at now_us (dd_clock_now_us()); 0 if nothing is
 * known. */
uint64_t dd_delay_us(const struct dd_delay *delay, uint64_t sender_us, uint64_t now_us);

/* A datagram sent at sent_us arrives at now_us: its difference may be the new smallest one. */
void dd_delay_note(struct dd_delay *delay, uint64_t sent_us, uint64_t now_us);

/* Forgets all that is known. */
void dd_delay_forget(struct dd_delay *delay);

#endif
