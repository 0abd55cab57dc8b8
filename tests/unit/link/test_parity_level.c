#include "link/parity_level.h"

#include "dd/link/wire.h"
#include "suite.h"

/* The chance that more than parity of data + parity symbols are lost: the binomial distribution, term by term. */
static long double chance_of_loss(uint32_t data, uint32_t parity, long double loss)
{
    uint32_t n = data + parity;
    long double sum = 0;
    for (uint32_t lost = n; lost > parity; lost--) {
        long double term = 1;
        for (uint32_t i = 0; i < lost; i++)
            term *= (long double)(n - i) / (i + 1) * loss;
        for (uint32_t i = lost; i < n; i++)
            term *= 1 - loss;
        sum += term;
    }
    return sum;
}

START_TEST(it_is_just_enough)
{
    static const uint32_t blocks[] = {1, 2, 3, 7, 50, 1000, 65535};
    static const double losses[] = {0.0001, 0.001, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.333, 0.4, 0.49, 0.5};
    for (uint32_t data = 1; data <= DD_WIRE_DATA_MAX; data += data < 8 ? 1 : suite_is_short() ? 60 : 15)
        for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++)
            for (size_t l = 0; l < sizeof losses / sizeof *losses; l++) {
                uint32_t parity = dd_parity_level_needed(data, blocks[b], losses[l], 1000);
                long double wanted = 1e-5L / blocks[b];
                ck_assert_uint_lt(parity, 1000);
                ck_assert_msg(chance_of_loss(data, parity, losses[l]) < wanted, "%u in %u blocks at %g: %u is too few", data,
                              blocks[b], losses[l], parity);
                ck_assert_msg(!parity || chance_of_loss(data, parity - 1, losses[l]) >= wanted - 2e-13L,
                              "%u in %u blocks at %g: %u is too many", data, blocks[b], losses[l], parity);
            }
}
END_TEST

/* From the binomial distribution in fractions of whole numbers, so without rounding. */
START_TEST(it_is_what_exact_arithmetic_gives)
{
    static const struct {
        uint32_t data, blocks;
        double loss;
        uint32_t parity;
    } known[] = {{1, 1, 0.05, 3},    {1, 1, 0.5, 16},      {2, 1, 0.01, 2},    {35, 2, 0.05, 11}, {69, 1, 0.01, 7},
                 {69, 1, 0.05, 15},  {69, 1, 0.1, 23},     {69, 1, 0.15, 32},  {69, 1, 0.2, 41},  {100, 1, 0.05, 18},
                 {128, 1, 0.05, 21}, {128, 50, 0.05, 24},  {114, 2, 0.05, 20}, {128, 1, 0.2, 63}, {90, 1, 0.5, 156},
                 {85, 70, 0.5, 165}, {128, 65535, 0.1, 47}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ck_assert_msg(dd_parity_level_needed(known[i].data, known[i].blocks, known[i].loss, 255) == known[i].parity,
                      "%u in %u at %g", known[i].data, known[i].blocks, known[i].loss);
}
END_TEST

START_TEST(no_loss_needs_none)
{
    for (uint32_t data = 1; data <= DD_WIRE_DATA_MAX; data++)
        ck_assert_uint_eq(dd_parity_level_needed(data, 65535, 0, 255), 0);
}
END_TEST

START_TEST(it_says_when_there_is_no_room)
{
    uint32_t needed = dd_parity_level_needed(100, 1, 0.05, 255);
    ck_assert_uint_eq(dd_parity_level_needed(100, 1, 0.05, needed), needed);
    ck_assert_uint_eq(dd_parity_level_needed(100, 1, 0.05, needed - 1), needed);
    ck_assert_uint_eq(dd_parity_level_needed(100, 1, 0.05, needed - 2), needed - 1);
    ck_assert_uint_eq(dd_parity_level_needed(100, 1, 0.05, 0), 1);
}
END_TEST

SUITE("link/parity_level", it_is_just_enough, it_is_what_exact_arithmetic_gives, no_loss_needs_none,
      it_says_when_there_is_no_room)
