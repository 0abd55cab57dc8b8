#include "dd/link/fragmenter.h"

#include <stdlib.h>
#include <string.h>

#include "dd/base/buffer.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/block_plan.h"
#include "dd/link/wire.h"
#include "link/fec.h"

_Static_assert((int)DD_FRAGMENTER_SLACK == (int)DD_FEC_SLACK, "data symbols are encoded in place");

struct dd_fragmenter {
    struct dd_fec *fec;
    struct dd_block_plan plan;
    const uint8_t *bytes; /* of the frame */
    uint32_t next, end;   /* datagrams of the frame */
    /* The last data symbol, padded with zeros, then the parity symbols in the order of the wire. Reused for later frames. */
    struct dd_buffer derived;
};

struct dd_fragmenter *dd_fragmenter_new(void)
{
    struct dd_fragmenter *s = calloc(1, sizeof *s);
    if (!s) {
        dd_log_error("out of memory");
        return NULL;
    }
    s->fec = dd_fec_new();
    if (!s->fec) {
        free(s);
        return NULL;
    }
    return s;
}

void dd_fragmenter_free(struct dd_fragmenter *s)
{
    if (!s)
        return;
    dd_fec_free(s->fec);
    dd_buffer_free(&s->derived);
    free(s);
}

int dd_fragmenter_begin(struct dd_fragmenter *s, const struct dd_block_plan *plan, const uint8_t *bytes)
{
    size_t symbol_bytes = plan->symbol_bytes, last = (plan->symbols - 1) * symbol_bytes, left = plan->frame_bytes - last;
    s->next = s->end = 0;
    int error = dd_buffer_reserve(&s->derived, (1 + (size_t)plan->blocks * plan->parity) * symbol_bytes + DD_FEC_SLACK);
    if (error) {
        dd_log_error("out of memory for the parity of a picture");
        return error;
    }
    memcpy(s->derived.bytes, bytes + last, left);
    memset(s->derived.bytes + left, 0, symbol_bytes - left);
    s->plan = *plan;
    s->bytes = bytes;
    s->end = dd_block_plan_datagrams(plan);
    return 0;
}

uint32_t dd_fragmenter_left(const struct dd_fragmenter *s)
{
    return s->end - s->next;
}

uint32_t dd_fragmenter_burst(const struct dd_fragmenter *s, uint32_t most)
{
    return s->next < s->end ? dd_block_plan_burst(&s->plan, s->next, most) : 0;
}

static const uint8_t *data_symbol(const struct dd_fragmenter *s, uint32_t j)
{
    return j == s->plan.symbols - 1 ? s->derived.bytes : s->bytes + (size_t)j * s->plan.symbol_bytes;
}

static uint8_t *parity_symbol(const struct dd_fragmenter *s, uint32_t i)
{
    return s->derived.bytes + (1 + (size_t)i) * s->plan.symbol_bytes;
}

static int compute_parity(struct dd_fragmenter *s, uint32_t block)
{
    const uint8_t *data[DD_WIRE_DATA_MAX];
    uint8_t *parity[DD_WIRE_SYMBOLS_MAX];
    uint32_t blocks = s->plan.blocks;
    struct dd_fec_block b = {
        .data = dd_block_plan_block_data(&s->plan, block), .parity = s->plan.parity, .symbol_bytes = s->plan.symbol_bytes};
    for (uint32_t i = 0; i < b.data; i++)
        data[i] = data_symbol(s, i * blocks + block);
    for (uint32_t i = 0; i < b.parity; i++)
        parity[i] = parity_symbol(s, i * blocks + block);
    return dd_fec_encode(s->fec, &b, data, parity);
}

int dd_fragmenter_next(struct dd_fragmenter *s, struct dd_wire_fragment *fragment)
{
    uint32_t n = s->next++, symbols = s->plan.symbols;
    dd_block_plan_describe(&s->plan, n, fragment);
    if (n < symbols) {
        fragment->symbol = data_symbol(s, n);
        return 0;
    }
    /* The parity of a block is computed when its first symbol is due, which spreads the work over the datagrams. */
    int error = n - symbols < s->plan.blocks ? compute_parity(s, n - symbols) : 0;
    if (error)
        s->next = s->end;
    fragment->symbol = parity_symbol(s, n - symbols);
    return error;
}

uint64_t dd_fragmenter_memory(uint32_t bytes, uint32_t max_packet_size, double loss_tolerance)
{
    uint64_t parity = dd_block_plan_parity_bound(bytes, max_packet_size, loss_tolerance);
    return max_packet_size + parity + DD_FEC_SLACK + (parity ? DD_FEC_ENCODE_BYTES : 0);
}
