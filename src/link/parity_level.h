/* How many parity symbols a block needs for a given loss (docs/protocol.md, "Parity"). Pure arithmetic, thread-safe. Only the
 * sender uses it: the receiver reads the number from the wire. */
#ifndef DD_LINK_PARITY_LEVEL_H
#define DD_LINK_PARITY_LEVEL_H

#include <stdint.h>

/* The smallest number of parity symbols for which the probability of losing the block is below 1e-5 / blocks. data: its data
 * symbols. blocks: of the frame. loss: the probability, 0 … 0.5, of losing a symbol, independent of the others. Returns most + 1
 * if `most` parity symbols are not enough. */
uint32_t dd_parity_level_needed(uint32_t data, uint32_t blocks, double loss, uint32_t most);

#endif
