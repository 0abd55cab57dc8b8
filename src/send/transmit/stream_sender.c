#include "send/transmit/stream_sender.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/block_plan.h"
#include "dd/link/fragmenter.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "dd/link/seal.h"
#include "dd/link/wire.h"
#include "send/source_status.h"
#include "send/transmit/encoder_pool.h"
#include "send/transmit/transmit_role.h"

enum {
    STATUS_GAP_MS = 50,    /* however often a source's state changes, STATUS goes no more often */
    REPEAT_ONCE_MS = 2000, /* without refreshes: when a change is repeated */
};

struct dd_stream_sender {
    char name[DD_OPTIONS_NAME_SIZE];
    const struct dd_frame_ring *ring;
    struct dd_seal *seal;
    uint64_t epoch_us;
    uint32_t max_packet_size;
    double loss_tolerance;
    uint64_t interval_us, refresh_us;
    uint64_t next_number;

    /* The frame being sent. */
    struct dd_fragmenter *symbols; /* none are left: there is no such frame */
    struct dd_wire_fragment fragment;
    struct dd_encoder_pool_picture sending;
    bool is_repeat;
    double expansion; /* bytes of its datagrams for each of its own */

    /* The newest frame that was sent whole. */
    uint64_t sent_number;
    struct dd_encoder_pool_picture sent;
    uint64_t sent_us; /* when its last datagram was sealed, of the last time that it went */
    bool was_repeated;
    bool is_taken;                      /* it is the last that was taken from the encoders: its jpeg is still there */
    struct dd_encoder_pool_shown shown; /* until when the ring had it again */

    /* What STATUS says of the source, as last told or worked out. */
    uint8_t source;
    uint16_t reason;
    uint64_t confirmed_us;
    bool was_alive;
    uint64_t status_us, status_due_us; /* the last one; the next one */

    uint64_t session_frames, session_skipped_base, skipped;
    uint64_t capture_skipped, capture_skipped_sum;
};

static void log_session(const struct dd_stream_sender *o)
{
    dd_log_notice("%s: session %" PRIu64 ":%016" PRIx64, o->name, dd_seal_session_start_us(o->seal),
                  dd_seal_session_salt(o->seal));
}

struct dd_stream_sender *dd_stream_sender_new(const struct dd_transmit_stream *config, const struct dd_frame_ring *ring,
                                              uint64_t epoch_us)
{
    struct dd_key key;
    struct dd_stream_sender *o = calloc(1, sizeof *o);
    if (!o) {
        dd_log_error("out of memory");
        return NULL;
    }
    memcpy(o->name, config->name, sizeof o->name);
    o->ring = ring;
    o->epoch_us = epoch_us;
    o->max_packet_size = config->max_packet_size;
    o->loss_tolerance = config->loss_tolerance;
    o->interval_us = config->interval_us;
    o->refresh_us = config->refresh_us;
    o->expansion = 1;
    o->symbols = dd_fragmenter_new();
    if (!o->symbols)
        goto err0;
    if (dd_key_derive(&key, config->key, config->stream_id) == 0)
        o->seal = dd_seal_new(&key, config->last_start_us);
    explicit_bzero(&key, sizeof key);
    if (!o->seal)
        goto err1;
    o->next_number = dd_seal_session_start_us(o->seal) / DD_CLOCK_US_PER_MS;
    log_session(o);
    return o;

err1:
    dd_fragmenter_free(o->symbols);
err0:
    free(o);
    return NULL;
}

void dd_stream_sender_free(struct dd_stream_sender *o)
{
    if (!o)
        return;
    dd_seal_free(o->seal);
    dd_fragmenter_free(o->symbols);
    free(o);
}

uint64_t dd_stream_sender_session_start_us(const struct dd_stream_sender *o)
{
    return dd_seal_session_start_us(o->seal);
}

bool dd_stream_sender_is_sending(const struct dd_stream_sender *o)
{
    return dd_fragmenter_left(o->symbols) != 0;
}

/* Between frames: a new session where one is due. STATUS datagrams of the frame's time are allowed for. */
static int renew_session(struct dd_stream_sender *o, uint64_t datagrams)
{
    enum { SPARE = 4096 };
    if (!dd_seal_due(o->seal, datagrams + SPARE))
        return 0;
    int error = dd_seal_begin(o->seal);
    if (error)
        return error;
    o->session_frames = 0;
    o->session_skipped_base = o->skipped;
    log_session(o);
    return 0;
}

static int begin(struct dd_stream_sender *o, const struct dd_encoder_pool_picture *picture)
{
    struct dd_block_plan plan;
    int error = dd_block_plan_compute(&plan, picture->size, o->max_packet_size, o->loss_tolerance);
    if (error) {
        dd_log_error("%s: a picture of %u bytes does not fit datagrams of %u", o->name, picture->size, o->max_packet_size);
        return error;
    }
    uint32_t datagrams = dd_block_plan_datagrams(&plan);
    error = renew_session(o, datagrams);
    if (!error)
        error = dd_fragmenter_begin(o->symbols, &plan, picture->jpeg);
    if (error)
        return error;
    o->sending = *picture;
    o->expansion = (double)datagrams * (plan.symbol_bytes + DD_WIRE_OVERHEAD) / plan.frame_bytes;
    o->fragment.captured_us = o->epoch_us + picture->captured_us;
    return 0;
}

int dd_stream_sender_begin_frame(struct dd_stream_sender *o, const struct dd_encoder_pool_picture *picture)
{
    o->is_taken = false;
    int error = begin(o, picture);
    if (error)
        return error;
    o->is_repeat = false;
    o->fragment.frame = o->next_number++;
    return 0;
}

int dd_stream_sender_begin_refresh(struct dd_stream_sender *o)
{
    const struct dd_encoder_pool_picture picture = o->sent;
    int error = begin(o, &picture);
    if (error)
        return error;
    o->is_repeat = true;
    o->fragment.frame = o->sent_number;
    return 0;
}

static void end_frame(struct dd_stream_sender *o)
{
    o->sent_us = dd_clock_now_us();
    o->was_repeated = o->is_repeat;
    if (o->is_repeat)
        return;
    o->sent_number = o->fragment.frame;
    o->sent = o->sending;
    o->is_taken = true;
    o->shown = (struct dd_encoder_pool_shown){.captured_us = o->sent.captured_us, .position = o->sent.position};
    o->session_frames++;
}

/* Seals message, which lies where its ciphertext will, as the burst's next datagram. */
static void add_datagram(struct dd_stream_sender *o, struct dd_stream_sender_burst *burst, size_t message_size)
{
    uint8_t *datagram = burst->bytes + burst->count * burst->stride;
    size_t size = dd_seal_datagram(o->seal, datagram + DD_WIRE_HEADER_BYTES, message_size, datagram);
    if (size)
        burst->datagrams[burst->count++] = (struct iovec){.iov_base = datagram, .iov_len = size};
}

void dd_stream_sender_fill(struct dd_stream_sender *o, struct dd_stream_sender_burst *burst)
{
    burst->count = 0;
    for (uint32_t left = dd_fragmenter_burst(o->symbols, DD_ONEWAY_SOCKET_BURST); left && dd_stream_sender_is_sending(o);
         left--) {
        uint8_t *message = burst->bytes + burst->count * burst->stride + DD_WIRE_HEADER_BYTES;
        size_t room = burst->stride - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES;
        /* all data are out before memory can run out, for parity */
        if (dd_fragmenter_next(o->symbols, &o->fragment) == 0)
            add_datagram(o, burst, dd_wire_write_fragment(&o->fragment, message, room));
        if (!dd_stream_sender_is_sending(o))
            end_frame(o);
    }
}

double dd_stream_sender_expansion(const struct dd_stream_sender *o)
{
    return o->expansion;
}

/* Takes over what capture says, field by field: it is a less trusted process. */
static void take_state(struct dd_stream_sender *o, const struct dd_source_status *state, uint64_t now_us)
{
    o->source = state->source <= DD_WIRE_SOURCE_FAILED ? (uint8_t)state->source : DD_WIRE_SOURCE_FAILED;
    o->reason = o->source == DD_WIRE_SOURCE_OK ? DD_WIRE_REASON_NONE : (uint16_t)state->reason;
    o->confirmed_us = state->confirmed_us < now_us ? state->confirmed_us : now_us;
    if (state->skipped > o->capture_skipped && state->skipped - o->capture_skipped < UINT32_MAX)
        o->capture_skipped_sum += state->skipped - o->capture_skipped;
    o->capture_skipped = state->skipped;
}

bool dd_stream_sender_poll_source(struct dd_stream_sender *o, uint64_t now_us)
{
    struct dd_source_status state;
    uint8_t source = o->source;
    uint16_t reason = o->reason;
    uint64_t alive_until = dd_frame_ring_alive_until(o->ring);
    bool alive = alive_until > now_us;
    if (!alive && o->was_alive) {
        o->source = DD_WIRE_SOURCE_FAILED;
        o->reason = DD_WIRE_REASON_CAPTURE;
    } else if (dd_frame_ring_observe(o->ring, &state, sizeof state) == 0) {
        take_state(o, &state, now_us);
    }
    o->was_alive = o->was_alive || alive;
    uint64_t gap_end = o->status_us + (uint64_t)STATUS_GAP_MS * DD_CLOCK_US_PER_MS;
    if ((source != o->source || reason != o->reason) && o->status_due_us > gap_end)
        o->status_due_us = gap_end;
    return now_us >= o->status_due_us;
}

uint64_t dd_stream_sender_status_due_us(const struct dd_stream_sender *o)
{
    return o->status_due_us;
}

void dd_stream_sender_note_shown(struct dd_stream_sender *o, const struct dd_encoder_pool_shown *shown)
{
    if (o->is_taken && shown->captured_us > o->shown.captured_us)
        o->shown = *shown;
}

/* Until when the source has shown the newest frame that was sent: as the ring had it, or as capture says it, if that frame is
 * still the newest one that it took. */
static uint64_t shown_until(const struct dd_stream_sender *o)
{
    if (o->confirmed_us > o->shown.captured_us && dd_frame_ring_count(o->ring) == o->shown.position + 1)
        return o->confirmed_us;
    return o->shown.captured_us;
}

bool dd_stream_sender_is_refresh_due(const struct dd_stream_sender *o, uint64_t now_us)
{
    uint64_t wait_us = o->refresh_us ? o->refresh_us : (uint64_t)REPEAT_ONCE_MS * DD_CLOCK_US_PER_MS;
    if (!o->is_taken || dd_stream_sender_is_sending(o) || now_us < o->sent_us + wait_us)
        return false;
    /* what the source does not show any more, nobody needs again */
    return o->refresh_us ? shown_until(o) > o->sent_us : !o->was_repeated;
}

static uint32_t age_ms(const struct dd_stream_sender *o, uint64_t now_us)
{
    uint64_t shown_us = shown_until(o);
    uint64_t ms = shown_us < now_us ? (now_us - shown_us) / DD_CLOCK_US_PER_MS : 0;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

void dd_stream_sender_write_status(struct dd_stream_sender *o, uint64_t now_us, uint64_t skipped,
                                   struct dd_stream_sender_burst *burst)
{
    uint8_t *message = burst->bytes + DD_WIRE_HEADER_BYTES;
    /* a stream without new pictures needs new sessions as well; if there is none to be had, the old one goes on */
    if (!dd_stream_sender_is_sending(o))
        renew_session(o, 1);
    o->skipped = skipped + o->capture_skipped_sum;
    struct dd_wire_status status = {.source = o->source,
                                    .reason = o->reason,
                                    .interval_ms = (uint32_t)(o->interval_us / DD_CLOCK_US_PER_MS),
                                    .period_ms = DD_TRANSMIT_STATUS_PERIOD_MS,
                                    .frames_skipped = (uint32_t)(o->skipped - o->session_skipped_base),
                                    .frames_sent = o->session_frames,
                                    .sent_us = o->epoch_us + now_us};
    if (o->sent_number) {
        status.frame = o->sent_number;
        status.captured_us = o->epoch_us + o->sent.captured_us;
        status.age_ms = age_ms(o, now_us);
        status.width = o->sent.width;
        status.height = o->sent.height;
    }
    burst->count = 0;
    add_datagram(o, burst, dd_wire_write_status(&status, message, burst->stride - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES));
    o->status_us = now_us;
    o->status_due_us = now_us + (uint64_t)DD_TRANSMIT_STATUS_PERIOD_MS * DD_CLOCK_US_PER_MS;
}
