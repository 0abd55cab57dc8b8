/* What sessions do while machines sleep, processes are stopped, and wall clocks are set. */
#include <string.h>

#include "dd/base/clock.h"
#include "dd/link/key.h"
#include "dd/link/seal.h"
#include "dd/link/unseal.h"
#include "dd/link/wire.h"
#include "suite.h"

#define S ((uint64_t)DD_CLOCK_US_PER_S)
#define HOUR (3600 * S)
#define DAY (24 * HOUR)

enum { MESSAGE = 40, SIZE = DD_WIRE_HEADER_BYTES + MESSAGE + DD_WIRE_TAG_BYTES };

static struct dd_key key;
static struct dd_seal *sealer;
static struct dd_unseal_memory memory;
static struct dd_unseal *unsealer;
/* The clocks of the one machine here, which is sender and receiver. */
static uint64_t now_us, wall_us;

/* Time goes on: asleep, stopped or at work, the clock since boot and the wall clock do alike. */
static void pass(uint64_t us)
{
    now_us += us;
    wall_us += us;
    suite_stop_clock(now_us);
    suite_stop_wall_clock(wall_us);
}

/* The wall clock is set. */
static void step(int64_t us)
{
    wall_us += (uint64_t)us;
    pass(0);
}

static void set_up(void)
{
    const uint8_t secret[DD_KEY_BYTES] = {1, 2, 3};
    now_us = 1000 * S;
    wall_us = 1767268800 * S;
    pass(0);
    memset(&memory, 0, sizeof memory);
    ck_assert_int_eq(dd_key_derive(&key, secret, ""), 0);
    sealer = dd_seal_new(&key, 0);
    unsealer = dd_unseal_new(&key, &memory);
    ck_assert(sealer && unsealer);
}

static void tear_down(void)
{
    dd_seal_free(sealer);
    dd_unseal_free(unsealer);
}

static void seal(uint8_t *datagram)
{
    static const uint8_t message[MESSAGE];
    ck_assert_uint_eq(dd_seal_datagram(sealer, message, MESSAGE, datagram), SIZE);
}

static enum dd_unseal_verdict unseal(const uint8_t *datagram)
{
    static uint8_t scratch[SIZE];
    struct dd_wire_header header;
    struct dd_unseal_message message;
    ck_assert_int_eq(dd_wire_read_header(&header, datagram, SIZE), 0);
    return dd_unseal_datagram(unsealer, &header, datagram, SIZE, scratch, now_us, wall_us, &message);
}

static enum dd_unseal_verdict pass_on(void)
{
    uint8_t datagram[SIZE];
    seal(datagram);
    return unseal(datagram);
}

START_TEST(a_sleep_begins_no_session)
{
    set_up();
    uint64_t start_us = dd_seal_session_start_us(sealer);
    pass(8 * HOUR);
    ck_assert(!dd_seal_due(sealer, 1));
    /* the machine's clock chip is not exact */
    step(700000);
    ck_assert(!dd_seal_due(sealer, 1));
    ck_assert_uint_eq(dd_seal_session_start_us(sealer), start_us);
    tear_down();
}
END_TEST

START_TEST(a_step_of_the_wall_clock_begins_one)
{
    static const int64_t steps[] = {2 * DD_CLOCK_US_PER_S, -2 * DD_CLOCK_US_PER_S, INT64_C(90000000000), INT64_C(-90000000000)};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        set_up();
        pass(60 * S);
        uint64_t start_us = dd_seal_session_start_us(sealer);
        step(steps[i]);
        ck_assert(dd_seal_due(sealer, 1));
        ck_assert_int_eq(dd_seal_begin(sealer), 0);
        ck_assert(!dd_seal_due(sealer, 1));
        /* it goes on from the start before, so that the receiver takes it for the newer one */
        ck_assert_uint_eq(dd_seal_session_start_us(sealer), wall_us > start_us ? wall_us : start_us + 1);
        tear_down();
    }
}
END_TEST

/* What a slow drift adds up to counts, not each part of it. */
START_TEST(a_drift_begins_one_in_time)
{
    set_up();
    int minutes = 0;
    for (; !dd_seal_due(sealer, 1) && minutes < 100; minutes++) {
        pass(60 * S);
        step(50000);
    }
    ck_assert_int_eq(minutes, 21);
    tear_down();
}
END_TEST

/* Whatever the sender's clock does, what it sends is accepted: its sessions go forward. */
START_TEST(the_senders_clock_may_be_set_at_any_time)
{
    set_up();
    ck_assert_int_eq(pass_on(), DD_UNSEAL_ACCEPTED);
    static const int64_t steps_h[] = {-25, 25, -1, 1, 24 * 365};
    for (size_t i = 0; i < sizeof steps_h / sizeof *steps_h; i++) {
        uint64_t right_us = wall_us;
        step(steps_h[i] * (int64_t)HOUR);
        ck_assert_int_eq(dd_seal_begin(sealer), 0);
        wall_us = right_us; /* the receiver's is right; a sender that is over a day ahead is refused, as docs/protocol.md says */
        bool is_ahead = dd_seal_session_start_us(sealer) > wall_us + DAY;
        ck_assert_int_eq(pass_on() == DD_UNSEAL_ACCEPTED, !is_ahead);
        pass(60 * S);
    }
    tear_down();
}
END_TEST

/* The session in use never looks at the wall clock, a new one only for being far ahead. */
START_TEST(the_receivers_wall_clock_stops_no_session_in_use)
{
    set_up();
    ck_assert_int_eq(pass_on(), DD_UNSEAL_ACCEPTED);
    ck_assert_int_eq(dd_seal_begin(sealer), 0);
    uint8_t datagram[SIZE];
    seal(datagram);
    uint64_t right_us = wall_us;
    wall_us = 10 * S; /* 1970: a machine without a battery, before NTP */
    ck_assert_int_ne(unseal(datagram), DD_UNSEAL_ACCEPTED);
    wall_us = right_us;
    ck_assert_int_eq(unseal(datagram), DD_UNSEAL_ACCEPTED);
    wall_us = 10 * S;
    ck_assert_int_eq(pass_on(), DD_UNSEAL_ACCEPTED);
    wall_us = right_us + 3650 * DAY;
    ck_assert_int_eq(pass_on(), DD_UNSEAL_ACCEPTED);
    wall_us = right_us;
    ck_assert_int_eq(dd_seal_begin(sealer), 0);
    ck_assert_int_eq(pass_on(), DD_UNSEAL_ACCEPTED);
    tear_down();
}
END_TEST

/* The grace for what overtook each other is time, asleep or not; a step of the wall clock makes it no longer. */
START_TEST(a_sleep_ends_the_grace_of_the_session_before)
{
    uint8_t late[3][SIZE];
    set_up();
    for (size_t i = 0; i < 3; i++)
        seal(late[i]);
    ck_assert_int_eq(pass_on(), DD_UNSEAL_ACCEPTED);
    ck_assert_int_eq(dd_seal_begin(sealer), 0);
    ck_assert_int_eq(pass_on(), DD_UNSEAL_ACCEPTED);
    pass(4 * S);
    ck_assert_int_eq(unseal(late[0]), DD_UNSEAL_ACCEPTED);
    step(-3600 * (int64_t)S);
    ck_assert_int_eq(unseal(late[1]), DD_UNSEAL_ACCEPTED);
    pass(8 * HOUR);
    ck_assert_int_eq(unseal(late[2]), DD_UNSEAL_SESSION);
    ck_assert_int_eq(pass_on(), DD_UNSEAL_ACCEPTED);
    tear_down();
}
END_TEST

SUITE("link/session_clocks", a_sleep_begins_no_session, a_step_of_the_wall_clock_begins_one, a_drift_begins_one_in_time,
      the_senders_clock_may_be_set_at_any_time, the_receivers_wall_clock_stops_no_session_in_use,
      a_sleep_ends_the_grace_of_the_session_before)
