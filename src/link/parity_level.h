/* How much parity a loss calls for (docs/protocol.md, "Parity"). Pure arithmetic, and only the sender's: the receiver takes
 * the number from the wire. */
#ifndef DD_LINK_PARITY_LEVEL_H
#define DD_LINK_PARITY_LEVEL_H

#include <stdint.h>

/* The smallest number of parity symbols with which a block of data symbols is lost with a chance below 1e-5 / blocks, when
 * each symbol is lost with the chance loss (0 … 0.5), independently of the others; most + 1 if most are not enough. */
uint32_t dd_parity_level_needed(uint32_t data, uint32_t blocks, double loss, uint32_t most);

#endif
