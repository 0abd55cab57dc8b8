#include "link/fec.h"

#include <isa-l/erasure_code.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/buffer.h"
#include "dd/base/error.h"
#include "dd/base/log.h"

/* The largest number of coefficients of a block. */
enum { MATRIX = DD_WIRE_DATA_MAX * DD_WIRE_DATA_MAX };

/* Coefficients of all parity symbols, in ISA-L's format. */
struct tables {
    uint32_t data, parity; /* 0: none yet */
    struct dd_buffer buffer;
};

struct dd_fec {
    struct tables cache[DD_FEC_CACHE]; /* at data mod DD_FEC_CACHE: frames that follow each other have blocks of about one size */
    /* of recovery */
    struct dd_buffer tables, copies;
    uint8_t inverse[MATRIX], known[MATRIX + DD_FEC_SLACK], combined[MATRIX + DD_FEC_SLACK];
};

static bool is_sound(const struct dd_fec_block *b)
{
    return b->data && b->data <= DD_WIRE_DATA_MAX && b->parity <= DD_WIRE_SYMBOLS_MAX - b->data && b->symbol_bytes &&
           b->symbol_bytes <= DD_WIRE_DATAGRAM_MAX;
}

/* The coefficient of data symbol j in the parity symbol with that index; index >= data > j. */
static uint8_t coefficient(uint32_t index, uint32_t j)
{
    return gf_inv((uint8_t)(index ^ j));
}

/* ISA-L's declarations lack const for what it only reads. */
static uint8_t *readable(const uint8_t *bytes)
{
    return (uint8_t *)(uintptr_t)bytes;
}

static int reserve(struct dd_buffer *buffer, size_t size)
{
    int error = dd_buffer_reserve(buffer, size);
    if (error)
        dd_log_error("out of memory for parity");
    return error;
}

struct dd_fec *dd_fec_new(void)
{
    struct dd_fec *fec = calloc(1, sizeof *fec);
    if (!fec)
        dd_log_error("out of memory");
    return fec;
}

void dd_fec_free(struct dd_fec *fec)
{
    if (!fec)
        return;
    for (size_t i = 0; i < DD_FEC_CACHE; i++)
        dd_buffer_free(&fec->cache[i].buffer);
    dd_buffer_free(&fec->tables);
    dd_buffer_free(&fec->copies);
    free(fec);
}

/* The tables of blocks with these numbers of symbols; NULL, logged, if memory is exhausted. */
static const struct tables *tables_of(struct dd_fec *fec, const struct dd_fec_block *block)
{
    uint8_t matrix[MATRIX], *next = matrix;
    struct tables *t = &fec->cache[block->data % DD_FEC_CACHE];
    if (t->data == block->data && t->parity == block->parity)
        return t;
    t->data = 0;
    if (reserve(&t->buffer, (size_t)DD_FEC_COEFFICIENT * block->data * block->parity))
        return NULL;
    for (uint32_t i = 0; i < block->parity; i++)
        for (uint32_t j = 0; j < block->data; j++)
            *next++ = coefficient(block->data + i, j);
    ec_init_tables((int)block->data, (int)block->parity, matrix, t->buffer.bytes);
    t->data = block->data;
    t->parity = block->parity;
    return t;
}

int dd_fec_encode(struct dd_fec *fec, const struct dd_fec_block *block, const uint8_t *const *data, uint8_t *const *parity)
{
    uint8_t *from[DD_WIRE_DATA_MAX], *to[DD_WIRE_SYMBOLS_MAX];
    if (!is_sound(block))
        return DD_ERROR_INPUT;
    if (!block->parity)
        return 0;
    const struct tables *t = tables_of(fec, block);
    if (!t)
        return DD_ERROR_MEMORY;
    for (uint32_t j = 0; j < block->data; j++)
        from[j] = readable(data[j]);
    memcpy(to, parity, block->parity * sizeof *to);
    ec_encode_data((int)block->symbol_bytes, (int)block->data, (int)block->parity, t->buffer.bytes, from, to);
    return 0;
}

/* The e parity symbols are sums over lost and known data: A lost + C known = parity. So lost = A^-1 (C known + parity).
 * Writes the coefficients of all k symbols that are there, e rows, to combined. False if A has no inverse. */
static bool solve(struct dd_fec *fec, uint32_t k, const uint8_t *held, const uint8_t *lost, uint32_t e)
{
    uint8_t *known[DD_WIRE_DATA_MAX], *combined[DD_WIRE_DATA_MAX], *a = fec->combined;
    memset(fec->known, 0, (size_t)e * k);
    for (uint32_t row = 0; row < e; row++) {
        known[row] = fec->known + (size_t)row * k;
        combined[row] = fec->combined + (size_t)row * k;
        for (uint32_t j = 0; j < k; j++)
            if (held[j] == j)
                known[row][j] = coefficient(held[lost[row]], j);
        known[row][lost[row]] = 1;
        for (uint32_t column = 0; column < e; column++)
            a[row * e + column] = coefficient(held[lost[row]], lost[column]);
    }
    if (gf_invert_matrix(a, fec->inverse, (int)e))
        return false;
    ec_init_tables((int)e, (int)e, fec->inverse, fec->tables.bytes);
    ec_encode_data((int)k, (int)e, (int)e, fec->tables.bytes, known, combined);
    return true;
}

int dd_fec_recover(struct dd_fec *fec, const struct dd_fec_block *block, uint8_t *const *places, const uint8_t *held)
{
    uint8_t *from[DD_WIRE_DATA_MAX], *to[DD_WIRE_DATA_MAX], lost[DD_WIRE_DATA_MAX];
    uint32_t k = block->data, e = 0;
    if (!is_sound(block))
        return DD_ERROR_INPUT;
    for (uint32_t j = 0; j < k; j++) {
        if (held[j] != j && (held[j] < k || held[j] >= k + block->parity))
            return DD_ERROR_INPUT;
        from[j] = places[j];
        if (held[j] != j)
            lost[e++] = (uint8_t)j;
    }
    if (!e)
        return 0;
    if (reserve(&fec->tables, (size_t)DD_FEC_COEFFICIENT * e * k) ||
        reserve(&fec->copies, e * block->symbol_bytes + DD_FEC_SLACK))
        return DD_ERROR_MEMORY;
    if (!solve(fec, k, held, lost, e))
        return DD_ERROR_INPUT; /* a symbol is there twice: any others can be solved */
    for (uint32_t i = 0; i < e; i++) {
        to[i] = places[lost[i]];
        from[lost[i]] = fec->copies.bytes + i * block->symbol_bytes;
        memcpy(from[lost[i]], to[i], block->symbol_bytes);
    }
    ec_init_tables((int)k, (int)e, fec->combined, fec->tables.bytes);
    ec_encode_data((int)block->symbol_bytes, (int)k, (int)e, fec->tables.bytes, from, to);
    return 0;
}
