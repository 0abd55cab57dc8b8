/* The transmit role's side of one stream: its session, the frame being sent, and its STATUS. It makes sealed datagrams; the
 * caller paces and sends them. One owner, one thread. */
#ifndef DD_SEND_TRANSMIT_STREAM_SENDER_H
#define DD_SEND_TRANSMIT_STREAM_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "send/transmit/oneway_socket.h"

struct dd_encoder_pool_picture;
struct dd_encoder_pool_shown;
struct dd_stream_sender;
struct dd_frame_ring;
struct dd_transmit_stream;

struct dd_stream_sender_burst {
    uint8_t *bytes; /* DD_ONEWAY_SOCKET_BURST * stride; the caller's */
    size_t stride;  /* bytes for one datagram */
    size_t most;    /* bytes of datagrams that may be lost together, unless one alone is larger: dd_oneway_socket_burst_bytes() */
    struct iovec datagrams[DD_ONEWAY_SOCKET_BURST];
    size_t count;
};

/* The sender's clock, as STATUS states it. */
struct dd_stream_sender_clock {
    uint64_t epoch_us; /* wall clock less dd_clock_now_us() at the start of the run */
    uint32_t boot_tag; /* dd_boot_tag_compute() */
};

/* config and clock are borrowed for this call, ring for the sender's life. Returned-owned. NULL, logged, if memory is exhausted
 * or cryptography fails. */
struct dd_stream_sender *dd_stream_sender_new(const struct dd_transmit_stream *config, const struct dd_frame_ring *ring,
                                              const struct dd_stream_sender_clock *clock);
void dd_stream_sender_free(struct dd_stream_sender *sender);

/* The start of the newest session, µs since 1970. */
uint64_t dd_stream_sender_session_start_us(const struct dd_stream_sender *sender);
/* Another daemon has begun a session with the same key then: the next one, between two frames, is newer, and due if ours is not.
 */
void dd_stream_sender_note_other_session(struct dd_stream_sender *sender, uint64_t start_us);

/* Begins a new session at once. A frame that is being sent is lost: its datagrams are of two sessions. 0; or a negative enum
 * dd_error, logged, and the old session continues. */
int dd_stream_sender_begin_session(struct dd_stream_sender *sender);

/* True while a frame is being sent: dd_stream_sender_fill() has more datagrams. */
bool dd_stream_sender_is_sending(const struct dd_stream_sender *sender);

/* Begins to send a picture, in a new session if one is due. Its jpeg is borrowed until the next one is begun. 0; or a negative
 * enum dd_error, logged: the picture is skipped. */
int dd_stream_sender_begin_frame(struct dd_stream_sender *sender, const struct dd_encoder_pool_picture *picture);

/* True if a refresh is due: the source still shows the newest picture, and refresh_us have passed since it was last sent. With
 * refresh_us 0 a picture is sent once more, after 2 s. */
bool dd_stream_sender_is_refresh_due(const struct dd_stream_sender *sender, uint64_t now_us);
/* Begins to send the newest picture again, with its old number. Returns as dd_stream_sender_begin_frame(). */
int dd_stream_sender_begin_refresh(struct dd_stream_sender *sender);

/* Notes that the ring held the newest picture again. Ignored while that picture is being sent. */
void dd_stream_sender_note_shown(struct dd_stream_sender *sender, const struct dd_encoder_pool_shown *shown);

/* Seals the next datagrams of the frame, at least one: no more than burst->most bytes, and no more of a block than it has parity,
 * so that the frame survives their loss. */
void dd_stream_sender_fill(struct dd_stream_sender *sender, struct dd_stream_sender_burst *burst);

/* Bytes of datagrams, parity included, for each byte of the newest frame's JPEG; 1 before the first frame. */
double dd_stream_sender_expansion(const struct dd_stream_sender *sender);

/* Reads the state of the source that the capture role has published in the ring. True if a STATUS is due:
 * periodically, and after a change of state, though not after more than a few in a second. */
bool dd_stream_sender_poll_source(struct dd_stream_sender *sender, uint64_t now_us);
/* The capture role has died: its last heartbeat counts no more. */
void dd_stream_sender_end_heartbeat(struct dd_stream_sender *sender);
/* The caller was away for late_us (dd_clock_loop_late_us()), and so may have been the capture role: its heartbeat counts longer
 * by as much. */
void dd_stream_sender_forgive(struct dd_stream_sender *sender, uint64_t late_us);
/* When the next STATUS is due if nothing changes, on dd_clock_now_us()'s clock. */
uint64_t dd_stream_sender_status_due_us(const struct dd_stream_sender *sender);
/* Seals a STATUS. skipped: pictures that the transmit role has left out since its start. */
void dd_stream_sender_write_status(struct dd_stream_sender *sender, uint64_t now_us, uint64_t skipped,
                                   struct dd_stream_sender_burst *burst);

#endif
