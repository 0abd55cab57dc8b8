/* seal.c and unseal.c against each other. */
#include "dd/link/seal.h"

#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_METHOD */
#include <openssl/rand.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/link/key.h"
#include "dd/link/unseal.h"
#include "dd/link/wire.h"
#include "suite.h"

enum { MESSAGE = 100, SIZE = DD_WIRE_HEADER_BYTES + MESSAGE + DD_WIRE_TAG_BYTES };

static struct dd_key key;
static uint8_t message[MESSAGE], datagram[SIZE], scratch[SIZE];
static struct dd_unseal_message opened;

static void set_up(void)
{
    const uint8_t secret[DD_KEY_BYTES] = {1, 2, 3};
    ck_assert_int_eq(dd_key_derive(&key, secret, "stream"), 0);
    for (uint8_t i = 0; i < MESSAGE; i++)
        message[i] = i;
}

static enum dd_unseal_verdict unseal_at(struct dd_unseal *u, const uint8_t *bytes, uint64_t now_us)
{
    struct dd_wire_header header;
    ck_assert_int_eq(dd_wire_read_header(&header, bytes, SIZE), 0);
    return dd_unseal_datagram(u, &header, bytes, SIZE, scratch, now_us, dd_clock_wall_us(), &opened);
}

static enum dd_unseal_verdict unseal(struct dd_unseal *u, const uint8_t *bytes)
{
    return unseal_at(u, bytes, dd_clock_now_us());
}

static void seal(struct dd_seal *s, uint8_t *bytes)
{
    ck_assert_uint_eq(dd_seal_datagram(s, message, MESSAGE, bytes), SIZE);
}

START_TEST(opens_what_was_sealed_once)
{
    set_up();
    struct dd_seal *s = dd_seal_new(&key, 0);
    struct dd_unseal *u = dd_unseal_new(&key, &(struct dd_unseal_memory){0});
    for (unsigned i = 0; i < 100; i++) {
        seal(s, datagram);
        ck_assert_ptr_null(memmem(datagram, SIZE, message, 16));
        ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_ACCEPTED);
        ck_assert_uint_eq(opened.size, MESSAGE);
        ck_assert_mem_eq(opened.bytes, message, MESSAGE);
        ck_assert_uint_eq(opened.new_counters, 1);
        ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_REPLAY);
    }
    ck_assert_uint_eq(dd_seal_count(s), 100);
    dd_seal_free(s);
    dd_unseal_free(u);
}
END_TEST

START_TEST(seals_in_place)
{
    set_up();
    struct dd_seal *s = dd_seal_new(&key, 0);
    struct dd_unseal *u = dd_unseal_new(&key, &(struct dd_unseal_memory){0});
    memcpy(datagram + DD_WIRE_HEADER_BYTES, message, MESSAGE);
    ck_assert_uint_eq(dd_seal_datagram(s, datagram + DD_WIRE_HEADER_BYTES, MESSAGE, datagram), SIZE);
    ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_ACCEPTED);
    ck_assert_mem_eq(opened.bytes, message, MESSAGE);
    dd_seal_free(s);
    dd_unseal_free(u);
}
END_TEST

/* Whatever bit is flipped, the datagram is refused, and the stream goes on. */
START_TEST(refuses_every_flipped_bit)
{
    set_up();
    struct dd_seal *s = dd_seal_new(&key, 0);
    struct dd_unseal *u = dd_unseal_new(&key, &(struct dd_unseal_memory){0});
    seal(s, datagram);
    for (size_t bit = 8 * 8; bit < SIZE * 8; bit++) {
        datagram[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_msg(unseal(u, datagram) != DD_UNSEAL_ACCEPTED, "bit %zu", bit);
        datagram[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.session, 1);
    dd_seal_free(s);
    dd_unseal_free(u);
}
END_TEST

START_TEST(refuses_another_key_or_stream)
{
    const uint8_t other_secret[DD_KEY_BYTES] = {9}, secret[DD_KEY_BYTES] = {1, 2, 3};
    struct dd_key other;
    set_up();
    struct dd_seal *s = dd_seal_new(&key, 0);
    seal(s, datagram);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(i ? dd_key_derive(&other, secret, "other") : dd_key_derive(&other, other_secret, "stream"), 0);
        struct dd_unseal *u = dd_unseal_new(&other, &(struct dd_unseal_memory){0});
        ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_FORGED);
        dd_unseal_free(u);
    }
    dd_seal_free(s);
}
END_TEST

START_TEST(sessions_go_forward_only)
{
    uint8_t first[SIZE], late[SIZE], second[SIZE], third[SIZE];
    uint64_t now = dd_clock_now_us();
    set_up();
    struct dd_seal *s = dd_seal_new(&key, 0);
    struct dd_unseal *u = dd_unseal_new(&key, &(struct dd_unseal_memory){0});
    uint64_t start = dd_seal_session_start_us(s), salt = dd_seal_session_salt(s);
    seal(s, first);
    seal(s, late);
    ck_assert_int_eq(dd_seal_begin(s), 0);
    ck_assert_uint_gt(dd_seal_session_start_us(s), start);
    ck_assert_uint_ne(dd_seal_session_salt(s), salt);
    seal(s, second);
    ck_assert_int_eq(dd_seal_begin(s), 0);
    seal(s, third);
    ck_assert_int_eq(unseal_at(u, first, now), DD_UNSEAL_ACCEPTED);
    ck_assert_int_eq(unseal_at(u, second, now), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.session, 2);
    /* the one before counts for five seconds more */
    ck_assert_int_eq(unseal_at(u, late, now + 4900000), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.session, 1);
    ck_assert_uint_eq(opened.newest, 2);
    ck_assert_int_eq(unseal_at(u, first, now + 4900000), DD_UNSEAL_REPLAY);
    ck_assert_int_eq(unseal_at(u, first, now + 5000000), DD_UNSEAL_SESSION);
    ck_assert_int_eq(unseal_at(u, third, now), DD_UNSEAL_ACCEPTED);
    ck_assert_int_eq(unseal_at(u, first, now), DD_UNSEAL_SESSION);
    dd_seal_free(s);
    dd_unseal_free(u);
}
END_TEST

START_TEST(refuses_a_twin_session_and_the_far_future)
{
    uint64_t wall = dd_clock_wall_us();
    set_up();
    struct dd_unseal *u = dd_unseal_new(&key, &(struct dd_unseal_memory){0});
    struct dd_seal *s = dd_seal_new(&key, wall + UINT64_C(2) * 86400 * 1000000);
    seal(s, datagram);
    ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_AHEAD);
    dd_seal_free(s);
    /* the same start with another salt: within a day, but a different session */
    uint64_t start = wall + UINT64_C(3600) * 1000000;
    s = dd_seal_new(&key, start);
    seal(s, datagram);
    ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_ACCEPTED);
    dd_seal_free(s);
    s = dd_seal_new(&key, start);
    seal(s, datagram);
    ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_SESSION);
    dd_seal_free(s);
    dd_unseal_free(u);
}
END_TEST

START_TEST(begins_after_the_last_start_whatever_the_clock_says)
{
    set_up();
    uint64_t ahead = dd_clock_wall_us() + 1000000000;
    struct dd_seal *s = dd_seal_new(&key, ahead);
    ck_assert_uint_eq(dd_seal_session_start_us(s), ahead + 1);
    ck_assert_int_eq(dd_seal_begin(s), 0);
    ck_assert_uint_eq(dd_seal_session_start_us(s), ahead + 2);
    ck_assert_uint_eq(dd_seal_count(s), 0);
    dd_seal_free(s);
}
END_TEST

static int same_bytes(unsigned char *bytes, int size)
{
    memset(bytes, 7, (size_t)size);
    return 1;
}

/* Of two machines that go on from one snapshot, OpenSSL's generators give the same. */
START_TEST(salts_differ_though_openssl_repeats_itself)
{
    static const RAND_METHOD repeating = {.bytes = same_bytes, .pseudorand = same_bytes};
    set_up();
    ck_assert_int_eq(RAND_set_rand_method(&repeating), 1);
    struct dd_seal *one = dd_seal_new(&key, 0), *other = dd_seal_new(&key, 0);
    ck_assert(dd_seal_session_salt(one) != dd_seal_session_salt(other));
    dd_seal_free(one);
    dd_seal_free(other);
    RAND_set_rand_method(NULL);
}
END_TEST

START_TEST(says_when_a_session_is_due)
{
    set_up();
    struct dd_seal *s = dd_seal_new(&key, 0);
    ck_assert(!dd_seal_due(s, DD_WIRE_SESSION_DATAGRAMS));
    ck_assert(dd_seal_due(s, DD_WIRE_SESSION_DATAGRAMS + 1));
    seal(s, datagram);
    ck_assert(dd_seal_due(s, DD_WIRE_SESSION_DATAGRAMS));
    dd_seal_free(s);
}
END_TEST

/* Another process goes on with what this one has kept, whenever it ends. */
START_TEST(remembers_over_processes)
{
    static struct dd_unseal_memory memory;
    uint8_t first[SIZE], second[SIZE], third[SIZE], older[SIZE];
    set_up();
    memset(&memory, 0, sizeof memory);
    struct dd_seal *s = dd_seal_new(&key, 0);
    struct dd_unseal *u = dd_unseal_new(&key, &(struct dd_unseal_memory){0});
    seal(s, older);
    ck_assert_int_eq(dd_seal_begin(s), 0);
    seal(s, first);
    seal(s, second);
    seal(s, third);
    ck_assert_int_eq(unseal(u, first), DD_UNSEAL_ACCEPTED);
    dd_unseal_move(u, &memory);
    ck_assert_uint_eq(memory.start_us, dd_seal_session_start_us(s));
    ck_assert_uint_eq(memory.salt, dd_seal_session_salt(s));
    ck_assert_uint_eq(memory.key_id, key.id);
    ck_assert_int_eq(unseal(u, third), DD_UNSEAL_ACCEPTED);
    dd_unseal_free(u);

    u = dd_unseal_new(&key, &memory);
    ck_assert_int_eq(unseal(u, first), DD_UNSEAL_REPLAY);
    ck_assert_int_eq(unseal(u, third), DD_UNSEAL_REPLAY);
    ck_assert_int_eq(unseal(u, older), DD_UNSEAL_SESSION);
    ck_assert_int_eq(unseal(u, second), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.session, 1);
    ck_assert_uint_eq(opened.new_counters, 1); /* what came before was the other process's to count */
    ck_assert_int_eq(unseal(u, second), DD_UNSEAL_REPLAY);
    for (int i = 0; i < 4; i++)
        seal(s, first); /* three are lost */
    ck_assert_int_eq(unseal(u, first), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.new_counters, 1);
    seal(s, second);
    seal(s, third);
    ck_assert_int_eq(unseal(u, third), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.new_counters, 2);
    ck_assert_int_eq(dd_seal_begin(s), 0);
    seal(s, first);
    ck_assert_int_eq(unseal(u, first), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(memory.start_us, dd_seal_session_start_us(s));
    ck_assert_uint_eq(memory.replay.next, 1);
    ck_assert_int_eq(unseal(u, second), DD_UNSEAL_ACCEPTED); /* of the one before, which has its window still */
    ck_assert_int_eq(unseal(u, third), DD_UNSEAL_REPLAY);
    dd_unseal_free(u);
    dd_seal_free(s);
}
END_TEST

/* What was sent while nobody was here is nobody's loss. */
START_TEST(a_session_that_began_meanwhile_counts_from_here)
{
    static struct dd_unseal_memory memory;
    set_up();
    memset(&memory, 0, sizeof memory);
    struct dd_seal *s = dd_seal_new(&key, 0);
    struct dd_unseal *u = dd_unseal_new(&key, &memory);
    seal(s, datagram);
    ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_ACCEPTED);
    dd_unseal_free(u);
    ck_assert_int_eq(dd_seal_begin(s), 0);
    for (int i = 0; i < 500; i++)
        seal(s, datagram);
    u = dd_unseal_new(&key, &memory);
    ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.new_counters, 1);
    ck_assert(!opened.heard_from_start);
    ck_assert_uint_eq(dd_unseal_count_from_start(u, opened.session), 499);
    ck_assert_uint_eq(dd_unseal_count_from_start(u, opened.session), 0);
    ck_assert_int_eq(dd_seal_begin(s), 0);
    seal(s, datagram);
    seal(s, datagram);
    ck_assert_int_eq(unseal(u, datagram), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.new_counters, 2);
    ck_assert(opened.heard_from_start);
    dd_unseal_free(u);
    dd_seal_free(s);
}
END_TEST

START_TEST(admits_an_older_session_once)
{
    uint8_t lost[SIZE], newer[SIZE], again[SIZE];
    set_up();
    struct dd_seal *s = dd_seal_new(&key, 0);
    struct dd_unseal *u = dd_unseal_new(&key, &(struct dd_unseal_memory){0});
    uint64_t start = dd_seal_session_start_us(s), salt = dd_seal_session_salt(s);
    seal(s, lost);
    seal(s, again);
    ck_assert_int_eq(dd_seal_begin(s), 0);
    seal(s, newer);
    ck_assert_int_eq(unseal(u, newer), DD_UNSEAL_ACCEPTED);
    ck_assert_int_eq(unseal(u, lost), DD_UNSEAL_SESSION);
    ck_assert(dd_unseal_is_authentic(&key, lost, SIZE, scratch));
    lost[SIZE - 1] ^= 1;
    ck_assert(!dd_unseal_is_authentic(&key, lost, SIZE, scratch));
    dd_unseal_admit(u, start, salt ^ 1, 0);
    ck_assert_int_eq(unseal(u, again), DD_UNSEAL_SESSION);
    dd_unseal_admit(u, start, salt, 0);
    ck_assert_int_eq(unseal(u, lost), DD_UNSEAL_FORGED);
    lost[SIZE - 1] ^= 1;
    ck_assert_int_eq(unseal(u, lost), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.session, 2);
    ck_assert_int_eq(unseal(u, again), DD_UNSEAL_ACCEPTED);
    /* nobody else's way in is wider than it was: the one before is over, be it a recording or not */
    ck_assert_int_eq(unseal_at(u, newer, dd_clock_now_us() + 6000000), DD_UNSEAL_SESSION);
    seal(s, newer);
    ck_assert_int_eq(unseal_at(u, newer, dd_clock_now_us() + 6000000), DD_UNSEAL_SESSION);
    ck_assert_int_eq(dd_seal_begin(s), 0);
    seal(s, newer);
    ck_assert_int_eq(unseal_at(u, newer, dd_clock_now_us() + 6000000), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.session, 3);
    ck_assert_int_eq(unseal_at(u, lost, dd_clock_now_us() + 20000000), DD_UNSEAL_SESSION);
    dd_unseal_free(u);
    dd_seal_free(s);
}
END_TEST

/* It was the newest before: what came of it then does not come again. */
START_TEST(an_admitted_session_goes_on_where_it_was)
{
    uint8_t old[3][SIZE], newer[SIZE];
    uint64_t start, salt, next, later_us;
    set_up();
    struct dd_seal *s = dd_seal_new(&key, 0);
    struct dd_unseal *u = dd_unseal_new(&key, &(struct dd_unseal_memory){0});
    for (size_t i = 0; i < 3; i++)
        seal(s, old[i]);
    ck_assert(!dd_unseal_before(u, &start, &salt, &next));
    ck_assert_int_eq(unseal(u, old[1]), DD_UNSEAL_ACCEPTED);
    ck_assert_int_eq(dd_seal_begin(s), 0);
    seal(s, newer);
    ck_assert_int_eq(unseal(u, newer), DD_UNSEAL_ACCEPTED);
    ck_assert(dd_unseal_before(u, &start, &salt, &next));
    ck_assert_uint_eq(next, 2);
    later_us = dd_clock_now_us() + 6000000; /* it is no longer the one before */
    dd_unseal_admit(u, start, salt, next);
    ck_assert_int_eq(unseal_at(u, old[1], later_us), DD_UNSEAL_REPLAY);
    ck_assert_int_eq(unseal_at(u, old[2], later_us), DD_UNSEAL_ACCEPTED);
    ck_assert_uint_eq(opened.new_counters, 1);
    ck_assert_int_eq(unseal_at(u, old[0], later_us), DD_UNSEAL_REPLAY);
    ck_assert_int_eq(unseal_at(u, old[1], later_us), DD_UNSEAL_REPLAY);
    dd_unseal_free(u);
    dd_seal_free(s);
}
END_TEST

START_TEST(begins_after_a_session_of_another_process)
{
    set_up();
    struct dd_seal *s = dd_seal_new(&key, 0);
    uint64_t start_us = dd_seal_session_start_us(s), later_us = start_us + UINT64_C(3600) * DD_CLOCK_US_PER_S;
    dd_seal_note_other_session(s, start_us - 1);
    ck_assert(!dd_seal_due(s, 1));
    dd_seal_note_other_session(s, later_us);
    dd_seal_note_other_session(s, start_us - 1);
    ck_assert(dd_seal_due(s, 1));
    ck_assert_int_eq(dd_seal_begin(s), 0);
    ck_assert_uint_eq(dd_seal_session_start_us(s), later_us + 1);
    ck_assert(!dd_seal_due(s, 1));
    dd_seal_free(s);
}
END_TEST

SUITE("link/seal", remembers_over_processes, a_session_that_began_meanwhile_counts_from_here, admits_an_older_session_once,
      an_admitted_session_goes_on_where_it_was, opens_what_was_sealed_once, seals_in_place, refuses_every_flipped_bit,
      refuses_another_key_or_stream, sessions_go_forward_only, refuses_a_twin_session_and_the_far_future,
      begins_after_the_last_start_whatever_the_clock_says, salts_differ_though_openssl_repeats_itself, says_when_a_session_is_due,
      begins_after_a_session_of_another_process)
