#include "recv/serve/api_json.h"

#include <math.h>
#include <stddef.h>

#include "dd/base/clock.h"
#include "dd/base/json.h"
#include "dd/link/frame_ring.h"
#include "dd/link/wire.h"
#include "recv/serve/freshness.h"
#include "recv/serve/serve_role.h"
#include "recv/stream_state.h"

enum { MS_DECIMALS = 3 };

/* The text of document, which is taken and may be NULL. */
static char *print(struct dd_json *document)
{
    char *text = dd_json_print(document);
    dd_json_free(document);
    return text;
}

static void add_time(struct dd_json *to, const char *name, uint64_t wall_us)
{
    char text[DD_CLOCK_ISO_SIZE];
    dd_clock_iso(wall_us, text);
    dd_json_add_string(to, name, text);
}

static void fill_freshness(struct dd_json *to, const struct dd_freshness *f)
{
    dd_json_add_string(to, "state", dd_freshness_level_text(f->level));
    dd_json_add_string(to, "status", dd_freshness_color(f->level));
    dd_json_add_number(to, "seconds", f->frame ? f->seconds : NAN, MS_DECIMALS);
    dd_json_add_string(to, "sender", dd_freshness_sender_text(f->sender));
    dd_json_add_string(to, "source", f->source);
    dd_json_add_string(to, "reason", f->reason);
    if (f->frame) {
        dd_json_add_integer(to, "frame", f->frame);
        add_time(to, "captured_at", f->captured_us);
    } else {
        dd_json_add_null(to, "frame");
        dd_json_add_null(to, "captured_at");
    }
    dd_json_add_number(to, "seconds_since_frame", f->frame ? f->seconds_since_frame : NAN, MS_DECIMALS);
    dd_json_add_number(to, "seconds_since_change", f->frame ? f->seconds_since_change : NAN, MS_DECIMALS);
    dd_json_add_number(to, "delay_seconds", f->frame ? f->delay_seconds : NAN, MS_DECIMALS);
}

char *dd_api_json_freshness(const struct dd_freshness *freshness)
{
    struct dd_json *document = dd_json_new_object();
    fill_freshness(document, freshness);
    return print(document);
}

char *dd_api_json_freshness_all(const struct dd_serve_config *config, const struct dd_freshness *list)
{
    struct dd_json *document = dd_json_new_object();
    struct dd_json *streams = dd_json_add_object(document, "streams");
    for (size_t i = 0; i < config->stream_count; i++)
        fill_freshness(dd_json_add_object(streams, config->streams[i].name), &list[i]);
    return print(document);
}

static void fill_ledger(struct dd_json *to, const struct dd_stream_ledger *ledger)
{
    dd_json_add_integer(to, "datagrams_sent", ledger->datagrams_sent);
    dd_json_add_integer(to, "datagrams_received", ledger->datagrams_received);
    dd_json_add_integer(to, "datagrams_recovered", ledger->datagrams_recovered);
    dd_json_add_integer(to, "datagrams_lost", ledger->datagrams_lost);
    dd_json_add_integer(to, "bytes_received", ledger->bytes_received);
    struct dd_json *refused = dd_json_add_object(to, "refused");
    dd_json_add_integer(refused, "session", ledger->refused_session);
    dd_json_add_integer(refused, "replay", ledger->refused_replay);
    dd_json_add_integer(refused, "forged", ledger->refused_forged);
    dd_json_add_integer(refused, "malformed", ledger->refused_malformed);
    dd_json_add_integer(to, "frames_complete", ledger->frames_complete);
    dd_json_add_integer(to, "frames_incomplete", ledger->frames_incomplete);
    dd_json_add_integer(to, "frames_late", ledger->frames_late);
    dd_json_add_integer(to, "frames_bad", ledger->frames_bad);
    dd_json_add_integer(to, "frames_skipped", ledger->frames_skipped);
}

char *dd_api_json_stats(const struct dd_stream_state *state, unsigned viewers)
{
    struct dd_json *document = dd_json_new_object();
    fill_ledger(dd_json_add_object(document, "session"), &state->session);
    fill_ledger(dd_json_add_object(document, "total"), &state->total);
    struct dd_json *socket = dd_json_add_object(document, "socket");
    struct dd_json *refused = dd_json_add_object(socket, "refused");
    dd_json_add_integer(refused, "short", state->socket.refused_short);
    dd_json_add_integer(refused, "version", state->socket.refused_version);
    dd_json_add_integer(refused, "key", state->socket.refused_key);
    dd_json_add_integer(socket, "kernel_drops", state->socket.kernel_drops);
    dd_json_add_integer(socket, "share_drops", state->socket.share_drops);
    struct dd_json *delay = dd_json_add_object(document, "delay");
    dd_json_add_number(delay, "seconds", state->status_us ? dd_clock_seconds(state->delay_us) : NAN, MS_DECIMALS);
    dd_json_add_number(delay, "drift_seconds", dd_clock_seconds(state->delay_rise_us), MS_DECIMALS);
    dd_json_add_number(delay, "drift_limit_seconds", dd_clock_seconds(state->delay_rise_limit_us), MS_DECIMALS);
    if (state->status_us)
        dd_json_add_integer(document, "jpeg_quality", state->status.jpeg_quality);
    else
        dd_json_add_null(document, "jpeg_quality");
    dd_json_add_integer(document, "viewers", viewers);
    return print(document);
}

/* Looks for a page's frames from the newest one back. Returns their number. */
static unsigned find_frames(const struct dd_frame_ring *ring, const struct dd_api_json_page *page,
                            struct dd_frame_ring_frame frames[static DD_API_JSON_FRAMES_MAX])
{
    uint64_t oldest = dd_frame_ring_oldest(ring), position = dd_frame_ring_count(ring);
    unsigned count = 0;
    /* The ring's counts are not trusted: no more entries than a ring can have are looked at. */
    for (unsigned i = 0; i < DD_FRAME_RING_ENTRIES_MAX && position > oldest && count < page->limit; i++) {
        struct dd_frame_ring_frame *frame = &frames[count];
        position--;
        if (dd_frame_ring_peek(ring, position, frame, NULL) == 0 && frame->bytes <= page->max_bytes &&
            frame->number <= DD_WIRE_FRAME_NUMBER_MAX && frame->number < page->before)
            count++;
    }
    return count;
}

char *dd_api_json_frames(const struct dd_frame_ring *ring, const struct dd_api_json_page *page)
{
    struct dd_frame_ring_frame found[DD_API_JSON_FRAMES_MAX];
    struct dd_json *document = dd_json_new_object();
    struct dd_json *frames = dd_json_add_array(document, "frames");
    for (unsigned i = find_frames(ring, page, found); i-- > 0;) {
        struct dd_json *item = dd_json_add_object(frames, NULL);
        dd_json_add_integer(item, "frame", found[i].number);
        add_time(item, "captured_at", found[i].captured_us);
        dd_json_add_integer(item, "bytes", found[i].bytes);
    }
    return print(document);
}

uint64_t dd_api_json_size_max(uint64_t streams)
{
    uint64_t frames = (uint64_t)DD_API_JSON_FRAMES_MAX * 96, freshness = streams * 640;
    return 4096 + (frames > freshness ? frames : freshness);
}
