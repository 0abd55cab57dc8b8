#include "recv/serve/stale_mark_cache.h"

#include <pthread.h>
#include <string.h>

#include "recv/serve/jpeg_codec.h"
#include "recv/serve/shared_picture.h"
#include "recv/serve/stale_mark.h"
#include "suite.h"

enum { BYTES_MAX = 1 << 20, THREADS = 8 };

static struct dd_shared_picture *make(uint64_t number)
{
    struct dd_jpeg_codec_picture *decoded = dd_jpeg_codec_picture_new(160, 90);
    size_t size;
    uint8_t *bytes = dd_jpeg_codec_encode(decoded, 80, &size);
    struct dd_shared_picture *picture = dd_shared_picture_new(number, number * 1000, bytes, size);
    dd_jpeg_codec_bytes_free(bytes);
    dd_jpeg_codec_picture_free(decoded);
    return picture;
}

static struct dd_stale_mark_words words_of(enum dd_freshness_level level, uint64_t age_s, const char *reason)
{
    return (struct dd_stale_mark_words){.level = level, .age_s = age_s, .reason = reason};
}

/* True if both calls give the same marked picture. Both results are held, so their addresses differ if they are two. */
static bool shared(struct dd_stale_mark_cache *cache, struct dd_shared_picture *a, struct dd_stale_mark_words a_words,
                   struct dd_shared_picture *b, struct dd_stale_mark_words b_words)
{
    struct dd_shared_picture *first = dd_stale_mark_cache_get(cache, a, &a_words),
                             *second = dd_stale_mark_cache_get(cache, b, &b_words);
    ck_assert(first && second && first != a && second != b);
    bool same = first == second;
    dd_shared_picture_unref(&first);
    dd_shared_picture_unref(&second);
    return same;
}

START_TEST(is_made_once_for_the_same_and_again_for_another)
{
    struct dd_stale_mark_cache *cache = dd_stale_mark_cache_new(BYTES_MAX);
    struct dd_shared_picture *seven = make(7), *seven_again = make(7), *eight = make(8);
    const struct dd_stale_mark_words words = words_of(DD_FRESHNESS_STALLED, 45, "sender silent");
    ck_assert(shared(cache, seven, words, seven, words));
    ck_assert(shared(cache, seven, words, seven_again, words));
    ck_assert(!shared(cache, seven, words, eight, words));
    ck_assert(!shared(cache, seven, words, seven, words_of(DD_FRESHNESS_STALE, 45, "sender silent")));
    ck_assert(!shared(cache, seven, words, seven, words_of(DD_FRESHNESS_STALLED, 50, "sender silent")));
    ck_assert(!shared(cache, seven, words, seven, words_of(DD_FRESHNESS_STALLED, 45, "sender delayed")));
    dd_shared_picture_unref(&seven);
    dd_shared_picture_unref(&seven_again);
    dd_shared_picture_unref(&eight);
    dd_stale_mark_cache_free(cache);
    dd_stale_mark_cache_free(NULL);
}
END_TEST

START_TEST(is_dropped)
{
    struct dd_stale_mark_cache *cache = dd_stale_mark_cache_new(BYTES_MAX);
    struct dd_shared_picture *picture = make(7);
    const struct dd_stale_mark_words words = words_of(DD_FRESHNESS_STALLED, 45, "sender silent");
    struct dd_shared_picture *first = dd_stale_mark_cache_get(cache, picture, &words);
    dd_stale_mark_cache_drop(cache);
    dd_stale_mark_cache_drop(cache);
    struct dd_shared_picture *second = dd_stale_mark_cache_get(cache, picture, &words);
    ck_assert_ptr_ne(first, second);
    ck_assert_uint_eq(dd_shared_picture_size(first), dd_shared_picture_size(second));
    dd_shared_picture_unref(&first);
    dd_shared_picture_unref(&second);
    dd_shared_picture_unref(&picture);
    dd_stale_mark_cache_free(cache);
}
END_TEST

struct caller {
    struct dd_stale_mark_cache *cache;
    struct dd_shared_picture *picture, *got;
    pthread_barrier_t *barrier;
};

static void *call(void *owner)
{
    struct caller *a = owner;
    const struct dd_stale_mark_words words = words_of(DD_FRESHNESS_STALE, 300, "sender silent");
    pthread_barrier_wait(a->barrier);
    a->got = dd_stale_mark_cache_get(a->cache, a->picture, &words);
    return NULL;
}

START_TEST(concurrent_callers_share_one)
{
    struct dd_stale_mark_cache *cache = dd_stale_mark_cache_new(BYTES_MAX);
    struct dd_shared_picture *picture = make(7);
    struct caller callers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){.cache = cache, .picture = picture, .barrier = &barrier};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_ptr_nonnull(callers[i].got);
        ck_assert_ptr_eq(callers[i].got, callers[0].got);
    }
    for (int i = 0; i < THREADS; i++)
        dd_shared_picture_unref(&callers[i].got);
    pthread_barrier_destroy(&barrier);
    dd_shared_picture_unref(&picture);
    dd_stale_mark_cache_free(cache);
}
END_TEST

SUITE("recv/serve/stale_mark_cache", is_made_once_for_the_same_and_again_for_another, is_dropped, concurrent_callers_share_one)
