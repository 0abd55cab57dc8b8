/* fragment.c and reassemble.c against each other. */
#include "dd/link/reassemble.h"

#include <string.h>

#include "dd/base/error.h"
#include "dd/link/fragment.h"
#include "dd/link/wire.h"
#include "suite.h"

enum { MAX_FRAME = 1 << 20, PACKET = 1400 };

static uint8_t symbol[PACKET];
static struct dd_reassemble_frame got;

static uint8_t byte_of(uint64_t number, size_t i)
{
    return (uint8_t)(number * 31 + i * 7 + i / 251);
}

/* Symbol j of frame number, through the wire format and back. */
static enum dd_reassemble_verdict add(struct dd_reassemble *r, uint64_t session, uint64_t number, uint32_t size, uint32_t j,
                                      uint64_t now_us)
{
    uint8_t message[PACKET];
    struct dd_fragment_plan plan;
    struct dd_wire_fragment f = {.frame = number, .captured_us = number * 1000}, back;
    ck_assert_int_eq(dd_fragment_plan(&plan, size, PACKET), 0);
    ck_assert_uint_lt(j, plan.symbols);
    size_t at = (size_t)j * plan.symbol_bytes;
    for (size_t i = 0; i < plan.symbol_bytes; i++)
        symbol[i] = at + i < size ? byte_of(number, at + i) : 0;
    dd_fragment_describe(&plan, j, &f);
    f.symbol = symbol;
    size_t length = dd_wire_write_fragment(&f, message, sizeof message);
    ck_assert_uint_gt(length, 0);
    ck_assert_uint_le(length + DD_WIRE_HEADER_BYTES + DD_WIRE_TAG_BYTES, PACKET);
    ck_assert_int_eq(dd_wire_read_fragment(&back, MAX_FRAME, message, length), 0);
    return dd_reassemble_add(r, session, &back, now_us, &got);
}

static uint32_t symbols_of(uint32_t size)
{
    struct dd_fragment_plan plan;
    ck_assert_int_eq(dd_fragment_plan(&plan, size, PACKET), 0);
    return plan.symbols;
}

static void check_frame(uint64_t number, uint32_t size)
{
    ck_assert_uint_eq(got.number, number);
    ck_assert_uint_eq(got.size, size);
    for (size_t i = 0; i < size; i++)
        ck_assert_msg(got.bytes[i] == byte_of(number, i), "byte %zu", i);
}

START_TEST(plans_keep_their_limits)
{
    struct dd_fragment_plan p;
    for (uint32_t size = 1; size < 600000; size += size < 4000 ? 1 : 997) {
        ck_assert_int_eq(dd_fragment_plan(&p, size, PACKET), 0);
        ck_assert_uint_le(p.symbol_bytes, PACKET - DD_WIRE_OVERHEAD);
        ck_assert_uint_ge((uint64_t)p.symbols * p.symbol_bytes, size);
        ck_assert_uint_lt((uint64_t)(p.symbols - 1) * p.symbol_bytes, size);
        uint32_t sum = 0;
        for (uint32_t b = 0; b < p.blocks; b++) {
            ck_assert_uint_le(dd_fragment_block_data(&p, b), DD_WIRE_DATA_MAX);
            sum += dd_fragment_block_data(&p, b);
        }
        ck_assert_uint_eq(sum, p.symbols);
    }
    ck_assert_int_eq(dd_fragment_plan(&p, 0, PACKET), DD_ERROR_SPACE);
    ck_assert_int_eq(dd_fragment_plan(&p, 1, DD_WIRE_OVERHEAD), DD_ERROR_SPACE);
    ck_assert_int_eq(dd_fragment_plan(&p, UINT32_MAX, DD_WIRE_OVERHEAD + 1), DD_ERROR_SPACE);
}
END_TEST

START_TEST(puts_frames_of_all_sizes_together)
{
    static const uint32_t sizes[] = {1, 2, 1319, 1320, 1321, 2641, 128 * 1320, 128 * 1320 + 1, 500000, MAX_FRAME};
    struct dd_reassemble *r = dd_reassemble_new(MAX_FRAME);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint32_t n = symbols_of(sizes[i]);
        for (uint32_t j = n - 1; j > 0; j--)
            ck_assert_int_eq(add(r, 1, i + 1, sizes[i], j, 0), DD_REASSEMBLE_TAKEN);
        ck_assert_int_eq(add(r, 1, i + 1, sizes[i], 0, 0), DD_REASSEMBLE_COMPLETE);
        check_frame(i + 1, sizes[i]);
    }
    ck_assert_uint_eq(dd_reassemble_counters(r)->complete, sizeof sizes / sizeof *sizes);
    dd_reassemble_free(r);
}
END_TEST

START_TEST(never_goes_back_to_an_older_frame)
{
    struct dd_reassemble *r = dd_reassemble_new(MAX_FRAME);
    ck_assert_int_eq(add(r, 1, 10, 2000, 0, 0), DD_REASSEMBLE_TAKEN);
    ck_assert_int_eq(add(r, 1, 11, 2000, 0, 0), DD_REASSEMBLE_TAKEN);
    ck_assert_int_eq(add(r, 1, 11, 2000, 0, 0), DD_REASSEMBLE_DUPLICATE);
    ck_assert_int_eq(add(r, 1, 11, 2000, 1, 0), DD_REASSEMBLE_COMPLETE);
    ck_assert_int_eq(add(r, 1, 11, 2000, 1, 0), DD_REASSEMBLE_LATE);
    ck_assert_int_eq(add(r, 1, 10, 2000, 1, 0), DD_REASSEMBLE_LATE);
    ck_assert_uint_eq(dd_reassemble_counters(r)->late, 1);
    /* a newer session counts as newer, whatever its numbers */
    ck_assert_int_eq(add(r, 2, 5, 100, 0, 0), DD_REASSEMBLE_COMPLETE);
    ck_assert_int_eq(add(r, 1, 12, 100, 0, 0), DD_REASSEMBLE_LATE);
    dd_reassemble_free(r);
}
END_TEST

START_TEST(refuses_contradictions_and_too_large_frames)
{
    struct dd_reassemble *r = dd_reassemble_new(5000);
    ck_assert_int_eq(add(r, 1, 1, 4000, 0, 0), DD_REASSEMBLE_TAKEN);
    ck_assert_int_eq(add(r, 1, 1, 4001, 1, 0), DD_REASSEMBLE_MALFORMED);
    ck_assert_int_eq(add(r, 1, 2, 5001, 0, 0), DD_REASSEMBLE_MALFORMED);
    ck_assert_int_eq(add(r, 1, 1, 4000, 1, 0), DD_REASSEMBLE_TAKEN);
    dd_reassemble_free(r);
}
END_TEST

START_TEST(drops_the_oldest_when_too_many_are_begun)
{
    struct dd_reassemble *r = dd_reassemble_new(MAX_FRAME);
    for (uint64_t number = 1; number <= DD_REASSEMBLE_FRAMES + 1; number++)
        ck_assert_int_eq(add(r, 1, number, 2000, 0, 0), DD_REASSEMBLE_TAKEN);
    ck_assert_uint_eq(dd_reassemble_counters(r)->incomplete, 1);
    ck_assert_int_eq(add(r, 1, 1, 2000, 1, 0), DD_REASSEMBLE_LATE);
    ck_assert_int_eq(add(r, 1, 2, 2000, 1, 0), DD_REASSEMBLE_COMPLETE);
    dd_reassemble_free(r);
}
END_TEST

START_TEST(gives_up_what_is_overtaken_and_waits)
{
    struct dd_reassemble *r = dd_reassemble_new(MAX_FRAME);
    ck_assert_int_eq(add(r, 1, 1, 2000, 0, 0), DD_REASSEMBLE_TAKEN);
    dd_reassemble_expire(r, 10000000);
    ck_assert_uint_eq(dd_reassemble_counters(r)->incomplete, 0); /* nothing newer is there */
    ck_assert_int_eq(add(r, 1, 2, 100, 0, 10000000), DD_REASSEMBLE_COMPLETE);
    ck_assert_int_eq(add(r, 1, 1, 4000, 0, 10000000), DD_REASSEMBLE_MALFORMED);
    dd_reassemble_expire(r, 1999999);
    ck_assert_uint_eq(dd_reassemble_counters(r)->incomplete, 0);
    dd_reassemble_expire(r, 10000000);
    ck_assert_uint_eq(dd_reassemble_counters(r)->incomplete, 1);
    ck_assert_int_eq(add(r, 1, 1, 2000, 1, 10000000), DD_REASSEMBLE_LATE);
    dd_reassemble_free(r);
}
END_TEST

SUITE_MAIN("link/reassemble", plans_keep_their_limits, puts_frames_of_all_sizes_together, never_goes_back_to_an_older_frame,
           refuses_contradictions_and_too_large_frames, drops_the_oldest_when_too_many_are_begun,
           gives_up_what_is_overtaken_and_waits)
