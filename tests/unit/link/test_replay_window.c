#include "dd/link/replay_window.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

START_TEST(takes_each_counter_once_in_any_order)
{
    static struct dd_replay_window r;
    memset(&r, 0, sizeof r);
    for (uint64_t i = 0; i < 1000; i++) {
        uint64_t counter = i ^ 7;
        ck_assert(dd_replay_window_fresh(&r, counter));
        dd_replay_window_mark(&r, counter);
        ck_assert(!dd_replay_window_fresh(&r, counter));
    }
    for (uint64_t i = 0; i < 1000; i++)
        ck_assert(!dd_replay_window_fresh(&r, i));
    ck_assert(dd_replay_window_fresh(&r, 1000));
}
END_TEST

START_TEST(refuses_what_is_older_than_the_window)
{
    static struct dd_replay_window r;
    memset(&r, 0, sizeof r);
    dd_replay_window_mark(&r, 100000);
    ck_assert(dd_replay_window_fresh(&r, 100001 - DD_REPLAY_WINDOW_SIZE));
    ck_assert(!dd_replay_window_fresh(&r, 100000 - DD_REPLAY_WINDOW_SIZE));
    ck_assert(dd_replay_window_fresh(&r, 99999));
}
END_TEST

/* The circle is used again: old marks must not linger, and new ones must not vanish. Against a plain list. */
START_TEST(agrees_with_a_slow_window)
{
    enum { COUNTERS = 200000 };
    static struct dd_replay_window r;
    static bool seen[COUNTERS];
    uint64_t next = 0, random = 1;
    memset(&r, 0, sizeof r);
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 300000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        uint64_t r32 = random >> 33;
        uint64_t counter = next + 3 > r32 % 20000 ? next + 3 - r32 % 20000 : 0;
        if (r32 % 997 == 0)
            counter = next + r32 % 40000;
        if (counter >= COUNTERS)
            break;
        bool fresh = !seen[counter] && (counter >= next || next - counter <= DD_REPLAY_WINDOW_SIZE);
        ck_assert_msg(dd_replay_window_fresh(&r, counter) == fresh, "%ju at %ju", (uintmax_t)counter, (uintmax_t)next);
        if (!fresh)
            continue;
        dd_replay_window_mark(&r, counter);
        seen[counter] = true;
        next = counter >= next ? counter + 1 : next;
    }
    ck_assert_uint_gt(next, COUNTERS / 2);
}
END_TEST

/* Whatever next is: what is below counts as seen, what is above does not, and the circle goes on being right. */
START_TEST(skips_to_any_counter)
{
    static const uint64_t nexts[] = {
        1, 63, 64, 65, 127, 128, 1000, DD_REPLAY_WINDOW_SIZE - 1, DD_REPLAY_WINDOW_SIZE, 5 * DD_REPLAY_WINDOW_SIZE + 7};
    for (size_t i = 0; i < sizeof nexts / sizeof *nexts; i++) {
        struct dd_replay_window r = {0};
        uint64_t next = nexts[i], wrong = 0;
        dd_replay_window_mark(&r, 0);
        dd_replay_window_skip(&r, next);
        for (uint64_t counter = 0; counter < next; counter++)
            wrong += dd_replay_window_fresh(&r, counter);
        for (uint64_t counter = next + 3 * DD_REPLAY_WINDOW_SIZE; counter-- > next;) {
            bool fresh = counter + DD_REPLAY_WINDOW_SIZE >= r.next;
            wrong += dd_replay_window_fresh(&r, counter) != fresh;
            if (fresh)
                dd_replay_window_mark(&r, counter);
        }
        ck_assert_msg(!wrong, "%ju wrong answers around %ju", (uintmax_t)wrong, (uintmax_t)next);
    }
}
END_TEST

/* ---- death at any moment ---- */

/* Shared with a child process, which dies while it changes the window. */
static struct dd_replay_window *shared;

static void mark_next(void)
{
    dd_replay_window_mark(shared, shared->next);
}

static void mark_far_ahead(void)
{
    dd_replay_window_mark(shared, shared->next + 1000);
}

static void mark_a_window_ahead(void)
{
    dd_replay_window_mark(shared, shared->next + 2 * DD_REPLAY_WINDOW_SIZE);
}

static void skip_ahead(void)
{
    dd_replay_window_skip(shared, shared->next + 4321);
}

/* How many of the counters below next, all of which were seen, would be accepted again. */
static uint64_t reopened(uint64_t next)
{
    uint64_t wrong = 0;
    for (uint64_t counter = next - DD_REPLAY_WINDOW_SIZE - 64; counter < next; counter++)
        wrong += dd_replay_window_fresh(shared, counter);
    return wrong;
}

/* Runs change in a child, one machine instruction after the other, and looks at the window whenever that has changed. Returns how
 * often it did; 0: no process may be traced here. */
static uint64_t step_through(void (*change)(void), uint64_t next)
{
    static struct dd_replay_window before;
    uint64_t changes = 0;
    int status;
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit(2);
        raise(SIGSTOP);
        change();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    memcpy(&before, shared, sizeof before);
    while (WIFSTOPPED(status) && ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0) {
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (memcmp(&before, shared, sizeof before) == 0)
            continue;
        memcpy(&before, shared, sizeof before);
        changes++;
        ck_assert_msg(reopened(next) == 0, "%ju counters are accepted again after store %ju", (uintmax_t)reopened(next),
                      (uintmax_t)changes);
    }
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status) == 0 ? changes : 0;
}

/* A process that dies in the middle leaves a window in which nothing that was accepted is accepted again. */
START_TEST(death_at_any_instruction_reopens_no_counter)
{
    static void (*const changes[])(void) = {mark_next, mark_far_ahead, mark_a_window_ahead, skip_ahead};
    static const uint64_t nexts[] = {40000, 39999 / 64 * 64, 39999 / 64 * 64 - 1};
    if (suite_is_short())
        return; /* valgrind runs instructions of its own, and too many */
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(shared != MAP_FAILED);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        for (size_t k = 0; k < sizeof nexts / sizeof *nexts; k++) {
            memset(shared, 0, sizeof *shared);
            for (uint64_t counter = 0; counter < nexts[k]; counter++)
                dd_replay_window_mark(shared, counter);
            if (step_through(changes[i], nexts[k]) == 0) {
                puts("skipped: no process may be traced here");
                munmap(shared, sizeof *shared);
                return;
            }
        }
    munmap(shared, sizeof *shared);
}
END_TEST

SUITE("link/replay_window", skips_to_any_counter, takes_each_counter_once_in_any_order, refuses_what_is_older_than_the_window,
      agrees_with_a_slow_window, death_at_any_instruction_reopens_no_counter)
