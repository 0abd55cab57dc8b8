/* The window is a circle of words: one more than its width needs, so that moving on clears whole words only.
 *
 * It may be memory that outlives the process, which can die between any two of its instructions. So at each moment every counter
 * that was seen has to be refused: next comes before the words that it makes free to be used again, since until then they tell of
 * counters that are within the window. A process that dies has done its stores in the order of its code, so a fence that holds
 * the compiler back is enough. */
#include "dd/link/replay_window.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

enum { WORD_BITS = 64 };

static uint64_t *word_of(struct dd_replay_window *replay, uint64_t counter)
{
    return &replay->seen[counter / WORD_BITS % DD_REPLAY_WINDOW_WORDS];
}

static void keep_order(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

bool dd_replay_window_fresh(const struct dd_replay_window *replay, uint64_t counter)
{
    if (counter >= replay->next)
        return true;
    if (replay->next - counter > DD_REPLAY_WINDOW_SIZE)
        return false;
    return !(replay->seen[counter / WORD_BITS % DD_REPLAY_WINDOW_WORDS] >> counter % WORD_BITS & 1);
}

void dd_replay_window_mark(struct dd_replay_window *replay, uint64_t counter)
{
    assert(dd_replay_window_fresh(replay, counter));
    if (counter >= replay->next) {
        uint64_t newest = replay->next ? (replay->next - 1) / WORD_BITS : 0;
        uint64_t words = counter / WORD_BITS - newest;
        replay->next = counter + 1;
        keep_order();
        for (uint64_t i = 1; i <= words && i <= DD_REPLAY_WINDOW_WORDS; i++)
            replay->seen[(newest + i) % DD_REPLAY_WINDOW_WORDS] = 0;
        keep_order();
    }
    *word_of(replay, counter) |= UINT64_C(1) << counter % WORD_BITS;
}

void dd_replay_window_skip(struct dd_replay_window *replay, uint64_t next)
{
    assert(next >= replay->next);
    if (!next)
        return;
    memset(replay->seen, 0xff, sizeof replay->seen);
    keep_order();
    replay->next = next;
    keep_order();
    /* In the word of next, counters from next on have not been seen. */
    if (next % WORD_BITS)
        *word_of(replay, next) = (UINT64_C(1) << next % WORD_BITS) - 1;
}
