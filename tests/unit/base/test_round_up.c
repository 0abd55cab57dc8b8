#include "dd/base/round_up.h"

#include "suite.h"

START_TEST(rounds_up)
{
    static const struct {
        uint64_t n, by, quotient, multiple;
    } rows[] = {
        {0, 1, 0, 0},  {1, 1, 1, 1},          {0, 7, 0, 0},          {1, 7, 1, 7}, {7, 7, 1, 7},
        {8, 7, 2, 14}, {4096, 4096, 1, 4096}, {4097, 4096, 2, 8192}, {6, 4, 2, 8}, {UINT64_MAX, 1, UINT64_MAX, UINT64_MAX}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_uint_eq(dd_round_up_quotient(rows[i].n, rows[i].by), rows[i].quotient);
        ck_assert_uint_eq(dd_round_up_to(rows[i].n, rows[i].by), rows[i].multiple);
    }
    ck_assert_uint_eq(dd_round_up_quotient(UINT64_MAX, 2), UINT64_C(1) << 63);
}
END_TEST

SUITE("base/round_up", rounds_up)
