#include "dd/link/reassemble.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"

/* A frame in the making. Its memory is kept from frame to frame, and grows to what the largest needed. */
struct making {
    bool used;
    uint64_t session, number, captured_us;
    uint32_t frame_bytes, symbols, missing;
    uint16_t symbol_bytes, blocks;
    uint8_t parity;
    uint64_t touched_us; /* arrival of its newest symbol */
    uint8_t *bytes;      /* symbols x symbol_bytes */
    uint8_t *have;       /* a bit per data symbol */
    size_t bytes_size, have_size;
};

/* Which frame is newer: that of the newer session, and within one the one with the higher number. */
struct order {
    uint64_t session, number;
};

struct dd_reassemble {
    uint32_t max_frame_bytes;
    struct making making[DD_REASSEMBLE_FRAMES];
    struct order newest; /* complete */
    /* Frames that ended, complete or not: a symbol of theirs that comes later does not begin them again. */
    struct order ended[DD_REASSEMBLE_FRAMES * 4];
    size_t ended_next;
    struct dd_reassemble_counters counters;
};

static bool is_newer(struct order a, struct order b)
{
    return a.session != b.session ? a.session > b.session : a.number > b.number;
}

static struct order order_of(const struct making *m)
{
    return (struct order){m->session, m->number};
}

static void end(struct dd_reassemble *r, struct making *m)
{
    r->ended[r->ended_next] = order_of(m);
    r->ended_next = (r->ended_next + 1) % (sizeof r->ended / sizeof *r->ended);
    m->used = false;
}

static void give_up(struct dd_reassemble *r, struct making *m)
{
    r->counters.incomplete++;
    end(r, m);
}

static bool has_ended(const struct dd_reassemble *r, struct order o)
{
    for (size_t i = 0; i < sizeof r->ended / sizeof *r->ended; i++)
        if (r->ended[i].session == o.session && r->ended[i].number == o.number)
            return true;
    return false;
}

static int grow(uint8_t **bytes, size_t *have, size_t need)
{
    if (*have >= need)
        return 0;
    uint8_t *grown = realloc(*bytes, need);
    if (!grown)
        return -1;
    *bytes = grown;
    *have = need;
    return 0;
}

/* A free place for a frame; the oldest in the making is dropped where there is none. NULL if that is the frame itself. */
static struct making *take_place(struct dd_reassemble *r, struct order o)
{
    struct making *oldest = NULL;
    for (size_t i = 0; i < DD_REASSEMBLE_FRAMES; i++) {
        struct making *m = &r->making[i];
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

/* Begins a frame at its place m. DD_ERROR_MEMORY, logged, if it has none. */
static int begin(struct making *m, uint64_t session, const struct dd_wire_fragment *f)
{
    uint32_t symbols = f->frame_bytes / f->symbol_bytes + (f->frame_bytes % f->symbol_bytes != 0);
    if (grow(&m->bytes, &m->bytes_size, (size_t)symbols * f->symbol_bytes) || grow(&m->have, &m->have_size, symbols / 8 + 1)) {
        dd_log_error("out of memory for a frame of %u bytes", f->frame_bytes);
        return DD_ERROR_MEMORY;
    }
    memset(m->have, 0, symbols / 8 + 1);
    m->used = true;
    m->session = session;
    m->number = f->frame;
    m->captured_us = f->captured_us;
    m->frame_bytes = f->frame_bytes;
    m->symbols = m->missing = symbols;
    m->symbol_bytes = f->symbol_bytes;
    m->blocks = f->blocks;
    m->parity = f->parity;
    return 0;
}

static struct making *find(struct dd_reassemble *r, struct order o)
{
    for (size_t i = 0; i < DD_REASSEMBLE_FRAMES; i++) {
        struct making *m = &r->making[i];
        if (m->used && m->session == o.session && m->number == o.number)
            return m;
    }
    return NULL;
}

static bool agrees(const struct making *m, const struct dd_wire_fragment *f)
{
    return m->captured_us == f->captured_us && m->frame_bytes == f->frame_bytes && m->symbol_bytes == f->symbol_bytes &&
           m->blocks == f->blocks && m->parity == f->parity;
}

/* The last symbol came: the frame goes to the caller, if it is newer than all before. */
static enum dd_reassemble_verdict complete(struct dd_reassemble *r, struct making *m, struct dd_reassemble_frame *frame)
{
    struct order o = order_of(m);
    end(r, m);
    if (!is_newer(o, r->newest)) {
        r->counters.late++;
        return DD_REASSEMBLE_LATE;
    }
    r->newest = o;
    r->counters.complete++;
    frame->session = m->session;
    frame->number = m->number;
    frame->captured_us = m->captured_us;
    frame->bytes = m->bytes;
    frame->size = m->frame_bytes;
    return DD_REASSEMBLE_COMPLETE;
}

struct dd_reassemble *dd_reassemble_new(uint32_t max_frame_bytes)
{
    struct dd_reassemble *r = calloc(1, sizeof *r);
    if (!r) {
        dd_log_error("out of memory");
        return NULL;
    }
    r->max_frame_bytes = max_frame_bytes;
    return r;
}

void dd_reassemble_free(struct dd_reassemble *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < DD_REASSEMBLE_FRAMES; i++) {
        free(r->making[i].bytes);
        free(r->making[i].have);
    }
    free(r);
}

enum dd_reassemble_verdict dd_reassemble_add(struct dd_reassemble *r, uint64_t session, const struct dd_wire_fragment *fragment,
                                             uint64_t now_us, struct dd_reassemble_frame *frame)
{
    struct order o = {session, fragment->frame};
    memset(frame, 0, sizeof *frame);
    struct making *m = find(r, o);
    if (!m && has_ended(r, o))
        return DD_REASSEMBLE_LATE;
    if (fragment->frame_bytes > r->max_frame_bytes || (m && !agrees(m, fragment)))
        return DD_REASSEMBLE_MALFORMED;
    if (!m) {
        m = take_place(r, o);
        if (!m)
            return DD_REASSEMBLE_LATE;
        if (begin(m, session, fragment))
            return DD_REASSEMBLE_MEMORY;
    }
    m->touched_us = now_us;
    if (fragment->index >= fragment->data)
        return DD_REASSEMBLE_TAKEN;
    uint32_t j = (uint32_t)fragment->index * fragment->blocks + fragment->block;
    if (m->have[j / 8] >> j % 8 & 1)
        return DD_REASSEMBLE_DUPLICATE;
    m->have[j / 8] |= (uint8_t)(1 << j % 8);
    memcpy(m->bytes + (size_t)j * m->symbol_bytes, fragment->symbol, m->symbol_bytes);
    return --m->missing ? DD_REASSEMBLE_TAKEN : complete(r, m, frame);
}

void dd_reassemble_expire(struct dd_reassemble *r, uint64_t now_us)
{
    for (size_t i = 0; i < DD_REASSEMBLE_FRAMES; i++) {
        struct making *m = &r->making[i];
        bool waited = m->used && now_us - m->touched_us > (uint64_t)DD_REASSEMBLE_PATIENCE_MS * DD_CLOCK_US_PER_MS;
        if (waited && is_newer(r->newest, order_of(m)))
            give_up(r, m);
    }
}

const struct dd_reassemble_counters *dd_reassemble_counters(const struct dd_reassemble *r)
{
    return &r->counters;
}
