/* The whole way of a datagram into the ring, as intake takes it, against a model of what docs/protocol.md promises. The input
 * is four pictures, then actions: what strangers send, what a sender seals (sense and nonsense), what somebody on the way
 * repeats, reorders and damages, and time that goes on. */
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/cursor.h"
#include "dd/base/log.h"
#include "dd/link/frame_ring.h"
#include "dd/link/replay_window.h"
#include "dd/link/wire.h"
#include "fuzz.h"
#include "recv/intake/intake_role.h"
#include "recv/intake/stream_receiver.h"
#include "recv/stream_state.h"

enum {
    KEYS = FUZZ_KEYS,
    SESSIONS = FUZZ_SESSIONS,
    NUMBERS = 16, /* of frames */
    SHAPES = 4,
    MAX_FRAME = 12000,
    DATAGRAMS = 256, /* of a frame */
    BUDGET = 160,    /* datagrams of an input */
    HISTORY = 32,
    ACTIONS = 10,
    GRACE_S = 5,
    ALIVE_MS = 3000,
};
#define SECOND UINT64_C(1000000)

static const struct dd_frame_ring_shape ring_shape = {.entries = 3, .arena_bytes = 8192};

struct session {
    uint64_t next;  /* the counter of what is sealed next */
    uint64_t known; /* highest accepted + 1 */
    uint64_t first; /* counts as sent from here on */
    size_t order;   /* counts accepted sessions, from 1 */
};

/* What was sealed, or damaged afterwards, and is given to the receiver. */
struct sealed {
    uint8_t key, session;
    bool damaged;
    uint64_t counter;
    bool is_status;
    struct dd_wire_status status;
    size_t size;
    uint8_t bytes[2048];
};

static struct {
    struct dd_stream_receiver *receiver;
    struct dd_frame_ring *reader;
    int ring_fd;
    uint64_t now_us, wall_us, opened_us;
    struct fuzz_frame shapes[SHAPES];
    uint8_t shape_bytes[SHAPES][FUZZ_PICTURE_SIZE];
    struct session sessions[KEYS][SESSIONS];
    int newest[KEYS], before[KEYS]; /* sessions; -1: none */
    uint64_t before_until_us[KEYS];
    size_t current_key;
    struct {
        uint8_t key, session;
        uint64_t counter;
    } accepted[BUDGET];
    size_t accepted_count;
    struct sealed status;               /* the newest */
    size_t session_count, status_order; /* sessions accepted; that of the newest STATUS */
    size_t frame_order;                 /* of the newest frame, 0: not known */
    struct sealed history[HISTORY];
    size_t sealed_count;
    uint64_t foreign[BUDGET]; /* numbers of frames of which the input wrote a fragment of its own */
    size_t foreign_count;
    uint64_t given, in_ring;
    struct dd_socket_counters socket;
    struct dd_stream_state state;
} t;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    uint32_t sizes[FUZZ_PICTURES];
    (void)argc;
    (void)argv;
    dd_log_open("fuzz_datagram", DD_LOG_ERROR);
    fuzz_sender_init();
    for (size_t i = 0; i < FUZZ_PICTURES; i++)
        fuzz_sender_picture(i, &sizes[i]);
    MUST(sizes[1] < ring_shape.arena_bytes / 2 && sizes[2] > ring_shape.arena_bytes / 2);
    MUST(sizes[3] > ring_shape.arena_bytes && sizes[3] <= MAX_FRAME && sizes[5] > MAX_FRAME);
    return 0;
}

/* ---- the model ---- */

static bool was_accepted(size_t key, size_t session, uint64_t counter)
{
    for (size_t i = 0; i < t.accepted_count; i++)
        if (t.accepted[i].key == key && t.accepted[i].session == session && t.accepted[i].counter == counter)
            return true;
    return false;
}

enum expected { ACCEPTED, KEY, SESSION, REPLAY, FORGED, ANY_REFUSAL };

static enum expected judge(const struct sealed *d)
{
    size_t k = d->key, s = d->session;
    if (d->damaged)
        return ANY_REFUSAL;
    if (k < t.current_key)
        return KEY;
    bool is_newest = t.newest[k] == (int)s, is_before = t.before[k] == (int)s && t.now_us < t.before_until_us[k];
    if (!is_newest && !is_before && t.newest[k] >= 0 && fuzz_sender_starts[s] <= fuzz_sender_starts[t.newest[k]])
        return SESSION;
    if (!is_newest && !is_before && fuzz_sender_starts[s] > t.wall_us && fuzz_sender_starts[s] - t.wall_us > 86400 * SECOND)
        return SESSION;
    if (d->counter >= DD_WIRE_SESSION_DATAGRAMS || was_accepted(k, s, d->counter))
        return REPLAY;
    uint64_t known = t.sessions[k][s].known;
    return known > d->counter && known - d->counter > DD_REPLAY_WINDOW_SIZE ? REPLAY : ACCEPTED;
}

static void note_accepted(const struct sealed *d)
{
    struct session *s = &t.sessions[d->key][d->session];
    if (!s->order) {
        s->order = ++t.session_count;
        s->first = t.newest[d->key] < 0 ? d->counter : 0;
        t.before[d->key] = t.newest[d->key];
        t.before_until_us[d->key] = t.now_us + GRACE_S * SECOND;
        t.newest[d->key] = d->session;
        t.current_key = d->key;
    }
    t.accepted[t.accepted_count].key = d->key;
    t.accepted[t.accepted_count].session = d->session;
    t.accepted[t.accepted_count++].counter = d->counter;
    if (d->counter >= s->known)
        s->known = d->counter + 1;
    if (d->counter < s->first)
        s->first = d->counter;
    uint64_t start_us = fuzz_sender_starts[d->session];
    if (d->is_status && d->status.sent_us >= start_us && d->status.sent_us - start_us <= t.now_us - t.opened_us)
        s->first = 0;
    if (d->is_status && (s->order > t.status_order || (s->order == t.status_order && d->counter > t.status.counter))) {
        t.status_order = s->order;
        t.status = *d;
    }
}

static uint64_t datagrams_sent(void)
{
    uint64_t sum = 0;
    for (size_t k = 0; k < KEYS; k++)
        for (size_t s = 0; s < SESSIONS; s++)
            sum += t.sessions[k][s].known - t.sessions[k][s].first;
    return sum;
}

/* ---- what must hold ---- */

/* Says in µs since 1970 which frame it is, of which sender. */
static uint64_t captured_of(size_t key, size_t session, uint64_t number, size_t shape)
{
    return FUZZ_START_US + ((key * SESSIONS + session) * NUMBERS + number) * SHAPES + shape;
}

static bool is_foreign(uint64_t number)
{
    for (size_t i = 0; i < t.foreign_count; i++)
        if (t.foreign[i] == number)
            return true;
    return false;
}

/* A frame in the ring is just as somebody with the key made it. */
static void check_frame(uint64_t position)
{
    static uint8_t bytes[MAX_FRAME];
    struct dd_frame_ring_frame frame;
    bool is_newest = position + 1 == dd_frame_ring_count(t.reader);
    MUST(dd_frame_ring_copy(t.reader, position, &frame, bytes, sizeof bytes) == 0);
    MUST(frame.bytes <= MAX_FRAME && frame.width && frame.height);
    if (is_newest) {
        t.frame_order = 0;
        MUST(t.state.frame == frame.number && t.state.frame_captured_us == frame.captured_us);
    }
    if (is_foreign(frame.number))
        return;
    uint64_t code = frame.captured_us - FUZZ_START_US;
    MUST(code < (uint64_t)KEYS * SESSIONS * NUMBERS * SHAPES && frame.number == 1 + code / SHAPES % NUMBERS);
    const struct fuzz_frame *shape = &t.shapes[code % SHAPES];
    MUST(frame.bytes == shape->size && !memcmp(bytes, shape->bytes, frame.bytes));
    size_t sender = code / SHAPES / NUMBERS, order = t.sessions[sender / SESSIONS][sender % SESSIONS].order;
    MUST(order);
    if (is_newest)
        t.frame_order = order;
}

/* Nobody writes meanwhile: all frames that the ring says it has are there, and at most one is new. */
static void check_ring(void)
{
    uint64_t count = dd_frame_ring_count(t.reader), oldest = dd_frame_ring_oldest(t.reader);
    MUST(count <= t.in_ring + 1 && count - oldest <= ring_shape.entries && (oldest < count || !count));
    for (uint64_t i = oldest; count > t.in_ring && i < count; i++)
        check_frame(i);
    t.in_ring = count;
}

static void check_ledger(const struct dd_stream_ledger *l)
{
    MUST(l->datagrams_sent >= l->datagrams_received && l->datagrams_lost == l->datagrams_sent - l->datagrams_received);
    MUST(l->bytes_received >= l->datagrams_received * (DD_WIRE_HEADER_BYTES + DD_WIRE_TAG_BYTES));
    MUST(l->refused_malformed <= l->datagrams_received);
    MUST(l->frames_complete + l->frames_late + l->frames_bad + l->frames_incomplete <= l->datagrams_received);
}

static uint64_t refused(const struct dd_stream_ledger *l, const struct dd_socket_counters *s)
{
    return l->refused_session + l->refused_replay + l->refused_forged + s->refused_short + s->refused_version + s->refused_key;
}

static void check_state(void)
{
    const struct dd_stream_state *s = &t.state;
    const uint64_t *total = (const uint64_t *)&s->total, *session = (const uint64_t *)&s->session;
    for (size_t i = 0; i < sizeof s->total / sizeof *total; i++)
        MUST(session[i] <= total[i]);
    check_ledger(&s->total);
    MUST(s->session.datagrams_sent >= s->session.datagrams_received);
    MUST(s->total.datagrams_sent == datagrams_sent() && s->total.datagrams_received == t.accepted_count);
    MUST(s->total.datagrams_received + refused(&s->total, &s->socket) == t.given);
    MUST(s->heard_us <= t.now_us && s->status_us <= s->heard_us && s->frame_us <= s->heard_us && s->confirmed_us <= s->heard_us);
    MUST(s->newer_announced_us <= t.now_us && s->status.source <= DD_WIRE_SOURCE_FAILED &&
         (!s->status_us || s->status.period_ms));
    MUST(s->status.sent_us == t.status.status.sent_us && s->status.frame == t.status.status.frame);
    bool newer = s->status.frame &&
                 (!s->frame || t.status_order > t.frame_order || (t.status_order == t.frame_order && s->status.frame > s->frame));
    /* a later session may have repeated the frame, which is then of that session */
    bool repeated = t.frame_order < t.session_count && !s->newer_announced_us;
    MUST((s->newer_announced_us != 0) == newer || (s->frame && (!t.frame_order || repeated)));
    MUST(s->delay_us <= INT64_MAX && s->delay_rise_us <= s->delay_rise_limit_us && (!s->delay_used_up || s->delay_us));
    MUST(!s->confirmed_us || s->status.frame == s->frame || s->confirmed_us <= s->status_us);
    MUST(s->total.frames_complete == dd_frame_ring_count(t.reader) && (s->frame != 0) == (s->frame_us != 0));
    MUST(dd_frame_ring_alive_until(t.reader) == t.now_us + (uint64_t)ALIVE_MS * DD_CLOCK_US_PER_MS);
}

/* Tells, and compares what the reader sees then with what the datagram should have changed. */
static void tell(void)
{
    dd_stream_receiver_publish(t.receiver, &t.socket, t.now_us);
    MUST(dd_frame_ring_observe(t.reader, &t.state, sizeof t.state) == 0);
    check_ring();
    check_state();
}

/* ---- giving ---- */

/* Of one of the stream's keys. If it is not retired, a copy comes to another port first, which must change nothing. */
static void take_of_stream(const struct dd_stream_receiver_datagram *datagram)
{
    if (dd_stream_receiver_is_retired(t.receiver, datagram->key)) {
        t.socket.refused_key++;
        dd_stream_receiver_refuse_retired(t.receiver, datagram);
        return;
    }
    dd_stream_receiver_refuse_port(t.receiver, datagram, "another");
    dd_stream_receiver_handle(t.receiver, datagram);
}

/* As intake does. */
static void take(const uint8_t *bytes, size_t size)
{
    static const struct sockaddr_storage from = {.ss_family = AF_INET};
    struct dd_wire_header header;
    size_t key = 0;
    t.given++;
    int error = dd_wire_read_header(&header, bytes, size);
    while (key < KEYS && fuzz_sender_key_id(key) != header.key_id)
        key++;
    if (error && size >= DD_WIRE_DATAGRAM_MIN)
        t.socket.refused_version++;
    else if (error)
        t.socket.refused_short++;
    else if (key == KEYS)
        t.socket.refused_key++;
    else
        take_of_stream(&(struct dd_stream_receiver_datagram){.header = &header,
                                                             .bytes = bytes,
                                                             .size = size,
                                                             .key = key,
                                                             .from = &from,
                                                             .now_us = t.now_us,
                                                             .wall_us = t.wall_us});
}

static void give_raw(const uint8_t *bytes, size_t size)
{
    if (t.given >= BUDGET)
        return;
    take(bytes, size);
    tell();
}

static void give(const struct sealed *d)
{
    if (t.given >= BUDGET)
        return;
    const struct dd_stream_ledger before = t.state.total;
    const struct dd_socket_counters socket = t.state.socket;
    enum expected expected = judge(d);
    if (d->size < DD_WIRE_DATAGRAM_MIN)
        expected = ANY_REFUSAL;
    if (expected == ACCEPTED)
        note_accepted(d);
    /* in memory of just its size */
    uint8_t *copy = malloc(d->size);
    MUST(copy);
    memcpy(copy, d->bytes, d->size);
    take(copy, d->size);
    free(copy);
    tell();
    MUST(t.state.total.datagrams_received - before.datagrams_received == (expected == ACCEPTED));
    MUST(t.state.socket.refused_key - socket.refused_key == (expected == KEY) || expected == ANY_REFUSAL);
    MUST(t.state.total.refused_session - before.refused_session == (expected == SESSION) || expected == ANY_REFUSAL);
    MUST(t.state.total.refused_replay - before.refused_replay == (expected == REPLAY) || expected == ANY_REFUSAL);
}

static void seal(struct sealed *d, uint8_t who, const uint8_t *message, size_t size)
{
    *d = (struct sealed){.key = who % KEYS, .session = who / KEYS % SESSIONS};
    d->counter = t.sessions[d->key][d->session].next++;
    MUST(DD_WIRE_HEADER_BYTES + size + DD_WIRE_TAG_BYTES <= sizeof d->bytes);
    d->size = fuzz_sender_seal(d->key, d->session, d->counter, message, size, d->bytes);
}

static void give_sealed(uint8_t who, const uint8_t *message, size_t size)
{
    struct sealed *d = &t.history[t.sealed_count++ % HISTORY];
    seal(d, who, message, size);
    d->is_status = dd_wire_read_status(&d->status, message, size) == 0;
    give(d);
}

/* ---- the actions ---- */

static void send_symbols(struct dd_cursor *c, uint8_t who)
{
    static uint8_t symbol[2048], message[2048];
    uint8_t which = dd_cursor_read_u8(c), n = dd_cursor_read_u8(c), count = dd_cursor_read_u8(c), step = dd_cursor_read_u8(c);
    size_t shape = which / NUMBERS % SHAPES;
    uint64_t number = which % NUMBERS;
    const struct fuzz_frame *frame = &t.shapes[shape];
    struct dd_wire_fragment f = {.frame = 1 + number};
    f.captured_us = captured_of(who % KEYS, who / KEYS % SESSIONS, number, shape);
    for (uint32_t i = 0; i < count && t.given < BUDGET; i++, n = (uint8_t)(n + step)) {
        fuzz_frame_fragment(frame, n % fuzz_frame_datagrams(frame), &f, symbol);
        give_sealed(who, message, dd_wire_write_fragment(&f, message, sizeof message));
    }
}

static void send_status(struct dd_cursor *c, uint8_t who)
{
    uint8_t message[DD_WIRE_STATUS_BYTES], flags = dd_cursor_read_u8(c);
    struct dd_wire_status s = {.source = flags % 5,
                               .reason = flags / 8,
                               .frame = dd_cursor_read_u8(c),
                               .captured_us = FUZZ_START_US,
                               .age_ms = dd_cursor_read_u32(c),
                               .period_ms = 1000,
                               .frames_skipped = dd_cursor_read_u16(c)};
    /* by a clock near the receiver's, or by any */
    uint64_t sent = dd_cursor_read_u16(c);
    s.sent_us = flags & 128 ? sent << 48 : FUZZ_START_US + sent * DD_CLOCK_US_PER_MS;
    s.frames_sent = s.frame;
    s.epoch_us = s.reason / 8 * (uint64_t)DD_CLOCK_US_PER_S; /* its clock is set now and then */
    s.boot_tag = s.reason % 3;
    give_sealed(who, message, dd_wire_write_status(&s, message, sizeof message));
}

/* The input's own bytes, after a length. */
static const uint8_t *read_some(struct dd_cursor *c, size_t *size)
{
    *size = dd_cursor_read_u8(c);
    if (*size > dd_cursor_remaining(c))
        *size = dd_cursor_remaining(c);
    return dd_cursor_read_bytes(c, *size);
}

static void send_nonsense(struct dd_cursor *c, uint8_t who)
{
    size_t size;
    struct dd_wire_fragment f;
    const uint8_t *bytes = read_some(c, &size);
    if (!bytes || t.given >= BUDGET)
        return;
    if (dd_wire_read_fragment(&f, UINT32_MAX, bytes, size) == 0)
        t.foreign[t.foreign_count++] = f.frame;
    give_sealed(who, bytes, size);
}

static void repeat(struct dd_cursor *c, uint8_t back, bool damage)
{
    struct sealed copy;
    size_t known = t.sealed_count < HISTORY ? t.sealed_count : HISTORY;
    if (!known)
        return;
    copy = t.history[(t.sealed_count - 1 - back % known) % HISTORY];
    if (damage) {
        uint16_t at = dd_cursor_read_u16(c);
        uint8_t by = dd_cursor_read_u8(c);
        if (by % 16 == 0) /* cut, or grown */
            copy.size = at % 2 ? copy.size - 1 : copy.size + (copy.size < sizeof copy.bytes);
        else
            copy.bytes[at % copy.size] ^= by;
        copy.damaged = true;
    }
    give(&copy);
}

static void move_counter(struct dd_cursor *c, uint8_t who)
{
    uint64_t *next = &t.sessions[who % KEYS][who / KEYS % SESSIONS].next;
    uint8_t how = dd_cursor_read_u8(c);
    uint16_t by = dd_cursor_read_u16(c);
    if (how & 4) /* about as far as the window reaches */
        by = (uint16_t)(DD_REPLAY_WINDOW_SIZE - 128 + by % 256);
    if (how % 4 == 0)
        *next += by;
    else if (how % 4 == 1)
        *next -= *next < by ? *next : by;
    else if (how % 4 == 2)
        *next = DD_WIRE_SESSION_DATAGRAMS - 4 + by % 8;
    else
        *next = UINT64_MAX - by;
}

static void act(struct dd_cursor *c)
{
    uint8_t action = dd_cursor_read_u8(c), who = dd_cursor_read_u8(c);
    size_t size;
    const uint8_t *bytes;
    switch (action % ACTIONS) {
    case 0:
        bytes = read_some(c, &size);
        if (bytes)
            give_raw(bytes, size);
        break;
    case 1:
        send_nonsense(c, who);
        break;
    case 2:
        send_status(c, who);
        break;
    case 3:
        repeat(c, who, false);
        break;
    case 4:
        repeat(c, who, true);
        break;
    case 5:
        move_counter(c, who);
        break;
    case 6:
        t.now_us += who * UINT64_C(40000);
        t.wall_us += who * UINT64_C(40000);
        tell();
        break;
    case 7: /* sealed, but lost on the way; it may come later */
        seal(&t.history[t.sealed_count++ % HISTORY], who, (const uint8_t *)"lost, but only for now, and then found", 38);
        break;
    default:
        send_symbols(c, who);
        break;
    }
}

/* ---- an input ---- */

static void make_shape(struct dd_cursor *c, size_t i)
{
    uint32_t size;
    const uint8_t *picture = fuzz_sender_picture(dd_cursor_read_u8(c) % FUZZ_PICTURES, &size);
    memcpy(t.shape_bytes[i], picture, size);
    uint16_t at = dd_cursor_read_u16(c);
    t.shape_bytes[i][at % size] ^= dd_cursor_read_u8(c);
    struct fuzz_cut cut = {.symbol_bytes = (uint16_t)(FUZZ_SYMBOL_MIN + dd_cursor_read_u16(c) % (1401 - FUZZ_SYMBOL_MIN))};
    cut.data = (uint8_t)(1 + dd_cursor_read_u8(c) % DD_WIRE_DATA_MAX);
    cut.parity = dd_cursor_read_u8(c);
    t.shapes[i] = fuzz_frame_cut(t.shape_bytes[i], size, cut, DATAGRAMS);
}

static void set_up(struct dd_cursor *c)
{
    static uint8_t scratch[65536];
    struct dd_intake_stream config = {.name = "fuzz",
                                      .keys = {{1}, {2}},
                                      .key_count = KEYS,
                                      .delay_drift_us = 5 * (uint64_t)DD_CLOCK_US_PER_S,
                                      .max_frame_bytes = MAX_FRAME,
                                      .ring = ring_shape};
    memset(&t, 0, sizeof t);
    memset(t.newest, -1, sizeof t.newest);
    memset(t.before, -1, sizeof t.before);
    t.now_us = t.opened_us = 1000 * SECOND;
    t.wall_us = fuzz_sender_starts[4];
    for (size_t i = 0; i < SHAPES; i++)
        make_shape(c, i);
    t.ring_fd = dd_frame_ring_create("fuzz", &ring_shape);
    t.reader = dd_frame_ring_open_reader(t.ring_fd, &ring_shape);
    t.receiver = dd_stream_receiver_new(
        &config, &(struct dd_stream_receiver_io){.ring_fd = t.ring_fd, .wake_fd = -1, .scratch = scratch, .now_us = t.now_us});
    MUST(t.reader && t.receiver);
    tell();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dd_cursor c = dd_cursor_reader(data, size);
    set_up(&c);
    while (dd_cursor_remaining(&c) && t.given < BUDGET)
        act(&c);
    dd_stream_receiver_free(t.receiver);
    dd_frame_ring_close(t.reader);
    close(t.ring_fd);
    return 0;
}

size_t fuzz_seed(size_t i, uint8_t seed[static FUZZ_SEED_SIZE])
{
    /* action, who (key + session * 2), … 8: symbols of frame 1 of shape 0, or of others */
    static const struct fuzz_bytes actions[] = {
        FUZZ_BYTES("\x08\x00\x00\x00\x20\x01\x02\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00"), /* a frame, a STATUS */
        FUZZ_BYTES("\x08\x00\x10\x00\xff\x01\x08\x00\x21\x00\xff\x01\x08\x00\x02\x00\xff\x01\x08\x00\x03\x00\xff\x01"),
        FUZZ_BYTES("\x08\x00\x00\x00\x20\x01\x03\x00\x03\x01\x04\x00\x00\x05\x01\x04\x00\x00\x28\x01\x04\x00\xff\xff\x00"),
        FUZZ_BYTES(
            "\x08\x00\x00\x00\x01\x01\x05\x00\x00\x40\x00\x08\x00\x00\x01\x01\x01\x05\x00\x01\x3f\xfe\x08\x00\x00\x00\x03\x01"),
        FUZZ_BYTES(
            "\x08\x00\x00\x00\x20\x01\x05\x00\x04\x00\xa0\x08\x00\x00\x01\x01\x01\x05\x00\x01\x00\x10\x08\x00\x00\x00\x03\x01"),
        FUZZ_BYTES(
            "\x07\x00\x08\x02\x00\x00\x20\x01\x03\x01\x06\x7e\x07\x00\x03\x00\x08\x04\x01\x00\x20\x01\x08\x06\x01\x00\x20\x01"),
        FUZZ_BYTES("\x08\x00\x00\x00\x20\x01\x08\x01\x00\x00\x20\x01\x08\x00\x01\x00\x20\x01"), /* a later key */
        /* more frames than the ring holds, and less bytes */
        FUZZ_BYTES("\x08\x00\x00\x00\x04\x01\x08\x00\x01\x00\x04\x01\x08\x00\x02\x00\x04\x01\x08\x00\x03\x00\x04\x01\x08\x00"
                   "\x04\x00\x04\x01"),
        /* clocks of the sender's */
        FUZZ_BYTES("\x02\x00\x80\x00\x00\x00\x00\x00\x00\x00\x01\x00\x06\xff\x02\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x10"),
        FUZZ_BYTES("\x08\x0a\x00\x00\x20\x01\x06\xff\x08\x0a\x00\x00\x20\x01\x08\x0c\x00\x00\x20\x01\x08\x0e\x00\x00\x20\x01\x05"
                   "\x0a\x02\x00\x00\x08\x0a\x01\x00"
                   "\x08\x01"),
        FUZZ_BYTES("\x01\x00\x21\x01\x00\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00"
                   "\x00\x00\x00\x01\x00\x01\x00\x00\xff\x01\x00\x05\x09nope"),
        FUZZ_BYTES("\x08\x00\x00\x00\x01\x01\x08\x00\x01\x00\x20\x01\x06\x7f\x08\x00\x00\x01\x20\x01"), /* given up */
    };
    static const uint8_t shapes[SHAPES * 8] = {1, 0, 0, 0, 0x05, 0x27, 127, 2, 0, 0, 0, 0, 0x00, 0x63, 3, 1,
                                               2, 0, 0, 0, 0x02, 0x00, 127, 4, 3, 0, 0, 0, 0x04, 0x00, 9, 0};
    size_t count = sizeof actions / sizeof *actions;
    uint8_t *at = seed + sizeof shapes;
    memcpy(seed, shapes, sizeof shapes);
    if (i < count) {
        memcpy(at, actions[i].bytes, actions[i].size);
        return sizeof shapes + actions[i].size;
    }
    if (i > count)
        return 0;
    /* a stranger who knows the id of a key */
    memset(at, 0, 3 + DD_WIRE_DATAGRAM_MIN);
    at[2] = DD_WIRE_DATAGRAM_MIN;
    dd_wire_write_header(&(struct dd_wire_header){.key_id = fuzz_sender_key_id(0), .session_start_us = fuzz_sender_starts[0]},
                         at + 3);
    return sizeof shapes + 3 + DD_WIRE_DATAGRAM_MIN;
}
