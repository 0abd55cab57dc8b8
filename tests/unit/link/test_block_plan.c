#include "dd/link/block_plan.h"

#include <stdbool.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "link/parity_level.h"
#include "suite.h"

enum { PACKET = 1400, LARGEST = PACKET - DD_WIRE_OVERHEAD };

static const double losses[] = {0, 0.001, 0.01, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5};
enum { LOSSES = sizeof losses / sizeof *losses };

static struct dd_block_plan plan_of(uint32_t bytes, uint32_t max_packet_size, double loss)
{
    struct dd_block_plan p;
    ck_assert_int_eq(dd_block_plan_compute(&p, bytes, max_packet_size, loss), 0);
    return p;
}

START_TEST(plans_keep_their_limits)
{
    struct dd_block_plan p;
    for (uint32_t size = 1; size < 600000; size += size < (suite_is_short() ? 400 : 4000) ? 1 : 997) {
        p = plan_of(size, PACKET, losses[size % LOSSES]);
        ck_assert_uint_le(p.symbol_bytes, LARGEST);
        ck_assert_uint_ge((uint64_t)p.symbols * p.symbol_bytes, size);
        ck_assert_uint_lt((uint64_t)(p.symbols - 1) * p.symbol_bytes, size);
        uint32_t sum = 0;
        for (uint32_t b = 0; b < p.blocks; b++) {
            ck_assert_uint_le(dd_block_plan_block_data(&p, b), DD_WIRE_DATA_MAX);
            ck_assert_uint_le(dd_block_plan_block_data(&p, b) + p.parity, DD_WIRE_SYMBOLS_MAX);
            sum += dd_block_plan_block_data(&p, b);
        }
        ck_assert_uint_eq(sum, p.symbols);
        ck_assert_uint_eq(dd_block_plan_datagrams(&p), p.symbols + p.blocks * p.parity);
    }
    ck_assert_int_eq(dd_block_plan_compute(&p, 0, PACKET, 0), DD_ERROR_SPACE);
    ck_assert_int_eq(dd_block_plan_compute(&p, 1, DD_WIRE_OVERHEAD, 0), DD_ERROR_SPACE);
    ck_assert_int_eq(dd_block_plan_compute(&p, UINT32_MAX, DD_WIRE_OVERHEAD + 1, 0), DD_ERROR_SPACE);
    ck_assert_int_eq(dd_block_plan_compute(&p, 65535 * 128 + 1, DD_WIRE_OVERHEAD + 1, 0), DD_ERROR_SPACE);
    ck_assert_int_eq(dd_block_plan_compute(&p, 65535 * 128, DD_WIRE_OVERHEAD + 1, 0), 0);
    ck_assert_int_eq(dd_block_plan_compute(&p, 65535 * 128, DD_WIRE_OVERHEAD + 1, 0.5), DD_ERROR_SPACE);
}
END_TEST

/* A receiver refuses frames of many short symbols: no max_packet_size that ddsend takes makes them. */
START_TEST(symbols_are_short_in_short_frames_only)
{
    for (uint32_t packet = 200; packet < 400; packet += 3)
        for (uint32_t size = 1; size < 3000; size += suite_is_short() ? 13 : 1) {
            struct dd_block_plan p = plan_of(size, packet, 0);
            ck_assert_msg(p.symbol_bytes >= DD_WIRE_SYMBOL_MIN || p.symbols <= DD_WIRE_SYMBOLS_SHORT, "%u bytes, packets of %u",
                          size, packet);
        }
}
END_TEST

/* The words of docs/protocol.md, "Symbols and blocks", tried out: B = ceil(N / K), K <= 128 is the largest with data + parity
 * <= 255. */
static uint32_t blocks_by_the_book(uint32_t n, double loss)
{
    for (uint32_t k = 128; k > 0; k--) {
        uint32_t b = (n + k - 1) / k;
        if (k + dd_parity_level_needed(k, b, loss, 255) <= 255)
            return b;
    }
    ck_abort();
}

START_TEST(blocks_are_as_few_as_can_be)
{
    for (size_t l = 0; l < LOSSES; l++)
        for (uint32_t n = 1; n < 5000; n += n < (suite_is_short() ? 100 : 400) ? 1 : 37) {
            struct dd_block_plan p = plan_of(n * LARGEST, PACKET, losses[l]);
            uint32_t largest = dd_block_plan_block_data(&p, 0);
            ck_assert_uint_eq(p.symbols, n);
            ck_assert_msg(p.blocks == blocks_by_the_book(n, losses[l]), "%u symbols at %g: %u blocks", n, losses[l], p.blocks);
            ck_assert_uint_eq(p.parity, dd_parity_level_needed(largest, p.blocks, losses[l], 255));
        }
}
END_TEST

START_TEST(edges)
{
    static const struct {
        uint32_t symbols;
        double loss;
        uint32_t blocks, parity;
    } known[] = {{1, 0, 1, 0},      {1, 0.05, 1, 3},    {128, 0, 1, 0},     {129, 0, 2, 0},     {69, 0.05, 1, 15},
                 {96, 0.05, 1, 18}, {128, 0.05, 1, 21}, {129, 0.05, 2, 15}, {256, 0.05, 2, 22}, {257, 0.05, 3, 18},
                 {128, 0.2, 1, 63}, {129, 0.2, 2, 41},  {94, 0.5, 1, 161},  {95, 0.5, 2, 101}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct dd_block_plan p = plan_of(known[i].symbols * LARGEST, PACKET, known[i].loss);
        ck_assert_msg(p.blocks == known[i].blocks && p.parity == known[i].parity, "%u symbols at %g: %u blocks with %u",
                      p.symbols, known[i].loss, p.blocks, p.parity);
    }
}
END_TEST

/* Each symbol once: data by j, dealt over the blocks, then parity in turn over the blocks. */
START_TEST(the_order_of_the_wire)
{
    static const uint32_t sizes[] = {1, 100000, 228 * LARGEST, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes * LOSSES; i++) {
        struct dd_block_plan p = plan_of(sizes[i / LOSSES], PACKET, losses[i % LOSSES]);
        uint32_t n = 0;
        struct dd_wire_fragment f;
        for (uint32_t index = 0; n < p.symbols; index++)
            for (uint32_t b = 0; b < p.blocks && n < p.symbols; b++, n++) {
                dd_block_plan_describe(&p, n, &f);
                ck_assert_uint_eq(dd_block_plan_block_of(&p, n), b);
                ck_assert(f.block == b && f.index == index && f.index < f.data);
                ck_assert(f.blocks == p.blocks && f.parity == p.parity && f.data == dd_block_plan_block_data(&p, b));
            }
        for (uint32_t parity = 0; parity < p.parity; parity++)
            for (uint32_t b = 0; b < p.blocks; b++, n++) {
                dd_block_plan_describe(&p, n, &f);
                ck_assert_uint_eq(dd_block_plan_block_of(&p, n), b);
                ck_assert(f.block == b && f.index == f.data + parity && f.data == dd_block_plan_block_data(&p, b));
            }
        ck_assert_uint_eq(n, dd_block_plan_datagrams(&p));
    }
}
END_TEST

/* Bursts cover the frame, and none has more of a block than the block can lose. */
START_TEST(bursts_that_can_be_lost)
{
    static const uint32_t sizes[] = {1, 20000, 90000, 228 * LARGEST, 229 * LARGEST, 300001, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes * LOSSES; i++) {
        struct dd_block_plan p = plan_of(sizes[i / LOSSES], PACKET, losses[i % LOSSES]);
        uint32_t end = dd_block_plan_datagrams(&p), bursts = 0;
        for (uint32_t n = 0, count; n < end; n += count, bursts++) {
            uint32_t of_block[1024] = {0};
            count = dd_block_plan_burst(&p, n, 16);
            ck_assert(count >= 1 && count <= 16 && n + count <= end);
            ck_assert_uint_lt(p.blocks, 1024);
            for (uint32_t d = n; d < n + count; d++)
                ck_assert(++of_block[dd_block_plan_block_of(&p, d)] <= p.parity || !p.parity);
        }
        uint32_t per_burst = p.parity && p.parity * p.blocks < 16 ? p.parity * p.blocks : 16;
        ck_assert_uint_le(bursts, end / per_burst + 2);
    }
}
END_TEST

START_TEST(the_bound_of_parity_holds)
{
    for (size_t l = 0; l < LOSSES; l++) {
        uint64_t most = 0, bound;
        for (uint32_t n = 1; n < 3000; n += suite_is_short() ? 19 : 1) {
            struct dd_block_plan p = plan_of(n * LARGEST, PACKET, losses[l]);
            uint64_t parity = (uint64_t)p.blocks * p.parity * p.symbol_bytes;
            most = parity > most ? parity : most;
            bound = dd_block_plan_parity_bound(n * LARGEST, PACKET, losses[l]);
            ck_assert_msg(most <= bound, "%u symbols at %g: %ju over %ju", n, losses[l], (uintmax_t)most, (uintmax_t)bound);
        }
        ck_assert_uint_le(bound, most + most / 10);
    }
    ck_assert_uint_eq(dd_block_plan_parity_bound(100000, PACKET, 0), 0);
    ck_assert_uint_eq(dd_block_plan_parity_bound(0, PACKET, 0.5), 0);
}
END_TEST

SUITE("link/block_plan", plans_keep_their_limits, symbols_are_short_in_short_frames_only, blocks_are_as_few_as_can_be, edges,
      the_order_of_the_wire, bursts_that_can_be_lost, the_bound_of_parity_holds)
