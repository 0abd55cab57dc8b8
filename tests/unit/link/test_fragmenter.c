#include "dd/link/fragmenter.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "dd/link/block_plan.h"
#include "dd/link/wire.h"
#include "link/fec.h"
#include "suite.h"

enum { PACKET = 1400, ROOM = 1 << 20 };

static uint8_t *frame_end; /* only the slack behind it may be read */
static uint8_t symbols[2048][PACKET];

/* A frame as it must come out, up to the end of its memory. */
static const uint8_t *make_frame(uint32_t bytes)
{
    uint8_t *frame = frame_end - bytes;
    for (uint32_t i = 0; i < bytes; i++)
        frame[i] = (uint8_t)(i * 2654435761U >> 24);
    return frame;
}

static void set_up(void)
{
    uint8_t *area = mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(area != MAP_FAILED);
    ck_assert_int_eq(mprotect(area + ROOM, ROOM, PROT_NONE), 0);
    frame_end = area + ROOM - DD_FRAGMENTER_SLACK;
}

/* Takes all symbols of a frame. */
static struct dd_block_plan take_all(struct dd_fragmenter *s, uint32_t bytes, double loss)
{
    struct dd_block_plan plan;
    struct dd_wire_fragment f, expected;
    ck_assert_int_eq(dd_block_plan_compute(&plan, bytes, PACKET, loss), 0);
    uint32_t count = dd_block_plan_datagrams(&plan);
    ck_assert_uint_le(count, 2048);
    ck_assert_int_eq(dd_fragmenter_begin(s, &plan, make_frame(bytes)), 0);
    for (uint32_t n = 0; n < count; n++) {
        ck_assert_uint_eq(dd_fragmenter_left(s), count - n);
        ck_assert_int_eq(dd_fragmenter_next(s, &f), 0);
        dd_block_plan_describe(&plan, n, &expected);
        ck_assert(f.block == expected.block && f.index == expected.index && f.parity == plan.parity);
        memcpy(symbols[n], f.symbol, plan.symbol_bytes);
    }
    ck_assert_uint_eq(dd_fragmenter_left(s), 0);
    return plan;
}

/* Data as they are, the last one filled with zeros, and of each block what coding it by itself gives. */
static void check(const struct dd_block_plan *p, uint32_t bytes)
{
    static uint8_t parity[DD_WIRE_SYMBOLS_MAX][PACKET];
    const uint8_t *frame = frame_end - bytes, *data[DD_WIRE_DATA_MAX];
    uint8_t *to[DD_WIRE_SYMBOLS_MAX];
    struct dd_fec *fec = dd_fec_new();
    for (uint32_t j = 0; j < p->symbols; j++) {
        static const uint8_t zeros[PACKET];
        uint32_t at = j * p->symbol_bytes, size = bytes - at < p->symbol_bytes ? bytes - at : p->symbol_bytes;
        ck_assert_mem_eq(symbols[j], frame + at, size);
        ck_assert_mem_eq(symbols[j] + size, zeros, p->symbol_bytes - size);
    }
    for (uint32_t b = 0; b < p->blocks; b++) {
        struct dd_fec_block block = {dd_block_plan_block_data(p, b), p->parity, p->symbol_bytes};
        for (uint32_t i = 0; i < block.data; i++)
            data[i] = symbols[i * p->blocks + b];
        for (uint32_t i = 0; i < p->parity; i++)
            to[i] = parity[i];
        ck_assert_int_eq(dd_fec_encode(fec, &block, data, to), 0);
        for (uint32_t i = 0; i < p->parity; i++)
            ck_assert_mem_eq(parity[i], symbols[p->symbols + i * p->blocks + b], p->symbol_bytes);
    }
    dd_fec_free(fec);
}

START_TEST(frames_of_all_sizes)
{
    static const uint32_t sizes[] = {1, 2, 1319, 1320, 1321, 90001, 128 * 1320, 128 * 1320 + 1, 300000, 700001, 5000};
    static const double losses[] = {0, 0.01, 0.05, 0.5};
    struct dd_fragmenter *s = dd_fragmenter_new();
    set_up();
    ck_assert_uint_eq(dd_fragmenter_left(s), 0);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes * 4; i++) {
        struct dd_block_plan plan = take_all(s, sizes[i / 4], losses[i % 4]);
        check(&plan, sizes[i / 4]);
    }
    dd_fragmenter_free(s);
}
END_TEST

START_TEST(a_frame_may_be_left_for_the_next)
{
    struct dd_fragmenter *s = dd_fragmenter_new();
    struct dd_block_plan plan;
    struct dd_wire_fragment f;
    set_up();
    ck_assert_int_eq(dd_block_plan_compute(&plan, 300000, PACKET, 0.05), 0);
    ck_assert_int_eq(dd_fragmenter_begin(s, &plan, make_frame(300000)), 0);
    for (uint32_t n = 0; n <= plan.symbols; n++)
        ck_assert_int_eq(dd_fragmenter_next(s, &f), 0);
    plan = take_all(s, 90000, 0.1);
    check(&plan, 90000);
    dd_fragmenter_free(s);
}
END_TEST

START_TEST(memory_has_a_bound)
{
    ck_assert_uint_eq(dd_fragmenter_memory(1000000, PACKET, 0), PACKET + DD_FRAGMENTER_SLACK);
    struct dd_block_plan plan;
    ck_assert_int_eq(dd_block_plan_compute(&plan, 1000000, PACKET, 0.05), 0);
    ck_assert_uint_ge(dd_fragmenter_memory(1000000, PACKET, 0.05), (uint64_t)plan.blocks * plan.parity * plan.symbol_bytes);
}
END_TEST

SUITE("link/fragmenter", frames_of_all_sizes, a_frame_may_be_left_for_the_next, memory_has_a_bound)
