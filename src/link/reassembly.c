#include "dd/link/reassembly.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/buffer.h"
#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/round_up.h"
#include "dd/link/wire.h"
#include "link/fec.h"

/* An incomplete frame. Its memory is reused for later frames and grows to what the largest needs.
 *
 * A block has a place for each of its data symbols, and any that many of its symbols complete it. So parity symbols are stored in
 * the places of missing data symbols until the block is recovered. */
struct partial {
    bool used;
    uint64_t session, number, captured_us;
    uint32_t frame_bytes;
    uint16_t symbol_bytes, blocks, open; /* open: incomplete blocks */
    uint8_t parity;
    uint64_t touched_us;    /* arrival of its latest symbol */
    struct dd_buffer frame; /* the places, symbols x symbol_bytes in the order of the frame; then DD_FEC_SLACK */
    /* A bit per block: it has got a symbol. Then, per block, stride bytes, which hold nothing before its first symbol: how many
     * symbols it lacks; and for each of its places 1 + index of the symbol that is stored there, 0 if there is none. So a frame
     * of which one symbol comes costs no more than the bits, however large it claims to be. */
    struct dd_buffer bookkeeping;
    uint32_t stride;
};

/* What is stored about one block; see struct partial. */
struct block {
    uint8_t *missing, *held;
};

/* The order of frames: by session, then by number. */
struct order {
    uint64_t session, number;
};

struct dd_reassembly {
    uint32_t max_frame_bytes;
    struct dd_fec *fec;
    struct partial partials[DD_REASSEMBLY_FRAMES];
    struct order newest; /* newest complete frame */
    /* The latest frames that ended, complete or not: a late symbol does not begin them again. */
    struct order ended[DD_REASSEMBLY_FRAMES * 4];
    size_t ended_next;
    struct dd_reassembly_counters counters;
};

static bool is_newer(struct order a, struct order b)
{
    return a.session != b.session ? a.session > b.session : a.number > b.number;
}

static struct order order_of(const struct partial *m)
{
    return (struct order){m->session, m->number};
}

static void end(struct dd_reassembly *r, struct partial *m)
{
    r->ended[r->ended_next] = order_of(m);
    r->ended_next = (r->ended_next + 1) % (sizeof r->ended / sizeof *r->ended);
    m->used = false;
}

static void give_up(struct dd_reassembly *r, struct partial *m)
{
    r->counters.incomplete++;
    end(r, m);
}

static bool has_ended(const struct dd_reassembly *r, struct order o)
{
    for (size_t i = 0; i < sizeof r->ended / sizeof *r->ended; i++)
        if (r->ended[i].session == o.session && r->ended[i].number == o.number)
            return true;
    return false;
}

/* Returns a free slot for a frame. If all are used, the oldest incomplete frame is given up; NULL if o is older than all of them.
 */
static struct partial *claim_slot(struct dd_reassembly *r, struct order o)
{
    struct partial *oldest = NULL;
    for (size_t i = 0; i < DD_REASSEMBLY_FRAMES; i++) {
        struct partial *m = &r->partials[i];
        if (!m->used)
            return m;
        if (!oldest || is_newer(order_of(oldest), order_of(m)))
            oldest = m;
    }
    if (is_newer(order_of(oldest), o))
        return NULL;
    give_up(r, oldest);
    return oldest;
}

static uint32_t symbols_of(const struct dd_wire_fragment *f)
{
    return (uint32_t)dd_round_up_quotient(f->frame_bytes, f->symbol_bytes);
}

/* The largest sizes of the two buffers; see dd_wire_read_fragment(). */
static uint64_t most_frame(uint32_t max_frame_bytes)
{
    return (uint64_t)max_frame_bytes + DD_WIRE_DATAGRAM_MAX + DD_FEC_SLACK; /* the last symbol is padded */
}

static uint64_t most_bookkeeping(uint32_t max_frame_bytes)
{
    /* a byte per place; one per block for missing, one more where blocks are of two sizes, and a bit */
    return 4 * ((uint64_t)max_frame_bytes / DD_WIRE_SYMBOL_MIN + DD_WIRE_SYMBOLS_SHORT);
}

/* Enlarges a buffer to twice its size at least, but not beyond most: frames of growing sizes move it a few times only. */
static int reserve(struct dd_buffer *buffer, uint64_t needed, uint64_t most)
{
    uint64_t wanted = buffer->capacity < most / 2 ? 2 * buffer->capacity : most;
    return needed <= buffer->capacity ? 0 : dd_buffer_reserve(buffer, wanted > needed ? wanted : needed);
}

/* Begins a frame in the free slot m. 0 or DD_ERROR_MEMORY, logged. */
static int begin(const struct dd_reassembly *r, struct partial *m, uint64_t session, const struct dd_wire_fragment *f)
{
    uint32_t symbols = symbols_of(f), bits = (uint32_t)dd_round_up_quotient(f->blocks, 8);
    m->stride = 1 + (uint32_t)dd_round_up_quotient(symbols, f->blocks);
    if (reserve(&m->frame, (uint64_t)symbols * f->symbol_bytes + DD_FEC_SLACK, most_frame(r->max_frame_bytes)) ||
        reserve(&m->bookkeeping, bits + (uint64_t)f->blocks * m->stride, most_bookkeeping(r->max_frame_bytes))) {
        dd_log_error("out of memory for a frame of %u bytes", f->frame_bytes);
        return DD_ERROR_MEMORY;
    }
    memset(m->bookkeeping.bytes, 0, bits);
    m->used = true;
    m->session = session;
    m->number = f->frame;
    m->captured_us = f->captured_us;
    m->frame_bytes = f->frame_bytes;
    m->symbol_bytes = f->symbol_bytes;
    m->blocks = m->open = f->blocks;
    m->parity = f->parity;
    return 0;
}

/* Finds what is stored about f's block; with its first symbol it begins. */
static struct block find_block(const struct partial *m, const struct dd_wire_fragment *f)
{
    uint8_t *bits = m->bookkeeping.bytes, bit = (uint8_t)(1 << f->block % 8);
    uint8_t *at = bits + dd_round_up_quotient(m->blocks, 8) + (size_t)f->block * m->stride;
    struct block block = {.missing = at, .held = at + 1};
    if (!(bits[f->block / 8] & bit)) {
        bits[f->block / 8] |= bit;
        *block.missing = f->data;
        memset(block.held, 0, f->data);
    }
    return block;
}

static struct partial *find(struct dd_reassembly *r, struct order o)
{
    for (size_t i = 0; i < DD_REASSEMBLY_FRAMES; i++) {
        struct partial *m = &r->partials[i];
        if (m->used && m->session == o.session && m->number == o.number)
            return m;
    }
    return NULL;
}

static bool agrees(const struct partial *m, const struct dd_wire_fragment *f)
{
    return m->captured_us == f->captured_us && m->frame_bytes == f->frame_bytes && m->symbol_bytes == f->symbol_bytes &&
           m->blocks == f->blocks && m->parity == f->parity;
}

/* Place i of f's block. */
static uint8_t *place_of(const struct partial *m, const struct dd_wire_fragment *f, size_t i)
{
    return m->frame.bytes + (i * m->blocks + f->block) * m->symbol_bytes;
}

/* Stores a symbol of an incomplete block, which has a free place. False if the symbol is there already. */
static bool store_symbol(const struct partial *m, const struct dd_wire_fragment *f, const struct block *block)
{
    uint8_t held = (uint8_t)(f->index + 1), *free_place = memchr(block->held, 0, f->data), *place = block->held + f->index;
    if (f->index >= f->data) {
        if (memchr(block->held, held, f->data) || !free_place)
            return false;
        place = free_place;
    } else if (*place == held) {
        return false;
    } else if (*place && free_place) { /* a parity symbol, which may move */
        memcpy(place_of(m, f, (size_t)(free_place - block->held)), place_of(m, f, f->index), m->symbol_bytes);
        *free_place = *place;
    }
    memcpy(place_of(m, f, (size_t)(place - block->held)), f->symbol, m->symbol_bytes);
    *place = held;
    return true;
}

/* Recovers the lost data symbols of a block that has enough symbols. */
static int recover(struct dd_reassembly *r, const struct partial *m, const struct dd_wire_fragment *f, const struct block *block)
{
    struct dd_fec_block sizes = {.data = f->data, .parity = f->parity, .symbol_bytes = f->symbol_bytes};
    uint8_t *places[DD_WIRE_DATA_MAX], held[DD_WIRE_DATA_MAX];
    uint32_t lost = 0;
    for (uint32_t i = 0; i < f->data; i++) {
        places[i] = place_of(m, f, i);
        held[i] = (uint8_t)(block->held[i] - 1);
        lost += held[i] != i;
    }
    int error = lost ? dd_fec_recover(r->fec, &sizes, places, held) : 0;
    if (!error)
        r->counters.recovered += lost;
    return error;
}

/* The frame is complete. It is returned if it is newer than every one before. */
static enum dd_reassembly_verdict complete(struct dd_reassembly *r, struct partial *m, struct dd_reassembly_frame *frame)
{
    struct order o = order_of(m);
    end(r, m);
    if (!is_newer(o, r->newest)) {
        r->counters.late++;
        return DD_REASSEMBLY_LATE;
    }
    r->newest = o;
    r->counters.complete++;
    frame->session = m->session;
    frame->number = m->number;
    frame->captured_us = m->captured_us;
    frame->bytes = m->frame.bytes;
    frame->size = m->frame_bytes;
    return DD_REASSEMBLY_COMPLETE;
}

uint64_t dd_reassembly_memory(uint32_t max_frame_bytes)
{
    return DD_REASSEMBLY_FRAMES * (most_frame(max_frame_bytes) + most_bookkeeping(max_frame_bytes)) + DD_FEC_RECOVER_BYTES;
}

struct dd_reassembly *dd_reassembly_new(uint32_t max_frame_bytes)
{
    struct dd_reassembly *r = calloc(1, sizeof *r);
    if (!r) {
        dd_log_error("out of memory");
        return NULL;
    }
    r->fec = dd_fec_new();
    if (!r->fec) {
        free(r);
        return NULL;
    }
    r->max_frame_bytes = max_frame_bytes;
    return r;
}

void dd_reassembly_free(struct dd_reassembly *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < DD_REASSEMBLY_FRAMES; i++) {
        dd_buffer_free(&r->partials[i].frame);
        dd_buffer_free(&r->partials[i].bookkeeping);
    }
    dd_fec_free(r->fec);
    free(r);
}

void dd_reassembly_skip_before(struct dd_reassembly *r, uint64_t session, uint64_t number)
{
    r->newest = (struct order){session, number - 1};
}

enum dd_reassembly_verdict dd_reassembly_add(struct dd_reassembly *r, uint64_t session, const struct dd_wire_fragment *fragment,
                                             uint64_t now_us, struct dd_reassembly_frame *frame)
{
    struct order o = {session, fragment->frame};
    memset(frame, 0, sizeof *frame);
    struct partial *m = find(r, o);
    if (!m && has_ended(r, o))
        return DD_REASSEMBLY_LATE;
    if (fragment->frame_bytes > r->max_frame_bytes || (m && !agrees(m, fragment)))
        return DD_REASSEMBLY_MALFORMED;
    if (!m) {
        m = claim_slot(r, o);
        if (!m)
            return DD_REASSEMBLY_LATE;
        if (begin(r, m, session, fragment))
            return DD_REASSEMBLY_MEMORY;
    }
    m->touched_us = now_us;
    struct block block = find_block(m, fragment);
    if (!*block.missing)
        return DD_REASSEMBLY_SPARE;
    if (!store_symbol(m, fragment, &block))
        return DD_REASSEMBLY_DUPLICATE;
    if (--*block.missing)
        return DD_REASSEMBLY_TAKEN;
    if (recover(r, m, fragment, &block)) {
        give_up(r, m);
        return DD_REASSEMBLY_MEMORY;
    }
    return --m->open ? DD_REASSEMBLY_TAKEN : complete(r, m, frame);
}

void dd_reassembly_expire(struct dd_reassembly *r, uint64_t now_us)
{
    for (size_t i = 0; i < DD_REASSEMBLY_FRAMES; i++) {
        struct partial *m = &r->partials[i];
        bool waited = m->used && now_us - m->touched_us > (uint64_t)DD_REASSEMBLY_PATIENCE_MS * DD_CLOCK_US_PER_MS;
        if (waited && is_newer(r->newest, order_of(m)))
            give_up(r, m);
    }
}

const struct dd_reassembly_counters *dd_reassembly_counters(const struct dd_reassembly *r)
{
    return &r->counters;
}
