/* One stream's way out, in transmit: its session, the frame being sent, and its STATUS. Makes sealed datagrams; the caller
 * paces and sends them. One owner, one thread. */
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
    uint8_t *bytes; /* DD_ONEWAY_SOCKET_BURST * stride */
    size_t stride;  /* room for one datagram */
    struct iovec datagrams[DD_ONEWAY_SOCKET_BURST];
    size_t count;
};

/* config is read, not kept (its key is derived from); ring is borrowed. NULL, logged, on failure. */
struct dd_stream_sender *dd_stream_sender_new(const struct dd_transmit_stream *config, const struct dd_frame_ring *ring,
                                              uint64_t epoch_us);
void dd_stream_sender_free(struct dd_stream_sender *o);

/* Start of the newest session. */
uint64_t dd_stream_sender_session_start_us(const struct dd_stream_sender *o);

/* True while a frame is being sent: dd_stream_sender_fill has more. */
bool dd_stream_sender_is_sending(const struct dd_stream_sender *o);

/* Begins to send a picture, whose jpeg is borrowed until the next one; begins a new session before it where one is due. 0; or
 * a negative enum dd_error, logged: the picture is left out. */
int dd_stream_sender_begin_frame(struct dd_stream_sender *o, const struct dd_encoder_pool_picture *picture);

/* True if the newest picture is to go again, since the source still shows it: refresh_us after the last time, or, if that is
 * 0, once after 2 s. dd_stream_sender_begin_refresh() begins that, under its old number; as dd_stream_sender_begin_frame(). */
bool dd_stream_sender_is_refresh_due(const struct dd_stream_sender *o, uint64_t now_us);
int dd_stream_sender_begin_refresh(struct dd_stream_sender *o);

/* The source has shown the picture that was begun last again; ignored while that is being sent. */
void dd_stream_sender_note_shown(struct dd_stream_sender *o, const struct dd_encoder_pool_shown *shown);

/* Seals the next datagrams of the frame: as many as may be lost together. */
void dd_stream_sender_fill(struct dd_stream_sender *o, struct dd_stream_sender_burst *burst);

/* Bytes of datagrams, parity included, for each byte of JPEG: of the newest frame, 1 before the first. */
double dd_stream_sender_expansion(const struct dd_stream_sender *o);

/* Reads what capture says of the source. True if a STATUS is due: the source's state has changed, or it is time. */
bool dd_stream_sender_poll_source(struct dd_stream_sender *o, uint64_t now_us);
/* dd_clock_now_us() of the next STATUS, if nothing changes. */
uint64_t dd_stream_sender_status_due_us(const struct dd_stream_sender *o);
/* Seals a STATUS. skipped: pictures left out so far in this run. */
void dd_stream_sender_write_status(struct dd_stream_sender *o, uint64_t now_us, uint64_t skipped,
                                   struct dd_stream_sender_burst *burst);

#endif
