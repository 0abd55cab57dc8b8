#include "recv/intake/refusal.h"

#include <inttypes.h>
#include <stdlib.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "dd/link/unseal.h"
#include "dd/link/wire.h"
#include "recv/intake/refused_sessions.h"
#include "recv/intake/stream_receiver.h"
#include "recv/intake/stream_state_tracker.h"

/* Whether a refused datagram has the key costs more to find out than to accept one: so few are looked at. */
enum authenticity { NOT_KNOWN, HAS_KEY, LACKS_KEY };
static const uint64_t authenticate_period_us = 100 * (uint64_t)DD_CLOCK_US_PER_MS;

struct dd_refusal {
    struct dd_refusal_config config;
    uint64_t authenticate_us; /* arrival of the first datagram that may be looked at next */
    struct dd_log_limit logs[DD_STREAM_REFUSALS];
};

struct dd_refusal *dd_refusal_new(const struct dd_refusal_config *config)
{
    struct dd_refusal *r = calloc(1, sizeof *r);
    if (!r) {
        dd_log_error("out of memory");
        return NULL;
    }
    r->config = *config;
    r->config.port = config->port ? config->port : "?";
    return r;
}

void dd_refusal_free(struct dd_refusal *r)
{
    free(r);
}

/* Whether the datagram has the key, as far as that matters and was looked at. */
static enum authenticity authenticate(struct dd_refusal *r, const struct dd_refusal_event *e)
{
    bool matters = e->why != DD_STREAM_REFUSAL_FORGED && (e->why != DD_STREAM_REFUSAL_REPLAYED || e->is_quiet);
    if (!matters || e->datagram->now_us < r->authenticate_us)
        return NOT_KNOWN;
    r->authenticate_us = e->datagram->now_us + authenticate_period_us;
    return dd_unseal_is_authentic(e->key, e->datagram->bytes, e->datagram->size, r->config.scratch) ? HAS_KEY : LACKS_KEY;
}

static bool is_session(const struct dd_refusal_event *e)
{
    return e->why == DD_STREAM_REFUSAL_OLD_SESSION || e->why == DD_STREAM_REFUSAL_AHEAD;
}

static void add_session(struct dd_refusal *r, const struct dd_refusal_event *e)
{
    char from[DD_STREAM_RECEIVER_PEER_SIZE];
    dd_stream_receiver_peer_text(e->datagram->from, from);
    const struct dd_refused_session session = {.stream = r->config.stream,
                                               .port = r->config.port,
                                               .from = from,
                                               .start_us = e->datagram->header->session_start_us,
                                               .salt = e->datagram->header->session_salt,
                                               .is_ahead = e->why == DD_STREAM_REFUSAL_AHEAD,
                                               .newest_start_us = e->newest_start_us,
                                               .newest_from = e->newest_from};
    if (r->config.sessions)
        dd_refused_sessions_add(r->config.sessions, r->config.index, &session, e->datagram->now_us);
}

static void log_refusal(struct dd_refusal *r, const struct dd_refusal_event *e)
{
    static const char *const words[DD_STREAM_REFUSALS] = {
        [DD_STREAM_REFUSAL_OLD_SESSION] = "its session is older than the newest one",
        [DD_STREAM_REFUSAL_AHEAD] = "its session begins over a day ahead of this machine's clock",
        [DD_STREAM_REFUSAL_REPLAYED] = "it came before, or is too old to tell",
        [DD_STREAM_REFUSAL_REPLACED_KEY] = "another key has replaced its key for good; give ddsend the new one",
        [DD_STREAM_REFUSAL_OTHER_PORT] = "it has arrived at the wrong port",
        [DD_STREAM_REFUSAL_FORGED] = "forged, or damaged on the way"};
    char from[DD_STREAM_RECEIVER_PEER_SIZE];
    uint64_t suppressed;
    if (!dd_log_allowed(&r->logs[e->why], &suppressed))
        return;
    dd_stream_receiver_peer_text(e->datagram->from, from);
    if (e->why == DD_STREAM_REFUSAL_OTHER_PORT)
        dd_log_warning("%s: refused a datagram from %s at UDP %s, key id %08" PRIx32
                       ": this stream listens at UDP %s; set cloud_port "
                       "of ddsend, or udp_port here (%" PRIu64 " others before it)",
                       r->config.stream, from, e->other_port, e->datagram->header->key_id, r->config.port, suppressed);
    else
        dd_log_info("%s: refused a datagram from %s at UDP %s, key id %08" PRIx32 ": %s (%" PRIu64 " others before it)",
                    r->config.stream, from, r->config.port, e->datagram->header->key_id, words[e->why], suppressed);
}

void dd_refusal_handle(struct dd_refusal *r, const struct dd_refusal_event *e)
{
    enum authenticity authenticity = authenticate(r, e);
    bool is_forged = authenticity == LACKS_KEY || e->why == DD_STREAM_REFUSAL_FORGED;
    if (authenticity == HAS_KEY || is_forged)
        dd_stream_state_tracker_note_refusal(r->config.tracker, is_forged ? DD_STREAM_REFUSAL_FORGED : e->why,
                                             e->datagram->now_us);
    /* Refused sessions of the sender are logged in a line of their own. */
    if (authenticity == HAS_KEY && is_session(e))
        add_session(r, e);
    else if (is_session(e) ? authenticity == LACKS_KEY : authenticity == HAS_KEY || e->why != DD_STREAM_REFUSAL_OTHER_PORT)
        log_refusal(r, e);
}
