/* One stream's way out, in transmit: its session, the frame being sent, and its STATUS. Makes sealed datagrams; the caller
 * paces and sends them. One owner, one thread. */
#ifndef DD_SEND_TRANSMIT_STREAM_SENDER_H
#define DD_SEND_TRANSMIT_STREAM_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "send/transmit/oneway_socket.h"

struct dd_encoders_picture;
struct dd_encoders_shown;
struct dd_outlet;
struct dd_ring;
struct dd_transmit_stream;

struct dd_outlet_burst {
    uint8_t *bytes; /* DD_ONEWAY_BURST * stride */
    size_t stride;  /* room for one datagram */
    struct iovec datagrams[DD_ONEWAY_BURST];
    size_t count;
};

/* config is read, not kept (its key is derived from); ring is borrowed. NULL, logged, on failure. */
struct dd_outlet *dd_outlet_new(const struct dd_transmit_stream *config, const struct dd_ring *ring, uint64_t epoch_us);
void dd_outlet_free(struct dd_outlet *o);

/* Start of the newest session. */
uint64_t dd_outlet_session_start_us(const struct dd_outlet *o);

/* True while a frame is being sent: dd_outlet_fill has more. */
bool dd_outlet_is_sending(const struct dd_outlet *o);

/* Begins to send a picture, whose jpeg is borrowed until the next one; begins a new session before it where one is due. 0; or
 * a negative enum dd_error, logged: the picture is left out. */
int dd_outlet_begin(struct dd_outlet *o, const struct dd_encoders_picture *picture);

/* True if the newest picture is to go again, since the source still shows it: refresh_us after the last time, or, if that is
 * 0, once after 2 s. dd_outlet_repeat() begins that, under its old number; as dd_outlet_begin(). */
bool dd_outlet_is_repeat_due(const struct dd_outlet *o, uint64_t now_us);
int dd_outlet_repeat(struct dd_outlet *o);

/* The source has shown the picture that was begun last again; ignored while that is being sent. */
void dd_outlet_show(struct dd_outlet *o, const struct dd_encoders_shown *shown);

/* Seals the next datagrams of the frame: as many as may be lost together. */
void dd_outlet_fill(struct dd_outlet *o, struct dd_outlet_burst *burst);

/* Bytes of datagrams, parity included, for each byte of JPEG: of the newest frame, 1 before the first. */
double dd_outlet_expansion(const struct dd_outlet *o);

/* Reads what capture says of the source. True if a STATUS is due: the source's state has changed, or it is time. */
bool dd_outlet_observe(struct dd_outlet *o, uint64_t now_us);
/* dd_clock_now_us() of the next STATUS, if nothing changes. */
uint64_t dd_outlet_status_due_us(const struct dd_outlet *o);
/* Seals a STATUS. skipped: pictures left out so far in this run. */
void dd_outlet_status(struct dd_outlet *o, uint64_t now_us, uint64_t skipped, struct dd_outlet_burst *burst);

#endif
