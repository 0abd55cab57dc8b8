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

static enum dd_freshness_sender sender_state(const struct dd_stream_state *state, uint64_t live_us, uint64_t now_us)
{
    uint64_t period_us = (uint64_t)state->status.period_ms * DD_CLOCK_US_PER_MS;
    uint64_t silent_us = larger(SILENT_PERIODS * period_us, silent_min_us);
    if (!state->heard_us || since(now_us, state->heard_us) >= silent_us)
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
    if (state->status_us && state->status.frame == state->frame) {
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

/* The first cause that applies. What a silent or delayed sender says of its source is not current; a source that is not OK
 * explains more than a lost picture does. */
static const char *reason_text(const struct dd_stream_state *state, const struct dd_freshness *f, bool newer_lost)
{
    if (f->sender == DD_FRESHNESS_SILENT)
        return "sender silent";
    if (f->sender == DD_FRESHNESS_DELAYED)
        return "sender delayed";
    if (state->status_us && state->status.source != DD_WIRE_SOURCE_OK) {
        if (state->status.reason != DD_WIRE_REASON_NONE)
            return dd_wire_reason_text(state->status.reason);
        return state->status.source == DD_WIRE_SOURCE_STARTING     ? "source starting"
               : state->status.source == DD_WIRE_SOURCE_CONNECTING ? "source connecting"
                                                                   : "source failed";
    }
    if (newer_lost)
        return "newer picture lost";
    return state->frame ? "source gives no new picture" : "no picture yet";
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

    if (out->level == DD_FRESHNESS_LIVE && newer_lost) {
        out->level = DD_FRESHNESS_STALLED;
        out->reason = "newer picture lost";
    } else if (out->level != DD_FRESHNESS_LIVE) {
        out->reason = reason_text(state, out, newer_lost);
    }
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
