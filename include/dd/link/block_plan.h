/* How a frame is cut into symbols, and which block each symbol belongs to (docs/protocol.md, "Symbols and blocks"). Pure
 * arithmetic. Both ends compute the same plan; only the sender chooses the number of parity symbols. Thread-safe. */
#ifndef DD_LINK_BLOCK_PLAN_H
#define DD_LINK_BLOCK_PLAN_H

#include <stdint.h>

struct dd_wire_fragment;

struct dd_block_plan {
    uint32_t frame_bytes;
    uint16_t symbol_bytes;
    uint32_t symbols; /* data symbols of the frame, N */
    uint16_t blocks;  /* B */
    uint8_t parity;   /* symbols of each block */
};

/* Plans a frame of that many bytes. max_packet_size: bytes of a datagram at most. loss_tolerance: the share of datagrams whose
 * loss the frame has to survive, 0 … 0.5. Returns 0; or DD_ERROR_SPACE if bytes is 0, max_packet_size leaves no room for a
 * symbol, or the frame needs more than 65535 blocks. */
int dd_block_plan_compute(struct dd_block_plan *plan, uint32_t bytes, uint32_t max_packet_size, double loss_tolerance);

/* An upper bound, in bytes, for the parity of any frame of at most bytes; 0 if dd_block_plan_compute() refuses bytes. */
uint64_t dd_block_plan_parity_bound(uint32_t bytes, uint32_t max_packet_size, double loss_tolerance);

/* The number of data symbols in a block. */
uint32_t dd_block_plan_block_data(const struct dd_block_plan *plan, uint32_t block);

/* The number of datagrams of the frame. Datagram n is the n-th to be sent: first all data symbols, then all parity symbols,
 * round-robin over the blocks. */
uint32_t dd_block_plan_datagrams(const struct dd_block_plan *plan);

/* The block to which the symbol of datagram n belongs. */
uint32_t dd_block_plan_block_of(const struct dd_block_plan *plan, uint32_t n);

/* The number of datagrams, beginning with n, that may be sent in one call. At most `most`, and no more of one block than it has
 * parity symbols, so that the frame survives the loss of all of them. Without parity: most. */
uint32_t dd_block_plan_burst(const struct dd_block_plan *plan, uint32_t n, uint32_t most);

/* Sets the fields of fragment that follow from the plan for datagram n: index, data, parity, block, blocks, frame_bytes and
 * symbol_bytes. The other fields are left alone. */
void dd_block_plan_describe(const struct dd_block_plan *plan, uint32_t n, struct dd_wire_fragment *fragment);

#endif
