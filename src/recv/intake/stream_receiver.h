/* Receives one stream, in intake: unseals its datagrams, puts its frames together, writes them to its ring, and publishes its
 * state. One owner, one thread. */
#ifndef DD_RECV_INTAKE_STREAM_RECEIVER_H
#define DD_RECV_INTAKE_STREAM_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_stream_receiver;
struct dd_intake_stream;
struct dd_log_limit;
struct dd_refused_sessions;
struct dd_recv_session_store;
struct dd_socket_counters;
struct sockaddr_storage;
struct dd_wire_header;

enum { DD_STREAM_RECEIVER_PEER_SIZE = 64 };

/* All borrowed for the call. */
struct dd_stream_receiver_datagram {
    const struct dd_wire_header *header; /* as read from bytes */
    const uint8_t *bytes;
    size_t size;
    size_t key;                          /* index of the stream's key with the header's id */
    const struct sockaddr_storage *from; /* the sender's address, for the log */
    uint64_t now_us, wall_us;            /* at its arrival: dd_clock_now_us(), dd_clock_wall_us() */
};

/* Writes an address with its port: "192.0.2.1:5005" or "[2001:db8::1]:5005". */
void dd_stream_receiver_peer_text(const struct sockaddr_storage *peer, char text[static DD_STREAM_RECEIVER_PEER_SIZE]);

/* What a receiver works with. All borrowed until free, except ring_fd. */
struct dd_stream_receiver_io {
    int ring_fd;                                  /* as for dd_frame_ring_open_writer() */
    int wake_fd;                                  /* the send end of a wake-up, for the ring's reader; -1: nobody is woken */
    uint8_t *scratch;                             /* room for the plaintext of the largest datagram */
    struct dd_recv_session_store *store;          /* the saved state of the stream; NULL: there is none, and nothing is saved */
    uint64_t now_us;                              /* dd_clock_now_us() */
    const char *command;                          /* as in struct dd_delay_log */
    const char *port;                             /* the stream's UDP port, for the log; NULL: not known */
    size_t index;                                 /* of the stream, in refused_sessions */
    struct dd_log_limit *begun_log;               /* for lines about begun sessions; NULL: one of its own */
    struct dd_refused_sessions *refused_sessions; /* gets the sessions that are refused though authentic; NULL: nobody does */
};

/* Derives from config's keys; config is borrowed for the call. Returned-owned: dd_stream_receiver_free(). NULL, logged, on
 * failure. */
struct dd_stream_receiver *dd_stream_receiver_new(const struct dd_intake_stream *config, const struct dd_stream_receiver_io *io);
/* Wipes the keys. r may be NULL. */
void dd_stream_receiver_free(struct dd_stream_receiver *r);

/* The id of key i, i < the config's key_count. */
uint32_t dd_stream_receiver_key_id(const struct dd_stream_receiver *r, size_t i);
/* True if key i was retired by a datagram under a later one. */
bool dd_stream_receiver_is_retired(const struct dd_stream_receiver *r, size_t i);

/* Handles one datagram, of a key that is not retired: accepts it, or refuses, counts and logs it. */
void dd_stream_receiver_handle(struct dd_stream_receiver *r, const struct dd_stream_receiver_datagram *datagram);

/* Refuses a datagram of a key that is retired; notes and logs it, as below. */
void dd_stream_receiver_refuse_retired(struct dd_stream_receiver *r, const struct dd_stream_receiver_datagram *datagram);
/* Refuses a datagram of a key that is not retired, because it has arrived at port, which is not the stream's. Notes and logs it
 * if it would be accepted at the stream's own. */
void dd_stream_receiver_refuse_port(struct dd_stream_receiver *r, const struct dd_stream_receiver_datagram *datagram,
                                    const char *port);

/* Gives up frames that have waited too long, writes the heartbeat, wakes the ring's reader if there are new frames, saves the
 * session, and publishes the state with the counters of the stream's UDP port. Call after every batch, and at least twice a
 * second. */
void dd_stream_receiver_publish(struct dd_stream_receiver *r, const struct dd_socket_counters *socket, uint64_t now_us);

#endif
