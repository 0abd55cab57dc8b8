#include "recv/serve/shared_text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"

struct dd_shared_text {
    atomic_uint references;
    unsigned note;
    size_t size;
    char *chars;
};

void dd_shared_text_cache_init(struct dd_shared_text_cache *cache)
{
    *cache = (struct dd_shared_text_cache){.text = NULL};
    pthread_mutex_init(&cache->lock, NULL);
}

void dd_shared_text_cache_clear(struct dd_shared_text_cache *cache)
{
    dd_shared_text_unref(cache->text);
    pthread_mutex_destroy(&cache->lock);
}

static struct dd_shared_text *build_text(dd_shared_text_builder *build, const void *context)
{
    struct dd_shared_text *text = calloc(1, sizeof *text);
    if (!text)
        return NULL;
    text->chars = build(context, &text->note);
    if (!text->chars) {
        free(text);
        return NULL;
    }
    text->size = strlen(text->chars);
    atomic_init(&text->references, 1);
    return text;
}

struct dd_shared_text *dd_shared_text_get(struct dd_shared_text_cache *cache, uint64_t period_us, dd_shared_text_builder *build,
                                          const void *context)
{
    pthread_mutex_lock(&cache->lock);
    uint64_t now_us = dd_clock_now_us();
    if (!cache->text || now_us >= cache->until_us) {
        dd_shared_text_unref(cache->text);
        cache->text = build_text(build, context);
        cache->until_us = now_us + period_us;
    }
    struct dd_shared_text *text = cache->text;
    if (text)
        atomic_fetch_add_explicit(&text->references, 1, memory_order_relaxed);
    pthread_mutex_unlock(&cache->lock);
    return text;
}

void dd_shared_text_unref(struct dd_shared_text *text)
{
    if (!text || atomic_fetch_sub_explicit(&text->references, 1, memory_order_acq_rel) != 1)
        return;
    free(text->chars);
    free(text);
}

const char *dd_shared_text_chars(const struct dd_shared_text *text)
{
    return text->chars;
}

size_t dd_shared_text_size(const struct dd_shared_text *text)
{
    return text->size;
}

unsigned dd_shared_text_note(const struct dd_shared_text *text)
{
    return text->note;
}
