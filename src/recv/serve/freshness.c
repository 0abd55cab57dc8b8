/* Each age is an upper bound: an authentic datagram says that the source showed this picture at some time of the sender's clock,
 * and the delay says how long the path held that datagram back. Of several such bounds the smallest counts. */
#include "recv/serve/freshness.h"

#include <stdbool.h>
#include <string.h>

#include "dd/base/clock.h"
#include "recv/stream_state.h"

enum { SILENT_PERIODS = 3 };
static const uint64_t silent_min_us = 5 * (uint64_t)DD_CLOCK_US_PER_S;
static const uint64_t interval_slack_us = 5 * (uint64_t)DD_CLOCK_US_PER_S;
/* How long a frame may take to arrive after the STATUS that names it. */
static const uint64_t newer_frame_limit_us = 2 * (uint64_t)DD_CLOCK_US_PER_S;

/* intake and serve read the clock at different moments, so then_us may be a little ahead of now_us. */
static uint64_t since(uint64_t now_us, uint64_t then_us)
{
    return now_us > then_us ? now_us - then_us : 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Saturates: an overflow would make an old picture look young, and intake's numbers are not trusted. */
static uint64_t sum(uint64_t a, uint64_t b)
{
    return a <= UINT64_MAX - b ? a + b : UINT64_MAX;
}

/* For how long nothing has to arrive until that counts as silence. */
static uint64_t silent_us(const struct dd_stream_state *state)
{
    return larger(SILENT_PERIODS * (uint64_t)state->status.period_ms * DD_CLOCK_US_PER_MS, silent_min_us);
}

/* True if then_us, 0 for never, is not so long ago that it counts as silence. */
static bool is_recent(const struct dd_stream_state *state, uint64_t then_us, uint64_t now_us)
{
    return then_us && since(now_us, then_us) < silent_us(state);
}

static enum dd_freshness_sender sender_state(const struct dd_stream_state *state, uint64_t live_us, uint64_t now_us)
{
    if (!is_recent(state, state->heard_us, now_us))
        return DD_FRESHNESS_SILENT;
    return state->delay_us > live_us ? DD_FRESHNESS_DELAYED : DD_FRESHNESS_ALIVE;
}

/* The state of a source before its sender fell silent does not count. */
static const char *source_text(const struct dd_stream_state *state, enum dd_freshness_sender sender)
{
    if (!state->status_us || sender == DD_FRESHNESS_SILENT)
        return "unknown";
    switch (state->status.source) {
    case DD_WIRE_SOURCE_STARTING:
        return "starting";
    case DD_WIRE_SOURCE_OK:
        return "ok";
    case DD_WIRE_SOURCE_CONNECTING:
        return "connecting";
    case DD_WIRE_SOURCE_FAILED:
        return "failed";
    default:
        return "unknown";
    }
}

static uint64_t picture_age_us(const struct dd_stream_state *state, uint64_t now_us)
{
    uint64_t age_us = sum(since(now_us, state->frame_us), state->frame_age_us);
    if (state->confirmed_us) {
        uint64_t confirmed_us = sum(since(now_us, state->confirmed_us), state->confirmed_age_us);
        age_us = confirmed_us < age_us ? confirmed_us : age_us;
    }
    /* two runs of a sender whose clock was set back may use one number */
    bool is_named = state->status.frame == state->frame && state->status.captured_us == state->frame_captured_us;
    if (state->status_us && is_named) {
        uint64_t stated_us = (uint64_t)state->status.age_ms * DD_CLOCK_US_PER_MS;
        uint64_t status_us = sum(sum(since(now_us, state->status_us), stated_us), state->delay_us);
        age_us = status_us < age_us ? status_us : age_us;
    }
    return age_us;
}

static enum dd_freshness_level level_of(const struct dd_stream_state *state, const struct dd_freshness_limits *limits,
                                        uint64_t age_us)
{
    uint64_t interval_us = state->status_us ? (uint64_t)state->status.interval_ms * DD_CLOCK_US_PER_MS : 0;
    uint64_t slowest_us = 2 * interval_us + interval_slack_us;
    if (!state->frame || age_us >= larger(limits->stale_us, slowest_us))
        return DD_FRESHNESS_STALE;
    return age_us < larger(limits->live_us, slowest_us) ? DD_FRESHNESS_LIVE : DD_FRESHNESS_STALLED;
}

/* Why nothing of the stream is accepted. Recent refusals count only here, where the sender is silent: somebody who replays a
 * recording beside a healthy sender changes nothing. What authenticates explains more than what anybody can send. */
static enum dd_freshness_reason silence_reason(const struct dd_stream_state *state, uint64_t now_us)
{
    static const struct {
        enum dd_stream_refusal refusal;
        enum dd_freshness_reason reason;
    } refusals[] = {
        {DD_STREAM_REFUSAL_OLD_SESSION, DD_FRESHNESS_REASON_OLD_SESSION},
        {DD_STREAM_REFUSAL_AHEAD, DD_FRESHNESS_REASON_AHEAD},
        {DD_STREAM_REFUSAL_REPLAYED, DD_FRESHNESS_REASON_REPLAYED},
        {DD_STREAM_REFUSAL_REPLACED_KEY, DD_FRESHNESS_REASON_REPLACED_KEY},
        {DD_STREAM_REFUSAL_OTHER_PORT, DD_FRESHNESS_REASON_OTHER_PORT},
        {DD_STREAM_REFUSAL_FORGED, DD_FRESHNESS_REASON_FORGED},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (is_recent(state, state->refused_us[refusals[i].refusal], now_us))
            return refusals[i].reason;
    if (is_recent(state, state->socket.unknown_key_us, now_us))
        return DD_FRESHNESS_REASON_OTHER_KEY;
    if (is_recent(state, state->socket.foreign_us, now_us))
        return DD_FRESHNESS_REASON_OTHER_TRAFFIC;
    if (!state->heard_us && (!state->listening_us || is_recent(state, state->listening_us, now_us)))
        return DD_FRESHNESS_REASON_WAITING;
    return is_recent(state, state->socket.heard_us, now_us) ? DD_FRESHNESS_REASON_OTHER_STREAMS
                                                            : DD_FRESHNESS_REASON_NOTHING_ARRIVES;
}

/* Why the source gives no picture, by the newest STATUS. */
static enum dd_freshness_reason source_reason(const struct dd_wire_status *status)
{
    if (status->source == DD_WIRE_SOURCE_OK)
        return DD_FRESHNESS_REASON_NONE;
    if (status->reason != DD_WIRE_REASON_NONE)
        return DD_FRESHNESS_REASON_SOURCE;
    return status->source == DD_WIRE_SOURCE_STARTING     ? DD_FRESHNESS_REASON_SOURCE_STARTING
           : status->source == DD_WIRE_SOURCE_CONNECTING ? DD_FRESHNESS_REASON_SOURCE_CONNECTING
                                                         : DD_FRESHNESS_REASON_SOURCE_FAILED;
}

/* The first cause that applies, also while the picture is live. What a silent or delayed sender says of its source is not
 * current; a source that is not OK explains more than a lost picture does. */
static enum dd_freshness_reason find_reason(const struct dd_stream_state *state, const struct dd_freshness *f, bool newer_lost,
                                            uint64_t now_us)
{
    if (f->sender == DD_FRESHNESS_SILENT)
        return silence_reason(state, now_us);
    if (state->delay_used_up)
        return DD_FRESHNESS_REASON_CLOCKS_DRIFT;
    if (f->sender == DD_FRESHNESS_DELAYED)
        return state->delay_of_other_boot ? DD_FRESHNESS_REASON_CLOCK_SET : DD_FRESHNESS_REASON_DELAYED;
    if (is_recent(state, state->refused_us[DD_STREAM_REFUSAL_MALFORMED], now_us) && !is_recent(state, state->status_us, now_us))
        return DD_FRESHNESS_REASON_NOT_UNDERSTOOD;
    enum dd_freshness_reason reason = state->status_us ? source_reason(&state->status) : DD_FRESHNESS_REASON_NONE;
    if (reason)
        return reason;
    if (newer_lost)
        return is_recent(state, state->refused_us[DD_STREAM_REFUSAL_PICTURE], now_us) ? DD_FRESHNESS_REASON_NEWER_REFUSED
                                                                                      : DD_FRESHNESS_REASON_NEWER_LOST;
    if (f->level == DD_FRESHNESS_LIVE)
        return DD_FRESHNESS_REASON_NONE;
    return state->frame ? DD_FRESHNESS_REASON_NO_NEW_PICTURE : DD_FRESHNESS_REASON_NO_PICTURE;
}

void dd_freshness_evaluate(const struct dd_stream_state *state, const struct dd_freshness_limits *limits, uint64_t now_us,
                           struct dd_freshness *out)
{
    static const struct dd_stream_state nothing;
    memset(out, 0, sizeof *out);
    if (!state)
        state = &nothing;
    uint64_t age_us = picture_age_us(state, now_us);
    bool newer_lost = state->newer_announced_us && since(now_us, state->newer_announced_us) >= newer_frame_limit_us;

    out->sender = sender_state(state, limits->live_us, now_us);
    out->source = source_text(state, out->sender);
    out->level = level_of(state, limits, age_us);
    out->frame = state->frame;
    out->captured_us = state->frame_captured_us;
    out->seconds = dd_clock_seconds(age_us);
    out->seconds_since_frame = dd_clock_seconds(since(now_us, state->frame_us));
    out->seconds_since_change = out->seconds_since_frame;
    out->delay_seconds = dd_clock_seconds(state->delay_us);

    if (out->level == DD_FRESHNESS_LIVE && newer_lost)
        out->level = DD_FRESHNESS_STALLED;
    enum dd_freshness_reason reason = find_reason(state, out, newer_lost, now_us);
    out->reason =
        reason == DD_FRESHNESS_REASON_SOURCE ? dd_wire_reason_text(state->status.reason) : dd_freshness_reason_text(reason);
}

const char *dd_freshness_reason_text(enum dd_freshness_reason reason)
{
    static const char *const texts[DD_FRESHNESS_REASONS] = {
        [DD_FRESHNESS_REASON_OLD_SESSION] = "sessions refused as old",
        [DD_FRESHNESS_REASON_AHEAD] = "sessions refused as ahead of time",
        [DD_FRESHNESS_REASON_REPLAYED] = "datagrams refused as replayed",
        [DD_FRESHNESS_REASON_REPLACED_KEY] = "datagrams arrive under a replaced key",
        [DD_FRESHNESS_REASON_OTHER_PORT] = "datagrams arrive at another port",
        [DD_FRESHNESS_REASON_FORGED] = "datagrams refused as forged or damaged",
        [DD_FRESHNESS_REASON_OTHER_KEY] = "datagrams arrive under another key",
        [DD_FRESHNESS_REASON_OTHER_TRAFFIC] = "other traffic arrives at its port",
        [DD_FRESHNESS_REASON_WAITING] = "waiting for the sender",
        [DD_FRESHNESS_REASON_OTHER_STREAMS] = "sender silent: only other streams arrive",
        [DD_FRESHNESS_REASON_NOTHING_ARRIVES] = "sender silent: nothing arrives at its port",
        [DD_FRESHNESS_REASON_CLOCKS_DRIFT] = "clocks drift apart",
        [DD_FRESHNESS_REASON_CLOCK_SET] = "sender delayed, or its clock set back",
        [DD_FRESHNESS_REASON_DELAYED] = "sender delayed",
        [DD_FRESHNESS_REASON_NOT_UNDERSTOOD] = "messages not understood",
        [DD_FRESHNESS_REASON_SOURCE_STARTING] = "source starting",
        [DD_FRESHNESS_REASON_SOURCE_CONNECTING] = "source connecting",
        [DD_FRESHNESS_REASON_SOURCE_FAILED] = "source failed",
        [DD_FRESHNESS_REASON_NEWER_REFUSED] = "newer picture refused",
        [DD_FRESHNESS_REASON_NEWER_LOST] = "newer picture lost",
        [DD_FRESHNESS_REASON_NO_NEW_PICTURE] = "source gives no new picture",
        [DD_FRESHNESS_REASON_NO_PICTURE] = "no picture yet",
    };
    return texts[reason];
}

const char *dd_freshness_level_text(enum dd_freshness_level level)
{
    return level == DD_FRESHNESS_LIVE ? "live" : level == DD_FRESHNESS_STALLED ? "stalled" : "stale";
}

const char *dd_freshness_color(enum dd_freshness_level level)
{
    return level == DD_FRESHNESS_LIVE ? "green" : level == DD_FRESHNESS_STALLED ? "yellow" : "red";
}

const char *dd_freshness_sender_text(enum dd_freshness_sender sender)
{
    return sender == DD_FRESHNESS_ALIVE ? "alive" : sender == DD_FRESHNESS_DELAYED ? "delayed" : "silent";
}
