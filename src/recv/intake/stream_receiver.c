#include "recv/intake/stream_receiver.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "dd/link/reassembly.h"
#include "dd/link/unseal.h"
#include "dd/link/wire.h"
#include "recv/intake/delay.h"
#include "recv/intake/intake_role.h"
#include "recv/intake/session_store.h"
#include "recv/jpeg_codec.h"
#include "recv/stream_state.h"

enum { ALIVE_MS = 3000, LOG_PERIOD_MS = 10000 };
/* Whether a datagram of a refused session is authentic costs as much as to accept it. */
enum { PROVE_PERIOD_MS = 100, LOST_SENDER_LOG_MS = 60000 };

_Static_assert(sizeof(struct dd_stream_state) <= DD_FRAME_RING_STATE_SIZE, "the state fits its place in the ring");

struct dd_stream_receiver {
    char name[DD_OPTIONS_NAME_SIZE];
    struct dd_key keys[DD_INTAKE_KEYS_MAX];
    struct dd_unseal *unseals[DD_INTAKE_KEYS_MAX];
    struct dd_unseal_memory memories[DD_INTAKE_KEYS_MAX]; /* of keys without a session that is kept */
    size_t key_count, current_key;                        /* keys before the current one are retired */
    uint32_t max_frame_bytes;
    struct dd_reassembly *reassemble;
    struct dd_reassembly_counters counted; /* as last put into the ledger */
    struct dd_jpeg_codec *jpeg;
    struct dd_frame_ring *ring;
    int wake_fd;  /* -1: none */
    bool is_news; /* there is a frame that its reader has not been woken for */
    uint8_t *scratch;
    struct dd_stream_state state;
    bool changed;                       /* state, since it was last published */
    struct dd_recv_session_store *keep; /* NULL: nothing is kept */
    struct dd_recv_session_state *live; /* the keep's, or own_live */
    struct dd_recv_session_state own_live;
    uint64_t opened_us;
    uint64_t session;                        /* the newest; see session_number */
    uint64_t frame_session;                  /* of the newest complete frame */
    uint64_t status_session, status_counter; /* of the newest STATUS */
    uint64_t status_skipped;                 /* frames_skipped in it */
    struct dd_log_limit refusal_log, bad_log, prove_limit, lost_sender_log;
};

/* Sessions are counted per key; over all keys of a stream a later key's come later. */
static uint64_t session_number(size_t key, uint64_t session)
{
    return (uint64_t)key << 48 | session;
}

static void add(uint64_t *total, uint64_t *session, bool is_newest, uint64_t n)
{
    *total += n;
    if (is_newest)
        *session += n;
}

#define COUNT(inlet, field, is_newest, n) add(&(inlet)->state.total.field, &(inlet)->state.session.field, is_newest, n)

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

/* Keys that were replaced stay so, whatever the configuration says. */
static void warn_retired(const struct dd_stream_receiver *inlet)
{
    for (size_t i = 0; i < inlet->key_count; i++)
        if (dd_recv_session_store_is_retired(inlet->live, inlet->keys[i].id))
            dd_log_warning("%s: its key number %zu was replaced by another before, and is refused: make a new one", inlet->name,
                           i + 1);
}

/* Opens the keys. That of the newest session known goes on with it; the others begin in memory that nobody keeps. */
static int open_keys(struct dd_stream_receiver *inlet, const struct dd_intake_stream *config)
{
    for (size_t i = 0; i < config->key_count && i < DD_INTAKE_KEYS_MAX; i++) {
        struct dd_key *key = &inlet->keys[i];
        int error = dd_key_derive(key, config->keys[i], config->stream_id);
        if (error)
            return error;
        bool is_known = inlet->live->session.start_us && inlet->live->session.key_id == key->id;
        inlet->unseals[i] = dd_unseal_new(key, is_known ? &inlet->live->session : &inlet->memories[i]);
        if (!inlet->unseals[i])
            return DD_ERROR_MEMORY;
        inlet->key_count = i + 1;
    }
    return 0;
}

/* Goes on where another process has ended. */
static void restore(struct dd_stream_receiver *inlet)
{
    const struct dd_unseal_memory *memory = &inlet->live->session;
    size_t key = 0;
    warn_retired(inlet);
    if (!memory->start_us)
        return;
    while (key < inlet->key_count && inlet->keys[key].id != memory->key_id)
        key++;
    if (key == inlet->key_count) {
        dd_log_notice("%s: its key is another one than before", inlet->name);
        return;
    }
    inlet->current_key = key;
    inlet->session = inlet->status_session = session_number(key, 1);
    if (inlet->live->status_counter)
        inlet->status_counter = inlet->live->status_counter - 1;
    if (inlet->live->frame)
        dd_reassembly_skip_before(inlet->reassemble, inlet->session, inlet->live->frame);
    dd_log_info("%s: the newest session known is %" PRIu64 ":%016" PRIx64, inlet->name, memory->start_us, memory->salt);
}

struct dd_stream_receiver *dd_stream_receiver_new(const struct dd_intake_stream *config, const struct dd_stream_receiver_io *io)
{
    struct dd_stream_receiver *inlet = calloc(1, sizeof *inlet);
    if (!inlet) {
        dd_log_error("out of memory");
        return NULL;
    }
    memcpy(inlet->name, config->name, sizeof inlet->name);
    inlet->scratch = io->scratch;
    inlet->wake_fd = io->wake_fd;
    inlet->opened_us = io->now_us;
    inlet->keep = io->keep;
    inlet->live = io->keep ? dd_recv_session_store_state(io->keep) : &inlet->own_live;
    inlet->prove_limit.period_ms = PROVE_PERIOD_MS;
    inlet->lost_sender_log.period_ms = LOST_SENDER_LOG_MS;
    inlet->max_frame_bytes = config->max_frame_bytes;
    inlet->refusal_log.period_ms = inlet->bad_log.period_ms = LOG_PERIOD_MS;
    if (open_keys(inlet, config))
        goto err0;
    inlet->reassemble = dd_reassembly_new(config->max_frame_bytes);
    inlet->jpeg = dd_jpeg_codec_new();
    inlet->ring = dd_frame_ring_open_writer(io->ring_fd, &config->ring, -1);
    if (!inlet->reassemble || !inlet->jpeg || !inlet->ring)
        goto err0;
    restore(inlet);
    inlet->changed = true;
    return inlet;

err0:
    dd_stream_receiver_free(inlet);
    return NULL;
}

void dd_stream_receiver_free(struct dd_stream_receiver *inlet)
{
    if (!inlet)
        return;
    for (size_t i = 0; i < DD_INTAKE_KEYS_MAX; i++)
        dd_unseal_free(inlet->unseals[i]);
    dd_reassembly_free(inlet->reassemble);
    dd_jpeg_codec_free(inlet->jpeg);
    dd_frame_ring_close(inlet->ring);
    explicit_bzero(inlet, sizeof *inlet);
    free(inlet);
}

uint32_t dd_stream_receiver_key_id(const struct dd_stream_receiver *inlet, size_t i)
{
    return inlet->keys[i].id;
}

bool dd_stream_receiver_is_retired(const struct dd_stream_receiver *inlet, size_t i)
{
    return i < inlet->current_key || dd_recv_session_store_is_retired(inlet->live, inlet->keys[i].id);
}

/* ---- what has authenticated ---- */

/* Since when the sender has a newer frame than the newest that is complete. */
static void note_newer(struct dd_stream_receiver *inlet, uint64_t now_us)
{
    struct dd_stream_state *s = &inlet->state;
    bool newer = s->status_us && s->status.frame &&
                 (!s->frame || inlet->status_session > inlet->frame_session ||
                  (inlet->status_session == inlet->frame_session && s->status.frame > s->frame));
    if (!newer)
        s->newer_announced_us = 0;
    else if (!s->newer_announced_us)
        s->newer_announced_us = now_us;
}

/* The newest STATUS may name the newest frame: what it says of that frame's age then counts. */
static void note_shown(struct dd_stream_receiver *inlet)
{
    struct dd_stream_state *s = &inlet->state;
    bool named = s->status_us && s->frame && s->status.frame == s->frame && inlet->status_session >= inlet->frame_session;
    s->confirmed_us = named ? s->status_us : 0;
    s->confirmed_age_us = named ? (uint64_t)s->status.age_ms * DD_CLOCK_US_PER_MS + s->delay_us : 0;
}

/* By the sender's clock, its session is as old as this STATUS says; if this inlet was open for as long, then whatever is
 * missing from its beginning was lost on the way. True if all of the session was sent to this inlet. */
static bool note_beginning(struct dd_stream_receiver *inlet, const struct dd_unseal_message *m,
                           const struct dd_stream_receiver_datagram *d, uint64_t sent_us, bool is_newest)
{
    uint64_t start_us = d->header->session_start_us;
    bool began_here = sent_us >= start_us && sent_us - start_us <= d->now_us - inlet->opened_us;
    if (began_here)
        COUNT(inlet, datagrams_sent, is_newest, dd_unseal_count_from_start(inlet->unseals[d->key], m->session));
    return began_here || m->whole;
}

static void take_status(struct dd_stream_receiver *inlet, const struct dd_unseal_message *m,
                        const struct dd_stream_receiver_datagram *d, uint64_t session)
{
    struct dd_wire_status status;
    bool is_newest = session == inlet->session;
    if (dd_wire_read_status(&status, m->bytes, m->size)) {
        COUNT(inlet, refused_malformed, is_newest, 1);
        return;
    }
    bool is_whole = note_beginning(inlet, m, d, status.sent_us, is_newest);
    if (session < inlet->status_session || (session == inlet->status_session && d->header->counter <= inlet->status_counter))
        return;
    /* what was skipped before somebody was here is not counted either */
    uint64_t known = inlet->state.status_us && session == inlet->status_session ? inlet->status_skipped
                     : is_whole                                                 ? 0
                                                                                : status.frames_skipped;
    if (status.frames_skipped > known)
        COUNT(inlet, frames_skipped, is_newest, status.frames_skipped - known);
    inlet->status_session = session;
    inlet->status_counter = d->header->counter;
    if (is_newest)
        inlet->live->status_counter = d->header->counter + 1;
    inlet->status_skipped = status.frames_skipped;
    dd_delay_note(&inlet->live->delay, status.sent_us, d->now_us);
    inlet->state.status = status;
    inlet->state.status_us = d->now_us;
    inlet->state.delay_us = dd_delay_us(&inlet->live->delay, status.sent_us, d->now_us);
    note_newer(inlet, d->now_us);
    /* A STATUS that names another frame says nothing new of the one that is shown. */
    if (status.frame == inlet->state.frame)
        note_shown(inlet);
}

static void count_frames(struct dd_stream_receiver *inlet, bool is_newest)
{
    const struct dd_reassembly_counters *now = dd_reassembly_counters(inlet->reassemble);
    COUNT(inlet, frames_incomplete, is_newest, now->incomplete - inlet->counted.incomplete);
    COUNT(inlet, frames_late, is_newest, now->late - inlet->counted.late);
    COUNT(inlet, datagrams_recovered, is_newest, now->recovered - inlet->counted.recovered);
    if (now->incomplete != inlet->counted.incomplete || now->late != inlet->counted.late)
        inlet->changed = true;
    inlet->counted = *now;
}

/* A refresh in a new session: what is shown is what is newest. */
static void take_repeat(struct dd_stream_receiver *inlet, const struct dd_reassembly_frame *frame, uint64_t now_us)
{
    inlet->frame_session = frame->session;
    note_newer(inlet, now_us);
    note_shown(inlet);
}

static void take_frame(struct dd_stream_receiver *inlet, const struct dd_reassembly_frame *frame, bool is_newest, uint64_t now_us)
{
    uint64_t suppressed;
    int width, height;
    uint8_t *place = NULL;
    if (frame->number == inlet->state.frame) {
        take_repeat(inlet, frame, now_us);
        return;
    }
    if (dd_jpeg_codec_check(inlet->jpeg, frame->bytes, frame->size, &width, &height) == 0)
        place = dd_frame_ring_reserve(inlet->ring, frame->size);
    if (!place) {
        COUNT(inlet, frames_bad, is_newest, 1);
        if (dd_log_allowed(&inlet->bad_log, &suppressed))
            dd_log_warning("%s: frame %" PRIu64 " of %u bytes is no JPEG, or larger than buffer_bytes (%" PRIu64
                           " more before it)",
                           inlet->name, frame->number, frame->size, suppressed);
        return;
    }
    memcpy(place, frame->bytes, frame->size);
    struct dd_frame_ring_frame entry = {.number = frame->number,
                                        .captured_us = frame->captured_us,
                                        .bytes = frame->size,
                                        .width = (uint16_t)width,
                                        .height = (uint16_t)height};
    COUNT(inlet, frames_complete, is_newest, 1);
    inlet->frame_session = frame->session;
    if (is_newest)
        inlet->live->frame = frame->number;
    inlet->state.frame = frame->number;
    inlet->state.frame_us = now_us;
    inlet->state.frame_captured_us = frame->captured_us;
    inlet->state.frame_age_us = dd_delay_us(&inlet->live->delay, frame->captured_us, now_us);
    note_newer(inlet, now_us);
    note_shown(inlet);
    /* The state first: who is woken by the frame finds what belongs to it. */
    dd_frame_ring_publish(inlet->ring, &inlet->state, sizeof inlet->state, false);
    dd_frame_ring_commit(inlet->ring, &entry);
    inlet->is_news = true;
}

static void take_fragment(struct dd_stream_receiver *inlet, const struct dd_unseal_message *m,
                          const struct dd_stream_receiver_datagram *d, uint64_t session)
{
    struct dd_wire_fragment fragment;
    struct dd_reassembly_frame frame;
    uint64_t suppressed;
    bool is_newest = session == inlet->session;
    int error = dd_wire_read_fragment(&fragment, inlet->max_frame_bytes, m->bytes, m->size);
    if (error == DD_ERROR_SPACE && dd_log_allowed(&inlet->bad_log, &suppressed))
        dd_log_warning("%s: frame %" PRIu64 " has %u bytes, above max_frame_bytes (%u): refused", inlet->name, fragment.frame,
                       fragment.frame_bytes, inlet->max_frame_bytes);
    if (error) {
        COUNT(inlet, refused_malformed, is_newest, 1);
        return;
    }
    switch (dd_reassembly_add(inlet->reassemble, session, &fragment, d->now_us, &frame)) {
    case DD_REASSEMBLY_COMPLETE:
        take_frame(inlet, &frame, is_newest, d->now_us);
        break;
    case DD_REASSEMBLY_MALFORMED:
        COUNT(inlet, refused_malformed, is_newest, 1);
        break;
    case DD_REASSEMBLY_TAKEN:
    case DD_REASSEMBLY_LATE:
    case DD_REASSEMBLY_DUPLICATE:
    case DD_REASSEMBLY_MEMORY:
    case DD_REASSEMBLY_SPARE:
        break;
    }
    count_frames(inlet, is_newest);
}

/* A datagram under key has come: those before it are of no use any more, nor is another one that was in use before. */
static void retire_keys(struct dd_stream_receiver *inlet, size_t key)
{
    uint32_t before = inlet->live->session.key_id;
    for (size_t i = 0; i < key; i++)
        dd_recv_session_store_retire(inlet->live, inlet->keys[i].id);
    if (inlet->live->session.start_us && before != inlet->keys[key].id) {
        dd_recv_session_store_retire(inlet->live, before);
        dd_delay_forget(&inlet->live->delay); /* it may be another sender */
    }
    inlet->current_key = key;
}

static void begin_session(struct dd_stream_receiver *inlet, const struct dd_stream_receiver_datagram *d, uint64_t session)
{
    char from[DD_STREAM_RECEIVER_PEER_SIZE];
    dd_stream_receiver_peer_text(d->from, from);
    inlet->session = session;
    memset(&inlet->state.session, 0, sizeof inlet->state.session);
    retire_keys(inlet, d->key);
    inlet->live->frame = inlet->live->status_counter = 0;
    dd_unseal_move(inlet->unseals[d->key], &inlet->live->session);
    if (d->header->session_start_us < inlet->live->session.latest_us) /* it was admitted: its clock is another one */
        dd_delay_forget(&inlet->live->delay);
    if (inlet->keep)
        dd_recv_session_store_end_admission(inlet->keep, d->header->session_start_us, d->header->session_salt);
    dd_log_notice("%s: session %" PRIu64 ":%016" PRIx64 " from %s%s", inlet->name, d->header->session_start_us,
                  d->header->session_salt, from, d->key ? ", under a later key" : "");
}

static void count_refusal(struct dd_stream_receiver *inlet, enum dd_unseal_verdict verdict)
{
    switch (verdict) {
    case DD_UNSEAL_ACCEPTED:
        break;
    case DD_UNSEAL_SESSION:
        COUNT(inlet, refused_session, true, 1);
        break;
    case DD_UNSEAL_REPLAY:
        COUNT(inlet, refused_replay, true, 1);
        break;
    case DD_UNSEAL_FORGED:
        COUNT(inlet, refused_forged, true, 1);
        break;
    }
}

/* A sender that has lost its clock and its memory of it is refused: but it is told of, and the way out with it. */
static void tell_lost_sender(struct dd_stream_receiver *inlet, const struct dd_stream_receiver_datagram *d)
{
    char from[DD_STREAM_RECEIVER_PEER_SIZE];
    uint64_t suppressed;
    if (!dd_log_allowed(&inlet->prove_limit, &suppressed) ||
        !dd_unseal_is_authentic(inlet->unseals[d->key], d->header, d->bytes, d->size, inlet->scratch) ||
        !dd_log_allowed(&inlet->lost_sender_log, &suppressed))
        return;
    dd_stream_receiver_peer_text(d->from, from);
    dd_log_warning("%s: refused session %" PRIu64 ":%016" PRIx64
                   " from %s, which has the key, but is no newer than the newest one, or "
                   "begins over a day ahead of this clock. It may be a recording. If ddsend says at its start that this is its "
                   "session, admit it with: ddrecv --forget-session %s=%" PRIu64 ":%016" PRIx64,
                   inlet->name, d->header->session_start_us, d->header->session_salt, from, inlet->name,
                   d->header->session_start_us, d->header->session_salt);
}

void dd_stream_receiver_handle(struct dd_stream_receiver *inlet, const struct dd_stream_receiver_datagram *d)
{
    static const char *const words[] = {
        [DD_UNSEAL_SESSION] = "of a session older than the newest one, or of one that begins over a day ahead of this clock",
        [DD_UNSEAL_REPLAY] = "it came before, or is too old to tell",
        [DD_UNSEAL_FORGED] = "forged, or damaged on the way"};
    char from[DD_STREAM_RECEIVER_PEER_SIZE];
    struct dd_unseal_message m;
    uint64_t suppressed;
    enum dd_unseal_verdict verdict =
        dd_unseal_datagram(inlet->unseals[d->key], d->header, d->bytes, d->size, inlet->scratch, d->now_us, d->wall_us, &m);
    inlet->changed = true;
    if (verdict != DD_UNSEAL_ACCEPTED) {
        count_refusal(inlet, verdict);
        if (verdict == DD_UNSEAL_SESSION)
            tell_lost_sender(inlet, d);
        if (dd_log_allowed(&inlet->refusal_log, &suppressed)) {
            dd_stream_receiver_peer_text(d->from, from);
            dd_log_info("%s: refused a datagram from %s: %s (%" PRIu64 " others before it)", inlet->name, from, words[verdict],
                        suppressed);
        }
        return;
    }
    uint64_t session = session_number(d->key, m.session);
    if (session > inlet->session)
        begin_session(inlet, d, session);
    bool is_newest = session == inlet->session;
    COUNT(inlet, datagrams_sent, is_newest, m.new_counters);
    COUNT(inlet, datagrams_received, is_newest, 1);
    COUNT(inlet, bytes_received, is_newest, d->size);
    inlet->state.heard_us = d->now_us;
    if (dd_wire_type(m.bytes, m.size) == DD_WIRE_FRAGMENT)
        take_fragment(inlet, &m, d, session);
    else if (dd_wire_type(m.bytes, m.size) == DD_WIRE_STATUS)
        take_status(inlet, &m, d, session);
    else
        COUNT(inlet, refused_malformed, is_newest, 1);
}

/* Once for all frames of a batch: it costs as much as many datagrams do. */
static void wake_reader(struct dd_stream_receiver *inlet)
{
    uint64_t one = 1;
    /* A pipe that is full holds a wake-up already; and a reader that is gone needs none. */
    if (inlet->is_news && inlet->wake_fd >= 0 && write(inlet->wake_fd, &one, sizeof one) < 0)
        dd_log_debug("%s: nobody is woken for its frames", inlet->name);
    inlet->is_news = false;
}

static void remember(struct dd_stream_receiver *inlet, uint64_t now_us)
{
    uint64_t start_us, salt;
    if (!inlet->keep)
        return;
    dd_recv_session_store_checkpoint(inlet->keep, now_us);
    if (!dd_recv_session_store_is_admitted(inlet->keep, &start_us, &salt))
        return;
    if (start_us == inlet->live->session.start_us && salt == inlet->live->session.salt) {
        /* it is in already: so what is not right is what is known of its clock */
        dd_delay_forget(&inlet->live->delay);
        dd_recv_session_store_end_admission(inlet->keep, start_us, salt);
        dd_log_notice("%s: its delay is learnt anew", inlet->name);
        return;
    }
    for (size_t i = inlet->current_key; i < inlet->key_count; i++)
        dd_unseal_admit(inlet->unseals[i], start_us, salt);
    dd_log_notice("%s: session %" PRIu64 ":%016" PRIx64 " will be admitted", inlet->name, start_us, salt);
}

static void settle(struct dd_stream_ledger *ledger)
{
    ledger->datagrams_lost = ledger->datagrams_sent - ledger->datagrams_received;
}

void dd_stream_receiver_publish(struct dd_stream_receiver *inlet, const struct dd_socket_counters *socket, uint64_t now_us)
{
    dd_reassembly_expire(inlet->reassemble, now_us);
    count_frames(inlet, true);
    dd_frame_ring_beat(inlet->ring, now_us + (uint64_t)ALIVE_MS * DD_CLOCK_US_PER_MS);
    wake_reader(inlet);
    remember(inlet, now_us);
    if (!inlet->changed && memcmp(&inlet->state.socket, socket, sizeof *socket) == 0)
        return;
    inlet->state.socket = *socket;
    settle(&inlet->state.session);
    settle(&inlet->state.total);
    /* no wake-up: a state is read when somebody asks for it, and not every datagram of a stranger is worth one */
    dd_frame_ring_publish(inlet->ring, &inlet->state, sizeof inlet->state, false);
    inlet->changed = false;
}
