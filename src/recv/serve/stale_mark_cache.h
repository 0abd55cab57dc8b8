/* The marked picture of one stream, made once for all of its viewers. All functions are thread-safe but new and free. */
#ifndef DD_RECV_SERVE_STALE_MARK_CACHE_H
#define DD_RECV_SERVE_STALE_MARK_CACHE_H

#include <stddef.h>

struct dd_frame;
struct dd_mark_words;
struct dd_marks;

/* bytes_max: of a marked picture. Returned-owned; NULL if there is no memory. */
struct dd_marks *dd_marks_new(size_t bytes_max);
void dd_marks_free(struct dd_marks *marks);

/* frame (borrowed) with the mark that words ask for, with one reference for the caller: what was made before, if it is for
 * the same. Else it takes as long as decoding and encoding take, and who asks meanwhile waits for it. NULL if there is no
 * memory. */
struct dd_frame *dd_marks_get(struct dd_marks *marks, const struct dd_frame *frame, const struct dd_mark_words *words);

/* Lets go what was made. It never waits for one that is being made. */
void dd_marks_drop(struct dd_marks *marks);

#endif
