/* Flows share the rate by weight. */
#include "send/transmit/fair_queue.h"
#include "suite.h"

enum { COUNT = 4, BURST = 10000 };

/* Sends bursts of the active flows until bits are spent, and adds to sent what each flow got. */
static void run(struct dd_fair_queue_flow *flows, size_t count, double *clock, uint64_t bits, uint64_t *sent)
{
    for (uint64_t done = 0; done < bits; done += BURST) {
        size_t i = dd_fair_queue_pick(flows, count, clock);
        ck_assert_uint_lt(i, count);
        dd_fair_queue_charge(&flows[i], BURST);
        sent[i] += BURST;
    }
}

START_TEST(follows_the_weights)
{
    struct dd_fair_queue_flow flows[COUNT] = {{.weight = 1}, {.weight = 1}, {.weight = 3}, {.weight = 0.5}};
    uint64_t sent[COUNT] = {0};
    double clock = 0;
    for (size_t i = 0; i < COUNT; i++)
        dd_fair_queue_activate(&flows[i], clock);
    run(flows, COUNT, &clock, 5500 * BURST, sent);
    static const uint64_t expected[COUNT] = {1000 * BURST, 1000 * BURST, 3000 * BURST, 500 * BURST};
    for (size_t i = 0; i < COUNT; i++)
        ck_assert_uint_le(sent[i] > expected[i] ? sent[i] - expected[i] : expected[i] - sent[i], 2 * BURST);
}
END_TEST

START_TEST(active_flows_share_the_rate_of_idle_ones)
{
    struct dd_fair_queue_flow flows[COUNT] = {{.weight = 1}, {.weight = 1}, {.weight = 9}, {.weight = 1}};
    uint64_t sent[COUNT] = {0};
    double clock = 0;
    dd_fair_queue_activate(&flows[0], clock);
    dd_fair_queue_activate(&flows[3], clock);
    run(flows, COUNT, &clock, 1000 * BURST, sent);
    ck_assert_uint_eq(sent[0] + sent[3], 1000 * BURST);
    ck_assert_uint_eq(sent[0], sent[3]);
    ck_assert_uint_eq(sent[1] + sent[2], 0);
}
END_TEST

START_TEST(an_idle_flow_saves_up_nothing)
{
    struct dd_fair_queue_flow flows[2] = {{.weight = 1}, {.weight = 1}};
    uint64_t sent[2] = {0};
    double clock = 0;
    dd_fair_queue_activate(&flows[0], clock);
    run(flows, 2, &clock, 100000 * BURST, sent);
    dd_fair_queue_activate(&flows[1], clock);
    sent[0] = sent[1] = 0;
    run(flows, 2, &clock, 100 * BURST, sent);
    ck_assert_uint_le(sent[1], 51 * BURST);
    ck_assert_uint_ge(sent[1], 49 * BURST);
}
END_TEST

START_TEST(a_flow_gains_nothing_by_stopping_and_starting)
{
    struct dd_fair_queue_flow flows[2] = {{.weight = 1}, {.weight = 1}};
    uint64_t sent[2] = {0};
    double clock = 0;
    dd_fair_queue_activate(&flows[0], clock);
    dd_fair_queue_activate(&flows[1], clock);
    for (int i = 0; i < 1000; i++) {
        run(flows, 2, &clock, BURST, sent);
        dd_fair_queue_deactivate(&flows[1]);
        dd_fair_queue_activate(&flows[1], clock);
    }
    ck_assert_uint_ge(sent[0], 499 * BURST);
}
END_TEST

START_TEST(picks_none_if_none_is_active)
{
    struct dd_fair_queue_flow flows[2] = {{.weight = 1}, {.weight = 1}};
    double clock = 5;
    ck_assert_uint_eq(dd_fair_queue_pick(flows, 2, &clock), 2);
    ck_assert_uint_eq(dd_fair_queue_pick(flows, 0, &clock), 0);
    ck_assert(clock == 5);
    dd_fair_queue_activate(&flows[1], clock);
    ck_assert_uint_eq(dd_fair_queue_pick(flows, 2, &clock), 1);
    dd_fair_queue_deactivate(&flows[1]);
    ck_assert_uint_eq(dd_fair_queue_pick(flows, 2, &clock), 2);
}
END_TEST

SUITE("send/transmit/fair_queue", follows_the_weights, active_flows_share_the_rate_of_idle_ones, an_idle_flow_saves_up_nothing,
      a_flow_gains_nothing_by_stopping_and_starting, picks_none_if_none_is_active)
