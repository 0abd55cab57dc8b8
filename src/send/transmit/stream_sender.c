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
    STATUS_GAP_MS = 50,    /* between two STATUS, however often the source's state changes */
    CHANGES_MAX = 3,       /* STATUS in a second because of that: they do not wait for the token bucket, nor for other streams */
    REPEAT_ONCE_MS = 2000, /* without refreshes a picture is sent once more, after this time */
};

struct dd_stream_sender {
    char name[DD_OPTIONS_NAME_SIZE];
    const struct dd_frame_ring *ring;
    struct dd_seal *seal;
    struct dd_stream_sender_clock clock;
    uint8_t jpeg_quality;
    uint32_t max_packet_size;
    double loss_tolerance;
    uint64_t interval_us, refresh_us;
    uint64_t next_number;

    /* The frame being sent. */
    struct dd_fragmenter *fragmenter; /* without symbols left: no frame is being sent */
    struct dd_wire_fragment fragment;
    struct dd_encoder_pool_picture sending;
    size_t datagram_bytes; /* of each of its datagrams */
    bool is_refresh;
    double expansion; /* bytes of its datagrams for each byte of its JPEG */

    /* The newest frame that was sent whole. */
    uint64_t sent_number;
    struct dd_encoder_pool_picture sent;
    uint64_t sent_us; /* when its last datagram was sealed, refreshes included; after a pause a refresh is due at once */
    bool was_refreshed;
    bool is_taken;                      /* it is the newest taken from the encoders: its JPEG is still valid */
    struct dd_encoder_pool_shown shown; /* when the ring last held it */

    /* The source's state in STATUS: as the capture role published it last, or as concluded from its silence. */
    uint8_t source;
    uint16_t reason;
    uint64_t confirmed_us;
    bool was_alive;
    uint64_t ended_us;          /* the last heartbeat of a capture role that has died */
    uint64_t forgiven_until_us; /* a heartbeat that should have come before is forgiven */
    /* The last one; the next one, due at once after a sleep or a pause. The age that it states counts the pause: nobody saw the
     * source meanwhile. */
    uint64_t status_us, status_due_us;
    uint64_t changes_us; /* when the second began in which changes of the state are counted */
    unsigned changes;

    uint64_t session_frames, session_skipped_base, skipped;
    uint64_t capture_skipped, capture_skipped_sum;
};

static void log_session(const struct dd_stream_sender *sender)
{
    uint64_t start_us = dd_seal_session_start_us(sender->seal);
    char begun[DD_CLOCK_ISO_SIZE];
    dd_clock_iso(start_us, begun);
    dd_log_notice("%s: session %" PRIu64 ":%016" PRIx64 ", begun %s", sender->name, start_us, dd_seal_session_salt(sender->seal),
                  begun);
}

struct dd_stream_sender *dd_stream_sender_new(const struct dd_transmit_stream *config, const struct dd_frame_ring *ring,
                                              const struct dd_stream_sender_clock *clock)
{
    struct dd_key key;
    struct dd_stream_sender *sender = calloc(1, sizeof *sender);
    if (!sender) {
        dd_log_error("out of memory");
        return NULL;
    }
    memcpy(sender->name, config->name, sizeof sender->name);
    sender->ring = ring;
    sender->clock = *clock;
    sender->jpeg_quality = (uint8_t)config->quality;
    sender->max_packet_size = config->max_packet_size;
    sender->loss_tolerance = config->loss_tolerance;
    sender->interval_us = config->interval_us;
    sender->refresh_us = config->refresh_us;
    sender->expansion = 1;
    sender->fragmenter = dd_fragmenter_new();
    if (!sender->fragmenter)
        goto err0;
    if (dd_key_derive(&key, config->key, config->stream_id) == 0)
        sender->seal = dd_seal_new(&key, config->last_start_us);
    explicit_bzero(&key, sizeof key);
    if (!sender->seal)
        goto err1;
    sender->next_number = dd_seal_session_start_us(sender->seal) / DD_CLOCK_US_PER_MS;
    log_session(sender);
    return sender;

err1:
    dd_fragmenter_free(sender->fragmenter);
err0:
    free(sender);
    return NULL;
}

void dd_stream_sender_free(struct dd_stream_sender *sender)
{
    if (!sender)
        return;
    dd_seal_free(sender->seal);
    dd_fragmenter_free(sender->fragmenter);
    free(sender);
}

uint64_t dd_stream_sender_session_start_us(const struct dd_stream_sender *sender)
{
    return dd_seal_session_start_us(sender->seal);
}

void dd_stream_sender_note_other_session(struct dd_stream_sender *sender, uint64_t start_us)
{
    dd_seal_note_other_session(sender->seal, start_us);
}

bool dd_stream_sender_is_sending(const struct dd_stream_sender *sender)
{
    return dd_fragmenter_left(sender->fragmenter) != 0;
}

int dd_stream_sender_begin_session(struct dd_stream_sender *sender)
{
    int error = dd_seal_begin(sender->seal);
    if (error)
        return error;
    sender->session_frames = 0;
    sender->session_skipped_base = sender->skipped;
    log_session(sender);
    return 0;
}

/* Begins a new session if one is due. To be called between frames only. SPARE leaves counters for the STATUS messages that are
 * sent during a frame. */
static int renew_session(struct dd_stream_sender *sender, uint64_t datagrams)
{
    enum { SPARE = 4096 };
    return dd_seal_due(sender->seal, datagrams + SPARE) ? dd_stream_sender_begin_session(sender) : 0;
}

static int begin(struct dd_stream_sender *sender, const struct dd_encoder_pool_picture *picture)
{
    struct dd_block_plan plan;
    int error = dd_block_plan_compute(&plan, picture->size, sender->max_packet_size, sender->loss_tolerance);
    if (error) {
        dd_log_error("%s: a picture of %u bytes does not fit datagrams of %u", sender->name, picture->size,
                     sender->max_packet_size);
        return error;
    }
    uint32_t datagrams = dd_block_plan_datagrams(&plan);
    error = renew_session(sender, datagrams);
    if (!error)
        error = dd_fragmenter_begin(sender->fragmenter, &plan, picture->jpeg);
    if (error)
        return error;
    sender->sending = *picture;
    sender->datagram_bytes = plan.symbol_bytes + DD_WIRE_OVERHEAD;
    sender->expansion = (double)datagrams * (double)sender->datagram_bytes / plan.frame_bytes;
    sender->fragment.captured_us = sender->clock.epoch_us + picture->captured_us;
    return 0;
}

int dd_stream_sender_begin_frame(struct dd_stream_sender *sender, const struct dd_encoder_pool_picture *picture)
{
    sender->is_taken = false;
    int error = begin(sender, picture);
    if (error)
        return error;
    sender->is_refresh = false;
    sender->fragment.frame = sender->next_number++;
    return 0;
}

int dd_stream_sender_begin_refresh(struct dd_stream_sender *sender)
{
    const struct dd_encoder_pool_picture picture = sender->sent;
    int error = begin(sender, &picture);
    if (error)
        return error;
    sender->is_refresh = true;
    sender->fragment.frame = sender->sent_number;
    return 0;
}

static void end_frame(struct dd_stream_sender *sender)
{
    sender->sent_us = dd_clock_now_us();
    sender->was_refreshed = sender->is_refresh;
    if (sender->is_refresh)
        return;
    sender->sent_number = sender->fragment.frame;
    sender->sent = sender->sending;
    sender->is_taken = true;
    sender->shown = (struct dd_encoder_pool_shown){.captured_us = sender->sent.captured_us, .position = sender->sent.position};
    sender->session_frames++;
}

/* Seals the message in place as the burst's next datagram. */
static void add_datagram(struct dd_stream_sender *sender, struct dd_stream_sender_burst *burst, size_t message_size)
{
    uint8_t *datagram = burst->bytes + burst->count * burst->stride;
    size_t size = dd_seal_datagram(sender->seal, datagram + DD_WIRE_HEADER_BYTES, message_size, datagram);
    if (size)
        burst->datagrams[burst->count++] = (struct iovec){.iov_base = datagram, .iov_len = size};
}

/* The number of datagrams in the next burst. */
static uint32_t next_burst(const struct dd_stream_sender *sender, const struct dd_stream_sender_burst *burst)
{
    size_t most = burst->most / sender->datagram_bytes;
    if (most > DD_ONEWAY_SOCKET_BURST)
        most = DD_ONEWAY_SOCKET_BURST;
    return dd_fragmenter_burst(sender->fragmenter, most ? (uint32_t)most : 1);
}

void dd_stream_sender_fill(struct dd_stream_sender *sender, struct dd_stream_sender_burst *burst)
{
    burst->count = 0;
    if (!dd_stream_sender_is_sending(sender))
        return;
    for (uint32_t left = next_burst(sender, burst); left && dd_stream_sender_is_sending(sender); left--) {
        uint8_t *message = burst->bytes + burst->count * burst->stride + DD_WIRE_HEADER_BYTES;
        size_t room = burst->stride - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES;
        /* Only parity takes memory, so an error loses no data symbol: these come first. */
        if (dd_fragmenter_next(sender->fragmenter, &sender->fragment) == 0)
            add_datagram(sender, burst, dd_wire_write_fragment(&sender->fragment, message, room));
        if (!dd_stream_sender_is_sending(sender))
            end_frame(sender);
    }
}

double dd_stream_sender_expansion(const struct dd_stream_sender *sender)
{
    return sender->expansion;
}

/* Copies the state and checks each field: capture is a less trusted process. */
static void copy_source_status(struct dd_stream_sender *sender, const struct dd_source_status *state, uint64_t now_us)
{
    sender->source = state->source <= DD_WIRE_SOURCE_FAILED ? (uint8_t)state->source : DD_WIRE_SOURCE_FAILED;
    sender->reason = sender->source == DD_WIRE_SOURCE_OK ? DD_WIRE_REASON_NONE : (uint16_t)state->reason;
    sender->confirmed_us = state->confirmed_us < now_us ? state->confirmed_us : now_us;
    if (state->skipped > sender->capture_skipped && state->skipped - sender->capture_skipped < UINT32_MAX)
        sender->capture_skipped_sum += state->skipped - sender->capture_skipped;
    sender->capture_skipped = state->skipped;
}

void dd_stream_sender_end_heartbeat(struct dd_stream_sender *sender)
{
    sender->ended_us = dd_frame_ring_alive_until(sender->ring);
    sender->forgiven_until_us = 0;
}

void dd_stream_sender_forgive(struct dd_stream_sender *sender, uint64_t late_us)
{
    uint64_t alive_until_us = dd_frame_ring_alive_until(sender->ring);
    if (alive_until_us == sender->ended_us)
        return;
    sender->forgiven_until_us =
        late_us + (alive_until_us > sender->forgiven_until_us ? alive_until_us : sender->forgiven_until_us);
}

/* True if a change of the source's state may bring the next STATUS forward. A capture role that was taken over could change it
 * all the time, and leave nothing of a low rate limit for the other streams. */
static bool admit_change(struct dd_stream_sender *sender, uint64_t now_us)
{
    if (now_us - sender->changes_us >= DD_CLOCK_US_PER_S) {
        sender->changes_us = now_us;
        sender->changes = 0;
    }
    return sender->changes++ < CHANGES_MAX;
}

bool dd_stream_sender_poll_source(struct dd_stream_sender *sender, uint64_t now_us)
{
    struct dd_source_status state;
    uint8_t source = sender->source;
    uint16_t reason = sender->reason;
    uint64_t alive_until_us = dd_frame_ring_alive_until(sender->ring);
    bool alive = alive_until_us != sender->ended_us && (alive_until_us > now_us || sender->forgiven_until_us > now_us);
    if (!alive && sender->was_alive) {
        sender->source = DD_WIRE_SOURCE_FAILED;
        sender->reason = DD_WIRE_REASON_CAPTURE;
    } else if (dd_frame_ring_observe(sender->ring, &state, sizeof state) == 0) {
        copy_source_status(sender, &state, now_us);
    }
    sender->was_alive = sender->was_alive || alive;
    uint64_t gap_end = sender->status_us + (uint64_t)STATUS_GAP_MS * DD_CLOCK_US_PER_MS;
    if ((source != sender->source || reason != sender->reason) && sender->status_due_us > gap_end && admit_change(sender, now_us))
        sender->status_due_us = gap_end;
    return now_us >= sender->status_due_us;
}

uint64_t dd_stream_sender_status_due_us(const struct dd_stream_sender *sender)
{
    return sender->status_due_us;
}

void dd_stream_sender_note_shown(struct dd_stream_sender *sender, const struct dd_encoder_pool_shown *shown)
{
    if (sender->is_taken && shown->captured_us > sender->shown.captured_us)
        sender->shown = *shown;
}

/* When the source last showed the newest frame that was sent: when the ring last held it; or, if it is still the newest in the
 * ring, when the capture role has confirmed it. */
static uint64_t shown_until(const struct dd_stream_sender *sender)
{
    if (sender->confirmed_us > sender->shown.captured_us && dd_frame_ring_count(sender->ring) == sender->shown.position + 1)
        return sender->confirmed_us;
    return sender->shown.captured_us;
}

bool dd_stream_sender_is_refresh_due(const struct dd_stream_sender *sender, uint64_t now_us)
{
    uint64_t wait_us = sender->refresh_us ? sender->refresh_us : (uint64_t)REPEAT_ONCE_MS * DD_CLOCK_US_PER_MS;
    if (!sender->is_taken || dd_stream_sender_is_sending(sender) || now_us < sender->sent_us + wait_us)
        return false;
    /* a picture that the source no longer shows is not sent again */
    return sender->refresh_us ? shown_until(sender) > sender->sent_us : !sender->was_refreshed;
}

static uint32_t age_ms(const struct dd_stream_sender *sender, uint64_t now_us)
{
    uint64_t shown_us = shown_until(sender);
    uint64_t ms = shown_us < now_us ? (now_us - shown_us) / DD_CLOCK_US_PER_MS : 0;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

void dd_stream_sender_write_status(struct dd_stream_sender *sender, uint64_t now_us, uint64_t skipped,
                                   struct dd_stream_sender_burst *burst)
{
    uint8_t *message = burst->bytes + DD_WIRE_HEADER_BYTES;
    /* A stream without new pictures needs new sessions, too. If that fails, the old one goes on. */
    if (!dd_stream_sender_is_sending(sender))
        renew_session(sender, 1);
    sender->skipped = skipped + sender->capture_skipped_sum;
    struct dd_wire_status status = {.source = sender->source,
                                    .reason = sender->reason,
                                    .interval_ms = (uint32_t)(sender->interval_us / DD_CLOCK_US_PER_MS),
                                    .period_ms = DD_TRANSMIT_STATUS_PERIOD_MS,
                                    .frames_skipped = (uint32_t)(sender->skipped - sender->session_skipped_base),
                                    .frames_sent = sender->session_frames,
                                    .sent_us = sender->clock.epoch_us + now_us,
                                    .epoch_us = sender->clock.epoch_us,
                                    .jpeg_quality = sender->jpeg_quality,
                                    .boot_tag = sender->clock.boot_tag};
    if (sender->sent_number) {
        status.frame = sender->sent_number;
        status.captured_us = sender->clock.epoch_us + sender->sent.captured_us;
        status.age_ms = age_ms(sender, now_us);
        status.width = sender->sent.width;
        status.height = sender->sent.height;
    }
    burst->count = 0;
    add_datagram(sender, burst, dd_wire_write_status(&status, message, burst->stride - DD_WIRE_HEADER_BYTES - DD_WIRE_TAG_BYTES));
    sender->status_us = now_us;
    sender->status_due_us = now_us + (uint64_t)DD_TRANSMIT_STATUS_PERIOD_MS * DD_CLOCK_US_PER_MS;
}
