#include "dd/link/replay_window.h"

#include <string.h>

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

SUITE("link/replay_window", skips_to_any_counter, takes_each_counter_once_in_any_order, refuses_what_is_older_than_the_window,
      agrees_with_a_slow_window)
