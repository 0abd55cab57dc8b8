#include "recv/intake/stream_state_tracker.h"

#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "dd/link/reassembly.h"
#include "dd/link/wire.h"
#include "recv/intake/delay.h"

struct dd_stream_state_tracker {
    struct dd_stream_state state;
    bool changed; /* since dd_stream_state_tracker_changes() returned it last */
    struct dd_delay *delay;
    struct dd_reassembly_counters counted;   /* as in the last count_reassembly */
    uint64_t session;                        /* the newest */
    uint64_t frame_session;                  /* of the newest complete frame */
    uint64_t status_session, status_counter; /* of the newest STATUS */
    uint64_t status_skipped;                 /* frames_skipped in it */
    uint64_t before_session;                 /* of the last STATUS of another session before it; 0: there was none */
    struct dd_wire_status before;            /* that STATUS */
};

struct dd_stream_state_tracker *dd_stream_state_tracker_new(struct dd_delay *delay, uint64_t now_us)
{
    struct dd_stream_state_tracker *t = calloc(1, sizeof *t);
    if (!t) {
        dd_log_error("out of memory");
        return NULL;
    }
    t->delay = delay;
    t->state.listening_us = now_us;
    t->changed = true;
    return t;
}

void dd_stream_state_tracker_free(struct dd_stream_state_tracker *t)
{
    free(t);
}

void dd_stream_state_tracker_restore(struct dd_stream_state_tracker *t, uint64_t session, uint64_t status_counter)
{
    t->session = t->status_session = session;
    t->status_counter = status_counter;
}

void dd_stream_state_tracker_begin_session(struct dd_stream_state_tracker *t, uint64_t session)
{
    t->session = session;
    memset(&t->state.session, 0, sizeof t->state.session);
    t->changed = true;
}

/* ---- the ledger ---- */

static void add(struct dd_stream_state_tracker *t, uint64_t *total, uint64_t *of_session, uint64_t n)
{
    *total += n;
    if (of_session)
        *of_session += n;
    if (n)
        t->changed = true;
}

/* Adds n to a field of the ledger of all, and of the newest session if session is that one. */
#define COUNT(t, session_, field, n)                                                                                             \
    add(t, &(t)->state.total.field, (session_) == (t)->session ? &(t)->state.session.field : NULL, n)

void dd_stream_state_tracker_add_datagram(struct dd_stream_state_tracker *t, uint64_t session, uint64_t size,
                                          uint64_t new_counters, uint64_t now_us)
{
    COUNT(t, session, datagrams_sent, new_counters);
    COUNT(t, session, datagrams_received, 1);
    COUNT(t, session, bytes_received, size);
    t->state.heard_us = now_us;
}

void dd_stream_state_tracker_add_sent(struct dd_stream_state_tracker *t, uint64_t session, uint64_t count)
{
    COUNT(t, session, datagrams_sent, count);
}

void dd_stream_state_tracker_count_refused(struct dd_stream_state_tracker *t, enum dd_unseal_verdict verdict)
{
    switch (verdict) {
    case DD_UNSEAL_ACCEPTED:
        break;
    case DD_UNSEAL_SESSION:
    case DD_UNSEAL_AHEAD:
        COUNT(t, t->session, refused_session, 1);
        break;
    case DD_UNSEAL_REPLAY:
        COUNT(t, t->session, refused_replay, 1);
        break;
    case DD_UNSEAL_FORGED:
        COUNT(t, t->session, refused_forged, 1);
        break;
    }
}

void dd_stream_state_tracker_note_refusal(struct dd_stream_state_tracker *t, enum dd_stream_refusal refusal, uint64_t now_us)
{
    if (dd_stream_state_note(&t->state.refused_us[refusal], now_us))
        t->changed = true;
}

void dd_stream_state_tracker_count_malformed(struct dd_stream_state_tracker *t, uint64_t session)
{
    COUNT(t, session, refused_malformed, 1);
}

void dd_stream_state_tracker_count_bad_frame(struct dd_stream_state_tracker *t, uint64_t session)
{
    COUNT(t, session, frames_bad, 1);
}

void dd_stream_state_tracker_count_reassembly(struct dd_stream_state_tracker *t, uint64_t session,
                                              const struct dd_reassembly_counters *counters)
{
    COUNT(t, session, frames_incomplete, counters->incomplete - t->counted.incomplete);
    COUNT(t, session, frames_late, counters->late - t->counted.late);
    COUNT(t, session, datagrams_recovered, counters->recovered - t->counted.recovered);
    t->counted = *counters;
}

/* ---- frame and STATUS ---- */

/* Notes since when the newest STATUS names a newer frame than the newest complete one. */
static void update_newer_announced(struct dd_stream_state_tracker *t, uint64_t now_us)
{
    struct dd_stream_state *s = &t->state;
    bool newer = s->status_us && s->status.frame &&
                 (!s->frame || t->status_session > t->frame_session ||
                  (t->status_session == t->frame_session && s->status.frame > s->frame));
    if (!newer)
        s->newer_announced_us = 0;
    else if (!s->newer_announced_us)
        s->newer_announced_us = now_us;
}

/* The STATUS that tells how the sender's clock was set in a session; NULL: this process has none of it. */
static const struct dd_wire_status *clock_of(const struct dd_stream_state_tracker *t, uint64_t session)
{
    if (t->state.status_us && session == t->status_session)
        return &t->state.status;
    return t->before_session && session == t->before_session ? &t->before : NULL;
}

/* For how long the newest frame may have been under way, for all that is known without its sender's clock: a newer session than
 * that of the newest STATUS began after this was sent. */
static uint64_t unknown_age_us(const struct dd_stream_state_tracker *t)
{
    const struct dd_stream_state *s = &t->state;
    bool is_newer = s->status_us && t->frame_session > t->status_session;
    return is_newer ? s->frame_us - s->status_us + s->delay_us : s->frame_us - s->listening_us;
}

/* The age of the newest frame on its arrival. Before this process has a STATUS of its session it is not known how the sender's
 * clock was set; then the frame counts as being as old as it can be. So a path that lets no STATUS through cannot make a frame
 * look live.
 */
static void update_frame_age(struct dd_stream_state_tracker *t)
{
    struct dd_stream_state *s = &t->state;
    const struct dd_wire_status *known = clock_of(t, t->frame_session), *clock = known ? known : s->status_us ? &s->status : NULL;
    s->frame_age_us = dd_delay_us(t->delay, clock, s->frame_captured_us, s->frame_us);
    if (!known && s->frame_age_us < unknown_age_us(t))
        s->frame_age_us = unknown_age_us(t);
}

static void update_delay(struct dd_stream_state_tracker *t, uint64_t now_us)
{
    struct dd_stream_state *s = &t->state;
    dd_delay_note(t->delay, &s->status, now_us);
    s->delay_us = dd_delay_us(t->delay, &s->status, s->status.sent_us, now_us);
    s->delay_rise_us = dd_delay_rise_us(t->delay, now_us);
    s->delay_rise_limit_us = t->delay->limit_us;
    s->delay_of_other_boot = dd_delay_is_of_other_boot(t->delay, &s->status);
    s->delay_used_up = !s->delay_of_other_boot && dd_delay_is_drift(t->delay, &s->status, now_us);
}

/* True if the newest STATUS names the newest frame. The number alone does not tell that across sessions: if the sender's clock
 * was set back, two runs may begin with the same one. */
static bool is_named(const struct dd_stream_state_tracker *t)
{
    const struct dd_stream_state *s = &t->state;
    if (!s->status_us || !s->frame || s->status.frame != s->frame)
        return false;
    return t->status_session == t->frame_session ||
           (t->status_session > t->frame_session && s->status.captured_us == s->frame_captured_us);
}

/* The newest STATUS may name the newest frame, also if that came later: then the age that it states counts. */
static void update_confirmed(struct dd_stream_state_tracker *t)
{
    struct dd_stream_state *s = &t->state;
    bool named = is_named(t);
    s->confirmed_us = named ? s->status_us : 0;
    s->confirmed_age_us = named ? (uint64_t)s->status.age_ms * DD_CLOCK_US_PER_MS + s->delay_us : 0;
}

/* Counts the frames that the sender has skipped since the last STATUS of the session. Those before the first one count only if
 * intake has listened all the time. */
static void count_skipped(struct dd_stream_state_tracker *t, const struct dd_stream_state_tracker_status *arrived)
{
    uint64_t skipped = arrived->status->frames_skipped, known = skipped;
    if (t->state.status_us && arrived->session == t->status_session)
        known = t->status_skipped;
    else if (arrived->heard_from_start)
        known = 0;
    if (skipped > known)
        COUNT(t, arrived->session, frames_skipped, skipped - known);
}

bool dd_stream_state_tracker_set_status(struct dd_stream_state_tracker *t, const struct dd_stream_state_tracker_status *arrived)
{
    const struct dd_wire_status *status = arrived->status;
    if (arrived->session < t->status_session || (arrived->session == t->status_session && arrived->counter <= t->status_counter))
        return false;
    count_skipped(t, arrived);
    bool is_first = !t->state.status_us || arrived->session != t->status_session;
    if (t->state.status_us && arrived->session != t->status_session) {
        t->before_session = t->status_session;
        t->before = t->state.status;
    }
    t->status_session = arrived->session;
    t->status_counter = arrived->counter;
    t->status_skipped = status->frames_skipped;
    t->state.status = *status;
    t->state.status_us = arrived->now_us;
    t->changed = true;
    update_delay(t, arrived->now_us);
    if (is_first && t->state.frame && t->frame_session == t->status_session)
        update_frame_age(t);
    update_newer_announced(t, arrived->now_us);
    /* If it names another frame, what an earlier STATUS said of the one shown stays true. */
    if (is_named(t))
        update_confirmed(t);
    return true;
}

bool dd_stream_state_tracker_is_shown(const struct dd_stream_state_tracker *t, const struct dd_reassembly_frame *frame)
{
    return frame->number == t->state.frame && frame->captured_us == t->state.frame_captured_us;
}

void dd_stream_state_tracker_set_frame(struct dd_stream_state_tracker *t, const struct dd_reassembly_frame *frame,
                                       uint64_t now_us)
{
    t->frame_session = frame->session;
    if (!dd_stream_state_tracker_is_shown(t, frame)) {
        COUNT(t, frame->session, frames_complete, 1);
        t->state.frame = frame->number;
        t->state.frame_us = now_us;
        t->state.frame_captured_us = frame->captured_us;
        update_frame_age(t);
    }
    t->changed = true;
    update_newer_announced(t, now_us);
    update_confirmed(t);
}

/* ---- publishing ---- */

const struct dd_stream_state *dd_stream_state_tracker_state(struct dd_stream_state_tracker *t)
{
    t->state.session.datagrams_lost = t->state.session.datagrams_sent - t->state.session.datagrams_received;
    t->state.total.datagrams_lost = t->state.total.datagrams_sent - t->state.total.datagrams_received;
    return &t->state;
}

const struct dd_stream_state *dd_stream_state_tracker_changes(struct dd_stream_state_tracker *t,
                                                              const struct dd_socket_counters *socket)
{
    if (!t->changed && memcmp(&t->state.socket, socket, sizeof *socket) == 0)
        return NULL;
    t->state.socket = *socket;
    t->changed = false;
    return dd_stream_state_tracker_state(t);
}
