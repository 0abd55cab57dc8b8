/* How long something of the sender's was on its way, without its clock and this one agreeing: by how much the difference of
 * arrival and sending exceeds the smallest that was ever seen (docs/protocol.md, "Freshness"). */
#ifndef DD_RECV_INTAKE_DELAY_H
#define DD_RECV_INTAKE_DELAY_H

#include <stdint.h>

/* zeroes: nothing is known yet */
struct dd_delay {
    uint64_t offset_us; /* the smallest difference; over two clocks that need not agree, so it goes round */
    uint64_t seen_us;   /* dd_clock_now_us() when it was; 0: nothing is known */
};

/* The delay of what was sent at sender_us (its clock) and arrives at now_us (dd_clock_now_us()); 0 where nothing is known. */
uint64_t dd_delay_us(const struct dd_delay *delay, uint64_t sender_us, uint64_t now_us);

/* Something was sent at sent_us: its difference may be the smallest. */
void dd_delay_note(struct dd_delay *delay, uint64_t sent_us, uint64_t now_us);

/* Nothing is known any more. */
void dd_delay_forget(struct dd_delay *delay);

#endif
