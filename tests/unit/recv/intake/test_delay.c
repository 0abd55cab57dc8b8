#include "recv/intake/delay.h"

#include "dd/base/clock.h"
#include "dd/link/wire.h"
#include "suite.h"

#define S ((uint64_t)DD_CLOCK_US_PER_S)
#define HOUR (3600 * S)
#define DAY (24 * HOUR)
#define LIMIT (5 * S)

enum { BOOT = 0xb007, OTHER_BOOT = 0xb008 };

static const uint64_t began_us = 1000 * S; /* the receiver's clock when the sender's machine was started */

/* A sender's clocks: its wall clock at a moment of its clock since boot. */
struct sender {
    uint64_t epoch_us;
    uint32_t boot_tag;
};

/* A STATUS that is made boot_us after the sender's boot arrives at now_us. Returns its delay. */
static uint64_t note(struct dd_delay *d, struct sender sender, uint64_t boot_us, uint64_t now_us)
{
    const struct dd_wire_status status = {
        .sent_us = sender.epoch_us + boot_us, .epoch_us = sender.epoch_us, .boot_tag = sender.boot_tag};
    dd_delay_note(d, &status, now_us);
    return dd_delay_us(d, &status, status.sent_us, now_us);
}

static bool is_drift(const struct dd_delay *d, struct sender sender, uint64_t boot_us, uint64_t now_us)
{
    const struct dd_wire_status status = {
        .sent_us = sender.epoch_us + boot_us, .epoch_us = sender.epoch_us, .boot_tag = sender.boot_tag};
    return dd_delay_is_drift(d, &status, now_us);
}

static bool is_of_other_boot(const struct dd_delay *d, struct sender sender)
{
    return dd_delay_is_of_other_boot(d, &(struct dd_wire_status){.boot_tag = sender.boot_tag});
}

START_TEST(the_fastest_datagram_has_no_delay)
{
    const struct sender sender = {1767268800 * S, BOOT};
    struct dd_delay d = {.limit_us = LIMIT};
    ck_assert_uint_eq(dd_delay_us(&d, NULL, 7, 9), 0); /* nothing is known */
    ck_assert_uint_eq(note(&d, sender, 1 * S, began_us + 4 * S), 0);
    ck_assert_uint_eq(note(&d, sender, 2 * S, began_us + 4 * S), 0); /* a second faster */
    uint64_t late_us = note(&d, sender, 3 * S, began_us + 7 * S);
    ck_assert(late_us <= 2 * S && late_us > 2 * S - 400); /* 100 ppm of the 3 s between them are drift */
    ck_assert_uint_eq(dd_delay_rise_us(&d, began_us + 4 * S), 0);
    ck_assert_uint_eq(dd_delay_rise_us(&d, began_us + 10004 * S), 1 * S);
    ck_assert_uint_eq(dd_delay_rise_us(&d, UINT64_MAX), LIMIT);
    ck_assert_uint_eq(dd_delay_rise_us(&d, 0), 0);
    dd_delay_forget(&d);
    ck_assert_uint_eq(dd_delay_rise_us(&d, began_us), 0);
    ck_assert_uint_eq(note(&d, sender, 9 * S, began_us + DAY), 0);
}
END_TEST

/* ---- thirty days ---- */

/* By ppm. stretch: the attacker holds each datagram back for longer than the one before. */
struct rates {
    int sender, stretch;
};

struct month {
    uint64_t shown_us, true_us;         /* the delays at the end */
    uint64_t most_shown_us;             /* in the month */
    uint64_t most_hidden_us;            /* the true delay less the shown one, at its most */
    uint64_t used_up_us, live_until_us; /* when the rise was used up, and when 30 s were shown; 0: never */
    uint64_t true_when_used_up_us;      /* the delay then */
};

/* A month of STATUS on a path that takes 1 to 20 ms. Every six hours ddsend is started afresh, after its clock was set. */
static struct month simulate(struct rates rates)
{
    struct dd_delay d = {.limit_us = LIMIT};
    struct month m = {0};
    uint64_t step_us = suite_is_short() ? 600 * S : 10 * S, random = 1;
    for (uint64_t t = 0; t < 30 * DAY; t += step_us) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        const struct sender sender = {1767268800 * S + t / (6 * HOUR) % 5 * 25 * HOUR, BOOT};
        uint64_t boot_us = t + (uint64_t)((int64_t)(t / 1000000) * rates.sender);
        m.true_us = 1000 + (random >> 33) % 19000 + t / 1000000 * (uint64_t)rates.stretch;
        m.shown_us = note(&d, sender, boot_us, began_us + t + m.true_us);
        if (m.shown_us > m.most_shown_us)
            m.most_shown_us = m.shown_us;
        if (m.true_us > m.shown_us + m.most_hidden_us)
            m.most_hidden_us = m.true_us - m.shown_us;
        if (is_drift(&d, sender, boot_us, began_us + t + m.true_us) && !m.used_up_us) {
            m.used_up_us = t;
            m.true_when_used_up_us = m.true_us;
        }
        if (m.shown_us >= 30 * S && !m.live_until_us)
            m.live_until_us = t;
    }
    return m;
}

START_TEST(clocks_that_agree_never_use_up_the_rise)
{
    static const int ppm[] = {0, 20};
    for (size_t i = 0; i < sizeof ppm / sizeof *ppm; i++) {
        struct month m = simulate((struct rates){.sender = ppm[i]});
        ck_assert_uint_le(m.most_shown_us, 20000);
        ck_assert_uint_eq(m.used_up_us, 0);
    }
}
END_TEST

/* An honest sender without NTP, whose clock loses 1.7 s a day. */
START_TEST(a_slow_clock_uses_it_up_after_days)
{
    struct month m = simulate((struct rates){.sender = -20});
    ck_assert_uint_ge(m.used_up_us, 68 * HOUR);
    ck_assert_uint_le(m.used_up_us, 70 * HOUR);
    /* 51.8 s less 5 s */
    ck_assert_uint_ge(m.shown_us, 46 * S);
    ck_assert_uint_le(m.shown_us, 47 * S);
}
END_TEST

/* An attacker who holds back each datagram a little longer than the one before hides delay_drift, and not a second more. */
START_TEST(a_stretched_path_hides_no_more_than_the_limit)
{
    static const struct rates hostile[] = {{0, 100}, {-20, 100}, {0, 20}, {0, 90}, {-20, 60}};
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct month m = simulate(hostile[i]);
        ck_assert_uint_le(m.most_hidden_us, LIMIT + 20000);
        /* faster than any drift, it is a delay from the start */
        if (hostile[i].stretch - hostile[i].sender < 100) {
            ck_assert_uint_ne(m.used_up_us, 0);
            ck_assert_uint_le(m.true_when_used_up_us, LIMIT + 60000);
        }
        ck_assert_uint_ge(m.shown_us, m.true_us - LIMIT - 20000);
        ck_assert_uint_ne(m.live_until_us, 0);
    }
}
END_TEST

/* What remains, as docs/protocol.md says: where the sender's clock gains on the receiver's, the gain can be hidden, too. */
START_TEST(a_fast_clock_hides_what_it_gains)
{
    struct month m = simulate((struct rates){.sender = 20, .stretch = 100});
    ck_assert_uint_gt(m.most_hidden_us, 50 * S);
    ck_assert_uint_le(m.most_hidden_us, LIMIT + 52 * S);
    ck_assert_uint_gt(m.shown_us, 200 * S);
}
END_TEST

/* However long it lasts: a path that holds everything back all at once is no drift. */
START_TEST(a_delay_that_comes_at_once_is_no_drift)
{
    const struct sender sender = {1767268800 * S, BOOT};
    struct dd_delay d = {.limit_us = LIMIT};
    note(&d, sender, 0, began_us);
    for (uint64_t t = HOUR; t < 30 * DAY; t += HOUR) {
        ck_assert_uint_ge(note(&d, sender, t, began_us + t + HOUR), HOUR - LIMIT);
        ck_assert(!is_drift(&d, sender, t, began_us + t + HOUR));
    }
    /* 6 s in a day may be one */
    ck_assert_uint_eq(note(&d, sender, 40 * DAY, began_us + 40 * DAY), 0);
    ck_assert_uint_eq(note(&d, sender, 41 * DAY, began_us + 41 * DAY + 6 * S), 1 * S);
    ck_assert(is_drift(&d, sender, 41 * DAY, began_us + 41 * DAY + 6 * S));
    ck_assert(!is_drift(&d, sender, 41 * DAY, began_us + 41 * DAY + 4 * S)); /* not late */
}
END_TEST

/* ---- a clock that was set ---- */

START_TEST(a_step_of_the_senders_clock_costs_nothing)
{
    static const int64_t steps_h[] = {-25, 25, -1, 24 * 365, 0};
    for (size_t i = 0; i < sizeof steps_h / sizeof *steps_h; i++) {
        struct dd_delay d = {.limit_us = LIMIT};
        struct sender sender = {1767268800 * S, BOOT};
        ck_assert_uint_eq(note(&d, sender, 1 * S, began_us + 1 * S), 0);
        uint64_t before_us = note(&d, sender, 2 * S, began_us + 5 * S);
        sender.epoch_us += (uint64_t)(steps_h[i] * (int64_t)HOUR); /* set, and ddsend started afresh */
        uint64_t after_us = note(&d, sender, 3 * S, began_us + 6 * S);
        /* what the path takes is known as before: neither longer nor shorter */
        ck_assert(before_us - after_us <= 200 && before_us > 2990000);
        ck_assert(!is_of_other_boot(&d, sender));
        ck_assert_uint_eq(note(&d, sender, 4 * S, began_us + 4 * S), 0);
        /* what was captured is of the new clock, too */
        const struct dd_wire_status clock = {.epoch_us = sender.epoch_us, .boot_tag = BOOT};
        uint64_t age_us = dd_delay_us(&d, &clock, sender.epoch_us + 4 * S, began_us + 11 * S);
        ck_assert(age_us <= 7 * S && age_us > 7 * S - 1000);
    }
}
END_TEST

/* The sender's machine was started again. How long the path takes is known only as well as its clock was right. */
START_TEST(another_boot_goes_by_the_wall_clock)
{
    const struct sender before = {1767268800 * S, BOOT};
    struct dd_delay d = {.limit_us = LIMIT};
    note(&d, before, 0, began_us);
    /* an hour later, with a clock that kept time: a delay shows */
    struct sender after = {before.epoch_us + HOUR, OTHER_BOOT};
    uint64_t late_us = note(&d, after, 1 * S, began_us + HOUR + 8 * S);
    ck_assert(late_us <= 7 * S && late_us > 7 * S - S / 2);
    ck_assert(is_of_other_boot(&d, after));
    ck_assert_uint_eq(note(&d, after, 10 * S, began_us + HOUR + 10 * S), 0);
    ck_assert(!is_of_other_boot(&d, after));
    /* and it is this boot's baseline from now on: a step costs nothing */
    after.epoch_us -= 25 * HOUR;
    ck_assert_uint_eq(note(&d, after, 20 * S, began_us + HOUR + 20 * S), 0);
}
END_TEST

/* It began with a clock that was behind, such as one without a battery. NTP sets it right, and ddsend is started again. */
START_TEST(another_boot_with_a_wrong_clock_is_late_until_it_is_right)
{
    const struct sender before = {1767268800 * S, BOOT};
    struct dd_delay d = {.limit_us = LIMIT};
    note(&d, before, 0, began_us);
    struct sender after = {before.epoch_us + HOUR - 25 * HOUR, OTHER_BOOT};
    uint64_t late_us = note(&d, after, 1 * S, began_us + HOUR + 1 * S);
    ck_assert(late_us <= 25 * HOUR && late_us > 25 * HOUR - S);
    ck_assert(is_of_other_boot(&d, after));
    after.epoch_us += 25 * HOUR;
    ck_assert_uint_eq(note(&d, after, 9 * S, began_us + HOUR + 9 * S), 0);
    ck_assert(!is_of_other_boot(&d, after));
}
END_TEST

/* Its clock was ahead, and is set right in the same boot: this is where the epoch counts. */
START_TEST(another_boot_with_a_clock_ahead_is_known_from_then_on)
{
    const struct sender before = {1767268800 * S, BOOT};
    struct dd_delay d = {.limit_us = LIMIT};
    note(&d, before, 0, began_us);
    struct sender after = {before.epoch_us + HOUR + 25 * HOUR, OTHER_BOOT};
    ck_assert_uint_eq(note(&d, after, 1 * S, began_us + HOUR + 1 * S), 0);
    after.epoch_us -= 25 * HOUR;
    ck_assert_uint_eq(note(&d, after, 9 * S, began_us + HOUR + 9 * S), 0);
    uint64_t late_us = note(&d, after, 9 * S, began_us + HOUR + 19 * S);
    ck_assert(late_us <= 10 * S && late_us > 10 * S - 2000);
}
END_TEST

/* After a new key or a session that was let in by hand. */
START_TEST(another_machine_is_learnt_anew_and_the_same_one_is_not)
{
    const struct sender sender = {1767268800 * S, BOOT}, other = {1735732800 * S, OTHER_BOOT};
    struct dd_delay d = {.limit_us = LIMIT};
    note(&d, sender, 0, began_us);
    dd_delay_allow_other_machine(&d);
    ck_assert_uint_ge(note(&d, sender, 1 * S, began_us + 31 * S), 29 * S);
    ck_assert_uint_ge(note(&d, other, 2 * S, began_us + 32 * S), 29 * S); /* the permission was for one STATUS */
    dd_delay_allow_other_machine(&d);
    ck_assert_uint_eq(note(&d, other, 3 * S, began_us + 33 * S), 0);
    ck_assert(!is_of_other_boot(&d, other));
    ck_assert_uint_eq(d.limit_us, LIMIT);
}
END_TEST

/* A second ddsend ran for a while on another machine, and went; the first one was admitted again. */
START_TEST(a_machine_that_returns_is_known)
{
    const struct sender sender = {1767268800 * S, BOOT}, other = {1735732800 * S, OTHER_BOOT};
    struct dd_delay d = {.limit_us = LIMIT};
    note(&d, sender, 0, began_us);
    for (int permitted = 0; permitted < 2; permitted++) {
        dd_delay_allow_other_machine(&d);
        ck_assert_uint_eq(note(&d, other, 3 * S, began_us + HOUR), 0);
        if (permitted)
            dd_delay_allow_other_machine(&d);
        uint64_t late_us = note(&d, sender, 2 * HOUR, began_us + 3 * HOUR);
        ck_assert(late_us <= HOUR && late_us > HOUR - 2 * S);
        ck_assert(!is_of_other_boot(&d, sender));
        /* what it captured, too, while the other one is the newest */
        note(&d, other, 2 * HOUR + 3 * S, began_us + 3 * HOUR);
        const struct dd_wire_status clock = {.epoch_us = sender.epoch_us, .boot_tag = BOOT};
        late_us = dd_delay_us(&d, &clock, sender.epoch_us + HOUR, began_us + 3 * HOUR);
        ck_assert(late_us <= 2 * HOUR && late_us > 2 * HOUR - 2 * S);
    }
    dd_delay_forget(&d);
    ck_assert_uint_eq(note(&d, sender, 2 * HOUR, began_us + 4 * HOUR), 0);
}
END_TEST

/* Its clock is set ahead while an attacker holds all STATUS back; then its machine is started again. */
START_TEST(a_late_status_tells_of_its_clock_too)
{
    struct sender sender = {1767268800 * S, BOOT};
    struct dd_delay d = {.limit_us = LIMIT};
    note(&d, sender, 0, began_us);
    sender.epoch_us += HOUR;
    ck_assert_uint_gt(note(&d, sender, 10 * S, began_us + 17 * S), 0);
    const struct sender after = {sender.epoch_us + 20 * S, OTHER_BOOT};
    uint64_t late_us = note(&d, after, 10 * S, began_us + 130 * S);
    ck_assert(late_us <= 100 * S && late_us > 99 * S);
}
END_TEST

/* The rise counts in all: not from a session, from a STATUS, or from a start of either daemon. A lower limit holds at once. */
START_TEST(the_rise_is_kept_and_given_back)
{
    const struct sender sender = {1767268800 * S, BOOT};
    struct dd_delay d = {.limit_us = LIMIT};
    note(&d, sender, 0, began_us);
    ck_assert_uint_eq(note(&d, sender, 20000 * S, began_us + 20002 * S), 0); /* 2 s later, as 100 ppm allow */
    ck_assert_uint_eq(dd_delay_rise_us(&d, began_us + 20002 * S), 2 * S);
    struct dd_delay restarted = d;
    ck_assert_uint_eq(note(&restarted, sender, 90000 * S, began_us + 90006 * S), 1 * S);
    restarted.limit_us = 1 * S;
    ck_assert_uint_eq(note(&restarted, sender, 90001 * S, began_us + 90007 * S), 5 * S);
    /* a faster datagram proves that the path took less */
    ck_assert_uint_eq(note(&d, sender, 90000 * S, began_us + 90000 * S), 0);
    ck_assert_uint_eq(dd_delay_rise_us(&d, began_us + 90000 * S), 0);
}
END_TEST

START_TEST(any_numbers_are_survived)
{
    static const uint64_t numbers[] = {0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX};
    enum { COUNT = sizeof numbers / sizeof *numbers };
    struct dd_delay d = {.limit_us = LIMIT};
    for (size_t i = 0; i < COUNT * COUNT * COUNT; i++) {
        const struct sender sender = {numbers[i % COUNT], (uint32_t)(i % 2)};
        uint64_t late_us = note(&d, sender, numbers[i / COUNT % COUNT], numbers[i / COUNT / COUNT]);
        ck_assert_uint_le(late_us, INT64_MAX);
        ck_assert_uint_le(dd_delay_rise_us(&d, numbers[i % COUNT]), LIMIT);
    }
}
END_TEST

SUITE("recv/intake/delay", the_fastest_datagram_has_no_delay, clocks_that_agree_never_use_up_the_rise,
      a_slow_clock_uses_it_up_after_days, a_stretched_path_hides_no_more_than_the_limit, a_fast_clock_hides_what_it_gains,
      a_delay_that_comes_at_once_is_no_drift, a_step_of_the_senders_clock_costs_nothing, another_boot_goes_by_the_wall_clock,
      another_boot_with_a_wrong_clock_is_late_until_it_is_right, another_boot_with_a_clock_ahead_is_known_from_then_on,
      another_machine_is_learnt_anew_and_the_same_one_is_not, a_machine_that_returns_is_known,
      a_late_status_tells_of_its_clock_too, the_rise_is_kept_and_given_back, any_numbers_are_survived)
