#include "recv/intake/session_store.h"

#include <isa-l/crc64.h>
#include <stddef.h>
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

static char folder[] = "/tmp/dd-session-XXXXXX";
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

static struct dd_recv_session_store *open_store(const char *boot_id)
{
    int fd = dd_recv_session_store_open_file(folder, "cam");
    ck_assert_int_ge(fd, 0);
    struct dd_recv_session_store *store = dd_recv_session_store_map(fd, boot_id, "cam");
    ck_assert_ptr_nonnull(store);
    close(fd);
    return store;
}

/* Writes into the state what intake does when it accepts all counters of a session below next. */
static void accept(struct dd_recv_session_store *store, uint64_t start_us, uint64_t next)
{
    struct dd_recv_session_state *state = dd_recv_session_store_state(store);
    if (state->session.start_us != start_us)
        memset(state, 0, sizeof *state);
    state->session.start_us = start_us;
    state->session.salt = 77;
    state->session.key_id = 5;
    state->frame = 1000 + next;
    state->delay.current.lowest_us = 12;
    state->delay.current.seen_us = 34;
    for (uint64_t counter = state->session.replay.next; counter < next; counter++)
        dd_replay_window_mark(&state->session.replay, counter);
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

START_TEST(an_empty_store_has_nothing)
{
    set_up();
    struct dd_recv_session_store *store = open_store(BOOT);
    ck_assert_uint_eq(dd_recv_session_store_state(store)->session.start_us, 0);
    ck_assert_uint_eq(dd_recv_session_store_state(store)->delay.current.seen_us, 0);
    dd_recv_session_store_unmap(store);
    tear_down();
}
END_TEST

/* Without a checkpoint: the process may die at any time. */
START_TEST(is_exact_while_the_machine_runs)
{
    set_up();
    struct dd_recv_session_store *store = open_store(BOOT);
    accept(store, 9, 70);
    dd_recv_session_store_unmap(store);
    store = open_store(BOOT);
    struct dd_recv_session_state *state = dd_recv_session_store_state(store);
    ck_assert_uint_eq(state->session.start_us, 9);
    ck_assert_uint_eq(state->session.salt, 77);
    ck_assert_uint_eq(state->session.key_id, 5);
    ck_assert_uint_eq(state->session.replay.next, 70);
    ck_assert(!dd_replay_window_fresh(&state->session.replay, 3) && dd_replay_window_fresh(&state->session.replay, 70));
    ck_assert_uint_eq(state->frame, 1070);
    ck_assert_uint_eq(state->delay.current.lowest_us, 12);
    ck_assert_uint_eq(state->delay.current.seen_us, 34);
    dd_recv_session_store_unmap(store);
    tear_down();
}
END_TEST

START_TEST(refuses_more_after_another_boot)
{
    set_up();
    struct dd_recv_session_store *store = open_store(BOOT);
    accept(store, 9, 500);
    dd_recv_session_store_checkpoint(store, 100 * S);
    accept(store, 9, 600); /* 100 in a second */
    dd_recv_session_store_checkpoint(store, 101 * S);
    accept(store, 9, 650); /* after the last checkpoint */
    dd_recv_session_store_checkpoint(store, 101 * S + S / 2);
    dd_recv_session_store_unmap(store);
    store = open_store(OTHER_BOOT);
    struct dd_recv_session_state *state = dd_recv_session_store_state(store);
    ck_assert_uint_eq(state->session.start_us, 9);
    ck_assert_uint_ge(state->session.replay.next, 600 + 4 * 100);
    ck_assert_uint_le(state->session.replay.next, 600 + 4 * 101);
    ck_assert(!dd_replay_window_fresh(&state->session.replay, 700));
    ck_assert(dd_replay_window_fresh(&state->session.replay, state->session.replay.next));
    ck_assert_uint_eq(state->frame, 1600);
    ck_assert_uint_eq(state->delay.current.seen_us, 0); /* the clock has started again */
    uint64_t next = state->session.replay.next;
    dd_recv_session_store_unmap(store);
    store = open_store(OTHER_BOOT);
    ck_assert_uint_eq(dd_recv_session_store_state(store)->session.replay.next, next);
    dd_recv_session_store_unmap(store);
    tear_down();
}
END_TEST

/* How many more counters are refused after another boot. */
static uint64_t margin(uint64_t next)
{
    struct dd_recv_session_store *store = open_store(OTHER_BOOT);
    uint64_t margin = dd_recv_session_store_state(store)->session.replay.next - next;
    dd_recv_session_store_unmap(store);
    return margin;
}

/* A pause of the path, a session that was under way, and another session do not look like many datagrams in a second. */
START_TEST(the_highest_rate_is_measured)
{
    set_up();
    struct dd_recv_session_store *store = open_store(BOOT);
    accept(store, 9, 200000); /* the session was under way */
    dd_recv_session_store_checkpoint(store, 100 * S);
    accept(store, 9, 200100);
    dd_recv_session_store_checkpoint(store, 101 * S);
    for (uint64_t at = 102; at < 700; at++)
        dd_recv_session_store_checkpoint(store, at * S); /* no datagram for ten minutes */
    accept(store, 9, 260100);
    dd_recv_session_store_checkpoint(store, 701 * S);
    ck_assert_uint_le(dd_recv_session_store_state(store)->max_counters_per_s, 102);
    dd_recv_session_store_unmap(store);
    ck_assert_uint_le(margin(260100), 4 * 102);
    tear_down();
}
END_TEST

/* The machine may die before the first rate is measured. */
START_TEST(a_young_session_has_a_margin)
{
    set_up();
    struct dd_recv_session_store *store = open_store(BOOT);
    accept(store, 9, 1);
    dd_recv_session_store_checkpoint(store, 100 * S);
    accept(store, 9, 1900);
    dd_recv_session_store_checkpoint(store, 100 * S + S / 2);
    dd_recv_session_store_unmap(store);
    ck_assert_uint_ge(margin(1), 4000);
    tear_down();
    /* the rate of earlier sessions counts */
    set_up();
    store = open_store(BOOT);
    accept(store, 9, 1);
    dd_recv_session_store_checkpoint(store, 100 * S);
    accept(store, 9, 5001);
    dd_recv_session_store_checkpoint(store, 101 * S);
    uint64_t most = dd_recv_session_store_state(store)->max_counters_per_s;
    memset(&dd_recv_session_store_state(store)->session, 0, sizeof dd_recv_session_store_state(store)->session);
    dd_recv_session_store_state(store)->session.start_us = 10;
    dd_replay_window_mark(&dd_recv_session_store_state(store)->session.replay, 0);
    dd_recv_session_store_checkpoint(store, 101 * S + 1); /* at once */
    ck_assert_uint_eq(dd_recv_session_store_state(store)->max_counters_per_s, most);
    dd_recv_session_store_unmap(store);
    ck_assert_uint_ge(margin(1), 4 * 5000);
    tear_down();
}
END_TEST

START_TEST(a_half_written_session_is_restored_from_the_checkpoint)
{
    set_up();
    struct dd_recv_session_store *store = open_store(BOOT);
    accept(store, 9, 500);
    dd_recv_session_store_checkpoint(store, 100 * S);
    dd_recv_session_store_state(store)->session.start_us = 0; /* the process died while it wrote */
    dd_recv_session_store_unmap(store);
    store = open_store(BOOT);
    ck_assert_uint_eq(dd_recv_session_store_state(store)->session.start_us, 9);
    ck_assert_uint_ge(dd_recv_session_store_state(store)->session.replay.next, 500);
    dd_recv_session_store_unmap(store);
    tear_down();
}
END_TEST

START_TEST(keys_stay_retired)
{
    set_up();
    struct dd_recv_session_store *store = open_store(BOOT);
    ck_assert(!dd_recv_session_store_is_retired(dd_recv_session_store_state(store), 0));
    for (uint32_t id = 100; id < 100 + DD_RECV_SESSION_STORE_RETIRED_MAX; id++) {
        dd_recv_session_store_retire(dd_recv_session_store_state(store), id);
        dd_recv_session_store_retire(dd_recv_session_store_state(store), id);
    }
    dd_recv_session_store_unmap(store);
    store = open_store(BOOT);
    for (uint32_t id = 100; id < 100 + DD_RECV_SESSION_STORE_RETIRED_MAX; id++)
        ck_assert(dd_recv_session_store_is_retired(dd_recv_session_store_state(store), id));
    ck_assert(!dd_recv_session_store_is_retired(dd_recv_session_store_state(store), 99));
    dd_recv_session_store_unmap(store);
    tear_down();
}
END_TEST

START_TEST(the_margin_ends_with_the_session)
{
    set_up();
    struct dd_recv_session_store *store = open_store(BOOT);
    accept(store, 9, 10);
    dd_recv_session_store_checkpoint(store, 100 * S);
    dd_replay_window_skip(&dd_recv_session_store_state(store)->session.replay, DD_WIRE_SESSION_DATAGRAMS - 5);
    dd_recv_session_store_checkpoint(store, 101 * S);
    dd_recv_session_store_unmap(store);
    store = open_store(OTHER_BOOT);
    ck_assert_uint_eq(dd_recv_session_store_state(store)->session.replay.next, DD_WIRE_SESSION_DATAGRAMS);
    dd_recv_session_store_unmap(store);
    tear_down();
}
END_TEST

/* Turns a page of the file into what version 1 wrote: it ended, with its checksum, where the delay is now. */
static void write_version_1(long page)
{
    enum { STATE = 64, END = STATE + offsetof(struct dd_recv_session_state, delay) };
    uint8_t bytes[PAGE];
    const uint32_t header[2] = {1, END + 8};
    FILE *file = fopen(path, "r+");
    ck_assert_ptr_nonnull(file);
    fseek(file, page * PAGE, SEEK_SET);
    ck_assert_uint_eq(fread(bytes, 1, PAGE, file), PAGE);
    memcpy(bytes + 8, header, sizeof header);
    memset(bytes + END, 0, PAGE - END);
    uint64_t checksum = page ? crc64_ecma_refl(0, bytes, END) : 0;
    memcpy(bytes + END, &checksum, sizeof checksum);
    fseek(file, page * PAGE, SEEK_SET);
    ck_assert_uint_eq(fwrite(bytes, 1, PAGE, file), PAGE);
    fclose(file);
}

/* An update of ddrecv opens no way for what was recorded before. */
START_TEST(the_file_of_the_version_before_is_read)
{
    static const char *const boots[] = {BOOT, OTHER_BOOT};
    for (size_t i = 0; i < 2; i++) {
        set_up();
        struct dd_recv_session_store *store = open_store(BOOT);
        accept(store, 9, 500);
        dd_recv_session_store_checkpoint(store, 100 * S);
        dd_recv_session_store_retire(dd_recv_session_store_state(store), 77);
        dd_recv_session_store_unmap(store);
        for (long page = 0; page < 3; page++)
            write_version_1(page);
        for (int again = 0; again < 2; again++) {
            store = open_store(boots[i]);
            struct dd_recv_session_state *state = dd_recv_session_store_state(store);
            ck_assert_uint_eq(state->session.start_us, 9);
            ck_assert_uint_eq(state->frame, 1500);
            ck_assert(!dd_replay_window_fresh(&state->session.replay, 499));
            ck_assert(dd_recv_session_store_is_retired(state, 77) == (i == 0)); /* after the checkpoint */
            ck_assert_uint_eq(state->delay.current.seen_us, 0);
            dd_recv_session_store_checkpoint(store, 200 * S);
            dd_recv_session_store_unmap(store);
        }
        tear_down();
    }
}
END_TEST

/* One checkpoint is sound, whenever the machine dies. */
START_TEST(the_sound_checkpoint_is_restored)
{
    for (long copy = 1; copy <= 2; copy++) {
        set_up();
        struct dd_recv_session_store *store = open_store(BOOT);
        accept(store, 9, 500);
        dd_recv_session_store_checkpoint(store, 100 * S);
        accept(store, 9, 600);
        dd_recv_session_store_checkpoint(store, 101 * S);
        dd_recv_session_store_unmap(store);
        damage(copy * PAGE + 200);
        store = open_store(OTHER_BOOT);
        ck_assert_uint_eq(dd_recv_session_store_state(store)->session.start_us, 9);
        ck_assert_uint_eq(dd_recv_session_store_state(store)->frame, copy == 1 ? 1500 : 1600);
        dd_recv_session_store_unmap(store);
        tear_down();
    }
}
END_TEST

START_TEST(starts_empty_if_nothing_is_sound)
{
    set_up();
    struct dd_recv_session_store *store = open_store(BOOT);
    accept(store, 9, 500);
    dd_recv_session_store_checkpoint(store, 100 * S);
    dd_recv_session_store_unmap(store);
    damage(PAGE + 200);
    damage(2 * PAGE + 200);
    store = open_store(OTHER_BOOT);
    ck_assert_uint_eq(dd_recv_session_store_state(store)->session.start_us, 0);
    ck_assert_uint_eq(dd_recv_session_store_state(store)->session.replay.next, 0);
    dd_recv_session_store_unmap(store);
    tear_down();
}
END_TEST

START_TEST(a_request_for_admission_is_returned_until_finished)
{
    uint64_t start_us, salt;
    set_up();
    struct dd_recv_session_store *store = open_store(BOOT);
    ck_assert(!dd_recv_session_store_poll_admission(store, &start_us, &salt));
    ck_assert_int_eq(dd_recv_session_store_request_admission(folder, "cam", 42, 43), 0);
    ck_assert(dd_recv_session_store_poll_admission(store, &start_us, &salt));
    ck_assert_uint_eq(start_us, 42);
    ck_assert_uint_eq(salt, 43);
    ck_assert(!dd_recv_session_store_poll_admission(store, &start_us, &salt));
    dd_recv_session_store_unmap(store);
    store = open_store(BOOT);
    ck_assert(dd_recv_session_store_poll_admission(store, &start_us, &salt));
    ck_assert_int_eq(dd_recv_session_store_request_admission(folder, "cam", 44, 45), 0);
    dd_recv_session_store_finish_admission(store);
    ck_assert(dd_recv_session_store_poll_admission(store, &start_us, &salt)); /* it came after the one that was polled */
    ck_assert_uint_eq(start_us, 44);
    dd_recv_session_store_finish_admission(store);
    dd_recv_session_store_unmap(store);
    store = open_store(BOOT);
    ck_assert(!dd_recv_session_store_poll_admission(store, &start_us, &salt));
    dd_recv_session_store_unmap(store);
    ck_assert_int_lt(dd_recv_session_store_request_admission(folder, "other", 42, 43), 0);
    tear_down();
}
END_TEST

START_TEST(ended_sessions_are_known)
{
    static struct dd_recv_session_state state;
    ck_assert_uint_eq(dd_recv_session_store_ended_next(&state, 1000, 7), 0);
    for (uint64_t i = 0; i < 100; i++) {
        dd_recv_session_store_note_ended(&state, 1000 + i, i, 5);
        dd_recv_session_store_note_ended(&state, 1000 + i, i, 10 + i);
        dd_recv_session_store_note_ended(&state, 1000 + i, i, 6);
    }
    for (uint64_t i = 0; i < 100; i++)
        ck_assert_uint_eq(dd_recv_session_store_ended_next(&state, 1000 + i, i),
                          i < 100 - DD_RECV_SESSION_STORE_ENDED_MAX ? 0 : 10 + i);
    ck_assert_uint_eq(dd_recv_session_store_ended_next(&state, 1099, 98), 0);
}
END_TEST

START_TEST(two_daemons_cannot_open_one_file)
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

START_TEST(works_without_a_folder)
{
    int fd = dd_recv_session_store_open_file("", "cam");
    ck_assert_int_ge(fd, 0);
    struct dd_recv_session_store *store = dd_recv_session_store_map(fd, "", "cam");
    ck_assert_ptr_nonnull(store);
    dd_recv_session_store_checkpoint(store, 100 * S);
    dd_recv_session_store_unmap(store);
    close(fd);
}
END_TEST

SUITE("recv/intake/session_store", an_empty_store_has_nothing, is_exact_while_the_machine_runs, refuses_more_after_another_boot,
      the_highest_rate_is_measured, a_young_session_has_a_margin, a_half_written_session_is_restored_from_the_checkpoint,
      keys_stay_retired, the_margin_ends_with_the_session, the_sound_checkpoint_is_restored,
      the_file_of_the_version_before_is_read, starts_empty_if_nothing_is_sound,
      a_request_for_admission_is_returned_until_finished, ended_sessions_are_known, two_daemons_cannot_open_one_file,
      works_without_a_folder)
