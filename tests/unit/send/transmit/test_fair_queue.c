/* Shares of the way out by weight. */
#include "send/transmit/fair_queue.h"
#include "suite.h"

enum { COUNT = 4, BURST = 10000 };

/* Bursts for as long as bits last, among those that are active; what each got is added to sent. */
static void run(struct dd_fair_queue_flow *shares, size_t count, double *clock, uint64_t bits, uint64_t *sent)
{
    for (uint64_t gone = 0; gone < bits; gone += BURST) {
        size_t i = dd_fair_queue_pick(shares, count, clock);
        ck_assert_uint_lt(i, count);
        dd_fair_queue_charge(&shares[i], BURST);
        sent[i] += BURST;
    }
}

START_TEST(follows_the_weights)
{
    struct dd_fair_queue_flow shares[COUNT] = {{.weight = 1}, {.weight = 1}, {.weight = 3}, {.weight = 0.5}};
    uint64_t sent[COUNT] = {0};
    double clock = 0;
    for (size_t i = 0; i < COUNT; i++)
        dd_fair_queue_activate(&shares[i], clock);
    run(shares, COUNT, &clock, 5500 * BURST, sent);
    static const uint64_t fair[COUNT] = {1000 * BURST, 1000 * BURST, 3000 * BURST, 500 * BURST};
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_uint_le(sent[i] > fair[i] ? sent[i] - fair[i] : fair[i] - sent[i], 2 * BURST);
}
END_TEST

START_TEST(shares_what_the_idle_leave)
{
    struct dd_fair_queue_flow shares[COUNT] = {{.weight = 1}, {.weight = 1}, {.weight = 9}, {.weight = 1}};
    uint64_t sent[COUNT] = {0};
    double clock = 0;
    dd_fair_queue_activate(&shares[0], clock);
    dd_fair_queue_activate(&shares[3], clock);
    run(shares, COUNT, &clock, 1000 * BURST, sent);
    ck_assert_uint_eq(sent[0] + sent[3], 1000 * BURST);
    ck_assert_uint_eq(sent[0], sent[3]);
    ck_assert_uint_eq(sent[1] + sent[2], 0);
}
END_TEST

/* Who comes back after an hour does not make up for it. */
START_TEST(saves_up_nothing)
{
    struct dd_fair_queue_flow shares[2] = {{.weight = 1}, {.weight = 1}};
    uint64_t sent[2] = {0};
    double clock = 0;
    dd_fair_queue_activate(&shares[0], clock);
    run(shares, 2, &clock, 100000 * BURST, sent);
    dd_fair_queue_activate(&shares[1], clock);
    sent[0] = sent[1] = 0;
    run(shares, 2, &clock, 100 * BURST, sent);
    ck_assert_uint_le(sent[1], 51 * BURST);
    ck_assert_uint_ge(sent[1], 49 * BURST);
}
END_TEST

/* Nor does it gain by stopping and beginning after every burst. */
START_TEST(gives_nothing_for_coming_and_going)
{
    struct dd_fair_queue_flow shares[2] = {{.weight = 1}, {.weight = 1}};
    uint64_t sent[2] = {0};
    double clock = 0;
    dd_fair_queue_activate(&shares[0], clock);
    dd_fair_queue_activate(&shares[1], clock);
    for (int i = 0; i < 1000; i++) {
        run(shares, 2, &clock, BURST, sent);
        dd_fair_queue_deactivate(&shares[1]);
        dd_fair_queue_activate(&shares[1], clock);
    }
    ck_assert_uint_ge(sent[0], 499 * BURST);
}
END_TEST

START_TEST(picks_nobody_where_nobody_is)
{
    struct dd_fair_queue_flow shares[2] = {{.weight = 1}, {.weight = 1}};
    double clock = 5;
    ck_assert_uint_eq(dd_fair_queue_pick(shares, 2, &clock), 2);
    ck_assert_uint_eq(dd_fair_queue_pick(shares, 0, &clock), 0);
    ck_assert(clock == 5);
    dd_fair_queue_activate(&shares[1], clock);
    ck_assert_uint_eq(dd_fair_queue_pick(shares, 2, &clock), 1);
    dd_fair_queue_deactivate(&shares[1]);
    ck_assert_uint_eq(dd_fair_queue_pick(shares, 2, &clock), 2);
}
END_TEST

SUITE("send/transmit/fair_queue", follows_the_weights, shares_what_the_idle_leave, saves_up_nothing,
      gives_nothing_for_coming_and_going, picks_nobody_where_nobody_is)
