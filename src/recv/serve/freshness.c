/* Every age is an upper bound that the sender proved: at a moment of its clock the source showed just this picture, and
 * what the path held back since is known as the delay. Of several such proofs the one that gives the smallest age counts. */
#include "recv/serve/freshness.h"

#include <stdbool.h>
#include <string.h>

#include "dd/base/clock.h"
#include "recv/stream_state.h"

enum { SILENT_PERIODS = 3 };
static const uint64_t silent_min_us = 5 * (uint64_t)DD_CLOCK_US_PER_S;
static const uint64_t interval_slack_us = 5 * (uint64_t)DD_CLOCK_US_PER_S;
/* how long a frame that STATUS names may be on its way */
static const uint64_t newer_patience_us = 2 * (uint64_t)DD_CLOCK_US_PER_S;

/* The two sides of the ring read the clock at different moments, so a stamp may be a little ahead. */
static uint64_t since(uint64_t now_us, uint64_t then_us)
{
    return now_us > then_us ? now_us - then_us : 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What the ring says is believed as far as it can't make an old picture young by overflowing. */
static uint64_t sum(uint64_t a, uint64_t b)
{
    return a <= UINT64_MAX - b ? a + b : UINT64_MAX;
}

static double seconds(uint64_t us)
{
    return (double)us / DD_CLOCK_US_PER_S;
}

static enum dd_freshness_sender judge_sender(const struct dd_stream_state *state, uint64_t live_us, uint64_t now_us)
{
    uint64_t period_us = (uint64_t)state->status.period_ms * DD_CLOCK_US_PER_MS;
    uint64_t patience_us = larger(SILENT_PERIODS * period_us, silent_min_us);
    if (!state->heard_us || since(now_us, state->heard_us) >= patience_us)
        return DD_FRESHNESS_SILENT;
    return state->delay_us > live_us ? DD_FRESHNESS_DELAYED : DD_FRESHNESS_ALIVE;
}

/* What a source was before its sender fell silent says nothing of what it is. */
static const char *judge_source(const struct dd_stream_state *state, enum dd_freshness_sender sender)
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
    if (state->shown_us) {
        uint64_t shown_us = sum(since(now_us, state->shown_us), state->shown_age_us);
        age_us = shown_us < age_us ? shown_us : age_us;
    }
    if (state->status_us && state->status.frame == state->frame) {
        uint64_t stated_us = (uint64_t)state->status.age_ms * DD_CLOCK_US_PER_MS;
        uint64_t status_us = sum(sum(since(now_us, state->status_us), stated_us), state->delay_us);
        age_us = status_us < age_us ? status_us : age_us;
    }
    return age_us;
}

static enum dd_freshness_level judge_level(const struct dd_stream_state *state, const struct dd_freshness_limits *limits,
                                           uint64_t age_us)
{
    uint64_t interval_us = state->status_us ? (uint64_t)state->status.interval_ms * DD_CLOCK_US_PER_MS : 0;
    uint64_t slowest_us = 2 * interval_us + interval_slack_us;
    if (!state->frame || age_us >= larger(limits->stale_us, slowest_us))
        return DD_FRESHNESS_STALE;
    return age_us < larger(limits->live_us, slowest_us) ? DD_FRESHNESS_LIVE : DD_FRESHNESS_STALLED;
}

/* The cause that is farthest upstream of what is known for sure comes first: of a silent sender nothing else is known. */
static const char *judge_reason(const struct dd_stream_state *state, const struct dd_freshness *f, bool newer_lost)
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
    bool newer_lost = state->newer_us && since(now_us, state->newer_us) >= newer_patience_us;

    out->sender = judge_sender(state, limits->live_us, now_us);
    out->source = judge_source(state, out->sender);
    out->level = judge_level(state, limits, age_us);
    out->frame = state->frame;
    out->captured_us = state->frame_captured_us;
    out->seconds = seconds(age_us);
    out->seconds_since_frame = seconds(since(now_us, state->frame_us));
    out->seconds_since_change = out->seconds_since_frame;
    out->delay_seconds = seconds(state->delay_us);

    if (out->level == DD_FRESHNESS_LIVE && newer_lost) {
        out->level = DD_FRESHNESS_STALLED;
        out->reason = "newer picture lost";
    } else if (out->level != DD_FRESHNESS_LIVE) {
        out->reason = judge_reason(state, out, newer_lost);
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
