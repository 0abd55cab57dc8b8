#include "dd/link/fragment.h"

#include <string.h>

#include "dd/base/error.h"
#include "dd/link/wire.h"

static uint32_t divide_up(uint32_t a, uint32_t b)
{
    return a / b + (a % b != 0);
}

int dd_fragment_plan(struct dd_fragment_plan *plan, uint32_t bytes, uint32_t max_packet_size)
{
    memset(plan, 0, sizeof *plan);
    if (!bytes || max_packet_size <= DD_WIRE_OVERHEAD || max_packet_size > DD_WIRE_DATAGRAM_MAX)
        return DD_ERROR_SPACE;
    uint32_t symbols = divide_up(bytes, max_packet_size - DD_WIRE_OVERHEAD);
    uint32_t symbol_bytes = divide_up(bytes, symbols);
    uint32_t blocks = divide_up(symbols, DD_WIRE_DATA_MAX);
    if (blocks > UINT16_MAX)
        return DD_ERROR_SPACE;
    plan->frame_bytes = bytes;
    plan->symbol_bytes = (uint16_t)symbol_bytes;
    plan->symbols = symbols;
    plan->blocks = (uint16_t)blocks;
    return 0;
}

uint32_t dd_fragment_block_data(const struct dd_fragment_plan *plan, uint32_t block)
{
    return plan->symbols / plan->blocks + (block < plan->symbols % plan->blocks);
}

void dd_fragment_describe(const struct dd_fragment_plan *plan, uint32_t j, struct dd_wire_fragment *fragment)
{
    uint32_t block = j % plan->blocks;
    fragment->index = (uint8_t)(j / plan->blocks);
    fragment->data = (uint8_t)dd_fragment_block_data(plan, block);
    fragment->parity = plan->parity;
    fragment->block = (uint16_t)block;
    fragment->blocks = plan->blocks;
    fragment->frame_bytes = plan->frame_bytes;
    fragment->symbol_bytes = plan->symbol_bytes;
}
