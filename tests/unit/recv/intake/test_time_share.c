#include "recv/intake/time_share.h"

#include <stdbool.h>

#include "suite.h"

enum { BATCH = 16, PORTS = 13 };

/* A port as the kernel has it: its messages and what each takes to handle. */
struct port {
    uint64_t waiting, message_us, streams;
    uint64_t read, served_us;
    struct dd_time_share_cost cost;
};

/* One turn over the ports that have messages, as intake does it. Returns when it ends. */
static uint64_t turn(struct port *ports, uint64_t now_us)
{
    struct dd_time_share_turn t;
    uint64_t streams = 0;
    for (size_t i = 0; i < PORTS; i++)
        streams += ports[i].waiting ? ports[i].streams : 0;
    dd_time_share_begin(&t, now_us, streams);
    for (size_t i = 0; i < PORTS; i++) {
        struct port *p = &ports[i];
        if (!p->waiting)
            continue;
        uint64_t until_us = dd_time_share_next(&t, now_us, p->streams);
        size_t most, count;
        do {
            most = dd_time_share_messages(&p->cost, now_us, until_us, BATCH);
            ck_assert_uint_ge(most, 1);
            ck_assert_uint_le(most, BATCH);
            count = p->waiting < most ? (size_t)p->waiting : most;
            p->waiting -= count;
            p->read += count;
            p->served_us += count * p->message_us;
            now_us += count * p->message_us + 1;
            dd_time_share_measure(&p->cost, count, count * p->message_us);
        } while (count == most && now_us < until_us);
    }
    return now_us;
}

/* Twelve ports have costly messages without end, and one has a few cheap ones. */
START_TEST(costly_ports_hold_up_no_other)
{
    static const uint64_t costs[] = {1, 50, 3000, 7000};
    for (size_t c = 0; c < sizeof costs / sizeof *costs; c++) {
        struct port ports[PORTS] = {0};
        uint64_t now_us = 1;
        for (size_t i = 0; i < PORTS; i++)
            ports[i] = (struct port){.waiting = UINT32_MAX, .message_us = costs[c], .streams = 1};
        ports[PORTS - 1].message_us = 40;
        for (int i = 0; i < 100; i++) {
            uint64_t start_us = now_us;
            ports[PORTS - 1].waiting = 20; /* comes in a turn at 4 Mbit/s, and more */
            now_us = turn(ports, start_us);
            ck_assert_uint_le(now_us - start_us, 2 * DD_TIME_SHARE_TURN_US);
            ck_assert_uint_eq(ports[PORTS - 1].waiting, 0);
        }
        for (size_t i = 1; i < PORTS - 1; i++) /* and the costly ones get the same */
            ck_assert_uint_le(ports[0].served_us, 2 * ports[i].served_us);
    }
}
END_TEST

START_TEST(shares_follow_the_number_of_streams)
{
    struct dd_time_share_turn t;
    dd_time_share_begin(&t, 1000, 10);
    ck_assert_uint_eq(dd_time_share_next(&t, 1000, 1), 1000 + DD_TIME_SHARE_TURN_US / 10);
    /* it left all of it to the others */
    ck_assert_uint_eq(dd_time_share_next(&t, 1000, 6), 1000 + DD_TIME_SHARE_TURN_US * 6 / 9);
    ck_assert_uint_eq(dd_time_share_next(&t, 1000 + DD_TIME_SHARE_TURN_US / 2, 3), 1000 + DD_TIME_SHARE_TURN_US);
    /* the first took all of the turn, and more: the second has its share nevertheless */
    dd_time_share_begin(&t, 1000, 2);
    ck_assert_uint_eq(dd_time_share_next(&t, 1000, 1), 1000 + DD_TIME_SHARE_TURN_US / 2);
    uint64_t late_us = 2000 + DD_TIME_SHARE_TURN_US;
    ck_assert_uint_eq(dd_time_share_next(&t, late_us, 1), late_us + DD_TIME_SHARE_TURN_US / 2);
}
END_TEST

START_TEST(batches_fit_the_time_that_is_left)
{
    struct dd_time_share_cost cost = {0};
    ck_assert_uint_eq(dd_time_share_messages(&cost, 0, 50000, BATCH), 1); /* unknown: try one */
    dd_time_share_measure(&cost, 1, 99);
    ck_assert_uint_eq(dd_time_share_messages(&cost, 0, 50000, BATCH), BATCH);
    ck_assert_uint_eq(dd_time_share_messages(&cost, 0, 1000, BATCH), 10);
    ck_assert_uint_eq(dd_time_share_messages(&cost, 1000, 1000, BATCH), 1);
    ck_assert_uint_eq(dd_time_share_messages(&cost, 2000, 1000, BATCH), 1);
    /* it rises at once and falls slowly; an empty batch says nothing */
    dd_time_share_measure(&cost, 4, 40000);
    ck_assert_uint_eq(cost.message_us, 10001);
    dd_time_share_measure(&cost, 0, 100000);
    dd_time_share_measure(&cost, 16, 16);
    ck_assert_uint_gt(cost.message_us, 8000);
    for (int i = 0; i < 200; i++)
        dd_time_share_measure(&cost, 16, 16);
    ck_assert_uint_le(cost.message_us, 8);
}
END_TEST

/* Two streams at one port, one with costly datagrams without end: while the queue is not emptied, it gets a quarter of the time,
 * however little of it the port has. */
START_TEST(a_costly_stream_of_a_port_leaves_the_others_their_share)
{
    static const uint64_t slices[] = {DD_TIME_SHARE_TURN_US, DD_TIME_SHARE_TURN_US / 14};
    for (size_t s = 0; s < 2; s++) {
        struct dd_time_share_port port = {0};
        struct dd_time_share_stream costly = {0}, cheap = {0};
        uint64_t costly_us = 0, now_us = UINT64_C(1000) * DD_TIME_SHARE_HEARD_US;
        for (int turn = 0; turn < 100; turn++, now_us += DD_TIME_SHARE_TURN_US) {
            dd_time_share_begin_port(&port, slices[s]);
            dd_time_share_charge(&port, &cheap, now_us, 10, 5);
            for (uint64_t end_us = now_us + slices[s], at_us = now_us; at_us < end_us; at_us += 100) {
                ck_assert(!dd_time_share_exceeds(&port, &cheap, at_us));
                if (dd_time_share_exceeds(&port, &costly, at_us))
                    continue; /* unread */
                costly_us += 100;
                dd_time_share_charge(&port, &costly, at_us, 100, 50);
            }
            dd_time_share_note_queue(&port, false, now_us);
        }
        ck_assert_uint_gt(costly_us, 22 * slices[s]);
        ck_assert_uint_lt(costly_us, 35 * slices[s]); /* all of it at first, until it is more than a burst */
    }
}
END_TEST

START_TEST(no_stream_is_dropped_without_need)
{
    enum { SLICE = 10000 };
    struct dd_time_share_port port = {0};
    struct dd_time_share_stream a = {0}, b = {0};
    uint64_t now_us = UINT64_C(1000) * DD_TIME_SHARE_HEARD_US;
#define TURN()                                                                                                                   \
    do {                                                                                                                         \
        dd_time_share_begin_port(&port, SLICE);                                                                                  \
        dd_time_share_charge(&port, &b, now_us, 1, 1);                                                                           \
        dd_time_share_charge(&port, &a, now_us, SLICE, SLICE);                                                                   \
    } while (0)
    /* bursts */
    for (int i = 0; i < 3; i++) {
        TURN();
        ck_assert(!dd_time_share_exceeds(&port, &a, now_us));
        dd_time_share_note_queue(&port, i == 1, now_us);
        now_us += DD_TIME_SHARE_BACKLOG_US;
    }
    /* more than a burst */
    dd_time_share_note_queue(&port, false, now_us);
    TURN();
    ck_assert(dd_time_share_exceeds(&port, &a, now_us));
    ck_assert(!dd_time_share_exceeds(&port, &b, now_us));
    /* one that others have interrupted */
    dd_time_share_charge(&port, &b, now_us, SLICE, SLICE / 20);
    ck_assert(!dd_time_share_exceeds(&port, &b, now_us));
    /* the next turn; and a second after the queue was emptied */
    dd_time_share_begin_port(&port, SLICE);
    ck_assert(!dd_time_share_exceeds(&port, &a, now_us));
    dd_time_share_note_queue(&port, true, now_us);
    now_us += DD_TIME_SHARE_OVERLOAD_US;
    TURN();
    ck_assert(!dd_time_share_exceeds(&port, &a, now_us));
    /* alone at the port, it may take all of the time */
    now_us += 3 * DD_TIME_SHARE_HEARD_US;
    dd_time_share_note_queue(&port, false, now_us);
    dd_time_share_note_queue(&port, false, now_us + DD_TIME_SHARE_BACKLOG_US);
    dd_time_share_charge(&port, &a, now_us, 2 * SLICE, SLICE);
    ck_assert(!dd_time_share_exceeds(&port, &a, now_us));
#undef TURN
}
END_TEST

SUITE("recv/intake/time_share", costly_ports_hold_up_no_other, shares_follow_the_number_of_streams,
      batches_fit_the_time_that_is_left, a_costly_stream_of_a_port_leaves_the_others_their_share,
      no_stream_is_dropped_without_need)
