/* Erasure coding of one block (docs/protocol.md, "Parity"): Cauchy Reed-Solomon over GF(2^8), by ISA-L. One owner, one
 * thread. */
#ifndef DD_LINK_FEC_H
#define DD_LINK_FEC_H

#include <stddef.h>
#include <stdint.h>

#include "dd/link/wire.h"

enum {
    /* Bytes behind each symbol that must be readable; their content does not matter. ISA-L 2.31 (Debian 13) reads a vector, of 64
     * bytes at most, past the end of a symbol. */
    DD_FEC_SLACK = 64,
    DD_FEC_CACHE = 16,       /* block sizes whose coefficients are cached */
    DD_FEC_COEFFICIENT = 32, /* bytes of ISA-L's table for one coefficient */
    /* Upper bound for the memory of encoding: the coefficients. */
    DD_FEC_ENCODE_BYTES = DD_FEC_CACHE * DD_FEC_COEFFICIENT * DD_WIRE_DATA_MAX * DD_WIRE_DATA_MAX,
    /* Upper bound for the memory of recovery: coefficients, and sums of symbols. */
    DD_FEC_RECOVER_BYTES = DD_WIRE_DATA_MAX * (DD_FEC_COEFFICIENT * DD_WIRE_DATA_MAX + DD_WIRE_DATAGRAM_MAX) + DD_FEC_SLACK,
};

struct dd_fec;

struct dd_fec_block {
    uint32_t data, parity; /* symbols: 1 … DD_WIRE_DATA_MAX, 0 …, together DD_WIRE_SYMBOLS_MAX at most */
    size_t symbol_bytes;   /* 1 … DD_WIRE_DATAGRAM_MAX */
};

/* Returned-owned: dd_fec_free(), which takes NULL. NULL, logged, if memory is exhausted. */
struct dd_fec *dd_fec_new(void);
void dd_fec_free(struct dd_fec *fec);

/* Computes all parity symbols of a block from all of its data symbols. data and parity are arrays of block->data and
 * block->parity pointers to symbols of symbol_bytes, each followed by DD_FEC_SLACK readable bytes. 0; DD_ERROR_INPUT if block is
 * out of the ranges above; DD_ERROR_MEMORY, logged. */
int dd_fec_encode(struct dd_fec *fec, const struct dd_fec_block *block, const uint8_t *const *data, uint8_t *const *parity);

/* Recovers the lost data symbols of a block from any block->data of its symbols, in place. places[0 … data - 1] points to them,
 * each followed by DD_FEC_SLACK readable bytes. held[j] is the index in the block of the symbol at places[j]: j itself; or, where
 * data symbol j is lost, that of a parity symbol. No index occurs twice. Afterwards places[j] holds data symbol j. 0;
 * DD_ERROR_INPUT, with all places as they were, if block is out of the ranges above or held is no such list; DD_ERROR_MEMORY,
 * logged. */
int dd_fec_recover(struct dd_fec *fec, const struct dd_fec_block *block, uint8_t *const *places, const uint8_t *held);

#endif
