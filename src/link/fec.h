/* Erasure coding of one block (docs/protocol.md, "Parity"): Cauchy Reed-Solomon over GF(2^8), by ISA-L. One owner, one
 * thread. */
#ifndef DD_LINK_FEC_H
#define DD_LINK_FEC_H

#include <stddef.h>
#include <stdint.h>

#include "dd/link/wire.h"

enum {
    /* Bytes behind each symbol that have to be readable, whatever they hold: ISA-L 2.31 reads a vector beyond the end. */
    DD_FEC_SLACK = 64,
    DD_FEC_CACHE = 16,       /* sizes of blocks whose coefficients are kept */
    DD_FEC_COEFFICIENT = 32, /* bytes that ISA-L makes of each */
    /* The most bytes that encoding takes: the coefficients. */
    DD_FEC_ENCODE_BYTES = DD_FEC_CACHE * DD_FEC_COEFFICIENT * DD_WIRE_DATA_MAX * DD_WIRE_DATA_MAX,
    /* The most bytes that recovery takes: coefficients, and copies of parity symbols. */
    DD_FEC_RECOVER_BYTES = DD_WIRE_DATA_MAX * (DD_FEC_COEFFICIENT * DD_WIRE_DATA_MAX + DD_WIRE_DATAGRAM_MAX) + DD_FEC_SLACK,
};

struct dd_fec;

struct dd_fec_block {
    uint32_t data, parity; /* symbols: 1 … DD_WIRE_DATA_MAX, 0 …, together DD_WIRE_SYMBOLS_MAX at most */
    size_t symbol_bytes;   /* 1 … DD_WIRE_DATAGRAM_MAX */
};

/* NULL, logged, if memory is exhausted. */
struct dd_fec *dd_fec_new(void);
void dd_fec_free(struct dd_fec *fec);

/* Works out all parity symbols of a block from all of its data symbols. data and parity: where they are,
 * each with DD_FEC_SLACK behind it. 0; DD_ERROR_INPUT
 * if block is not as above; DD_ERROR_MEMORY, logged. */
int dd_fec_encode(struct dd_fec *fec, const struct dd_fec_block *block, const uint8_t *const *data, uint8_t *const *parity);

/* Works out the lost data symbols of a block of which block->data symbols are there. They lie at places[0 … data - 1], each
 * with DD_FEC_SLACK behind it; held[j]
 * is the index in the block of the one at places[j]: j itself, or that of any parity symbol where data symbol j is lost.
 * Afterwards each place holds its data symbol. 0; DD_ERROR_INPUT, with all places as they were, if block is not as above or
 * held is no such list; DD_ERROR_MEMORY, logged. */
int dd_fec_recover(struct dd_fec *fec, const struct dd_fec_block *block, uint8_t *const *places, const uint8_t *held);

#endif
