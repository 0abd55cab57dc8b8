#include "recv/serve/json_response.h"

#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "recv/serve/api_json.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/freshness.h"
#include "recv/serve/response.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_text.h"
#include "recv/stream_state.h"

/* Who asks more often learns nothing new, and costs nothing. */
static const uint64_t shared_us = DD_CLOCK_US_PER_S / 4;

struct dd_json_response_cache {
    struct dd_shared_text_cache all; /* the freshness of all streams */
    size_t streams;
    struct stream_cache {
        struct dd_shared_text_cache freshness, frames; /* frames: the newest page */
    } of[];
};

struct dd_json_response_cache *dd_json_response_cache_new(size_t streams)
{
    struct dd_json_response_cache *cache = calloc(1, sizeof *cache + streams * sizeof *cache->of);
    if (!cache) {
        dd_log_error("no memory for %zu streams", streams);
        return NULL;
    }
    cache->streams = streams;
    dd_shared_text_cache_init(&cache->all);
    for (size_t i = 0; i < streams; i++) {
        dd_shared_text_cache_init(&cache->of[i].freshness);
        dd_shared_text_cache_init(&cache->of[i].frames);
    }
    return cache;
}

void dd_json_response_cache_free(struct dd_json_response_cache *cache)
{
    if (!cache)
        return;
    dd_shared_text_cache_clear(&cache->all);
    for (size_t i = 0; i < cache->streams; i++) {
        dd_shared_text_cache_clear(&cache->of[i].freshness);
        dd_shared_text_cache_clear(&cache->of[i].frames);
    }
    free(cache);
}

/* ---- bodies ---- */

/* What a text is built of. */
struct subject {
    const struct dd_response_site *site;
    size_t stream;
    struct dd_api_json_page page;
};

static void set_body(struct dd_response *response, unsigned code, const char *text, size_t size)
{
    response->code = code;
    response->type = "application/json";
    response->body = text;
    response->size = size;
}

/* text is taken; NULL: there was no memory for it. */
static void set_json(struct dd_response *response, unsigned code, char *text)
{
    if (!text) {
        dd_response_set_text(response, 500, "Out of memory.\n");
        return;
    }
    set_body(response, code, text, strlen(text));
    response->release = free;
    response->owner = text;
}

static void release_shared(void *text)
{
    dd_shared_text_unref(text);
}

/* The same with a text that is shared. */
static void set_shared_json(struct dd_response *response, unsigned code, struct dd_shared_text *text)
{
    if (!text) {
        dd_response_set_text(response, 500, "Out of memory.\n");
        return;
    }
    set_body(response, code, dd_shared_text_chars(text), dd_shared_text_size(text));
    response->release = release_shared;
    response->owner = text;
}

/* ---- freshness ---- */

/* The values of ?fail=, from the one that answers 503 latest. */
enum fail { FAIL_NEVER, FAIL_STALE, FAIL_STALLED, FAIL_TROUBLE, FAIL_WELL };

/* Reads the value of ?fail=, NULL if there is none. 0 or DD_ERROR_INPUT. */
static int read_fail(const char *text, enum fail *fail)
{
    *fail = !text                          ? FAIL_NEVER
            : strcmp(text, "stale") == 0   ? FAIL_STALE
            : strcmp(text, "stalled") == 0 ? FAIL_STALLED
            : strcmp(text, "trouble") == 0 ? FAIL_TROUBLE
                                           : FAIL_NEVER;
    return text && *fail == FAIL_NEVER ? DD_ERROR_INPUT : 0;
}

/* The first value of ?fail= that answers 503 for a stream of this freshness; FAIL_WELL: none does. */
static enum fail failing(const struct dd_freshness *freshness)
{
    return freshness->level == DD_FRESHNESS_STALE     ? FAIL_STALE
           : freshness->level == DD_FRESHNESS_STALLED ? FAIL_STALLED
           : freshness->reason                        ? FAIL_TROUBLE
                                                      : FAIL_WELL;
}

/* The note is what fails. */
static char *build_freshness(const void *context, unsigned *note)
{
    const struct subject *subject = context;
    struct dd_freshness freshness;
    dd_broadcast_freshness(subject->site->broadcast, subject->stream, &freshness);
    *note = failing(&freshness);
    return dd_api_json_freshness(&freshness);
}

/* The note is what fails of the worst stream. */
static char *build_freshness_all(const void *context, unsigned *note)
{
    const struct subject *subject = context;
    size_t count = subject->site->config->stream_count;
    struct dd_freshness *list = calloc(count ? count : 1, sizeof *list);
    *note = FAIL_WELL;
    for (size_t i = 0; list && i < count; i++) {
        dd_broadcast_freshness(subject->site->broadcast, i, &list[i]);
        unsigned of_stream = failing(&list[i]);
        *note = of_stream < *note ? of_stream : *note;
    }
    char *text = list ? dd_api_json_freshness_all(subject->site->config, list) : NULL;
    free(list);
    return text;
}

/* The text of cache, or a new one by build. */
static void respond_freshness(const struct subject *subject, struct dd_shared_text_cache *cache, dd_shared_text_builder *build,
                              const char *text, struct dd_response *response)
{
    enum fail fail;
    if (read_fail(text, &fail) != 0) {
        dd_response_set_text(response, 400, "fail is stale, stalled or trouble.\n");
        return;
    }
    struct dd_shared_text *shared = dd_shared_text_get(cache, shared_us, build, subject);
    set_shared_json(response, shared && fail >= dd_shared_text_note(shared) ? 503 : 200, shared);
}

void dd_json_response_freshness(const struct dd_response_site *site, size_t stream, const struct dd_response_request *request,
                                struct dd_response *response)
{
    const struct subject subject = {.site = site, .stream = stream};
    respond_freshness(&subject, &site->json_cache->of[stream].freshness, build_freshness, request->fail, response);
}

void dd_json_response_freshness_all(const struct dd_response_site *site, const struct dd_response_request *request,
                                    struct dd_response *response)
{
    const struct subject subject = {.site = site};
    respond_freshness(&subject, &site->json_cache->all, build_freshness_all, request->fail, response);
}

/* ---- frames ---- */

/* Reads a whole number of the query from 1 to max; NULL leaves *value. 0 or DD_ERROR_INPUT. */
static int read_number(const char *text, uint64_t max, uint64_t *value)
{
    if (!text)
        return 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 16 || text[digits])
        return DD_ERROR_INPUT;
    *value = strtoull(text, NULL, 10);
    return *value >= 1 && *value <= max ? 0 : DD_ERROR_INPUT;
}

static char *build_frames(const void *context, unsigned *note)
{
    const struct subject *subject = context;
    *note = 0;
    return dd_api_json_frames(dd_broadcast_ring(subject->site->broadcast, subject->stream), &subject->page);
}

void dd_json_response_frames(const struct dd_response_site *site, size_t stream, const struct dd_response_request *request,
                             struct dd_response *response)
{
    uint64_t before = UINT64_MAX, limit = DD_API_JSON_FRAMES_MAX;
    unsigned note;
    if (read_number(request->before, DD_WIRE_FRAME_NUMBER_MAX, &before) != 0) {
        dd_response_set_text(response, 400, "before is the number of a picture.\n");
        return;
    }
    if (read_number(request->limit, DD_API_JSON_FRAMES_MAX, &limit) != 0) {
        dd_response_set_text(response, 400, "limit is a whole number from 1 to 500.\n");
        return;
    }
    const struct subject subject = {
        .site = site,
        .stream = stream,
        .page = {.before = before, .limit = (unsigned)limit, .max_bytes = site->config->streams[stream].max_frame_bytes}};
    if (request->before || request->limit)
        set_json(response, 200, build_frames(&subject, &note));
    else
        set_shared_json(response, 200,
                        dd_shared_text_get(&site->json_cache->of[stream].frames, shared_us, build_frames, &subject));
}

/* ---- statistics ---- */

void dd_json_response_stats(const struct dd_response_site *site, size_t stream, struct dd_response *response)
{
    struct dd_stream_state state;
    dd_broadcast_state(site->broadcast, stream, &state);
    set_json(response, 200, dd_api_json_stats(&state, dd_broadcast_viewers(site->broadcast, stream)));
}
