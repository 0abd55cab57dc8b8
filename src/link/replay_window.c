/* The window is a circle of words: one more than its width needs, so that moving on clears whole words only. */
#include "dd/link/replay_window.h"

#include <assert.h>
#include <string.h>

enum { WORD_BITS = 64 };

static uint64_t *word_of(struct dd_replay_window *replay, uint64_t counter)
{
    return &replay->seen[counter / WORD_BITS % DD_REPLAY_WINDOW_WORDS];
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
        for (uint64_t i = 1; i <= words && i <= DD_REPLAY_WINDOW_WORDS; i++)
            replay->seen[(newest + i) % DD_REPLAY_WINDOW_WORDS] = 0;
        replay->next = counter + 1;
    }
    *word_of(replay, counter) |= UINT64_C(1) << counter % WORD_BITS;
}

void dd_replay_window_skip(struct dd_replay_window *replay, uint64_t next)
{
    assert(next >= replay->next);
    if (!next)
        return;
    memset(replay->seen, 0xff, sizeof replay->seen);
    /* In the word of next, counters from next on have not been seen. */
    if (next % WORD_BITS)
        *word_of(replay, next) = (UINT64_C(1) << next % WORD_BITS) - 1;
    replay->next = next;
}
