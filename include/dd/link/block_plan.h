/* Cutting a frame into symbols and dealing them into blocks (docs/protocol.md, "Symbols and blocks"). Pure arithmetic: both ends
 * work the same plan out, but for the parity, which the sender chooses. */
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

/* Plans a frame of bytes for datagrams of at most max_packet_size, of which loss_tolerance (0 … 0.5) may be lost. 0, or
 * DD_ERROR_SPACE if it needs over 65535 blocks or max_packet_size has no room for a symbol, or bytes is 0. */
int dd_block_plan_compute(struct dd_block_plan *plan, uint32_t bytes, uint32_t max_packet_size, double loss_tolerance);

/* The most bytes of parity that a frame of at most bytes has; 0 if dd_block_plan_compute refuses bytes. */
uint64_t dd_block_plan_parity_bound(uint32_t bytes, uint32_t max_packet_size, double loss_tolerance);

/* Data symbols in block. */
uint32_t dd_block_plan_block_data(const struct dd_block_plan *plan, uint32_t block);

/* Datagrams of the frame. They go out in the order of n: the data symbols, then the parity symbols, in turn over the
 * blocks. */
uint32_t dd_block_plan_datagrams(const struct dd_block_plan *plan);

/* The block that datagram n carries a symbol of. */
uint32_t dd_block_plan_block_of(const struct dd_block_plan *plan, uint32_t n);

/* How many datagrams, from n on and most of them at most, can be sent in one call so that the frame survives the loss of them
 * all: no more of one block than it has parity. Without parity: most. */
uint32_t dd_block_plan_burst(const struct dd_block_plan *plan, uint32_t n, uint32_t most);

/* Fills in the fields of fragment that belong to datagram n, its symbol excepted: index, data, parity, block, blocks,
 * frame_bytes, symbol_bytes. */
void dd_block_plan_describe(const struct dd_block_plan *plan, uint32_t n, struct dd_wire_fragment *fragment);

#endif
