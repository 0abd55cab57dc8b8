/* One stream's way in, in intake: its keys and sessions, its frames in the making, its ledger, and its ring. One owner, one
 * thread. */
#ifndef DD_RECV_INTAKE_STREAM_RECEIVER_H
#define DD_RECV_INTAKE_STREAM_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_stream_receiver;
struct dd_intake_stream;
struct dd_recv_session_store;
struct dd_socket_counters;
struct sockaddr_storage;
struct dd_wire_header;

enum { DD_STREAM_RECEIVER_PEER_SIZE = 64 };

struct dd_stream_receiver_datagram {
    const struct dd_wire_header *header;
    const uint8_t *bytes;
    size_t size;
    size_t key;                          /* which of the stream's keys has the header's id */
    const struct sockaddr_storage *from; /* who sent it, for the log; borrowed */
    uint64_t now_us, wall_us;            /* of its arrival: dd_clock_now_us(), dd_clock_wall_us() */
};

/* Writes "192.0.2.1:5005" or "[2001:db8::1]:5005". */
void dd_stream_receiver_peer_text(const struct sockaddr_storage *peer, char text[static DD_STREAM_RECEIVER_PEER_SIZE]);

/* What an inlet works with; borrowed for its life unless said otherwise. */
struct dd_stream_receiver_io {
    int ring_fd;                        /* borrowed as dd_frame_ring_open_writer does */
    int wake_fd;                        /* wakes the ring's reader; -1: nobody */
    uint8_t *scratch;                   /* room for the plaintext of any datagram */
    struct dd_recv_session_store *keep; /* what is known from before; NULL: nothing, and nothing is kept */
    uint64_t now_us;                    /* dd_clock_now_us() */
};

/* config is read, not kept: its keys are derived from. NULL, logged, on failure. */
struct dd_stream_receiver *dd_stream_receiver_new(const struct dd_intake_stream *config, const struct dd_stream_receiver_io *io);
void dd_stream_receiver_free(struct dd_stream_receiver *inlet);

/* The id of key i, i < the config's key_count. */
uint32_t dd_stream_receiver_key_id(const struct dd_stream_receiver *inlet, size_t i);
/* True if key i was retired by a datagram under a later one. */
bool dd_stream_receiver_is_retired(const struct dd_stream_receiver *inlet, size_t i);

/* Judges and takes one datagram. */
void dd_stream_receiver_handle(struct dd_stream_receiver *inlet, const struct dd_stream_receiver_datagram *datagram);

/* Gives up what waited too long, wakes the reader of the ring if it has a new frame, tells it what else has changed, and that
 * intake lives. Call after every batch and at least twice a second. */
void dd_stream_receiver_publish(struct dd_stream_receiver *inlet, const struct dd_socket_counters *socket, uint64_t now_us);

#endif
