/* How intake divides its time among its UDP ports. A turn is one pass over the ports that have datagrams. It is limited in time,
 * and each port gets a share of it by the number of its streams. A port that needs less leaves the rest to those after it; one
 * that needs more waits for the next turn, with its datagrams in the kernel's queue, which drops and counts what does not fit.
 * So a sender that makes its datagrams costly holds up no port but its own. Pure arithmetic: the caller reads the clock. */
#ifndef DD_RECV_INTAKE_TIME_SHARE_H
#define DD_RECV_INTAKE_TIME_SHARE_H

#include <stddef.h>
#include <stdint.h>

enum { DD_TIME_SHARE_TURN_US = 50000 };

/* One turn. */
struct dd_time_share_turn {
    uint64_t end_us;
    uint64_t streams, left; /* of all ports; of those that are still to come */
};

/* What is known of a port. All zero at first. */
struct dd_time_share_cost {
    uint64_t message_us; /* what a message may take; 0: unknown */
};

/* Begins a turn at now_us. streams: of all ports that have datagrams. */
void dd_time_share_begin(struct dd_time_share_turn *turn, uint64_t now_us, uint64_t streams);

/* Returns until when the next port, which has so many streams, may be read: it gets its share even if those before it took longer
 * than theirs, because a message is never handled by halves. */
uint64_t dd_time_share_next(struct dd_time_share_turn *turn, uint64_t now_us, uint64_t streams);

/* Returns how many messages fit into the time from now_us to until_us, 1 … most: what has been taken from the kernel cannot wait
 * there any more. */
size_t dd_time_share_messages(const struct dd_time_share_cost *cost, uint64_t now_us, uint64_t until_us, size_t most);

/* That many messages took that long, all together. */
void dd_time_share_measure(struct dd_time_share_cost *cost, size_t messages, uint64_t took_us);

#endif
