/* What a receiver keeps over restarts, new keys and new sessions, in its session store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "dd/link/seal.h"
#include "dd/link/wire.h"
#include "recv/intake/intake_role.h"
#include "recv/intake/session_store.h"
#include "recv/intake/stream_receiver.h"
#include "recv/stream_state.h"
#include "suite.h"

static const struct dd_frame_ring_shape shape = {.entries = 4, .arena_bytes = 4096};
static struct dd_intake_stream config;
static int ring_fd, store_fd;
static struct dd_frame_ring *reader;
static struct dd_recv_session_store *store;
static struct dd_stream_receiver *receiver;
static struct dd_seal *seals[2];
static uint8_t scratch[65536];
static uint64_t now_us, wall_us;
static uint32_t boot_tag; /* of the STATUS that are sent */
static char store_folder[] = "/tmp/dd-receiver-XXXXXX";

/* A new receiver for keys with these first bytes, which continues with the store. */
static void reopen(uint8_t first, uint8_t second)
{
    struct dd_key key;
    config.keys[0][0] = first;
    config.keys[1][0] = second;
    dd_stream_receiver_free(receiver);
    dd_recv_session_store_unmap(store);
    store = dd_recv_session_store_map(store_fd, "a boot", "cam");
    receiver = dd_stream_receiver_new(
        &config,
        &(struct dd_stream_receiver_io){.ring_fd = ring_fd, .wake_fd = -1, .scratch = scratch, .store = store, .now_us = now_us});
    ck_assert_ptr_nonnull(receiver);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(dd_key_derive(&key, config.keys[i], ""), 0);
        dd_seal_free(seals[i]);
        seals[i] = dd_seal_new(&key, 0);
    }
}

static void set_up(void)
{
    config = (struct dd_intake_stream){
        .name = "cam", .key_count = 2, .max_frame_bytes = 1024, .ring = shape, .delay_drift_us = 5 * DD_CLOCK_US_PER_S};
    ring_fd = dd_frame_ring_create("test", &shape);
    reader = dd_frame_ring_open_reader(ring_fd, &shape);
    now_us = dd_clock_now_us();
    wall_us = dd_clock_wall_us();
    boot_tag = 1;
    ck_assert_ptr_nonnull(mkdtemp(store_folder));
    store_fd = dd_recv_session_store_open_file(store_folder, "cam");
    ck_assert_int_ge(store_fd, 0);
    reopen(1, 2);
}

static void tear_down(void)
{
    char path[64];
    dd_stream_receiver_free(receiver);
    dd_recv_session_store_unmap(store);
    dd_frame_ring_close(reader);
    dd_seal_free(seals[0]);
    dd_seal_free(seals[1]);
    close(ring_fd);
    close(store_fd);
    snprintf(path, sizeof path, "%s/replay-cam", store_folder);
    unlink(path);
    rmdir(store_folder);
    memcpy(store_folder + sizeof store_folder - 7, "XXXXXX", 6);
    receiver = NULL;
    store = NULL;
    seals[0] = seals[1] = NULL;
}

static struct dd_stream_state state(void)
{
    static const struct dd_socket_counters no_socket;
    struct dd_stream_state s;
    dd_stream_receiver_publish(receiver, &no_socket, now_us);
    ck_assert_int_eq(dd_frame_ring_observe(reader, &s, sizeof s), 0);
    return s;
}

struct sealed {
    uint8_t bytes[256];
    size_t size;
};

static struct sealed seal_status(size_t key, uint64_t sent_us)
{
    const struct dd_wire_status s = {.source = DD_WIRE_SOURCE_OK, .period_ms = 1000, .sent_us = sent_us, .boot_tag = boot_tag};
    uint8_t message[DD_WIRE_STATUS_BYTES];
    struct sealed sealed;
    sealed.size = dd_seal_datagram(seals[key], message, dd_wire_write_status(&s, message, sizeof message), sealed.bytes);
    return sealed;
}

static void deliver(size_t key, const struct sealed *sealed)
{
    static const struct sockaddr_storage from = {.ss_family = AF_INET};
    struct dd_wire_header header;
    ck_assert_int_eq(dd_wire_read_header(&header, sealed->bytes, sealed->size), 0);
    dd_stream_receiver_handle(receiver, &(struct dd_stream_receiver_datagram){.header = &header,
                                                                              .bytes = sealed->bytes,
                                                                              .size = sealed->size,
                                                                              .key = key,
                                                                              .from = &from,
                                                                              .now_us = now_us,
                                                                              .wall_us = wall_us});
}

static void send_status(size_t key, uint64_t sent_us)
{
    const struct sealed sealed = seal_status(key, sent_us);
    deliver(key, &sealed);
}

START_TEST(a_key_that_was_replaced_is_refused_for_good)
{
    set_up();
    send_status(0, wall_us);
    ck_assert(!dd_stream_receiver_is_retired(receiver, 0));
    send_status(1, wall_us);
    ck_assert(dd_stream_receiver_is_retired(receiver, 0) && !dd_stream_receiver_is_retired(receiver, 1));
    reopen(1, 3);
    ck_assert(dd_stream_receiver_is_retired(receiver, 0) && !dd_stream_receiver_is_retired(receiver, 1));
    reopen(2, 1);
    ck_assert(!dd_stream_receiver_is_retired(receiver, 0) && dd_stream_receiver_is_retired(receiver, 1));
    reopen(4, 5); /* 2 is gone */
    send_status(0, wall_us);
    reopen(2, 4);
    ck_assert(dd_stream_receiver_is_retired(receiver, 0) && !dd_stream_receiver_is_retired(receiver, 1));
    tear_down();
}
END_TEST

/* Begins a session of key 0 that is older than the newest one, and admits it. */
static void admit_older_session(void)
{
    struct dd_key key;
    struct dd_seal *lost = seals[0];
    ck_assert_int_eq(dd_key_derive(&key, config.keys[0], ""), 0);
    seals[0] = dd_seal_new(&key, wall_us + 3600 * UINT64_C(1000000));
    send_status(0, wall_us);
    ck_assert_uint_eq(state().total.datagrams_received, 1);
    dd_seal_free(seals[0]);
    seals[0] = lost;
    send_status(0, wall_us);
    ck_assert_uint_eq(state().total.refused_session, 1);
    ck_assert_int_eq(
        dd_recv_session_store_request_admission(store_folder, "cam", dd_seal_session_start_us(lost), dd_seal_session_salt(lost)),
        0);
    state();
}

/* By the delay known of the old clock, all of its datagrams would look late. */
START_TEST(an_admitted_sender_may_have_a_clock_of_its_own)
{
    set_up();
    admit_older_session();
    now_us += 10000000;
    boot_tag = 2;
    send_status(0, wall_us - UINT64_C(31536000000000));
    ck_assert_uint_eq(state().total.datagrams_received, 2);
    ck_assert_uint_eq(state().delay_us, 0);
    now_us += 1000000;
    send_status(0, wall_us - UINT64_C(31536000000000)); /* a second late by its new clock */
    ck_assert_uint_ge(state().delay_us, 999000);
    tear_down();
}
END_TEST

/* Somebody runs a second ddsend on another machine for a while, and the session of the first one is admitted again. An attacker
 * has recorded that from its beginning: neither does the recording pass, nor do pictures that were held back meanwhile look live.
 */
START_TEST(a_session_that_is_admitted_again_goes_on_where_it_was)
{
    enum { HOURS = 3 };
    const uint64_t hour_us = 3600 * UINT64_C(1000000), later_us = hour_us + 7000000;
    struct sealed recorded[3], held;
    for (int restarts = 0; restarts < 2; restarts++) {
        set_up();
        for (uint64_t i = 0; i < 3; i++)
            recorded[i] = seal_status(0, wall_us + i);
        deliver(0, &recorded[0]);
        deliver(0, &recorded[1]); /* the last one is still on its way when the second ddsend begins */
        struct dd_seal *first = seals[0];
        struct dd_key key;
        ck_assert_int_eq(dd_key_derive(&key, config.keys[0], ""), 0);
        seals[0] = dd_seal_new(&key, wall_us + hour_us);
        now_us += hour_us;
        boot_tag = 2;
        send_status(0, wall_us + hour_us);
        ck_assert_uint_eq(state().delay_us, 0);
        deliver(0, &recorded[2]);
        ck_assert_uint_eq(state().total.datagrams_received, 4);
        dd_seal_free(seals[0]);
        seals[0] = first;
        now_us += 7000000;
        boot_tag = 1;
        held = seal_status(0, wall_us + later_us);
        ck_assert_int_eq(dd_recv_session_store_request_admission(store_folder, "cam", dd_seal_session_start_us(first),
                                                                 dd_seal_session_salt(first)),
                         0);
        seals[0] = NULL;
        if (restarts)
            reopen(1, 2);
        uint64_t received = state().total.datagrams_received;
        now_us += HOURS * hour_us;
        for (size_t i = 0; i < 3; i++)
            deliver(0, &recorded[i]);
        ck_assert_uint_eq(state().total.datagrams_received, received);
        ck_assert_uint_eq(state().total.refused_replay, 3);
        deliver(0, &held);
        ck_assert_uint_eq(state().total.datagrams_received, received + 1);
        ck_assert_uint_ge(state().delay_us, HOURS * hour_us - 6000000);
        dd_seal_free(first);
        tear_down();
    }
}
END_TEST

/* An admission that no datagram used is over with the next session: what could use it then is a recording. */
START_TEST(an_admission_ends_with_the_next_session)
{
    for (int restarts = 0; restarts < 2; restarts++) {
        struct dd_key key;
        set_up();
        admit_older_session();
        const struct sealed recorded = seal_status(0, wall_us);
        dd_seal_free(seals[0]);
        ck_assert_int_eq(dd_key_derive(&key, config.keys[0], ""), 0);
        seals[0] = dd_seal_new(&key, wall_us + 7200 * UINT64_C(1000000));
        send_status(0, wall_us);
        if (restarts)
            reopen(1, 2);
        uint64_t received = state().total.datagrams_received;
        now_us += 10000000;
        deliver(0, &recorded);
        ck_assert_uint_eq(state().total.datagrams_received, received);
        ck_assert_uint_ge(state().total.refused_session, 1);
        tear_down();
    }
}
END_TEST

/* A new session and a new key tell nothing new of the path if the clock is the same: an attacker who holds datagrams back still
 * shows. */
START_TEST(the_delay_survives_sessions_and_keys_of_the_same_clock)
{
    set_up();
    admit_older_session();
    now_us += 10000000;
    send_status(0, wall_us);
    ck_assert_uint_ge(state().delay_us, 9990000);
    reopen(1, 2);
    send_status(1, wall_us);
    ck_assert(dd_stream_receiver_is_retired(receiver, 0));
    ck_assert_uint_ge(state().delay_us, 9990000);
    ck_assert_uint_le(state().delay_us, 10000000);
    /* a key of another machine */
    reopen(2, 3);
    boot_tag = 2;
    send_status(1, wall_us - UINT64_C(31536000000000));
    ck_assert_uint_eq(state().delay_us, 0);
    tear_down();
}
END_TEST

/* The way out of a baseline that is wrong: requested once, done once, also if ddrecv does not run then. */
START_TEST(the_delay_is_learnt_anew_on_request)
{
    set_up();
    send_status(0, wall_us);
    now_us += 10000000;
    send_status(0, wall_us);
    ck_assert_uint_ge(state().delay_us, 9990000);
    ck_assert_int_eq(dd_recv_session_store_request_delay_reset(store_folder, "cam"), 0);
    state();
    send_status(0, wall_us);
    ck_assert_uint_eq(state().delay_us, 0);
    now_us += 10000000;
    send_status(0, wall_us);
    ck_assert_uint_ge(state().delay_us, 9990000); /* it was for one time */
    reopen(1, 2);
    ck_assert_int_eq(dd_recv_session_store_request_delay_reset(store_folder, "cam"), 0);
    reopen(1, 2);
    state();
    send_status(0, wall_us);
    ck_assert_uint_eq(state().delay_us, 0);
    ck_assert_int_lt(dd_recv_session_store_request_delay_reset(store_folder, "other"), 0);
    tear_down();
}
END_TEST

/* The process dies after it wrote a new session, and before it wrote that nothing is known of it: STATUS of it count all the
 * same. */
START_TEST(death_while_a_session_begins_costs_no_status)
{
    set_up();
    for (int i = 0; i < 5; i++)
        send_status(0, wall_us);
    struct dd_seal *next = seals[0];
    ck_assert_int_eq(dd_seal_begin(next), 0);
    seals[0] = NULL;
    struct dd_unseal_memory *memory = &dd_recv_session_store_state(store)->session;
    ck_assert_uint_eq(dd_recv_session_store_state(store)->status_counter, 5);
    memory->start_us = dd_seal_session_start_us(next);
    memory->salt = dd_seal_session_salt(next);
    memset(&memory->replay, 0, sizeof memory->replay);
    reopen(1, 2);
    ck_assert_uint_eq(state().status_us, 0);
    dd_seal_free(seals[0]);
    seals[0] = next;
    send_status(0, wall_us);
    send_status(0, wall_us); /* the first one has counter 0, which a restored session does not count */
    ck_assert_uint_eq(state().status_us, now_us);
    tear_down();
}
END_TEST

SUITE("recv/intake/stream_receiver_restarts", a_key_that_was_replaced_is_refused_for_good,
      an_admitted_sender_may_have_a_clock_of_its_own, a_session_that_is_admitted_again_goes_on_where_it_was,
      an_admission_ends_with_the_next_session, the_delay_survives_sessions_and_keys_of_the_same_clock,
      the_delay_is_learnt_anew_on_request, death_while_a_session_begins_costs_no_status)
