#include "recv/serve/response.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/frame_ring.h"
#include "recv/serve/api_json.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/freshness.h"
#include "recv/serve/pages.h"
#include "recv/serve/route.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_picture.h"
#include "recv/stream_state.h"

enum { PICTURE_RETRY_S = 2 };

static const char text_type[] = "text/plain; charset=utf-8";
static const char json_type[] = "application/json";

void dd_response_set_text(struct dd_response *answer, unsigned code, const char *text)
{
    memset(answer, 0, sizeof *answer);
    answer->code = code;
    answer->type = text_type;
    answer->body = text;
    answer->size = strlen(text);
}

void dd_response_method_not_allowed(struct dd_response *answer)
{
    dd_response_set_text(answer, 405, "Only GET and HEAD are possible here.\n");
    answer->allow = "GET, HEAD";
}

static void not_found(struct dd_response *answer)
{
    dd_response_set_text(answer, 404, "There is nothing here.\n");
}

/* ---- JSON ---- */

/* Takes text. */
static void set_json(struct dd_response *answer, unsigned code, char *text)
{
    if (!text) {
        dd_response_set_text(answer, 500, "Out of memory.\n");
        return;
    }
    answer->code = code;
    answer->type = json_type;
    answer->body = text;
    answer->size = strlen(text);
    answer->release = free;
    answer->owner = text;
}

/* ?fail= as the level from which on the answer is a failure; 0, or DD_ERROR_INPUT. Without it nothing is one. */
static int read_fail(const char *text, enum dd_freshness_level *from)
{
    static const enum dd_freshness_level never = DD_FRESHNESS_STALE + 1;
    *from = never;
    if (!text)
        return 0;
    *from = strcmp(text, "stalled") == 0 ? DD_FRESHNESS_STALLED : strcmp(text, "stale") == 0 ? DD_FRESHNESS_STALE : never;
    return *from == never ? DD_ERROR_INPUT : 0;
}

static void refuse_fail(struct dd_response *answer)
{
    dd_response_set_text(answer, 400, "fail is stalled or stale.\n");
}

static void answer_freshness(const struct dd_response_site *site, size_t stream, const char *fail, struct dd_response *answer)
{
    enum dd_freshness_level from;
    struct dd_freshness freshness;
    if (read_fail(fail, &from) != 0) {
        refuse_fail(answer);
        return;
    }
    dd_broadcast_freshness(site->hub, stream, &freshness);
    set_json(answer, freshness.level >= from ? 503 : 200, dd_api_json_freshness(&freshness));
}

static void answer_freshness_all(const struct dd_response_site *site, const char *fail, struct dd_response *answer)
{
    enum dd_freshness_level from;
    size_t count = site->config->stream_count;
    if (read_fail(fail, &from) != 0) {
        refuse_fail(answer);
        return;
    }
    struct dd_freshness *list = calloc(count ? count : 1, sizeof *list);
    unsigned code = 200;
    for (size_t i = 0; list && i < count; i++) {
        dd_broadcast_freshness(site->hub, i, &list[i]);
        if (list[i].level >= from)
            code = 503;
    }
    set_json(answer, code, list ? dd_api_json_freshness_all(site->config, list) : NULL);
    free(list);
}

static void answer_stats(const struct dd_response_site *site, size_t stream, struct dd_response *answer)
{
    struct dd_stream_state state;
    dd_broadcast_state(site->hub, stream, &state);
    set_json(answer, 200, dd_api_json_stats(&state, dd_broadcast_viewers(site->hub, stream)));
}

/* ---- pictures ---- */

static void release_frame(void *owner)
{
    struct dd_shared_picture *frame = owner;
    dd_shared_picture_unref(&frame);
}

/* ?raw= into answer->raw; 0, or DD_ERROR_INPUT with the refusal as the answer. */
static int read_raw(const char *text, struct dd_response *answer)
{
    if (text && strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        dd_response_set_text(answer, 400, "raw is 0 or 1.\n");
        return DD_ERROR_INPUT;
    }
    answer->raw = text && *text == '1';
    return 0;
}

bool dd_response_etag_matches(const char *if_none_match, const char *etag)
{
    size_t size = strlen(etag);
    for (const char *at = if_none_match; at && *at;) {
        at += strspn(at, " \t,");
        if (*at == '*')
            return true;
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        size_t length = strcspn(at, ", \t");
        if (length == size && memcmp(at, etag, size) == 0)
            return true;
        at += length;
    }
    return false;
}

/* The header fields of frame; Last-Modified is the time of capture, with a mark, too. */
static void describe_picture(struct dd_response *answer, const struct dd_shared_picture *frame, const char *if_none_match)
{
    time_t seconds = (time_t)(dd_shared_picture_captured_us(frame) / DD_CLOCK_US_PER_S);
    struct tm t = {0};
    if (!answer->etag[0])
        snprintf(answer->etag, sizeof answer->etag, "\"%" PRIu64 "\"", dd_shared_picture_number(frame));
    if (gmtime_r(&seconds, &t))
        strftime(answer->last_modified, sizeof answer->last_modified, "%a, %d %b %Y %H:%M:%S GMT", &t);
    answer->type = "image/jpeg";
    answer->code = dd_response_etag_matches(if_none_match, answer->etag) ? 304 : 200;
}

/* Takes frame. */
static void set_picture(struct dd_response *answer, struct dd_shared_picture *frame)
{
    answer->release = release_frame;
    answer->owner = frame;
    answer->body = dd_shared_picture_bytes(frame);
    answer->size = dd_shared_picture_size(frame);
}

/* "1767268800123-stalled-45-sender-silent": another mark is another representation. */
static void write_mark_etag(struct dd_response *answer, const struct dd_shared_picture *frame,
                            const struct dd_stale_mark_words *words)
{
    snprintf(answer->etag, sizeof answer->etag, "\"%" PRIu64 "-%s-%" PRIu64 "-%s\"", dd_shared_picture_number(frame),
             dd_freshness_level_text(words->level), words->age_s, words->reason ? words->reason : "");
    for (char *at = answer->etag; *at; at++)
        if (*at == ' ')
            *at = '-';
}

static void answer_snapshot(const struct dd_response_site *site, size_t stream, const struct dd_response_request *request,
                            struct dd_response *answer)
{
    struct dd_stale_mark_words words;
    if (read_raw(request->raw, answer) != 0)
        return;
    struct dd_shared_picture *frame = dd_broadcast_newest(site->hub, stream, &words);
    if (!frame) {
        dd_response_set_text(answer, 503, "There is no picture yet.\n");
        answer->retry_after_s = PICTURE_RETRY_S;
        return;
    }
    if (answer->raw)
        words.level = DD_FRESHNESS_LIVE;
    if (words.level != DD_FRESHNESS_LIVE)
        write_mark_etag(answer, frame, &words);
    describe_picture(answer, frame, request->if_none_match);
    struct dd_shared_picture *shown = answer->code == 200 ? dd_broadcast_mark(site->hub, stream, frame, &words) : NULL;
    dd_shared_picture_unref(&frame);
    if (shown)
        set_picture(answer, shown);
    else if (answer->code == 200)
        dd_response_set_text(answer, 500, "Out of memory.\n");
}

static struct dd_shared_picture *find_frame(const struct dd_frame_ring *ring, uint64_t number, uint32_t max_bytes)
{
    uint64_t oldest = dd_frame_ring_oldest(ring);
    uint64_t count = dd_frame_ring_count(ring);
    /* Not longer than a ring can be, whatever it says. */
    for (unsigned i = 0; i < DD_FRAME_RING_ENTRIES_MAX && count > oldest; i++) {
        struct dd_frame_ring_frame entry;
        count--;
        if (dd_frame_ring_peek(ring, count, &entry, NULL) != 0 || entry.number != number)
            continue;
        struct dd_shared_picture *frame = dd_shared_picture_copy(ring, count, max_bytes);
        if (!frame || dd_shared_picture_number(frame) == number)
            return frame;
        dd_shared_picture_unref(&frame);
    }
    return NULL;
}

static void answer_frame(const struct dd_response_site *site, const struct dd_route *route, const char *if_none_match,
                         struct dd_response *answer)
{
    uint32_t max_bytes = site->config->streams[route->stream].max_frame_bytes;
    struct dd_shared_picture *frame = find_frame(dd_broadcast_ring(site->hub, route->stream), route->number, max_bytes);
    if (!frame) {
        dd_response_set_text(answer, 404, "This picture is no longer there.\n");
        return;
    }
    describe_picture(answer, frame, if_none_match);
    if (answer->code == 200)
        set_picture(answer, frame);
    else
        dd_shared_picture_unref(&frame);
}

int dd_response_parse_fps(const char *text, uint64_t *period_us)
{
    char *end = NULL;
    *period_us = 0;
    /* strtod knows more numbers than people. */
    if (!*text || text[strspn(text, "0123456789.")])
        return DD_ERROR_INPUT;
    double fps = strtod(text, &end);
    if (*end || !(fps >= 0.1 && fps <= 1000))
        return DD_ERROR_INPUT;
    *period_us = (uint64_t)(DD_CLOCK_US_PER_S / fps);
    return 0;
}

static void answer_stream(size_t stream, const struct dd_response_request *request, struct dd_response *answer)
{
    if (read_raw(request->raw, answer) != 0)
        return;
    answer->code = 200;
    answer->pictures = true;
    answer->stream = stream;
    if (request->fps && dd_response_parse_fps(request->fps, &answer->period_us) != 0)
        dd_response_set_text(answer, 400, "fps is a number from 0.1 to 1000.\n");
}

/* ---- pages ---- */

static void set_file(struct dd_response *answer, struct dd_pages_file file)
{
    if (!file.type) {
        not_found(answer);
        return;
    }
    answer->code = 200;
    answer->type = file.type;
    answer->body = file.bytes;
    answer->size = file.size;
}

/* Relative, since the site may be under a sub-path. The single stream's page is at the root. */
static void answer_slash(const struct dd_response_site *site, size_t stream, struct dd_response *answer)
{
    dd_response_set_text(answer, 308, "The page is at this address without the slash.\n");
    snprintf(answer->location, sizeof answer->location, "../%s", site->config->single ? "" : site->config->streams[stream].name);
}

static void answer_health(const struct dd_response_site *site, struct dd_response *answer)
{
    if (dd_broadcast_intake_alive(site->hub))
        dd_response_set_text(answer, 200, "ok\n");
    else
        dd_response_set_text(answer, 503, "The receiving role gives no sign of life.\n");
}

void dd_response_build(const struct dd_response_site *site, const struct dd_response_request *request, struct dd_response *answer)
{
    struct dd_route route = dd_route_find(site->config, request->path);
    memset(answer, 0, sizeof *answer);
    switch (route.kind) {
    case DD_ROUTE_NONE:
        not_found(answer);
        break;
    case DD_ROUTE_INDEX:
        set_file(answer, dd_pages_index(site->pages));
        break;
    case DD_ROUTE_PAGE:
        set_file(answer, dd_pages_stream(site->pages, route.stream));
        break;
    case DD_ROUTE_PAGE_SLASH:
        answer_slash(site, route.stream, answer);
        break;
    case DD_ROUTE_STREAM:
        answer_stream(route.stream, request, answer);
        break;
    case DD_ROUTE_SNAPSHOT:
        answer_snapshot(site, route.stream, request, answer);
        break;
    case DD_ROUTE_FRAMES: {
        uint32_t max_bytes = site->config->streams[route.stream].max_frame_bytes;
        set_json(answer, 200, dd_api_json_frames(dd_broadcast_ring(site->hub, route.stream), max_bytes));
        break;
    }
    case DD_ROUTE_FRAME:
        answer_frame(site, &route, request->if_none_match, answer);
        break;
    case DD_ROUTE_FRESHNESS:
        answer_freshness(site, route.stream, request->fail, answer);
        break;
    case DD_ROUTE_FRESHNESS_ALL:
        answer_freshness_all(site, request->fail, answer);
        break;
    case DD_ROUTE_STATS:
        answer_stats(site, route.stream, answer);
        break;
    case DD_ROUTE_HEALTH:
        answer_health(site, answer);
        break;
    case DD_ROUTE_FILE:
        set_file(answer, dd_pages_find(route.file));
        break;
    }
}
