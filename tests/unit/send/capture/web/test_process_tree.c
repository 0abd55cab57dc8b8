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

enum { HELD_BYTES = 32 * 1024 * 1024, WAITS = 3000, WAIT_MS = 20, LIFETIME_S = 30 };

/* Waits to be killed. Ends by itself after LIFETIME_S, in case the test fails before that. */
static void wait_for_kill(void)
{
    signal(SIGALRM, SIG_DFL); /* Check has set a handler */
    alarm(LIFETIME_S);
    for (;;)
        pause();
}

/* Starts a session leader with a child that holds memory, and a grandchild in a session of its own whose parent is dead, as the
 * parents of crash reporters are. */
static pid_t start_tree(void)
{
    pid_t leader = fork();
    if (leader != 0)
        return leader;
    setsid();
    if (fork() == 0) {
        volatile char *held = malloc(HELD_BYTES);
        for (int i = 0; i < HELD_BYTES; i += 1024)
            held[i] = 7;
        wait_for_kill();
    }
    if (fork() == 0) {
        if (fork() == 0) {
            setsid();
            wait_for_kill();
        }
        _exit(0);
    }
    wait_for_kill();
    return 0;
}

static bool wait_for(const struct dd_process_tree *tree, size_t expected, uint64_t bytes)
{
    size_t count = 0;
    for (int i = 0; i < WAITS; i++) {
        uint64_t held = dd_process_tree_memory(tree, &count);
        if (count == expected && held >= bytes)
            return true;
        poll(NULL, 0, WAIT_MS);
    }
    return false;
}

START_TEST(all_descendants_are_found_measured_and_killed)
{
    struct dd_process_tree all = {.profile_dir = NULL};
    size_t count;

    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    dd_process_tree_auto_reap(true);
    ck_assert_uint_eq(dd_process_tree_memory(&all, &count), 0);
    all.leader = start_tree();
    ck_assert(wait_for(&all, 3, HELD_BYTES));

    /* with a profile directory, only processes that certainly belong to the browser */
    struct dd_process_tree own = {.leader = all.leader, .profile_dir = "/no/such/folder"};
    ck_assert(wait_for(&own, 2, HELD_BYTES)); /* once the grandchild has a session of its own */
    own.leader = 1;
    dd_process_tree_memory(&own, &count);
    ck_assert_uint_eq(count, 0);

    ck_assert_uint_eq(dd_process_tree_signal(&all, SIGKILL), 3);
    ck_assert(wait_for(&all, 0, 0));
    ck_assert_int_eq(waitpid(-1, NULL, 0), -1); /* the kernel reaped them */
}
END_TEST

SUITE("send/capture/web/process_tree", all_descendants_are_found_measured_and_killed)
