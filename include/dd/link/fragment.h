/* Cutting a frame into symbols and dealing them into blocks (docs/protocol.md, "Symbols"). Pure arithmetic: both ends work
 * the same plan out. */
#ifndef DD_LINK_FRAGMENT_H
#define DD_LINK_FRAGMENT_H

#include <stdint.h>

struct dd_wire_fragment;

struct dd_fragment_plan {
    uint32_t frame_bytes;
    uint16_t symbol_bytes;
    uint32_t symbols; /* data symbols of the frame, N */
    uint16_t blocks;  /* B */
    uint8_t parity;   /* symbols of each block */
};

/* Plans a frame of bytes for datagrams of at most max_packet_size. 0, or DD_ERROR_SPACE if it needs over 65535 blocks or
 * max_packet_size has no room for a symbol, or bytes is 0. */
int dd_fragment_plan(struct dd_fragment_plan *plan, uint32_t bytes, uint32_t max_packet_size);

/* Data symbols in block. */
uint32_t dd_fragment_block_data(const struct dd_fragment_plan *plan, uint32_t block);

/* Fills in the fields of fragment that belong to data symbol j, its symbol excepted: index, data, parity, block, blocks,
 * frame_bytes, symbol_bytes. Its bytes are those of the frame from j * symbol_bytes on. */
void dd_fragment_describe(const struct dd_fragment_plan *plan, uint32_t j, struct dd_wire_fragment *fragment);

#endif
