/* Tracks the state of one stream that intake publishes (recv/stream_state.h): the ledger, and the frame, STATUS and times from
 * which serve computes the freshness. It only gets what has authenticated, except for counting refusals. One owner, one thread.
 *
 * A session is a number here, and a later session has a higher one. now_us is dd_clock_now_us() when intake read the datagram. So
 * a datagram that waited in the socket, because the machine slept or intake was stopped, counts as delayed by as much, and the
 * next one does not. No wall clock of this machine comes in: it may be set at any time. */
#ifndef DD_RECV_INTAKE_STREAM_STATE_TRACKER_H
#define DD_RECV_INTAKE_STREAM_STATE_TRACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/link/unseal.h"
#include "recv/stream_state.h"

struct dd_delay;
struct dd_reassembly_counters;
struct dd_reassembly_frame;
struct dd_stream_state_tracker;

/* delay (borrowed until free) is what is known of the path's delay: each STATUS updates it. now_us: intake listens from now on.
 * Returned-owned: dd_stream_state_tracker_free(). NULL, logged, if memory is exhausted. */
struct dd_stream_state_tracker *dd_stream_state_tracker_new(struct dd_delay *delay, uint64_t now_us);
/* t may be NULL. */
void dd_stream_state_tracker_free(struct dd_stream_state_tracker *t);

/* Continues with a session that a process before this one has received: STATUS up to counter are old. */
void dd_stream_state_tracker_restore(struct dd_stream_state_tracker *t, uint64_t session, uint64_t status_counter);
/* session becomes the newest: its ledger begins at zero. What is counted of an older session goes into the total only. */
void dd_stream_state_tracker_begin_session(struct dd_stream_state_tracker *t, uint64_t session);

/* ---- the ledger ---- */

/* A datagram of size bytes has arrived, by which new_counters datagrams, itself included, are known to have been sent. */
void dd_stream_state_tracker_add_datagram(struct dd_stream_state_tracker *t, uint64_t session, uint64_t size,
                                          uint64_t new_counters, uint64_t now_us);
/* count more datagrams are known to have been sent. */
void dd_stream_state_tracker_add_sent(struct dd_stream_state_tracker *t, uint64_t session, uint64_t count);
/* A datagram was refused; counted for the newest session. verdict is not DD_UNSEAL_ACCEPTED. */
void dd_stream_state_tracker_count_refused(struct dd_stream_state_tracker *t, enum dd_unseal_verdict verdict);
/* A datagram was refused for that at now_us; notes when, for serve. */
void dd_stream_state_tracker_note_refusal(struct dd_stream_state_tracker *t, enum dd_stream_refusal refusal, uint64_t now_us);
/* An authentic datagram is malformed. */
void dd_stream_state_tracker_count_malformed(struct dd_stream_state_tracker *t, uint64_t session);
/* A complete frame can't be shown. */
void dd_stream_state_tracker_count_bad_frame(struct dd_stream_state_tracker *t, uint64_t session);
/* Adds what counters has more than at the last call. */
void dd_stream_state_tracker_count_reassembly(struct dd_stream_state_tracker *t, uint64_t session,
                                              const struct dd_reassembly_counters *counters);

/* ---- frame and STATUS ---- */

struct dd_stream_state_tracker_status {
    const struct dd_wire_status *status; /* borrowed for the call */
    uint64_t session;
    uint64_t counter;      /* of its datagram */
    bool heard_from_start; /* intake has listened since the session's first datagram: so all skipped frames count */
    uint64_t now_us;
};

/* A STATUS has arrived. False if it is older than the newest one: then it changes nothing. */
bool dd_stream_state_tracker_set_status(struct dd_stream_state_tracker *t, const struct dd_stream_state_tracker_status *arrived);

/* True if frame is shown already: a refresh, which has the number and the time of capture of what it repeats. */
bool dd_stream_state_tracker_is_shown(const struct dd_stream_state_tracker *t, const struct dd_reassembly_frame *frame);
/* A complete frame, fit to be shown, has arrived; or the one that is shown, in this session. */
void dd_stream_state_tracker_set_frame(struct dd_stream_state_tracker *t, const struct dd_reassembly_frame *frame,
                                       uint64_t now_us);

/* ---- publishing ---- */

/* The state as of now; borrowed until the next call. */
const struct dd_stream_state *dd_stream_state_tracker_state(struct dd_stream_state_tracker *t);
/* The same with these counters of the stream's UDP port, if there is any change since the last call of this function; else NULL.
 */
const struct dd_stream_state *dd_stream_state_tracker_changes(struct dd_stream_state_tracker *t,
                                                              const struct dd_socket_counters *socket);

#endif
