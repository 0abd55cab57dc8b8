#include "recv/intake/session_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/link/wire.h"
#include "suite.h"

#define S UINT64_C(1000000)
#define BOOT "0b8ba47a-5d46-4c7c-a0d7-9ea0c1b84c5f"
#define OTHER_BOOT "d2b2a5c0-3b9c-41b6-8a39-2c1e4c4b2f00"

enum { PAGE = 4096 };

static char folder[] = "/tmp/dd-keep-XXXXXX";
static char path[64];

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/replay-cam", folder);
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
}

static struct dd_recv_session_store *open_keep(const char *boot_id)
{
    int fd = dd_recv_session_store_open_file(folder, "cam");
    ck_assert_int_ge(fd, 0);
    struct dd_recv_session_store *k = dd_recv_session_store_map(fd, boot_id, "cam");
    ck_assert_ptr_nonnull(k);
    close(fd);
    return k;
}

/* Counters up to next of a session. */
static void accept(struct dd_recv_session_store *k, uint64_t start_us, uint64_t next)
{
    struct dd_recv_session_state *live = dd_recv_session_store_state(k);
    if (live->session.start_us != start_us)
        memset(live, 0, sizeof *live);
    live->session.start_us = start_us;
    live->session.salt = 77;
    live->session.key_id = 5;
    live->frame = 1000 + next;
    live->delay.offset_us = 12;
    live->delay.seen_us = 34;
    for (uint64_t counter = live->session.replay.next; counter < next; counter++)
        dd_replay_window_mark(&live->session.replay, counter);
}

static void damage(long at)
{
    FILE *file = fopen(path, "r+");
    ck_assert_ptr_nonnull(file);
    fseek(file, at, SEEK_SET);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 1, file);
    fclose(file);
}

START_TEST(begins_with_nothing)
{
    set_up();
    struct dd_recv_session_store *k = open_keep(BOOT);
    ck_assert_uint_eq(dd_recv_session_store_state(k)->session.start_us, 0);
    ck_assert_uint_eq(dd_recv_session_store_state(k)->delay.seen_us, 0);
    dd_recv_session_store_unmap(k);
    tear_down();
}
END_TEST

/* It needs no copy for that: the process may die at any time. */
START_TEST(is_exact_while_the_machine_runs)
{
    set_up();
    struct dd_recv_session_store *k = open_keep(BOOT);
    accept(k, 9, 70);
    dd_recv_session_store_unmap(k);
    k = open_keep(BOOT);
    struct dd_recv_session_state *live = dd_recv_session_store_state(k);
    ck_assert_uint_eq(live->session.start_us, 9);
    ck_assert_uint_eq(live->session.salt, 77);
    ck_assert_uint_eq(live->session.key_id, 5);
    ck_assert_uint_eq(live->session.replay.next, 70);
    ck_assert(!dd_replay_window_fresh(&live->session.replay, 3) && dd_replay_window_fresh(&live->session.replay, 70));
    ck_assert_uint_eq(live->frame, 1070);
    ck_assert_uint_eq(live->delay.offset_us, 12);
    ck_assert_uint_eq(live->delay.seen_us, 34);
    dd_recv_session_store_unmap(k);
    tear_down();
}
END_TEST

START_TEST(refuses_more_after_another_boot)
{
    set_up();
    struct dd_recv_session_store *k = open_keep(BOOT);
    accept(k, 9, 500);
    dd_recv_session_store_checkpoint(k, 100 * S);
    accept(k, 9, 600); /* 100 in a second */
    dd_recv_session_store_checkpoint(k, 101 * S);
    accept(k, 9, 650); /* of which the disk knows nothing */
    dd_recv_session_store_checkpoint(k, 101 * S + S / 2);
    dd_recv_session_store_unmap(k);
    k = open_keep(OTHER_BOOT);
    struct dd_recv_session_state *live = dd_recv_session_store_state(k);
    ck_assert_uint_eq(live->session.start_us, 9);
    ck_assert_uint_ge(live->session.replay.next, 600 + 4 * 100);
    ck_assert_uint_le(live->session.replay.next, 600 + 4 * 101);
    ck_assert(!dd_replay_window_fresh(&live->session.replay, 700));
    ck_assert(dd_replay_window_fresh(&live->session.replay, live->session.replay.next));
    ck_assert_uint_eq(live->frame, 1600);
    ck_assert_uint_eq(live->delay.seen_us, 0); /* by a clock that began anew */
    uint64_t next = live->session.replay.next;
    dd_recv_session_store_unmap(k);
    k = open_keep(OTHER_BOOT);
    ck_assert_uint_eq(dd_recv_session_store_state(k)->session.replay.next, next);
    dd_recv_session_store_unmap(k);
    tear_down();
}
END_TEST

/* After another boot: how many more are refused. */
static uint64_t margin(uint64_t next)
{
    struct dd_recv_session_store *k = open_keep(OTHER_BOOT);
    uint64_t margin = dd_recv_session_store_state(k)->session.replay.next - next;
    dd_recv_session_store_unmap(k);
    return margin;
}

/* Neither a pause of the path, nor a session that was under way, nor another one is many datagrams in a second. */
START_TEST(knows_what_a_second_is)
{
    set_up();
    struct dd_recv_session_store *k = open_keep(BOOT);
    accept(k, 9, 200000); /* it came late */
    dd_recv_session_store_checkpoint(k, 100 * S);
    accept(k, 9, 200100);
    dd_recv_session_store_checkpoint(k, 101 * S);
    for (uint64_t at = 102; at < 700; at++)
        dd_recv_session_store_checkpoint(k, at * S); /* nothing comes for ten minutes */
    accept(k, 9, 260100);
    dd_recv_session_store_checkpoint(k, 701 * S);
    ck_assert_uint_le(dd_recv_session_store_state(k)->most_a_second, 102);
    dd_recv_session_store_unmap(k);
    ck_assert_uint_le(margin(260100), 4 * 102);
    tear_down();
}
END_TEST

/* The machine may die before there is a second to tell of. */
START_TEST(a_young_session_has_a_margin)
{
    set_up();
    struct dd_recv_session_store *k = open_keep(BOOT);
    accept(k, 9, 1);
    dd_recv_session_store_checkpoint(k, 100 * S);
    accept(k, 9, 1900);
    dd_recv_session_store_checkpoint(k, 100 * S + S / 2);
    dd_recv_session_store_unmap(k);
    ck_assert_uint_ge(margin(1), 4000);
    tear_down();
    /* and what is known of sessions before it counts */
    set_up();
    k = open_keep(BOOT);
    accept(k, 9, 1);
    dd_recv_session_store_checkpoint(k, 100 * S);
    accept(k, 9, 5001);
    dd_recv_session_store_checkpoint(k, 101 * S);
    uint64_t most = dd_recv_session_store_state(k)->most_a_second;
    memset(&dd_recv_session_store_state(k)->session, 0, sizeof dd_recv_session_store_state(k)->session);
    dd_recv_session_store_state(k)->session.start_us = 10;
    dd_replay_window_mark(&dd_recv_session_store_state(k)->session.replay, 0);
    dd_recv_session_store_checkpoint(k, 101 * S + 1); /* at once */
    ck_assert_uint_eq(dd_recv_session_store_state(k)->most_a_second, most);
    dd_recv_session_store_unmap(k);
    ck_assert_uint_ge(margin(1), 4 * 5000);
    tear_down();
}
END_TEST

START_TEST(a_session_that_only_began_is_not_all_that_is_known)
{
    set_up();
    struct dd_recv_session_store *k = open_keep(BOOT);
    accept(k, 9, 500);
    dd_recv_session_store_checkpoint(k, 100 * S);
    dd_recv_session_store_state(k)->session.start_us = 0; /* the process died while it wrote */
    dd_recv_session_store_unmap(k);
    k = open_keep(BOOT);
    ck_assert_uint_eq(dd_recv_session_store_state(k)->session.start_us, 9);
    ck_assert_uint_ge(dd_recv_session_store_state(k)->session.replay.next, 500);
    dd_recv_session_store_unmap(k);
    tear_down();
}
END_TEST

START_TEST(retired_keys_stay_so)
{
    set_up();
    struct dd_recv_session_store *k = open_keep(BOOT);
    ck_assert(!dd_recv_session_store_is_retired(dd_recv_session_store_state(k), 0));
    for (uint32_t id = 100; id < 100 + DD_RECV_SESSION_STORE_RETIRED_MAX; id++) {
        dd_recv_session_store_retire(dd_recv_session_store_state(k), id);
        dd_recv_session_store_retire(dd_recv_session_store_state(k), id);
    }
    dd_recv_session_store_unmap(k);
    k = open_keep(BOOT);
    for (uint32_t id = 100; id < 100 + DD_RECV_SESSION_STORE_RETIRED_MAX; id++)
        ck_assert(dd_recv_session_store_is_retired(dd_recv_session_store_state(k), id));
    ck_assert(!dd_recv_session_store_is_retired(dd_recv_session_store_state(k), 99));
    dd_recv_session_store_unmap(k);
    tear_down();
}
END_TEST

START_TEST(never_goes_beyond_a_session)
{
    set_up();
    struct dd_recv_session_store *k = open_keep(BOOT);
    accept(k, 9, 10);
    dd_recv_session_store_checkpoint(k, 100 * S);
    dd_replay_window_skip(&dd_recv_session_store_state(k)->session.replay, DD_WIRE_SESSION_DATAGRAMS - 5);
    dd_recv_session_store_checkpoint(k, 101 * S);
    dd_recv_session_store_unmap(k);
    k = open_keep(OTHER_BOOT);
    ck_assert_uint_eq(dd_recv_session_store_state(k)->session.replay.next, DD_WIRE_SESSION_DATAGRAMS);
    dd_recv_session_store_unmap(k);
    tear_down();
}
END_TEST

/* One copy is whole, whenever the machine dies. */
START_TEST(takes_the_copy_that_is_whole)
{
    for (long copy = 1; copy <= 2; copy++) {
        set_up();
        struct dd_recv_session_store *k = open_keep(BOOT);
        accept(k, 9, 500);
        dd_recv_session_store_checkpoint(k, 100 * S);
        accept(k, 9, 600);
        dd_recv_session_store_checkpoint(k, 101 * S);
        dd_recv_session_store_unmap(k);
        damage(copy * PAGE + 200);
        k = open_keep(OTHER_BOOT);
        ck_assert_uint_eq(dd_recv_session_store_state(k)->session.start_us, 9);
        ck_assert_uint_eq(dd_recv_session_store_state(k)->frame, copy == 1 ? 1500 : 1600);
        dd_recv_session_store_unmap(k);
        tear_down();
    }
}
END_TEST

START_TEST(begins_anew_where_nothing_is_whole)
{
    set_up();
    struct dd_recv_session_store *k = open_keep(BOOT);
    accept(k, 9, 500);
    dd_recv_session_store_checkpoint(k, 100 * S);
    dd_recv_session_store_unmap(k);
    damage(PAGE + 200);
    damage(2 * PAGE + 200);
    k = open_keep(OTHER_BOOT);
    ck_assert_uint_eq(dd_recv_session_store_state(k)->session.start_us, 0);
    ck_assert_uint_eq(dd_recv_session_store_state(k)->session.replay.next, 0);
    dd_recv_session_store_unmap(k);
    tear_down();
}
END_TEST

START_TEST(admits_what_was_asked_for_until_it_came_true)
{
    uint64_t start_us, salt;
    set_up();
    struct dd_recv_session_store *k = open_keep(BOOT);
    ck_assert(!dd_recv_session_store_is_admitted(k, &start_us, &salt));
    ck_assert_int_eq(dd_recv_session_store_request_admission(folder, "cam", 42, 43), 0);
    ck_assert(dd_recv_session_store_is_admitted(k, &start_us, &salt));
    ck_assert_uint_eq(start_us, 42);
    ck_assert_uint_eq(salt, 43);
    ck_assert(!dd_recv_session_store_is_admitted(k, &start_us, &salt));
    dd_recv_session_store_unmap(k);
    k = open_keep(BOOT);
    ck_assert(dd_recv_session_store_is_admitted(k, &start_us, &salt));
    dd_recv_session_store_end_admission(k, 41, 43);
    dd_recv_session_store_unmap(k);
    k = open_keep(BOOT);
    ck_assert(dd_recv_session_store_is_admitted(k, &start_us, &salt)); /* another one has begun */
    dd_recv_session_store_end_admission(k, 42, 43);
    dd_recv_session_store_unmap(k);
    k = open_keep(BOOT);
    ck_assert(!dd_recv_session_store_is_admitted(k, &start_us, &salt));
    dd_recv_session_store_unmap(k);
    ck_assert_int_lt(dd_recv_session_store_request_admission(folder, "other", 42, 43), 0);
    tear_down();
}
END_TEST

START_TEST(two_daemons_cannot_keep_one_stream)
{
    set_up();
    int fd = dd_recv_session_store_open_file(folder, "cam");
    ck_assert_int_ge(fd, 0);
    ck_assert_int_lt(dd_recv_session_store_open_file(folder, "cam"), 0);
    close(fd);
    fd = dd_recv_session_store_open_file(folder, "cam");
    ck_assert_int_ge(fd, 0);
    close(fd);
    tear_down();
}
END_TEST

START_TEST(goes_without_a_folder)
{
    int fd = dd_recv_session_store_open_file("", "cam");
    ck_assert_int_ge(fd, 0);
    struct dd_recv_session_store *k = dd_recv_session_store_map(fd, "", "cam");
    ck_assert_ptr_nonnull(k);
    dd_recv_session_store_checkpoint(k, 100 * S);
    dd_recv_session_store_unmap(k);
    close(fd);
}
END_TEST

SUITE("recv/intake/session_store", begins_with_nothing, is_exact_while_the_machine_runs, refuses_more_after_another_boot,
      knows_what_a_second_is, a_young_session_has_a_margin, a_session_that_only_began_is_not_all_that_is_known,
      retired_keys_stay_so, never_goes_beyond_a_session, takes_the_copy_that_is_whole, begins_anew_where_nothing_is_whole,
      admits_what_was_asked_for_until_it_came_true, two_daemons_cannot_keep_one_stream, goes_without_a_folder)
