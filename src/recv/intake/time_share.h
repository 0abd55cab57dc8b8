/* How intake divides its time among its UDP ports. A turn is one pass over the ports that have datagrams. It is limited in time,
 * and each port gets a share of it by the number of its streams. A port that needs less leaves the rest to those after it; one
 * that needs more waits for the next turn, with its datagrams in the kernel's queue, which drops and counts what does not fit.
 * So a sender that makes its datagrams costly holds up no port but its own.
 *
 * Streams at one port share the kernel's queue. While that is not emptied any more, a stream that takes more of the time than its
 * share is dropped unread, which takes next to nothing, so that the others are neither late nor lost. A stream's share is that of
 * the streams that were heard at the port in the last seconds.
 *
 * Pure arithmetic: the caller reads the clock. now_us: dd_clock_now_us(). */
#ifndef DD_RECV_INTAKE_TIME_SHARE_H
#define DD_RECV_INTAKE_TIME_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DD_TIME_SHARE_TURN_US = 50000,
    DD_TIME_SHARE_HEARD_US = 2000000,    /* each stream of a sender is heard in this time: STATUS comes every second */
    DD_TIME_SHARE_BACKLOG_US = 200000,   /* a queue that was not empty for so long is more than a burst */
    DD_TIME_SHARE_OVERLOAD_US = 1000000, /* what holds after that */
};

/* One turn. */
struct dd_time_share_turn {
    uint64_t end_us;
    uint64_t streams, left; /* of all ports; of those that are still to come */
};

/* What is known of a port. All zero at first. */
struct dd_time_share_cost {
    uint64_t message_us; /* what a message may take; 0: unknown */
};

/* What the streams of one port share. All zero at first. */
struct dd_time_share_port {
    uint64_t heard_window;        /* number of the window in which the streams that are heard are counted */
    uint32_t heard, heard_before; /* in this window, in the one before */
    uint64_t backlog_us;          /* since when the queue was not empty; 0: it was, last time */
    uint64_t overloaded_until_us;
    uint64_t turn, slice_us; /* the turn, by number, and the time that the port has in it */
};

/* One stream's time. All zero at first. */
struct dd_time_share_stream {
    uint64_t turn, used_us, cpu_us; /* in that turn of its port */
    uint64_t heard_window;
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

/* The port is read now, for slice_us at most. */
void dd_time_share_begin_port(struct dd_time_share_port *port, uint64_t slice_us);
/* The port was read; the kernel's queue is empty now, or not. */
void dd_time_share_note_queue(struct dd_time_share_port *port, bool is_empty, uint64_t now_us);
/* Datagrams of the stream at this port took that long, and that much of the CPU; 0 while there is no backlog_us: then nobody
 * needs to measure. */
void dd_time_share_charge(struct dd_time_share_port *port, struct dd_time_share_stream *stream, uint64_t now_us, uint64_t took_us,
                          uint64_t cpu_us);
/* True if the stream's datagrams are to be dropped unread: it has used up its share of half of the port's time in this turn (the
 * other half is for reading what is dropped), and a quarter of that on the CPU, so that one whose turn was interrupted by other
 * processes is not taken for a costly one. */
bool dd_time_share_exceeds(const struct dd_time_share_port *port, const struct dd_time_share_stream *stream, uint64_t now_us);

#endif
