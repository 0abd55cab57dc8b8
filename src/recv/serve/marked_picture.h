/* The marked picture of one stream, for viewers and snapshots alike: whether it is still right, and when it is to be made anew.
 * Not thread-safe: the owner locks. */
#ifndef DD_RECV_SERVE_MARKED_PICTURE_H
#define DD_RECV_SERVE_MARKED_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

struct dd_marked_picture;
struct dd_shared_picture;
struct dd_stale_mark_words;

/* Returned-owned: dd_marked_picture_free(). NULL, logged, if there is no memory. */
struct dd_marked_picture *dd_marked_picture_new(void);
/* marked may be NULL. */
void dd_marked_picture_free(struct dd_marked_picture *marked);

/* Notes that at now_us newest (borrowed for the call) is to have the mark of words. True if such a picture is to be made: there
 * is none, and the last one was asked for 250 ms ago. */
bool dd_marked_picture_want(struct dd_marked_picture *marked, const struct dd_shared_picture *newest,
                            const struct dd_stale_mark_words *words, uint64_t now_us);
/* picture, which is borrowed and gets another reference, has the mark of words. It was begun at begun_us and finished at now_us.
 */
void dd_marked_picture_set(struct dd_marked_picture *marked, struct dd_shared_picture *picture,
                           const struct dd_stale_mark_words *words, uint64_t begun_us, uint64_t now_us);
/* The stream is live again: there is no marked picture. */
void dd_marked_picture_drop(struct dd_marked_picture *marked);

/* The marked picture, and what it says; both borrowed until the next set or drop. NULL if there is none, or it was neither right
 * nor finished within the last second. */
struct dd_shared_picture *dd_marked_picture_get(const struct dd_marked_picture *marked, uint64_t now_us,
                                                const struct dd_stale_mark_words **words);

#endif
