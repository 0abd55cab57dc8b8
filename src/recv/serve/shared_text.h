/* Text that is built at most once in a while, and shared by all who ask for it meanwhile: immutable, with a count of its
 * references. */
#ifndef DD_RECV_SERVE_SHARED_TEXT_H
#define DD_RECV_SERVE_SHARED_TEXT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct dd_shared_text;

/* Builds a text: returned-owned (free()), NULL if there is no memory. *note is kept with it. */
typedef char *dd_shared_text_builder(const void *context, unsigned *note);

/* The place where the latest text is kept. */
struct dd_shared_text_cache {
    pthread_mutex_t lock;
    struct dd_shared_text *text; /* NULL: none yet; lock */
    uint64_t until_us;           /* up to when it is given out: dd_clock_now_us(); lock */
};

/* Makes cache empty. dd_shared_text_cache_clear() frees what it has got by then; nobody else may use it any more. */
void dd_shared_text_cache_init(struct dd_shared_text_cache *cache);
void dd_shared_text_cache_clear(struct dd_shared_text_cache *cache);

/* The text of cache, or a new one if that is older than period_us; one at a time is built. With one reference for the caller:
 * dd_shared_text_unref(). NULL if there is no memory. Thread-safe. */
struct dd_shared_text *dd_shared_text_get(struct dd_shared_text_cache *cache, uint64_t period_us, dd_shared_text_builder *build,
                                          const void *context);

/* Gives up a reference; NULL is allowed. Thread-safe. */
void dd_shared_text_unref(struct dd_shared_text *text);

/* Borrowed as long as the caller has a reference. */
const char *dd_shared_text_chars(const struct dd_shared_text *text);
size_t dd_shared_text_size(const struct dd_shared_text *text);
unsigned dd_shared_text_note(const struct dd_shared_text *text);

#endif
