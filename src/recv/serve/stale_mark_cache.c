/* Two locks: one for the time of a look, one for the time of making. */
#include "recv/serve/stale_mark_cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "recv/serve/shared_picture.h"
#include "recv/serve/stale_mark.h"

struct dd_stale_mark_cache {
    size_t bytes_max;       /* immutable */
    pthread_mutex_t making; /* held by the one who makes a mark; before lock */
    pthread_mutex_t lock;
    struct dd_shared_picture *made;   /* NULL: none; lock */
    struct dd_stale_mark_words words; /* of made; lock */
};

struct dd_stale_mark_cache *dd_stale_mark_cache_new(size_t bytes_max)
{
    struct dd_stale_mark_cache *marks = calloc(1, sizeof *marks);
    if (!marks)
        return NULL;
    marks->bytes_max = bytes_max;
    pthread_mutex_init(&marks->making, NULL);
    pthread_mutex_init(&marks->lock, NULL);
    return marks;
}

void dd_stale_mark_cache_free(struct dd_stale_mark_cache *marks)
{
    if (!marks)
        return;
    dd_shared_picture_unref(&marks->made);
    pthread_mutex_destroy(&marks->lock);
    pthread_mutex_destroy(&marks->making);
    free(marks);
}

/* Frames of one stream are told apart by number and time: a repeated one is the same picture. */
static bool same_frame(const struct dd_shared_picture *a, const struct dd_shared_picture *b)
{
    return dd_shared_picture_number(a) == dd_shared_picture_number(b) &&
           dd_shared_picture_captured_us(a) == dd_shared_picture_captured_us(b);
}

/* What was made for frame and words, with one reference; NULL if it was not. */
static struct dd_shared_picture *find(struct dd_stale_mark_cache *marks, const struct dd_shared_picture *frame,
                                      const struct dd_stale_mark_words *words)
{
    struct dd_shared_picture *found = NULL;
    pthread_mutex_lock(&marks->lock);
    if (marks->made && same_frame(marks->made, frame) && dd_stale_mark_says_the_same(&marks->words, words))
        found = dd_shared_picture_ref(marks->made);
    pthread_mutex_unlock(&marks->lock);
    return found;
}

static void keep(struct dd_stale_mark_cache *marks, struct dd_shared_picture *made, const struct dd_stale_mark_words *words)
{
    pthread_mutex_lock(&marks->lock);
    dd_shared_picture_unref(&marks->made);
    marks->made = dd_shared_picture_ref(made);
    marks->words = *words;
    pthread_mutex_unlock(&marks->lock);
}

struct dd_shared_picture *dd_stale_mark_cache_get(struct dd_stale_mark_cache *marks, const struct dd_shared_picture *frame,
                                                  const struct dd_stale_mark_words *words)
{
    struct dd_shared_picture *made = find(marks, frame, words);
    if (made)
        return made;
    pthread_mutex_lock(&marks->making);
    made = find(marks, frame, words);
    if (!made) {
        made = dd_stale_mark_apply(frame, words, marks->bytes_max);
        if (made)
            keep(marks, made, words);
    }
    pthread_mutex_unlock(&marks->making);
    return made;
}

void dd_stale_mark_cache_drop(struct dd_stale_mark_cache *marks)
{
    pthread_mutex_lock(&marks->lock);
    dd_shared_picture_unref(&marks->made);
    pthread_mutex_unlock(&marks->lock);
}
