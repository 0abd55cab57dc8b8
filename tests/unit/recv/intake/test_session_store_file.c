/* The memory in which intake works, beside the file, which the supervisor writes. */
#include "recv/intake/session_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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

static int file_fd, memory_fd;

/* As ddrecv does: intake gets the memory only. */
static struct dd_recv_session_store *open_memory(const char *boot_id)
{
    file_fd = dd_recv_session_store_open_file(folder, "cam");
    ck_assert_int_ge(file_fd, 0);
    memory_fd = dd_recv_session_store_load(file_fd);
    ck_assert_int_ge(memory_fd, 0);
    struct dd_recv_session_store *store = dd_recv_session_store_map(memory_fd, boot_id, "cam");
    ck_assert_ptr_nonnull(store);
    return store;
}

/* The whole daemon ends, or dies. */
static void close_memory(struct dd_recv_session_store *store, bool in_order)
{
    dd_recv_session_store_unmap(store);
    if (in_order)
        ck_assert_int_eq(dd_recv_session_store_save(memory_fd, file_fd, true), 0);
    dd_recv_session_store_close_file(file_fd);
    close(memory_fd);
}

START_TEST(the_file_is_exact_after_the_last_save_only)
{
    set_up();
    for (int in_order = 1; in_order >= 0; in_order--) {
        struct dd_recv_session_store *store = open_memory(BOOT);
        uint64_t begin = dd_recv_session_store_state(store)->session.replay.next;
        accept(store, 1000, begin + 500);
        dd_recv_session_store_checkpoint(store, 100 * S);
        ck_assert_int_eq(dd_recv_session_store_save(memory_fd, file_fd, false), 0);
        accept(store, 1000, begin + 700);
        close_memory(store, in_order);
        store = open_memory(BOOT);
        const struct dd_recv_session_state *state = dd_recv_session_store_state(store);
        if (in_order) {
            ck_assert_uint_eq(state->session.replay.next, begin + 700);
        } else {
            ck_assert_uint_ge(state->session.replay.next, begin + 500 + 4 * 1000); /* of four seconds */
            ck_assert(!dd_replay_window_fresh(&state->session.replay, begin + 699));
        }
        ck_assert_uint_eq(state->delay.current.lowest_us, 12); /* the boot is the same */
        close_memory(store, true);
    }
    tear_down();
}
END_TEST

START_TEST(requests_pass_between_the_file_and_the_memory)
{
    uint64_t start_us, salt;
    set_up();
    close_memory(open_memory(BOOT), true);
    ck_assert_int_eq(dd_recv_session_store_request_admission(folder, "cam", 42, 43), 0); /* ddrecv does not run */
    struct dd_recv_session_store *store = open_memory(BOOT);
    ck_assert(dd_recv_session_store_poll_admission(store, &start_us, &salt));
    ck_assert_int_eq(dd_recv_session_store_request_admission(folder, "cam", 44, 45), 0); /* it does */
    ck_assert_int_eq(dd_recv_session_store_request_delay_reset(folder, "cam"), 0);
    ck_assert(!dd_recv_session_store_poll_admission(store, &start_us, &salt));
    ck_assert_int_eq(dd_recv_session_store_save(memory_fd, file_fd, false), 0);
    ck_assert(dd_recv_session_store_poll_admission(store, &start_us, &salt));
    ck_assert_uint_eq(start_us, 44);
    ck_assert_uint_eq(salt, 45);
    ck_assert(dd_recv_session_store_reset_delay(store));
    dd_recv_session_store_finish_admission(store);
    ck_assert_int_eq(dd_recv_session_store_save(memory_fd, file_fd, false), 0);
    ck_assert_int_eq(dd_recv_session_store_save(memory_fd, file_fd, false), 0);
    close_memory(store, false); /* what is finished stays so */
    store = open_memory(BOOT);
    ck_assert(!dd_recv_session_store_poll_admission(store, &start_us, &salt));
    ck_assert(!dd_recv_session_store_reset_delay(store));
    close_memory(store, true);
    tear_down();
}
END_TEST

/* A command that was stopped while it writes a request holds nobody up. */
START_TEST(a_locked_request_is_not_waited_for)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    uint64_t start_us, salt;
    set_up();
    struct dd_recv_session_store *store = open_memory(BOOT);
    ck_assert_int_eq(dd_recv_session_store_request_admission(folder, "cam", 42, 43), 0);
    int other = open(path, O_RDWR);
    ck_assert_int_eq(fcntl(other, F_OFD_SETLK, &lock), 0);
    ck_assert_int_eq(dd_recv_session_store_save(memory_fd, file_fd, false), 0);
    ck_assert(!dd_recv_session_store_poll_admission(store, &start_us, &salt));
    close(other);
    ck_assert_int_eq(dd_recv_session_store_save(memory_fd, file_fd, false), 0);
    ck_assert(dd_recv_session_store_poll_admission(store, &start_us, &salt));
    close_memory(store, true);
    tear_down();
}
END_TEST

START_TEST(a_half_written_checkpoint_is_not_saved)
{
    uint8_t garbage[16] = {1};
    set_up();
    struct dd_recv_session_store *store = open_memory(BOOT);
    accept(store, 1000, 500);
    dd_recv_session_store_checkpoint(store, 100 * S);
    accept(store, 1000, 600);
    dd_recv_session_store_checkpoint(store, 102 * S);
    ck_assert_int_eq(dd_recv_session_store_save(memory_fd, file_fd, false), 0);
    for (int page = 1; page <= 2; page++)
        ck_assert_int_eq(pwrite(memory_fd, garbage, sizeof garbage, page * PAGE + 100), sizeof garbage);
    ck_assert_int_eq(dd_recv_session_store_save(memory_fd, file_fd, false), 0);
    close_memory(store, false);
    store = open_memory(OTHER_BOOT);
    ck_assert_uint_ge(dd_recv_session_store_state(store)->session.replay.next, 600);
    close_memory(store, true);
    tear_down();
}
END_TEST

/* A file system that has become read-only. */
START_TEST(a_failure_to_save_is_returned)
{
    set_up();
    struct dd_recv_session_store *store = open_memory(BOOT);
    accept(store, 1000, 500);
    dd_recv_session_store_checkpoint(store, 100 * S);
    int read_only = open(path, O_RDONLY);
    ck_assert_int_eq(dd_recv_session_store_save(memory_fd, read_only, false), EBADF);
    close(read_only);
    accept(store, 1000, 600); /* intake goes on */
    dd_recv_session_store_checkpoint(store, 102 * S);
    close_memory(store, true);
    tear_down();
}
END_TEST

SUITE("recv/intake/session_store_file", the_file_is_exact_after_the_last_save_only, requests_pass_between_the_file_and_the_memory,
      a_locked_request_is_not_waited_for, a_half_written_checkpoint_is_not_saved, a_failure_to_save_is_returned)
