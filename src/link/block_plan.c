#include "dd/link/block_plan.h"

#include <stdbool.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/base/round_up.h"
#include "dd/link/wire.h"
#include "link/parity_level.h"

static uint32_t divide_up(uint32_t a, uint32_t b)
{
    return (uint32_t)dd_round_up_quotient(a, b);
}

static uint32_t parity_needed(uint32_t data, uint32_t blocks, double loss)
{
    return dd_parity_level_needed(data, blocks, loss, DD_WIRE_SYMBOLS_MAX - data);
}

/* K: the largest block, of as many as symbols then make, that has room for its parity. */
static uint32_t largest_block(uint32_t symbols, double loss)
{
    uint32_t k = symbols < DD_WIRE_DATA_MAX ? symbols : DD_WIRE_DATA_MAX;
    while (k > 1 && parity_needed(k, divide_up(symbols, k), loss) > DD_WIRE_SYMBOLS_MAX - k)
        k--;
    return k;
}

static bool can_cut(uint32_t bytes, uint32_t max_packet_size)
{
    return bytes && max_packet_size > DD_WIRE_OVERHEAD && max_packet_size <= DD_WIRE_DATAGRAM_MAX;
}

int dd_block_plan_compute(struct dd_block_plan *plan, uint32_t bytes, uint32_t max_packet_size, double loss_tolerance)
{
    memset(plan, 0, sizeof *plan);
    if (!can_cut(bytes, max_packet_size))
        return DD_ERROR_SPACE;
    uint32_t symbols = divide_up(bytes, max_packet_size - DD_WIRE_OVERHEAD);
    uint32_t blocks = divide_up(symbols, largest_block(symbols, loss_tolerance));
    if (blocks > UINT16_MAX)
        return DD_ERROR_SPACE;
    plan->frame_bytes = bytes;
    plan->symbol_bytes = (uint16_t)divide_up(bytes, symbols);
    plan->symbols = symbols;
    plan->blocks = (uint16_t)blocks;
    plan->parity = (uint8_t)parity_needed(divide_up(symbols, blocks), blocks, loss_tolerance);
    return 0;
}

uint64_t dd_block_plan_parity_bound(uint32_t bytes, uint32_t max_packet_size, double loss_tolerance)
{
    if (!can_cut(bytes, max_packet_size))
        return 0;
    uint32_t largest = max_packet_size - DD_WIRE_OVERHEAD, symbols = divide_up(bytes, largest);
    uint32_t k = largest_block(symbols, loss_tolerance), blocks = divide_up(symbols, k);
    /* A smaller frame has no more blocks, and smaller ones; or, where parity and not DD_WIRE_DATA_MAX limits them, larger
     * ones, which have room for less of it. */
    uint32_t parity =
        symbols > DD_WIRE_DATA_MAX && k < DD_WIRE_DATA_MAX ? DD_WIRE_SYMBOLS_MAX - k : parity_needed(k, blocks, loss_tolerance);
    return (uint64_t)blocks * parity * largest;
}

uint32_t dd_block_plan_block_data(const struct dd_block_plan *plan, uint32_t block)
{
    return plan->symbols / plan->blocks + (block < plan->symbols % plan->blocks);
}

uint32_t dd_block_plan_datagrams(const struct dd_block_plan *plan)
{
    return plan->symbols + (uint32_t)plan->blocks * plan->parity;
}

uint32_t dd_block_plan_block_of(const struct dd_block_plan *plan, uint32_t n)
{
    return (n < plan->symbols ? n : n - plan->symbols) % plan->blocks;
}

static uint32_t smaller(uint64_t a, uint64_t b)
{
    return (uint32_t)(a < b ? a : b);
}

uint32_t dd_block_plan_burst(const struct dd_block_plan *plan, uint32_t n, uint32_t most)
{
    uint32_t count = smaller(most, dd_block_plan_datagrams(plan) - n);
    if (!plan->parity)
        return count;
    /* where parity begins, the turn over the blocks may begin anew */
    if (n < plan->symbols && plan->symbols % plan->blocks)
        count = smaller(count, plan->symbols - n);
    return smaller(count, (uint64_t)plan->parity * plan->blocks);
}

void dd_block_plan_describe(const struct dd_block_plan *plan, uint32_t n, struct dd_wire_fragment *fragment)
{
    uint32_t block = dd_block_plan_block_of(plan, n), data = dd_block_plan_block_data(plan, block);
    fragment->index = (uint8_t)(n < plan->symbols ? n / plan->blocks : data + (n - plan->symbols) / plan->blocks);
    fragment->data = (uint8_t)data;
    fragment->parity = plan->parity;
    fragment->block = (uint16_t)block;
    fragment->blocks = plan->blocks;
    fragment->frame_bytes = plan->frame_bytes;
    fragment->symbol_bytes = plan->symbol_bytes;
}
