#include "recv/intake/stream_receiver.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/wakeup.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "dd/link/reassembly.h"
#include "dd/link/unseal.h"
#include "dd/link/wire.h"
#include "recv/intake/delay.h"
#include "recv/intake/delay_log.h"
#include "recv/intake/intake_role.h"
#include "recv/intake/jpeg_header.h"
#include "recv/intake/refusal.h"
#include "recv/intake/session_store.h"
#include "recv/intake/stream_state_tracker.h"
#include "recv/stream_state.h"

/* ALIVE_MS: after a sleep of the machine serve may find the heartbeat over, until intake has had its turn. */
enum { ALIVE_MS = 3000 };
/* Replays matter only while nothing else is accepted. */
static const uint64_t quiet_us = DD_CLOCK_US_PER_S;

_Static_assert(sizeof(struct dd_stream_state) <= DD_FRAME_RING_STATE_SIZE, "the state fits its place in the ring");

struct dd_stream_receiver {
    char name[DD_OPTIONS_NAME_SIZE];
    struct dd_key keys[DD_INTAKE_KEYS_MAX];
    struct dd_unseal *unseals[DD_INTAKE_KEYS_MAX]; /* one for each key; NULL once a later key has replaced it */
    /* Replay windows of the keys that have no saved session; lost when the process ends. */
    struct dd_unseal_memory memories[DD_INTAKE_KEYS_MAX];
    size_t key_count, current_key;                   /* keys before the current one are retired */
    uint64_t session;                                /* number of the newest; see session_number() */
    uint64_t opened_us;                              /* dd_clock_now_us() when the receiver began to listen */
    uint64_t heard_us;                               /* of the newest datagram that was accepted; 0: none yet */
    char session_from[DD_STREAM_RECEIVER_PEER_SIZE]; /* the address that the newest session began from; "": not known */
    struct dd_refusal *refusal;
    uint32_t max_frame_bytes;
    uint8_t *scratch; /* borrowed; for the plaintext of one datagram */
    struct dd_stream_state_tracker *tracker;
    struct dd_reassembly *reassembly;
    struct dd_frame_ring *ring;
    int wake_fd;                         /* -1: none */
    bool must_wake;                      /* the ring has a frame that its reader was not woken for */
    struct dd_recv_session_store *store; /* borrowed; NULL: nothing is saved */
    struct dd_recv_session_state *saved; /* in the store, or &unsaved */
    struct dd_recv_session_state unsaved;
    struct dd_log_limit *begun_log, own_begun_log; /* the former is borrowed, or &own_begun_log */
    struct dd_log_limit bad_log;
    struct dd_delay_log delay_log;
};

/* dd_unseal numbers the sessions of one key. Over all keys of a stream, sessions of a later key get higher numbers. */
static uint64_t session_number(size_t key, uint64_t session)
{
    return (uint64_t)key << 48 | session;
}

void dd_stream_receiver_peer_text(const struct sockaddr_storage *peer, char text[static DD_STREAM_RECEIVER_PEER_SIZE])
{
    char ip[INET6_ADDRSTRLEN] = "?";
    unsigned port;
    if (peer->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, peer, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, ip, sizeof ip);
        port = ntohs(v4.sin_port);
    } else {
        struct sockaddr_in6 v6;
        memcpy(&v6, peer, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, ip, sizeof ip);
        port = ntohs(v6.sin6_port);
    }
    snprintf(text, DD_STREAM_RECEIVER_PEER_SIZE, peer->ss_family == AF_INET ? "%s:%u" : "[%s]:%u", ip, port);
}

/* A key that was replaced once stays retired, even if the configuration names it again. */
static void warn_retired(const struct dd_stream_receiver *r)
{
    for (size_t i = 0; i < r->key_count; i++)
        if (dd_recv_session_store_is_retired(r->saved, r->keys[i].id))
            dd_log_warning("%s: its key number %zu was replaced by another before, and is refused: make a new one", r->name,
                           i + 1);
}

/* Opens the keys. The key of the saved session continues with it; the others begin with memory that is not saved. */
static int open_keys(struct dd_stream_receiver *r, const struct dd_intake_stream *config)
{
    for (size_t i = 0; i < config->key_count && i < DD_INTAKE_KEYS_MAX; i++) {
        struct dd_key *key = &r->keys[i];
        int error = dd_key_derive(key, config->keys[i], config->stream_id);
        if (error)
            return error;
        bool is_known = r->saved->session.start_us && r->saved->session.key_id == key->id;
        r->unseals[i] = dd_unseal_new(key, is_known ? &r->saved->session : &r->memories[i]);
        if (!r->unseals[i])
            return DD_ERROR_MEMORY;
        r->key_count = i + 1;
    }
    return 0;
}

/* Continues with the saved session, if there is one and it is of one of the keys. */
static void restore(struct dd_stream_receiver *r)
{
    const struct dd_unseal_memory *memory = &r->saved->session;
    char began[DD_CLOCK_ISO_SIZE];
    size_t key = 0;
    warn_retired(r);
    if (!memory->start_us)
        return;
    while (key < r->key_count && r->keys[key].id != memory->key_id)
        key++;
    if (key == r->key_count) {
        dd_log_notice("%s: its key is another one than before", r->name);
        return;
    }
    r->current_key = key;
    r->session = session_number(key, 1);
    bool is_described = dd_recv_session_store_describes(r->saved);
    uint64_t status_counter = is_described && r->saved->status_counter ? r->saved->status_counter - 1 : 0;
    dd_stream_state_tracker_restore(r->tracker, r->session, status_counter);
    if (is_described && r->saved->frame)
        dd_reassembly_skip_before(r->reassembly, r->session, r->saved->frame);
    dd_clock_iso(memory->start_us, began);
    dd_log_info("%s: the newest session known is %" PRIu64 ":%016" PRIx64 ", begun %s", r->name, memory->start_us, memory->salt,
                began);
}

struct dd_stream_receiver *dd_stream_receiver_new(const struct dd_intake_stream *config, const struct dd_stream_receiver_io *io)
{
    struct dd_stream_receiver *r = calloc(1, sizeof *r);
    if (!r) {
        dd_log_error("out of memory");
        return NULL;
    }
    memcpy(r->name, config->name, sizeof r->name);
    r->scratch = io->scratch;
    r->wake_fd = io->wake_fd;
    r->opened_us = io->now_us;
    r->store = io->store;
    r->saved = io->store ? dd_recv_session_store_state(io->store) : &r->unsaved;
    r->max_frame_bytes = config->max_frame_bytes;
    r->saved->delay.limit_us = config->delay_drift_us;
    r->delay_log = (struct dd_delay_log){.name = r->name, .command = io->command, .live_us = config->live_us};
    r->begun_log = io->begun_log ? io->begun_log : &r->own_begun_log;
    if (open_keys(r, config))
        goto err0;
    r->tracker = dd_stream_state_tracker_new(&r->saved->delay, io->now_us);
    r->reassembly = dd_reassembly_new(config->max_frame_bytes);
    r->ring = dd_frame_ring_open_writer(io->ring_fd, &config->ring, -1);
    if (r->tracker)
        r->refusal = dd_refusal_new(&(struct dd_refusal_config){.stream = r->name,
                                                                .port = io->port,
                                                                .scratch = io->scratch,
                                                                .tracker = r->tracker,
                                                                .sessions = io->refused_sessions,
                                                                .index = io->index});
    if (!r->tracker || !r->refusal || !r->reassembly || !r->ring)
        goto err0;
    restore(r);
    return r;

err0:
    dd_stream_receiver_free(r);
    return NULL;
}

void dd_stream_receiver_free(struct dd_stream_receiver *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < DD_INTAKE_KEYS_MAX; i++)
        dd_unseal_free(r->unseals[i]);
    dd_refusal_free(r->refusal);
    dd_stream_state_tracker_free(r->tracker);
    dd_reassembly_free(r->reassembly);
    dd_frame_ring_close(r->ring);
    explicit_bzero(r, sizeof *r);
    free(r);
}

uint32_t dd_stream_receiver_key_id(const struct dd_stream_receiver *r, size_t i)
{
    return r->keys[i].id;
}

bool dd_stream_receiver_is_retired(const struct dd_stream_receiver *r, size_t i)
{
    return i < r->current_key || dd_recv_session_store_is_retired(r->saved, r->keys[i].id);
}

/* ---- authentic datagrams ---- */

static void count_malformed(struct dd_stream_receiver *r, const struct dd_stream_receiver_datagram *d, uint64_t session)
{
    dd_stream_state_tracker_count_malformed(r->tracker, session);
    dd_stream_state_tracker_note_refusal(r->tracker, DD_STREAM_REFUSAL_MALFORMED, d->now_us);
}

/* By what this STATUS says on the sender's clock, its session may be no older than this receiver. (The start is of the sender's
 * wall clock. If that was set while ddsend ran, the guess is wrong, and so is what counts as lost; nothing else.) Then all that
 * is missing since its first datagram was lost: counts what was sent before the first one that arrived. True if intake has
 * listened since the session's first datagram. */
static bool count_sent_from_start(struct dd_stream_receiver *r, const struct dd_unseal_message *m,
                                  const struct dd_stream_receiver_datagram *d, uint64_t sent_us, uint64_t session)
{
    uint64_t start_us = d->header->session_start_us;
    bool began_here = sent_us >= start_us && sent_us - start_us <= d->now_us - r->opened_us;
    if (began_here)
        dd_stream_state_tracker_add_sent(r->tracker, session, dd_unseal_count_from_start(r->unseals[d->key], m->session));
    return began_here || m->heard_from_start;
}

static void handle_status(struct dd_stream_receiver *r, const struct dd_unseal_message *m,
                          const struct dd_stream_receiver_datagram *d, uint64_t session)
{
    struct dd_wire_status status;
    if (dd_wire_read_status(&status, m->bytes, m->size)) {
        count_malformed(r, d, session);
        return;
    }
    bool from_start = count_sent_from_start(r, m, d, status.sent_us, session);
    const struct dd_stream_state_tracker_status arrived = {.status = &status,
                                                           .session = session,
                                                           .counter = d->header->counter,
                                                           .heard_from_start = from_start,
                                                           .now_us = d->now_us};
    if (!dd_stream_state_tracker_set_status(r->tracker, &arrived))
        return;
    dd_delay_log_note(&r->delay_log, dd_stream_state_tracker_state(r->tracker));
    if (session == r->session)
        r->saved->status_counter = d->header->counter + 1;
}

/* Counts a complete frame that is not shown, and logs what it is instead. */
static void refuse_frame(struct dd_stream_receiver *r, const struct dd_reassembly_frame *frame, uint64_t now_us, const char *what)
{
    uint64_t suppressed;
    dd_stream_state_tracker_count_bad_frame(r->tracker, frame->session);
    dd_stream_state_tracker_note_refusal(r->tracker, DD_STREAM_REFUSAL_PICTURE, now_us);
    if (dd_log_allowed(&r->bad_log, &suppressed))
        dd_log_warning("%s: frame %" PRIu64 " of %u bytes is %s (%" PRIu64 " more before it)", r->name, frame->number,
                       frame->size, what, suppressed);
}

/* Puts a complete frame into the ring. The reader is woken later, once for all frames of a batch. */
static void handle_frame(struct dd_stream_receiver *r, const struct dd_reassembly_frame *frame, uint64_t now_us)
{
    uint16_t width, height;
    if (dd_stream_state_tracker_is_shown(r->tracker, frame)) {
        dd_stream_state_tracker_set_frame(r->tracker, frame, now_us);
        return;
    }
    if (dd_jpeg_header_read(frame->bytes, frame->size, &width, &height) != 0) {
        refuse_frame(r, frame, now_us, "no JPEG of the kind that ddsend sends");
        return;
    }
    uint8_t *place = dd_frame_ring_reserve(r->ring, frame->size);
    if (!place) {
        refuse_frame(r, frame, now_us, "larger than buffer_bytes");
        return;
    }
    memcpy(place, frame->bytes, frame->size);
    const struct dd_frame_ring_frame entry = {
        .number = frame->number, .captured_us = frame->captured_us, .bytes = frame->size, .width = width, .height = height};
    if (frame->session == r->session)
        r->saved->frame = frame->number;
    dd_stream_state_tracker_set_frame(r->tracker, frame, now_us);
    /* The state comes first: a reader that sees the frame also sees the state that belongs to it. */
    dd_frame_ring_publish(r->ring, dd_stream_state_tracker_state(r->tracker), sizeof(struct dd_stream_state), false);
    dd_frame_ring_commit(r->ring, &entry);
    r->must_wake = true;
}

static void handle_fragment(struct dd_stream_receiver *r, const struct dd_unseal_message *m,
                            const struct dd_stream_receiver_datagram *d, uint64_t session)
{
    struct dd_wire_fragment fragment;
    struct dd_reassembly_frame frame;
    uint64_t suppressed;
    int error = dd_wire_read_fragment(&fragment, r->max_frame_bytes, m->bytes, m->size);
    if (error == DD_ERROR_SPACE && dd_log_allowed(&r->bad_log, &suppressed))
        dd_log_warning("%s: frame %" PRIu64 " has %u bytes, above max_frame_bytes (%u): refused", r->name, fragment.frame,
                       fragment.frame_bytes, r->max_frame_bytes);
    if (error == DD_ERROR_SPACE)
        dd_stream_state_tracker_note_refusal(r->tracker, DD_STREAM_REFUSAL_PICTURE, d->now_us);
    if (error) {
        count_malformed(r, d, session);
        return;
    }
    switch (dd_reassembly_add(r->reassembly, session, &fragment, d->now_us, &frame)) {
    case DD_REASSEMBLY_COMPLETE:
        handle_frame(r, &frame, d->now_us);
        break;
    case DD_REASSEMBLY_MALFORMED:
        count_malformed(r, d, session);
        break;
    case DD_REASSEMBLY_TAKEN:
    case DD_REASSEMBLY_LATE:
    case DD_REASSEMBLY_DUPLICATE:
    case DD_REASSEMBLY_MEMORY:
    case DD_REASSEMBLY_SPARE:
        break;
    }
    dd_stream_state_tracker_count_reassembly(r->tracker, session, dd_reassembly_counters(r->reassembly));
}

/* A datagram under key has arrived: retires the keys before it, and the key in use until now. From then on key's unseal alone
 * writes to the saved session. */
static void retire_keys(struct dd_stream_receiver *r, size_t key)
{
    uint32_t before = r->saved->session.key_id;
    for (size_t i = 0; i < key; i++) {
        dd_recv_session_store_retire(r->saved, r->keys[i].id);
        dd_unseal_free(r->unseals[i]);
        r->unseals[i] = NULL;
    }
    if (r->saved->session.start_us && before != r->keys[key].id) {
        dd_recv_session_store_retire(r->saved, before);
        dd_delay_allow_other_machine(&r->saved->delay);
    }
    r->current_key = key;
}

/* True if two texts of dd_stream_receiver_peer_text() differ in the port at most. */
static bool is_same_host(const char *a, const char *b)
{
    const char *end = strrchr(a, ':');
    size_t length = end ? (size_t)(end - a) + 1 : strlen(a);
    return strncmp(a, b, length) == 0 && strchr(b + length, ':') == NULL;
}

/* Who has the key can begin a session with each datagram: so not each has a line. */
static void log_session(struct dd_stream_receiver *r, const struct dd_stream_receiver_datagram *d, const char *from)
{
    char began[DD_CLOCK_ISO_SIZE], others[64] = "";
    uint64_t suppressed;
    bool is_other_host = r->session_from[0] && !is_same_host(r->session_from, from);
    if (!dd_log_allowed(r->begun_log, &suppressed))
        return;
    dd_clock_iso(d->header->session_start_us, began);
    if (suppressed)
        snprintf(others, sizeof others, " (%" PRIu64 " others of all streams before it)", suppressed);
    dd_log_notice("%s: session %" PRIu64 ":%016" PRIx64 " from %s, begun %s%s%s%s%s", r->name, d->header->session_start_us,
                  d->header->session_salt, from, began, d->key ? ", under a later key" : "",
                  is_other_host ? ", in place of the one from " : "", is_other_host ? r->session_from : "", others);
}

/* The session before the newest may be admitted again, by hand: what was accepted of it must not be accepted once more. */
static void note_ended(struct dd_stream_receiver *r)
{
    uint64_t start_us, salt, next;
    if (r->session && dd_unseal_before(r->unseals[r->current_key], &start_us, &salt, &next))
        dd_recv_session_store_note_ended(r->saved, start_us, salt, next);
}

/* An authentic datagram of a newer session has arrived: that becomes the session that is saved. */
static void begin_session(struct dd_stream_receiver *r, const struct dd_stream_receiver_datagram *d, uint64_t session)
{
    char from[DD_STREAM_RECEIVER_PEER_SIZE];
    dd_stream_receiver_peer_text(d->from, from);
    r->session = session;
    dd_stream_state_tracker_begin_session(r->tracker, session);
    retire_keys(r, d->key);
    dd_recv_session_store_begin_session(r->saved, d->header->session_start_us);
    dd_unseal_move(r->unseals[d->key], &r->saved->session);
    /* An older session that was admitted. */
    if (d->header->session_start_us < r->saved->session.latest_us)
        dd_delay_allow_other_machine(&r->saved->delay);
    note_ended(r);
    /* An admission that is still open was not for this session, and ends: by now it is for a recording. */
    if (r->store)
        dd_recv_session_store_finish_admission(r->store);
    log_session(r, d, from);
    memcpy(r->session_from, from, sizeof from);
}

/* ---- refused datagrams ---- */

static void refuse(struct dd_stream_receiver *r, const struct dd_stream_receiver_datagram *d, enum dd_stream_refusal why,
                   const char *other_port)
{
    dd_refusal_handle(r->refusal, &(struct dd_refusal_event){.why = why,
                                                             .key = &r->keys[d->key],
                                                             .datagram = d,
                                                             .is_quiet = d->now_us - r->heard_us >= quiet_us,
                                                             .other_port = other_port,
                                                             .newest_start_us = r->saved->session.latest_us,
                                                             .newest_from = r->session_from});
}

void dd_stream_receiver_refuse_retired(struct dd_stream_receiver *r, const struct dd_stream_receiver_datagram *d)
{
    refuse(r, d, DD_STREAM_REFUSAL_REPLACED_KEY, NULL);
}

void dd_stream_receiver_refuse_port(struct dd_stream_receiver *r, const struct dd_stream_receiver_datagram *d, const char *port)
{
    /* A recording that somebody plays at another port is no trouble of the sender. */
    if (dd_unseal_check_order(r->unseals[d->key], d->header, d->now_us, d->wall_us) == DD_UNSEAL_ACCEPTED)
        refuse(r, d, DD_STREAM_REFUSAL_OTHER_PORT, port);
}

/* ---- the way of a datagram ---- */

void dd_stream_receiver_handle(struct dd_stream_receiver *r, const struct dd_stream_receiver_datagram *d)
{
    static const enum dd_stream_refusal refusals[] = {[DD_UNSEAL_SESSION] = DD_STREAM_REFUSAL_OLD_SESSION,
                                                      [DD_UNSEAL_AHEAD] = DD_STREAM_REFUSAL_AHEAD,
                                                      [DD_UNSEAL_REPLAY] = DD_STREAM_REFUSAL_REPLAYED,
                                                      [DD_UNSEAL_FORGED] = DD_STREAM_REFUSAL_FORGED};
    struct dd_unseal_message m;
    enum dd_unseal_verdict verdict =
        dd_unseal_datagram(r->unseals[d->key], d->header, d->bytes, d->size, r->scratch, d->now_us, d->wall_us, &m);
    if (verdict != DD_UNSEAL_ACCEPTED) {
        dd_stream_state_tracker_count_refused(r->tracker, verdict);
        refuse(r, d, refusals[verdict], NULL);
        return;
    }
    uint64_t session = session_number(d->key, m.session);
    if (session > r->session)
        begin_session(r, d, session);
    r->heard_us = d->now_us;
    dd_stream_state_tracker_add_datagram(r->tracker, session, d->size, m.new_counters, d->now_us);
    if (dd_wire_type(m.bytes, m.size) == DD_WIRE_FRAGMENT)
        handle_fragment(r, &m, d, session);
    else if (dd_wire_type(m.bytes, m.size) == DD_WIRE_STATUS)
        handle_status(r, &m, d, session);
    else
        count_malformed(r, d, session);
}

/* Called once for all frames of a batch: a wake-up costs as much as many datagrams. */
static void wake_reader(struct dd_stream_receiver *r)
{
    if (r->must_wake)
        dd_wakeup_send(r->wake_fd);
    r->must_wake = false;
}

/* Saves what must outlive the machine, and looks whether a session is to be admitted. */
static void save(struct dd_stream_receiver *r, uint64_t now_us)
{
    uint64_t start_us, salt;
    if (!r->store)
        return;
    note_ended(r);
    dd_recv_session_store_checkpoint(r->store, now_us);
    if (dd_recv_session_store_reset_delay(r->store))
        dd_log_notice("%s: its delay is learnt anew", r->name);
    if (!dd_recv_session_store_poll_admission(r->store, &start_us, &salt))
        return;
    if (start_us == r->saved->session.start_us && salt == r->saved->session.salt) {
        dd_recv_session_store_finish_admission(r->store);
        return; /* it is the newest session already */
    }
    for (size_t i = r->current_key; i < r->key_count; i++)
        dd_unseal_admit(r->unseals[i], start_us, salt, dd_recv_session_store_ended_next(r->saved, start_us, salt));
    dd_log_notice("%s: session %" PRIu64 ":%016" PRIx64 " will be admitted", r->name, start_us, salt);
}

void dd_stream_receiver_publish(struct dd_stream_receiver *r, const struct dd_socket_counters *socket, uint64_t now_us)
{
    dd_reassembly_expire(r->reassembly, now_us);
    dd_stream_state_tracker_count_reassembly(r->tracker, r->session, dd_reassembly_counters(r->reassembly));
    dd_frame_ring_beat(r->ring, now_us + (uint64_t)ALIVE_MS * DD_CLOCK_US_PER_MS);
    wake_reader(r);
    save(r, now_us);
    /* No wake-up: serve reads the state when somebody asks for it. A stranger's datagrams must not wake it each time. */
    const struct dd_stream_state *state = dd_stream_state_tracker_changes(r->tracker, socket);
    if (state)
        dd_frame_ring_publish(r->ring, state, sizeof *state, false);
}
