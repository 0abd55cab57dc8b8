/* reassemble.c against what cuts frames and makes their parity. */
#include "dd/link/reassembly.h"

#include <malloc.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "dd/link/block_plan.h"
#include "dd/link/fragmenter.h"
#include "dd/link/wire.h"
#include "suite.h"

enum { MAX_FRAME = 1 << 20, PACKET = 1400, DATAGRAMS = 1000 };

static uint8_t symbol[PACKET];
static struct dd_reassembly_frame got;

static uint8_t byte_of(uint64_t number, size_t i)
{
    return (uint8_t)(number * 31 + i * 7 + i / 251);
}

/* Symbol j of frame number, through the wire format and back. */
static enum dd_reassembly_verdict add(struct dd_reassembly *r, uint64_t session, uint64_t number, uint32_t size, uint32_t j,
                                      uint64_t now_us)
{
    uint8_t message[PACKET];
    struct dd_block_plan plan;
    struct dd_wire_fragment f = {.frame = number, .captured_us = number * 1000}, back;
    ck_assert_int_eq(dd_block_plan_compute(&plan, size, PACKET, 0), 0);
    ck_assert_uint_lt(j, plan.symbols);
    size_t at = (size_t)j * plan.symbol_bytes;
    for (size_t i = 0; i < plan.symbol_bytes; i++)
        symbol[i] = at + i < size ? byte_of(number, at + i) : 0;
    dd_block_plan_describe(&plan, j, &f);
    f.symbol = symbol;
    size_t length = dd_wire_write_fragment(&f, message, sizeof message);
    ck_assert_uint_gt(length, 0);
    ck_assert_uint_le(length + DD_WIRE_HEADER_BYTES + DD_WIRE_TAG_BYTES, PACKET);
    ck_assert_int_eq(dd_wire_read_fragment(&back, MAX_FRAME, message, length), 0);
    return dd_reassembly_add(r, session, &back, now_us, &got);
}

static uint32_t symbols_of(uint32_t size)
{
    struct dd_block_plan plan;
    ck_assert_int_eq(dd_block_plan_compute(&plan, size, PACKET, 0), 0);
    return plan.symbols;
}

static void check_frame(uint64_t number, uint32_t size)
{
    ck_assert_uint_eq(got.number, number);
    ck_assert_uint_eq(got.size, size);
    for (size_t i = 0; i < size; i++)
        if (got.bytes[i] != byte_of(number, i))
            ck_abort_msg("byte %zu", i);
}

START_TEST(puts_frames_of_all_sizes_together)
{
    static const uint32_t sizes[] = {1, 2, 1319, 1320, 1321, 2641, 128 * 1320, 128 * 1320 + 1, 500000, MAX_FRAME};
    struct dd_reassembly *r = dd_reassembly_new(MAX_FRAME);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t n = symbols_of(sizes[i]);
        for (uint32_t j = n - 1; j > 0; j--)
            ck_assert_int_eq(add(r, 1, i + 1, sizes[i], j, 0), DD_REASSEMBLY_TAKEN);
        ck_assert_int_eq(add(r, 1, i + 1, sizes[i], 0, 0), DD_REASSEMBLY_COMPLETE);
        check_frame(i + 1, sizes[i]);
    }
    ck_assert_uint_eq(dd_reassembly_counters(r)->complete, sizeof sizes / sizeof *sizes);
    dd_reassembly_free(r);
}
END_TEST

START_TEST(never_goes_back_to_an_older_frame)
{
    struct dd_reassembly *r = dd_reassembly_new(MAX_FRAME);
    ck_assert_int_eq(add(r, 1, 10, 2000, 0, 0), DD_REASSEMBLY_TAKEN);
    ck_assert_int_eq(add(r, 1, 11, 2000, 0, 0), DD_REASSEMBLY_TAKEN);
    ck_assert_int_eq(add(r, 1, 11, 2000, 0, 0), DD_REASSEMBLY_DUPLICATE);
    ck_assert_int_eq(add(r, 1, 11, 2000, 1, 0), DD_REASSEMBLY_COMPLETE);
    ck_assert_int_eq(add(r, 1, 11, 2000, 1, 0), DD_REASSEMBLY_LATE);
    ck_assert_int_eq(add(r, 1, 10, 2000, 1, 0), DD_REASSEMBLY_LATE);
    ck_assert_uint_eq(dd_reassembly_counters(r)->late, 1);
    /* a newer session counts as newer, whatever its numbers */
    ck_assert_int_eq(add(r, 2, 5, 100, 0, 0), DD_REASSEMBLY_COMPLETE);
    ck_assert_int_eq(add(r, 1, 12, 100, 0, 0), DD_REASSEMBLY_LATE);
    dd_reassembly_free(r);
}
END_TEST

START_TEST(refuses_contradictions_and_too_large_frames)
{
    struct dd_reassembly *r = dd_reassembly_new(5000);
    ck_assert_int_eq(add(r, 1, 1, 4000, 0, 0), DD_REASSEMBLY_TAKEN);
    ck_assert_int_eq(add(r, 1, 1, 4001, 1, 0), DD_REASSEMBLY_MALFORMED);
    ck_assert_int_eq(add(r, 1, 2, 5001, 0, 0), DD_REASSEMBLY_MALFORMED);
    ck_assert_int_eq(add(r, 1, 1, 4000, 1, 0), DD_REASSEMBLY_TAKEN);
    dd_reassembly_free(r);
}
END_TEST

START_TEST(drops_the_oldest_when_too_many_are_begun)
{
    struct dd_reassembly *r = dd_reassembly_new(MAX_FRAME);
    for (uint64_t number = 1; number <= DD_REASSEMBLY_FRAMES + 1; number++)
        ck_assert_int_eq(add(r, 1, number, 2000, 0, 0), DD_REASSEMBLY_TAKEN);
    ck_assert_uint_eq(dd_reassembly_counters(r)->incomplete, 1);
    ck_assert_int_eq(add(r, 1, 1, 2000, 1, 0), DD_REASSEMBLY_LATE);
    ck_assert_int_eq(add(r, 1, 2, 2000, 1, 0), DD_REASSEMBLY_COMPLETE);
    dd_reassembly_free(r);
}
END_TEST

START_TEST(gives_up_what_is_overtaken_and_waits)
{
    struct dd_reassembly *r = dd_reassembly_new(MAX_FRAME);
    ck_assert_int_eq(add(r, 1, 1, 2000, 0, 0), DD_REASSEMBLY_TAKEN);
    dd_reassembly_expire(r, 10000000);
    ck_assert_uint_eq(dd_reassembly_counters(r)->incomplete, 0); /* nothing newer is there */
    ck_assert_int_eq(add(r, 1, 2, 100, 0, 10000000), DD_REASSEMBLY_COMPLETE);
    ck_assert_int_eq(add(r, 1, 1, 4000, 0, 10000000), DD_REASSEMBLY_MALFORMED);
    dd_reassembly_expire(r, 1999999);
    ck_assert_uint_eq(dd_reassembly_counters(r)->incomplete, 0);
    dd_reassembly_expire(r, 10000000);
    ck_assert_uint_eq(dd_reassembly_counters(r)->incomplete, 1);
    ck_assert_int_eq(add(r, 1, 1, 2000, 1, 10000000), DD_REASSEMBLY_LATE);
    dd_reassembly_free(r);
}
END_TEST

/* All datagrams of a frame, with their parity, as the wire has them. */
static struct {
    struct dd_block_plan plan;
    uint32_t size, count, order[DATAGRAMS];
    uint64_t number;
    uint8_t messages[DATAGRAMS][PACKET];
} sent;

static void build(uint64_t number, uint32_t size, double loss_tolerance)
{
    static uint8_t bytes[MAX_FRAME + DD_FRAGMENTER_SLACK];
    struct dd_fragmenter *s = dd_fragmenter_new();
    struct dd_wire_fragment f = {.frame = number, .captured_us = number * 1000};
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = byte_of(number, i);
    ck_assert_int_eq(dd_block_plan_compute(&sent.plan, size, PACKET, loss_tolerance), 0);
    ck_assert_int_eq(dd_fragmenter_begin(s, &sent.plan, bytes), 0);
    sent.count = dd_fragmenter_left(s);
    sent.number = number;
    sent.size = size;
    ck_assert_uint_le(sent.count, DATAGRAMS);
    for (uint32_t n = 0; n < sent.count; n++) {
        ck_assert_int_eq(dd_fragmenter_next(s, &f), 0);
        ck_assert_uint_gt(dd_wire_write_fragment(&f, sent.messages[n], PACKET), 0);
        sent.order[n] = n;
    }
    dd_fragmenter_free(s);
}

static enum dd_reassembly_verdict give(struct dd_reassembly *r, uint32_t n)
{
    struct dd_wire_fragment f;
    size_t length = DD_WIRE_FRAGMENT_BYTES + sent.plan.symbol_bytes;
    ck_assert_uint_lt(n, sent.count);
    ck_assert_int_eq(dd_wire_read_fragment(&f, MAX_FRAME, sent.messages[n], length), 0);
    return dd_reassembly_add(r, 1, &f, 0, &got);
}

static void shuffle(void)
{
    static uint32_t state = 1;
    for (uint32_t n = sent.count - 1; n > 0; n--) {
        state = state * 1664525 + 1013904223;
        uint32_t other = (state >> 8) % (n + 1), kept = sent.order[n];
        sent.order[n] = sent.order[other];
        sent.order[other] = kept;
    }
}

/* Gives datagrams in their order until every block has as many as it has data; those of a block that has are left out.
 * Twice each, if twice is set. Checks each verdict; how many data symbols were left out. */
static uint32_t give_just_enough(struct dd_reassembly *r, bool twice)
{
    static uint32_t missing[UINT16_MAX];
    uint32_t open = sent.plan.blocks, left_out = sent.plan.symbols;
    for (uint32_t b = 0; b < sent.plan.blocks; b++)
        missing[b] = dd_block_plan_block_data(&sent.plan, b);
    for (uint32_t i = 0; open; i++) {
        uint32_t n = sent.order[i], b = dd_block_plan_block_of(&sent.plan, n);
        ck_assert_uint_lt(i, sent.count);
        if (!missing[b])
            continue;
        left_out -= n < sent.plan.symbols;
        open -= --missing[b] == 0;
        ck_assert_int_eq(give(r, n), open ? DD_REASSEMBLY_TAKEN : DD_REASSEMBLY_COMPLETE);
        if (twice && open)
            ck_assert_int_eq(give(r, n), missing[b] ? DD_REASSEMBLY_DUPLICATE : DD_REASSEMBLY_SPARE);
    }
    check_frame(sent.number, sent.size);
    return left_out;
}

START_TEST(any_symbols_will_do)
{
    static const uint32_t sizes[] = {1, 1321, 5000, 90000, 128 * 1320, 300000};
    static const double losses[] = {0.01, 0.05, 0.2, 0.5};
    struct dd_reassembly *r = dd_reassembly_new(MAX_FRAME);
    uint64_t recovered = 0, frames = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes * 4; i++)
        for (int round = 0; round < (suite_is_short() ? 2 : 5); round++) {
            build(++frames, sizes[i / 4], losses[i % 4]);
            if (round)
                shuffle();
            recovered += give_just_enough(r, round & 1);
            ck_assert_uint_eq(dd_reassembly_counters(r)->recovered, recovered);
            ck_assert_int_eq(give(r, 0), DD_REASSEMBLY_LATE);
            ck_assert_int_eq(give(r, sent.count - 1), DD_REASSEMBLY_LATE);
        }
    ck_assert_uint_gt(recovered, frames);
    ck_assert_uint_eq(dd_reassembly_counters(r)->complete, frames);
    dd_reassembly_free(r);
}
END_TEST

START_TEST(parity_makes_way_for_data)
{
    struct dd_reassembly *r = dd_reassembly_new(MAX_FRAME);
    build(1, 90000, 0.05);
    for (uint32_t n = 0; n < sent.count; n++) /* parity first, then the data but for the first ones */
        sent.order[n] = sent.count - 1 - n;
    ck_assert_uint_eq(give_just_enough(r, true), sent.plan.parity);
    build(2, 90000, 0.05);
    for (uint32_t n = 0; n < sent.count; n++) /* parity first, then the data but for the last ones */
        sent.order[n] = n < sent.plan.parity ? sent.plan.symbols + n : n - sent.plan.parity;
    ck_assert_uint_eq(give_just_enough(r, true), sent.plan.parity);
    dd_reassembly_free(r);
}
END_TEST

START_TEST(one_loss_too_many_is_a_loss)
{
    struct dd_reassembly *r = dd_reassembly_new(MAX_FRAME);
    build(1, 300000, 0.05);
    uint32_t lost = 0;
    for (uint32_t n = 0; n < sent.count; n++)
        if (dd_block_plan_block_of(&sent.plan, n) == 1 && lost <= sent.plan.parity)
            lost++;
        else
            ck_assert_int_eq(give(r, n),
                             lost && n % 2 == 0 && n >= sent.plan.symbols ? DD_REASSEMBLY_SPARE : DD_REASSEMBLY_TAKEN);
    ck_assert_uint_eq(dd_reassembly_counters(r)->recovered, 0);
    ck_assert_uint_eq(dd_reassembly_counters(r)->complete, 0);
    /* the other block is whole, and this one is too with any of what it lacks */
    ck_assert_int_eq(give(r, 0), DD_REASSEMBLY_SPARE);
    ck_assert_int_eq(give(r, 1), DD_REASSEMBLY_COMPLETE);
    check_frame(1, 300000);
    ck_assert_uint_eq(dd_reassembly_counters(r)->recovered, sent.plan.parity);
    dd_reassembly_free(r);
}
END_TEST

START_TEST(other_parity_is_a_contradiction)
{
    struct dd_reassembly *r = dd_reassembly_new(MAX_FRAME);
    build(1, 90000, 0.01);
    for (uint32_t n = 1; n < sent.plan.symbols; n++)
        ck_assert_int_eq(give(r, n), DD_REASSEMBLY_TAKEN);
    build(1, 90000, 0.05);
    for (uint32_t n = 0; n < sent.count; n++)
        ck_assert_int_eq(give(r, n), DD_REASSEMBLY_MALFORMED);
    build(1, 90001, 0.01);
    ck_assert_int_eq(give(r, sent.plan.symbols), DD_REASSEMBLY_MALFORMED);
    build(1, 90000, 0.01);
    ck_assert_int_eq(give(r, sent.plan.symbols + 3), DD_REASSEMBLY_COMPLETE);
    check_frame(1, 90000);
    dd_reassembly_free(r);
}
END_TEST

/* A frame of which one symbol comes costs next to nothing, although it claims to be the largest, in as many blocks as can be. */
START_TEST(beginning_a_large_frame_is_cheap)
{
    enum { CLAIMED = 8 << 20, BLOCKS = 65535, FRAMES = 20000 };
    struct dd_reassembly *r = dd_reassembly_new(CLAIMED);
    struct dd_wire_fragment f = {.data = 2,
                                 .block = BLOCKS - 1,
                                 .blocks = BLOCKS,
                                 .captured_us = 1,
                                 .frame_bytes = CLAIMED,
                                 .symbol_bytes = DD_WIRE_SYMBOL_MIN,
                                 .symbol = symbol};
    clock_t begin = clock();
    for (f.frame = 1; f.frame <= (suite_is_short() ? 100 : FRAMES); f.frame++)
        ck_assert_int_eq(dd_reassembly_add(r, 1, &f, 0, &got), DD_REASSEMBLY_TAKEN);
    ck_assert_int_lt(clock() - begin,
                     CLOCKS_PER_SEC); /* of CPU time; clearing what is stored about all blocks takes ten times that */
    dd_reassembly_free(r);
}
END_TEST

static size_t allocated(void)
{
    struct mallinfo2 info = mallinfo2(); /* all 0 under AddressSanitizer */
    return info.uordblks + info.hblkhd;
}

/* The bound on memory holds for the frames that take most: of the shortest symbols, in blocks of one or of many, and growing. */
START_TEST(memory_stays_within_its_bound)
{
    enum { LARGEST = 1 << 20, PAGES = 64 << 10 };
    for (uint32_t blocks = LARGEST / DD_WIRE_SYMBOL_MIN; blocks >= LARGEST / DD_WIRE_SYMBOL_MIN / 128; blocks /= 2) {
        size_t before = allocated();
        struct dd_reassembly *r = dd_reassembly_new(LARGEST);
        struct dd_wire_fragment f = {
            .captured_us = 1, .blocks = (uint16_t)blocks, .symbol_bytes = DD_WIRE_SYMBOL_MIN, .symbol = symbol};
        for (f.frame = 1; f.frame <= 4 * DD_REASSEMBLY_FRAMES; f.frame++) {
            f.frame_bytes = f.frame <= 2 * DD_REASSEMBLY_FRAMES ? LARGEST / 8 * 5 : LARGEST;
            f.blocks = (uint16_t)((uint64_t)blocks * f.frame_bytes / LARGEST);
            f.data = (uint8_t)(f.frame_bytes / DD_WIRE_SYMBOL_MIN / f.blocks);
            ck_assert_int_eq(dd_reassembly_add(r, 1, &f, 0, &got), DD_REASSEMBLY_TAKEN);
            ck_assert_uint_le(allocated() - before, dd_reassembly_memory(LARGEST) + PAGES);
        }
        dd_reassembly_free(r);
    }
    ck_assert_uint_le(dd_reassembly_memory(8 << 20), (uint64_t)DD_REASSEMBLY_FRAMES * (8 << 20) * 9 / 8 + (16 << 20));
}
END_TEST

SUITE("link/reassembly", puts_frames_of_all_sizes_together, never_goes_back_to_an_older_frame,
      refuses_contradictions_and_too_large_frames, drops_the_oldest_when_too_many_are_begun, gives_up_what_is_overtaken_and_waits,
      any_symbols_will_do, parity_makes_way_for_data, one_loss_too_many_is_a_loss, other_parity_is_a_contradiction,
      beginning_a_large_frame_is_cheap, memory_stays_within_its_bound)
