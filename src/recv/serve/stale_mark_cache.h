/* The marked picture of one stream, made once for all of its viewers. All functions are thread-safe but new and free. */
#ifndef DD_RECV_SERVE_STALE_MARK_CACHE_H
#define DD_RECV_SERVE_STALE_MARK_CACHE_H

#include <stddef.h>

struct dd_shared_picture;
struct dd_stale_mark_words;
struct dd_stale_mark_cache;

/* bytes_max: of a marked picture. Returned-owned; NULL if there is no memory. */
struct dd_stale_mark_cache *dd_stale_mark_cache_new(size_t bytes_max);
void dd_stale_mark_cache_free(struct dd_stale_mark_cache *marks);

/* frame (borrowed) with the mark that words ask for, with one reference for the caller: what was made before, if it is for
 * the same. Else it takes as long as decoding and encoding take, and who asks meanwhile waits for it. NULL if there is no
 * memory. */
struct dd_shared_picture *dd_stale_mark_cache_get(struct dd_stale_mark_cache *marks, const struct dd_shared_picture *frame,
                                                  const struct dd_stale_mark_words *words);

/* Lets go what was made. It never waits for one that is being made. */
void dd_stale_mark_cache_drop(struct dd_stale_mark_cache *marks);

#endif
