#include "send/capture/web/process_tree.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

enum { HELD_BYTES = 32 * 1024 * 1024, WAITS = 500, WAIT_MS = 20, LIFE_S = 30 };

/* Until it is killed; not for ever, in case the test fails before. */
static void stay(void)
{
    signal(SIGALRM, SIG_DFL); /* Check's own */
    alarm(LIFE_S);
    for (;;)
        pause();
}

/* A leader with a child, and a grandchild in a session of its own whose parent is gone: as crash reporters are. */
static pid_t start(void)
{
    pid_t leader = fork();
    if (leader != 0)
        return leader;
    setsid();
    if (fork() == 0) {
        volatile char *held = malloc(HELD_BYTES);
        for (int i = 0; i < HELD_BYTES; i += 1024)
            held[i] = 7;
        stay();
    }
    if (fork() == 0) {
        if (fork() == 0) {
            setsid();
            stay();
        }
        _exit(0);
    }
    stay();
    return 0;
}

static bool wait_for(const struct dd_process_tree *tree, size_t wanted, uint64_t bytes)
{
    size_t count = 0;
    for (int i = 0; i < WAITS; i++) {
        uint64_t held = dd_process_tree_memory(tree, &count);
        if (count == wanted && held >= bytes)
            return true;
        poll(NULL, 0, WAIT_MS);
    }
    return false;
}

START_TEST(all_below_are_found_counted_and_ended_without_a_zombie)
{
    struct dd_process_tree all = {.profile_dir = NULL};
    size_t count;

    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    dd_process_tree_auto_reap(true);
    ck_assert_uint_eq(dd_process_tree_memory(&all, &count), 0);
    all.leader = start();
    ck_assert(wait_for(&all, 3, HELD_BYTES));

    /* beside another one, only what is known to be its */
    struct dd_process_tree its = {.leader = all.leader, .profile_dir = "/no/such/folder"};
    ck_assert(wait_for(&its, 2, HELD_BYTES)); /* once the grandchild has a session of its own */
    its.leader = 1;
    dd_process_tree_memory(&its, &count);
    ck_assert_uint_eq(count, 0);

    ck_assert_uint_eq(dd_process_tree_signal(&all, SIGKILL), 3);
    ck_assert(wait_for(&all, 0, 0));
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1); /* the kernel cleared them away */
}
END_TEST

SUITE("send/capture/web/process_tree", all_below_are_found_counted_and_ended_without_a_zombie)
