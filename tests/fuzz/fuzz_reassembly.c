/* Compares the reassembly with a model of what docs/protocol.md promises. The input is four ways to cut a frame into symbols,
 * then actions: symbols of many frames and sessions in any order, some of them wrong, and time that passes. */
#include <stdbool.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/cursor.h"
#include "dd/base/log.h"
#include "dd/link/reassembly.h"
#include "dd/link/wire.h"
#include "fuzz.h"

enum {
    MAX_FRAME = 3000,
    SHAPES = 4,
    SESSIONS = 4,
    NUMBERS = 16,
    DATAGRAMS = 304,              /* of a frame */
    SYMBOLS_MAX = 11 * DATAGRAMS, /* of a frame, counted as wrong fragments may claim */
    BUDGET = 500,                 /* symbols in an input */
    REMEMBERED = 4 * DD_REASSEMBLY_FRAMES,
    ACTIONS = 8,
};
/* frames, and what is stored about their symbols and blocks */
#define MEMORY_MAX (DD_REASSEMBLY_FRAMES * ((size_t)MAX_FRAME + DD_WIRE_DATAGRAM_MAX + 3 * 65536) + (1 << 20))

/* What the receiver should know of a frame. */
struct model {
    uint64_t session, number;
    bool in_progress, tampered; /* tampered: it got a symbol that is not one of the frame */
    uint64_t last_symbol_us;
    uint64_t ended; /* as how many frames ended up to this one; 0: it has not ended */
    struct dd_wire_fragment first;
    uint8_t received[SYMBOLS_MAX / 8]; /* a bit per datagram, in the order in which they are sent */
};

static struct {
    struct dd_reassembly *r;
    struct fuzz_frame shapes[SHAPES];
    struct model models[SESSIONS * NUMBERS + 1]; /* the last one is newer than all others */
    size_t in_progress;
    uint64_t ended;
    uint64_t newest_session, newest_number; /* complete */
    struct dd_reassembly_counters counters;
    uint64_t now_us;
    size_t budget, allocated;
} t;

static uint8_t noise[SESSIONS * NUMBERS * SHAPES * 64 + MAX_FRAME + MAX_FRAME / 4];

/* only there with a sanitizer */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes() : 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    dd_log_open("fuzz_reassembly", DD_LOG_ERROR);
    for (uint32_t i = 0, x = 1; i < sizeof noise; i++, x = x * 1664525 + 1013904223)
        noise[i] = (uint8_t)(x >> 24);
    return 0;
}

static bool is_newer(uint64_t session, uint64_t number, uint64_t than_session, uint64_t than_number)
{
    return session != than_session ? session > than_session : number > than_number;
}

/* The frame of a model in a shape: each has other bytes, and another time of capture. */
static struct fuzz_frame shape_of(const struct model *m, size_t shape)
{
    struct fuzz_frame f = t.shapes[shape];
    f.bytes = noise + ((size_t)(m - t.models) * SHAPES + shape) * 64 % (sizeof noise - MAX_FRAME - MAX_FRAME / 4);
    return f;
}

static uint64_t captured_of(const struct model *m, size_t shape)
{
    return m->number * 1000 + shape;
}

static bool agrees(const struct dd_wire_fragment *a, const struct dd_wire_fragment *b)
{
    return a->captured_us == b->captured_us && a->frame_bytes == b->frame_bytes && a->symbol_bytes == b->symbol_bytes &&
           a->blocks == b->blocks && a->parity == b->parity;
}

static void end_frame(struct model *m)
{
    m->in_progress = false;
    m->ended = ++t.ended;
    t.in_progress--;
}

static struct model *oldest_in_progress(void)
{
    struct model *oldest = NULL;
    for (size_t i = 0; i < sizeof t.models / sizeof *t.models; i++) {
        struct model *m = &t.models[i];
        if (m->in_progress && (!oldest || is_newer(oldest->session, oldest->number, m->session, m->number)))
            oldest = m;
    }
    return oldest;
}

/* Checks the verdict on a fragment whose frame is not in progress. True if it begins the frame. */
static bool begins_frame(struct model *m, const struct dd_wire_fragment *f, enum dd_reassembly_verdict verdict)
{
    if (m->ended && t.ended - m->ended < REMEMBERED) {
        MUST(verdict == DD_REASSEMBLY_LATE);
        return false;
    }
    if (f->frame_bytes > MAX_FRAME) {
        MUST(verdict == DD_REASSEMBLY_MALFORMED);
        return false;
    }
    if (t.in_progress == DD_REASSEMBLY_FRAMES) {
        struct model *oldest = oldest_in_progress();
        if (is_newer(oldest->session, oldest->number, m->session, m->number)) {
            MUST(verdict == DD_REASSEMBLY_LATE);
            return false;
        }
        t.counters.incomplete++;
        end_frame(oldest);
    }
    t.in_progress++;
    m->in_progress = true;
    m->tampered = false;
    m->first = *f;
    memset(m->received, 0, sizeof m->received);
    return true;
}

/* True if the frame can be recovered: each block has received as many symbols as it has data symbols. */
static bool is_whole(const struct model *m)
{
    uint32_t symbols = (m->first.frame_bytes + m->first.symbol_bytes - 1) / m->first.symbol_bytes, blocks = m->first.blocks;
    uint32_t lacks[SYMBOLS_MAX], end = symbols + blocks * m->first.parity;
    for (uint32_t b = 0; b < blocks; b++)
        lacks[b] = symbols / blocks + (b < symbols % blocks);
    for (uint32_t n = 0; n < end; n++) {
        uint32_t b = (n < symbols ? n : n - symbols) % blocks;
        lacks[b] -= lacks[b] && m->received[n / 8] >> n % 8 & 1;
    }
    for (uint32_t b = 0; b < blocks; b++)
        if (lacks[b])
            return false;
    return true;
}

static void check_complete(struct model *m, const struct dd_reassembly_frame *got, enum dd_reassembly_verdict verdict)
{
    MUST(is_whole(m));
    end_frame(m);
    if (!is_newer(m->session, m->number, t.newest_session, t.newest_number)) {
        MUST(verdict == DD_REASSEMBLY_LATE);
        t.counters.late++;
        return;
    }
    MUST(verdict == DD_REASSEMBLY_COMPLETE);
    t.counters.complete++;
    t.newest_session = m->session;
    t.newest_number = m->number;
    MUST(got->session == m->session && got->number == m->number && got->captured_us == m->first.captured_us);
    MUST(got->size == m->first.frame_bytes && got->size <= MAX_FRAME);
    size_t shape = m->first.captured_us % 1000;
    if (!m->tampered && shape < SHAPES) {
        struct fuzz_frame frame = shape_of(m, shape);
        MUST(!memcmp(got->bytes, frame.bytes, got->size));
    }
}

static void check_counters(void)
{
    const struct dd_reassembly_counters *now = dd_reassembly_counters(t.r);
    MUST(now->complete == t.counters.complete && now->late == t.counters.late && now->incomplete == t.counters.incomplete);
}

/* Checks the verdict on a symbol of a frame in progress, right or tampered with. */
static void check_symbol(struct model *m, const struct dd_wire_fragment *f, enum dd_reassembly_verdict verdict)
{
    uint32_t symbols = (f->frame_bytes + f->symbol_bytes - 1) / f->symbol_bytes;
    uint32_t base = f->index < f->data ? 0 : symbols, within = f->index < f->data ? f->index : f->index - f->data;
    uint32_t n = base + within * f->blocks + f->block;
    bool known = m->received[n / 8] >> n % 8 & 1;
    MUST(verdict != DD_REASSEMBLY_MALFORMED);
    MUST(!known || verdict != DD_REASSEMBLY_COMPLETE);
    MUST(known || verdict != DD_REASSEMBLY_DUPLICATE);
    m->last_symbol_us = t.now_us;
    m->received[n / 8] |= (uint8_t)(1 << n % 8);
}

/* Adds a fragment to the reassembly, and checks the verdict, the frame and the counters. */
static void add_fragment(struct model *m, const struct dd_wire_fragment *f, bool tamper)
{
    struct dd_reassembly_frame got;
    const struct dd_reassembly_counters *now = dd_reassembly_counters(t.r);
    uint64_t completed = now->complete + now->late;
    if (!t.budget)
        return;
    t.budget--;
    enum dd_reassembly_verdict verdict = dd_reassembly_add(t.r, m->session, f, t.now_us, &got);
    MUST(verdict != DD_REASSEMBLY_MEMORY);
    MUST((verdict == DD_REASSEMBLY_COMPLETE) == (got.bytes != NULL));
    if (m->in_progress || begins_frame(m, f, verdict)) {
        if (agrees(&m->first, f)) {
            m->tampered |= tamper;
            check_symbol(m, f, verdict);
            if (now->complete + now->late > completed)
                check_complete(m, &got, verdict);
            else
                MUST(!is_whole(m) && verdict != DD_REASSEMBLY_LATE);
        } else {
            MUST(verdict == DD_REASSEMBLY_MALFORMED);
        }
    }
    check_counters();
}

static void add_datagram(struct model *m, size_t shape, uint32_t n, bool tamper)
{
    static uint8_t symbol[DD_WIRE_DATAGRAM_MAX];
    struct fuzz_frame frame = shape_of(m, shape);
    struct dd_wire_fragment f = {.frame = m->number, .captured_us = captured_of(m, shape)};
    n %= fuzz_frame_datagrams(&frame);
    fuzz_frame_fragment(&frame, n, &f, symbol);
    if (tamper)
        symbol[n % frame.symbol_bytes] ^= 0xff;
    add_fragment(m, &f, tamper);
}

/* Adds a fragment that contradicts its frame in one field, if it is valid by itself. */
static void add_contradiction(struct model *m, size_t shape, uint32_t n, uint8_t field)
{
    static uint8_t symbol[DD_WIRE_DATAGRAM_MAX], message[DD_WIRE_DATAGRAM_MAX];
    struct fuzz_frame frame = shape_of(m, shape);
    struct dd_wire_fragment f = {.frame = m->number, .captured_us = captured_of(m, shape)}, back;
    uint8_t by = (uint8_t)(1 + field / 5 % 8);
    if (field % 5 == 2) { /* symbols of another size, but as many blocks */
        frame.symbol_bytes = (uint16_t)(frame.symbol_bytes + by);
        frame.symbols = (frame.size + frame.symbol_bytes - 1) / frame.symbol_bytes;
    }
    n %= fuzz_frame_datagrams(&frame);
    fuzz_frame_fragment(&frame, n, &f, symbol);
    f.captured_us += field % 5 == 0 ? (uint64_t)by * SHAPES : 0;
    f.frame_bytes += field % 5 == 1 ? by : 0;
    f.blocks = (uint16_t)(f.blocks + (field % 5 == 3 ? by : 0));
    f.parity = (uint8_t)(f.parity + (field % 5 == 4 ? by : 0));
    size_t size = dd_wire_write_fragment(&f, message, sizeof message);
    if (dd_wire_read_fragment(&back, UINT32_MAX, message, size) == 0)
        add_fragment(m, &back, true);
}

static void expire(void)
{
    dd_reassembly_expire(t.r, t.now_us);
    for (size_t i = 0; i < sizeof t.models / sizeof *t.models; i++) {
        struct model *m = &t.models[i];
        if (m->in_progress && t.now_us - m->last_symbol_us > (uint64_t)DD_REASSEMBLY_PATIENCE_MS * DD_CLOCK_US_PER_MS &&
            is_newer(t.newest_session, t.newest_number, m->session, m->number)) {
            t.counters.incomplete++;
            end_frame(m);
        }
    }
    check_counters();
}

static void run_action(struct dd_cursor *c)
{
    uint8_t action = dd_cursor_read_u8(c), which = dd_cursor_read_u8(c);
    struct model *m = &t.models[which % (SESSIONS * NUMBERS)];
    size_t shape = which / (SESSIONS * NUMBERS) % SHAPES;
    uint32_t n;
    switch (action % ACTIONS) {
    case 0:
    case 1:
        add_datagram(m, shape, dd_cursor_read_u16(c), false);
        break;
    case 2:
        add_datagram(m, shape, dd_cursor_read_u16(c), true);
        break;
    case 3:
        n = dd_cursor_read_u16(c);
        add_contradiction(m, shape, n, dd_cursor_read_u8(c));
        break;
    case 4:
        t.now_us += which * UINT64_C(40000);
        expire();
        break;
    default: { /* several datagrams, in steps that may wrap around */
        n = dd_cursor_read_u16(c);
        uint32_t count = dd_cursor_read_u8(c) * 2U, step = dd_cursor_read_u8(c);
        for (uint32_t i = 0; i < count; i++, n += step)
            add_datagram(m, shape, n, false);
        break;
    }
    }
    if (allocated() > t.allocated)
        MUST(allocated() - t.allocated <= MEMORY_MAX);
}

static void set_up(struct dd_cursor *c)
{
    memset(&t, 0, sizeof t);
    t.budget = BUDGET;
    for (size_t i = 0; i < SHAPES; i++) {
        uint32_t size = 1 + dd_cursor_read_u16(c) % (MAX_FRAME + MAX_FRAME / 8);
        struct fuzz_cut cut = {.symbol_bytes = (uint16_t)(1 + dd_cursor_read_u16(c) % 1400)};
        cut.data = (uint8_t)(1 + dd_cursor_read_u8(c) % DD_WIRE_DATA_MAX);
        cut.parity = dd_cursor_read_u8(c);
        t.shapes[i] = fuzz_frame_cut(noise, size, cut, DATAGRAMS);
    }
    for (size_t i = 0; i <= SESSIONS * NUMBERS; i++) {
        t.models[i].session = 1 + i / NUMBERS;
        t.models[i].number = 1 + i % NUMBERS;
    }
    t.allocated = allocated();
    t.r = dd_reassembly_new(MAX_FRAME);
    MUST(t.r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dd_cursor c = dd_cursor_reader(data, size);
    set_up(&c);
    while (dd_cursor_remaining(&c))
        run_action(&c);
    /* whatever came before, a newer frame completes */
    struct model *last = &t.models[SESSIONS * NUMBERS];
    t.budget = DATAGRAMS;
    for (uint32_t n = 0; n < t.shapes[0].symbols; n++)
        add_datagram(last, 0, n, false);
    MUST(t.shapes[0].size > MAX_FRAME || t.newest_session == last->session);
    dd_reassembly_free(t.r);
    return 0;
}

size_t fuzz_seed(size_t i, uint8_t seed[static FUZZ_SEED_SIZE])
{
    static const struct fuzz_bytes actions[] = {
        /* a frame in order */
        FUZZ_BYTES("\x05\x00\x00\x00\xff\x01"),
        /* two at a time */
        FUZZ_BYTES("\x05\x41\x00\x00\x04\x01\x05\x82\x00\x00\x04\x01\x05\x41\x00"
                   "\x04\x10\x01\x04\xff"),
        /* out of order, twice */
        FUZZ_BYTES("\x05\x00\x00\x02\xff\x03\x00\x00\x00\x00\x05\x00\x00\x01\xff"
                   "\x03\x05\x00\x00\x00\xff\x03"),
        /* overtaken, given up */
        FUZZ_BYTES("\x00\x00\x00\x00\x05\x01\x00\x00\xff\x01\x04\xff\x04\x01\x00"
                   "\x00\x00\x01"),
        FUZZ_BYTES("\x03\x40\x00\x00\x00\x03\x40\x00\x01\x01\x02\x40\x00\x01\x03"
                   "\x40\x00\x02\x02\x03\x40\x00\x03\x03\x03\x40\x00"
                   "\x03\x04"),
        /* too many frames in progress */
        FUZZ_BYTES("\x00\x00\x00\x01\x00\x01\x00\x01\x00\x02\x00\x01\x00\x03\x00"
                   "\x01\x00\x04\x00\x01\x00\x05\x00\x01"
                   "\x00\x06\x00\x01\x00\x07\x00\x01\x00\x08\x00\x01\x00\x01\x00"
                   "\x01\x00\x00\x00\x02"),
        /* sessions */
        FUZZ_BYTES("\x05\x10\x00\x00\xff\x01\x05\x0f\x00\x00\xff\x01\x05\x20\x00"
                   "\x00\xff\x01\x05\x3f\x00\x00\xff\x01"),
    };
    static const uint8_t shapes[SHAPES * 6] = {0x07, 0xd0, 0x00, 0x63, 127, 4, 0x4e, 0x1f, 0x05, 0x27, 9,   200,
                                               0x00, 0x40, 0x04, 0x00, 6,   3, 0x0d, 0x2e, 0x00, 0x20, 127, 0};
    size_t size = sizeof shapes;
    memcpy(seed, shapes, sizeof shapes);
    if (i == sizeof actions / sizeof *actions) { /* many frames of one symbol, and the first of them again */
        for (uint8_t which = 0; which < REMEMBERED - 2; which++, size += 4)
            memcpy(seed + size, (const uint8_t[]){0, (uint8_t)(0x80 + which), 0, 0}, 4);
        memcpy(seed + size, (const uint8_t[]){0, 0x80, 0, 0}, 4);
        return size + 4;
    }
    if (i > sizeof actions / sizeof *actions)
        return 0;
    memcpy(seed + sizeof shapes, actions[i].bytes, actions[i].size);
    return sizeof shapes + actions[i].size;
}
