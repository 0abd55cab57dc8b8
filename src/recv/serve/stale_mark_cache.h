/* The marked picture of one stream, made once for all of its viewers. All functions are thread-safe, except new and free. */
#ifndef DD_RECV_SERVE_STALE_MARK_CACHE_H
#define DD_RECV_SERVE_STALE_MARK_CACHE_H

#include <stddef.h>

struct dd_shared_picture;
struct dd_stale_mark_words;
struct dd_stale_mark_cache;

/* bytes_max: the largest marked picture, as in dd_stale_mark_apply(). Returned-owned: dd_stale_mark_cache_free(). NULL if there
 * is no memory. */
struct dd_stale_mark_cache *dd_stale_mark_cache_new(size_t bytes_max);
/* cache may be NULL. */
void dd_stale_mark_cache_free(struct dd_stale_mark_cache *cache);

/* picture (borrowed) with the mark of words, which are not of a live one; with one reference for the caller. If the last call
 * was for the same picture and words, the same result is shared. Else this decodes and encodes, while other callers wait for it.
 * NULL, logged, if there is no memory. */
struct dd_shared_picture *dd_stale_mark_cache_get(struct dd_stale_mark_cache *cache, const struct dd_shared_picture *picture,
                                                  const struct dd_stale_mark_words *words);

/* Gives up the cached picture. Does not wait for one that is being made. */
void dd_stale_mark_cache_drop(struct dd_stale_mark_cache *cache);

#endif
