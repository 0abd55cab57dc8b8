/* Two locks: lock is held briefly, to read or replace the cached picture; encoding_lock for as long as a mark is made. */
#include "recv/serve/stale_mark_cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "recv/serve/shared_picture.h"
#include "recv/serve/stale_mark.h"

struct dd_stale_mark_cache {
    size_t bytes_max;              /* immutable */
    pthread_mutex_t encoding_lock; /* one mark is made at a time. Lock order: encoding_lock, then lock */
    pthread_mutex_t lock;
    struct dd_shared_picture *marked; /* NULL: none; lock */
    struct dd_stale_mark_words words; /* of marked; lock */
};

struct dd_stale_mark_cache *dd_stale_mark_cache_new(size_t bytes_max)
{
    struct dd_stale_mark_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return NULL;
    cache->bytes_max = bytes_max;
    pthread_mutex_init(&cache->encoding_lock, NULL);
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void dd_stale_mark_cache_free(struct dd_stale_mark_cache *cache)
{
    if (!cache)
        return;
    dd_shared_picture_unref(&cache->marked);
    pthread_mutex_destroy(&cache->lock);
    pthread_mutex_destroy(&cache->encoding_lock);
    free(cache);
}

/* Within a stream, number and time of capture identify a frame. A repeated one is the same picture. */
static bool is_same_frame(const struct dd_shared_picture *a, const struct dd_shared_picture *b)
{
    return dd_shared_picture_number(a) == dd_shared_picture_number(b) &&
           dd_shared_picture_captured_us(a) == dd_shared_picture_captured_us(b);
}

/* The cached picture with one reference, if it is of picture and words; else NULL. */
static struct dd_shared_picture *find(struct dd_stale_mark_cache *cache, const struct dd_shared_picture *picture,
                                      const struct dd_stale_mark_words *words)
{
    struct dd_shared_picture *found = NULL;
    pthread_mutex_lock(&cache->lock);
    if (cache->marked && is_same_frame(cache->marked, picture) && dd_stale_mark_words_equal(&cache->words, words))
        found = dd_shared_picture_ref(cache->marked);
    pthread_mutex_unlock(&cache->lock);
    return found;
}

static void replace(struct dd_stale_mark_cache *cache, struct dd_shared_picture *marked, const struct dd_stale_mark_words *words)
{
    pthread_mutex_lock(&cache->lock);
    dd_shared_picture_unref(&cache->marked);
    cache->marked = dd_shared_picture_ref(marked);
    cache->words = *words;
    pthread_mutex_unlock(&cache->lock);
}

struct dd_shared_picture *dd_stale_mark_cache_get(struct dd_stale_mark_cache *cache, const struct dd_shared_picture *picture,
                                                  const struct dd_stale_mark_words *words)
{
    struct dd_shared_picture *marked = find(cache, picture, words);
    if (marked)
        return marked;
    pthread_mutex_lock(&cache->encoding_lock);
    marked = find(cache, picture, words);
    if (!marked) {
        marked = dd_stale_mark_apply(picture, words, cache->bytes_max);
        if (marked)
            replace(cache, marked, words);
    }
    pthread_mutex_unlock(&cache->encoding_lock);
    return marked;
}

void dd_stale_mark_cache_drop(struct dd_stale_mark_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    dd_shared_picture_unref(&cache->marked);
    pthread_mutex_unlock(&cache->lock);
}
