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
    /* of recovery; sums are symbols */
    struct dd_buffer tables, sums;
    uint8_t inverse[MATRIX], coefficients[MATRIX];
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
    dd_buffer_free(&fec->sums);
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

/* The e lost symbols and the parity symbols in their places are joined by a Cauchy matrix: its element for parity x and lost y is
 * 1 / (x + y). Such a matrix has an inverse in closed form: the element for lost y and parity x is
 *     A(y) B(x) / (A'(x) B'(y) (x + y)),   A(z) the product of all (z + x), B(z) that of all (z + y),
 * where A'(x) and B'(y) leave out the factor that is 0. It takes e^2 steps, elimination e^3: a sender that has the key must not
 * get a lot of work done for a few bytes. */

/* The product of z + each of the e elements but those that equal z; *equals says how many do. */
static uint8_t product(uint8_t z, const uint8_t *elements, uint32_t e, uint32_t *equals)
{
    uint8_t result = 1;
    *equals = 0;
    for (uint32_t i = 0; i < e; i++) {
        if (z == elements[i])
            ++*equals;
        else
            result = gf_mul(result, z ^ elements[i]);
    }
    return result;
}

/* Writes the inverse, e rows of e. x: indexes of the parity symbols, y: of the lost ones. False if x holds one index twice. */
static bool invert(const uint8_t *x, const uint8_t *y, uint32_t e, uint8_t *inverse)
{
    uint8_t by_x[DD_WIRE_DATA_MAX];
    uint32_t equals;
    for (uint32_t i = 0; i < e; i++) {
        uint8_t b = product(x[i], y, e, &equals), a = product(x[i], x, e, &equals);
        if (equals != 1)
            return false;
        by_x[i] = gf_mul(b, gf_inv(a));
    }
    for (uint32_t row = 0; row < e; row++) {
        uint8_t a = product(y[row], x, e, &equals), b = product(y[row], y, e, &equals);
        uint8_t by_y = gf_mul(a, gf_inv(b));
        for (uint32_t i = 0; i < e; i++)
            *inverse++ = gf_mul(gf_mul(by_y, by_x[i]), coefficient(x[i], y[row]));
    }
    return true;
}

/* Which symbols of a block are lost, and what is there instead. */
struct losses {
    uint32_t e;                                                                        /* how many are lost */
    uint8_t lost[DD_WIRE_DATA_MAX], parity[DD_WIRE_DATA_MAX], known[DD_WIRE_DATA_MAX]; /* indexes: e, e, data - e */
};

/* False if held is no list of a block's symbols. */
static bool find_losses(struct losses *l, const struct dd_fec_block *block, const uint8_t *held)
{
    uint32_t k = block->data, known = 0;
    l->e = 0;
    for (uint32_t j = 0; j < k; j++) {
        if (held[j] == j) {
            l->known[known++] = (uint8_t)j;
            continue;
        }
        if (held[j] < k || held[j] >= k + block->parity)
            return false;
        l->lost[l->e] = (uint8_t)j;
        l->parity[l->e++] = held[j];
    }
    return true;
}

/* In GF(2^8) a sum is an exclusive or. */
static void add(uint8_t *restrict sum, const uint8_t *restrict symbol, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sum[i] ^= symbol[i];
}

/* Computes, for each parity symbol, the sum of it and of what the known data symbols add to it: that is what the lost ones add.
 */
static void add_known(struct dd_fec *fec, const struct dd_fec_block *block, const struct losses *l, uint8_t *const *places,
                      uint8_t **sums)
{
    uint32_t known = block->data - l->e;
    uint8_t *from[DD_WIRE_DATA_MAX], *next = fec->coefficients;
    for (uint32_t row = 0; row < l->e; row++)
        for (uint32_t j = 0; j < known; j++)
            *next++ = coefficient(l->parity[row], l->known[j]);
    for (uint32_t j = 0; j < known; j++)
        from[j] = places[l->known[j]];
    if (known) {
        ec_init_tables((int)known, (int)l->e, fec->coefficients, fec->tables.bytes);
        ec_encode_data((int)block->symbol_bytes, (int)known, (int)l->e, fec->tables.bytes, from, sums);
    } else {
        memset(sums[0], 0, l->e * block->symbol_bytes);
    }
    for (uint32_t row = 0; row < l->e; row++)
        add(sums[row], places[l->lost[row]], block->symbol_bytes);
}

int dd_fec_recover(struct dd_fec *fec, const struct dd_fec_block *block, uint8_t *const *places, const uint8_t *held)
{
    uint8_t *sums[DD_WIRE_DATA_MAX], *to[DD_WIRE_DATA_MAX];
    struct losses l;
    if (!is_sound(block) || !find_losses(&l, block, held))
        return DD_ERROR_INPUT;
    if (!l.e)
        return 0;
    if (!invert(l.parity, l.lost, l.e, fec->inverse))
        return DD_ERROR_INPUT; /* a symbol is there twice */
    if (reserve(&fec->tables, (size_t)DD_FEC_COEFFICIENT * MATRIX) ||
        reserve(&fec->sums, l.e * block->symbol_bytes + DD_FEC_SLACK))
        return DD_ERROR_MEMORY;
    for (uint32_t i = 0; i < l.e; i++) {
        sums[i] = fec->sums.bytes + i * block->symbol_bytes;
        to[i] = places[l.lost[i]];
    }
    add_known(fec, block, &l, places, sums);
    ec_init_tables((int)l.e, (int)l.e, fec->inverse, fec->tables.bytes);
    ec_encode_data((int)block->symbol_bytes, (int)l.e, (int)l.e, fec->tables.bytes, sums, to);
    return 0;
}
