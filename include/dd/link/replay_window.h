/* The replay window of one session (RFC 6479): which counters have been seen. It may be memory that outlives the process: if the
 * process dies while it changes the window, every counter that was seen before is still refused. Pure; the caller locks. */
#ifndef DD_LINK_REPLAY_WINDOW_H
#define DD_LINK_REPLAY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum { DD_REPLAY_WINDOW_SIZE = 16384, DD_REPLAY_WINDOW_WORDS = DD_REPLAY_WINDOW_SIZE / 64 + 1 };

/* All zero: no counter has been seen. */
struct dd_replay_window {
    uint64_t next; /* highest counter seen + 1 */
    uint64_t seen[DD_REPLAY_WINDOW_WORDS];
};

/* True if counter has not been seen and is not older than the window. */
bool dd_replay_window_fresh(const struct dd_replay_window *replay, uint64_t counter);
/* Marks counter, which must be fresh, as seen. */
void dd_replay_window_mark(struct dd_replay_window *replay, uint64_t counter);

/* Marks every counter below next as seen. next is not below replay->next. */
void dd_replay_window_skip(struct dd_replay_window *replay, uint64_t next);

#endif
