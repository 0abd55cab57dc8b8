#include "recv/serve/response.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/frame_ring.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/freshness.h"
#include "recv/serve/json_response.h"
#include "recv/serve/pages.h"
#include "recv/serve/route.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_picture.h"
#include "recv/stream_state.h"

enum { PICTURE_RETRY_S = 2 };

static const char text_type[] = "text/plain; charset=utf-8";

void dd_response_set_text(struct dd_response *response, unsigned code, const char *text)
{
    memset(response, 0, sizeof *response);
    response->code = code;
    response->type = text_type;
    response->body = text;
    response->size = strlen(text);
}

void dd_response_method_not_allowed(struct dd_response *response)
{
    dd_response_set_text(response, 405, "Only GET and HEAD are possible here.\n");
    response->allow = "GET, HEAD";
}

void dd_response_refuse_body(struct dd_response *response)
{
    dd_response_set_text(response, 400, "Requests have no body here.\n");
    response->close = true;
}

static void not_found(struct dd_response *response)
{
    dd_response_set_text(response, 404, "There is nothing here.\n");
}

/* ---- pictures ---- */

static void release_picture(void *owner)
{
    struct dd_shared_picture *picture = owner;
    dd_shared_picture_unref(&picture);
}

/* Reads a value of the query that is 0 or 1, or NULL. 0, or DD_ERROR_INPUT after setting the response to refusal. */
static int read_switch(const char *text, bool *value, const char *refusal, struct dd_response *response)
{
    if (text && strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        dd_response_set_text(response, 400, refusal);
        return DD_ERROR_INPUT;
    }
    if (text)
        *value = *text == '1';
    return 0;
}

/* Reads ?raw= into response->raw, likewise. */
static int read_raw(const char *text, struct dd_response *response)
{
    return read_switch(text, &response->raw, "raw is 0 or 1.\n", response);
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

/* Sets the header fields for picture, and the code: 200, or 304 if if_none_match has its ETag. An ETag that is set already is
 * kept. Last-Modified is the time of capture, of a marked picture as well. */
static void describe_picture(struct dd_response *response, const struct dd_shared_picture *picture, const char *if_none_match)
{
    time_t seconds = (time_t)(dd_shared_picture_captured_us(picture) / DD_CLOCK_US_PER_S);
    struct tm t = {0};
    if (!response->etag[0])
        snprintf(response->etag, sizeof response->etag, "\"%" PRIu64 "\"", dd_shared_picture_number(picture));
    if (gmtime_r(&seconds, &t))
        strftime(response->last_modified, sizeof response->last_modified, "%a, %d %b %Y %H:%M:%S GMT", &t);
    response->type = "image/jpeg";
    response->code = dd_response_etag_matches(if_none_match, response->etag) ? 304 : 200;
}

/* Sets the body; picture is taken. */
static void set_picture(struct dd_response *response, struct dd_shared_picture *picture)
{
    response->release = release_picture;
    response->owner = response->picture = picture;
    response->body = dd_shared_picture_bytes(picture);
    response->size = dd_shared_picture_size(picture);
}

/* "1767268800123-stalled-45-sender-silent": each mark makes another representation, with its own ETag. */
static void write_mark_etag(struct dd_response *response, const struct dd_shared_picture *picture,
                            const struct dd_stale_mark_words *words)
{
    snprintf(response->etag, sizeof response->etag, "\"%" PRIu64 "-%s-%" PRIu64 "-%s\"", dd_shared_picture_number(picture),
             dd_freshness_level_text(words->level), words->age_s, words->reason ? words->reason : "");
    for (char *at = response->etag; *at; at++)
        if (*at == ' ')
            *at = '-';
}

static void respond_snapshot(const struct dd_response_site *site, size_t stream, const struct dd_response_request *request,
                             struct dd_response *response)
{
    struct dd_broadcast_snapshot snapshot;
    if (read_raw(request->raw, response) != 0)
        return;
    int error = dd_broadcast_snapshot(site->broadcast, stream, response->raw, request->waiter, &snapshot);
    if (error == DD_ERROR_AGAIN) {
        response->suspended = true;
    } else if (error == DD_ERROR_STOPPED) {
        dd_response_set_text(response, 503, "The server is being stopped.\n");
    } else if (error) {
        dd_response_set_text(response, 500, "Out of memory.\n");
    } else if (!snapshot.picture) {
        dd_response_set_text(response, 503, "There is no picture yet.\n");
        response->refusal = "no picture yet";
        response->retry_after_s = PICTURE_RETRY_S;
    } else {
        if (snapshot.words.level != DD_FRESHNESS_LIVE)
            write_mark_etag(response, snapshot.picture, &snapshot.words);
        response->stream = stream;
        describe_picture(response, snapshot.picture, request->if_none_match);
        if (response->code == 200)
            set_picture(response, snapshot.picture);
        else
            dd_shared_picture_unref(&snapshot.picture);
    }
}

/* The picture with that number, if ring holds it. 0 with one reference; DD_ERROR_GONE; or DD_ERROR_SPACE: there is no room for a
 * copy now. *picture is NULL on error. */
static int find_picture(const struct dd_frame_ring *ring, uint64_t number, uint32_t max_bytes, struct dd_shared_picture **picture)
{
    uint64_t oldest = dd_frame_ring_oldest(ring);
    uint64_t count = dd_frame_ring_count(ring);
    *picture = NULL;
    /* The ring's count is not trusted: no more entries than a ring can have are looked at. */
    for (unsigned i = 0; i < DD_FRAME_RING_ENTRIES_MAX && count > oldest; i++) {
        struct dd_frame_ring_frame entry;
        count--;
        if (dd_frame_ring_peek(ring, count, &entry, NULL) != 0 || entry.number != number)
            continue;
        int error = dd_shared_picture_get(ring, count, max_bytes, picture);
        if (error || dd_shared_picture_number(*picture) == number)
            return error;
        dd_shared_picture_unref(picture);
    }
    return DD_ERROR_GONE;
}

static void respond_picture(const struct dd_response_site *site, const struct dd_route *route, const char *if_none_match,
                            struct dd_response *response)
{
    uint32_t max_bytes = site->config->streams[route->stream].max_frame_bytes;
    struct dd_shared_picture *picture;
    int error = find_picture(dd_broadcast_ring(site->broadcast, route->stream), route->number, max_bytes, &picture);
    if (error == DD_ERROR_SPACE) {
        dd_response_set_text(response, 503, "Too many pictures are on their way to slow viewers.\n");
        response->refusal = "too many slow viewers";
        response->retry_after_s = PICTURE_RETRY_S;
        return;
    }
    if (error) {
        dd_response_set_text(response, 404, "This picture is no longer there.\n");
        return;
    }
    response->stream = route->stream;
    describe_picture(response, picture, if_none_match);
    if (response->code == 200)
        set_picture(response, picture);
    else
        dd_shared_picture_unref(&picture);
}

int dd_response_parse_fps(const char *text, uint64_t *period_us)
{
    char *end = NULL;
    *period_us = 0;
    /* strtod accepts more: hexadecimal, exponents, inf, nan. */
    if (!*text || text[strspn(text, "0123456789.")])
        return DD_ERROR_INPUT;
    double fps = strtod(text, &end);
    if (*end || !(fps >= 0.1 && fps <= 1000))
        return DD_ERROR_INPUT;
    *period_us = (uint64_t)((double)DD_CLOCK_US_PER_S / fps);
    return 0;
}

static void respond_stream(size_t stream, const struct dd_response_request *request, struct dd_response *response)
{
    bool repeat = true;
    if (read_raw(request->raw, response) != 0 || read_switch(request->repeat, &repeat, "repeat is 0 or 1.\n", response) != 0)
        return;
    response->once = !repeat;
    response->code = 200;
    response->pictures = true;
    response->stream = stream;
    if (request->fps && dd_response_parse_fps(request->fps, &response->period_us) != 0)
        dd_response_set_text(response, 400, "fps is a number from 0.1 to 1000.\n");
}

/* ---- pages ---- */

static void set_file(struct dd_response *response, struct dd_pages_file file)
{
    if (!file.type) {
        not_found(response);
        return;
    }
    response->code = 200;
    response->type = file.type;
    response->body = file.bytes;
    response->size = file.size;
}

/* Redirects to the page's address without the slash; relative, since the site may be under a sub-path. The page of a single
 * stream is at the root. */
static void respond_slash(const struct dd_response_site *site, size_t stream, struct dd_response *response)
{
    dd_response_set_text(response, 308, "The page is at this address without the slash.\n");
    snprintf(response->location, sizeof response->location, "../%s",
             site->config->single ? "" : site->config->streams[stream].name);
}

static void respond_health(const struct dd_response_site *site, struct dd_response *response)
{
    if (dd_broadcast_intake_alive(site->broadcast))
        dd_response_set_text(response, 200, "ok\n");
    else
        dd_response_set_text(response, 503, "The receiving role gives no sign of life.\n");
}

void dd_response_build(const struct dd_response_site *site, const struct dd_response_request *request,
                       struct dd_response *response)
{
    struct dd_route route = dd_route_find(site->config, request->path);
    memset(response, 0, sizeof *response);
    switch (route.kind) {
    case DD_ROUTE_NONE:
        not_found(response);
        break;
    case DD_ROUTE_INDEX:
        set_file(response, dd_pages_index(site->pages));
        break;
    case DD_ROUTE_PAGE:
        set_file(response, dd_pages_stream(site->pages, route.stream));
        break;
    case DD_ROUTE_PAGE_SLASH:
        respond_slash(site, route.stream, response);
        break;
    case DD_ROUTE_STREAM:
        respond_stream(route.stream, request, response);
        break;
    case DD_ROUTE_SNAPSHOT:
        respond_snapshot(site, route.stream, request, response);
        break;
    case DD_ROUTE_FRAMES:
        dd_json_response_frames(site, route.stream, request, response);
        break;
    case DD_ROUTE_FRAME:
        respond_picture(site, &route, request->if_none_match, response);
        break;
    case DD_ROUTE_FRESHNESS:
        dd_json_response_freshness(site, route.stream, request, response);
        break;
    case DD_ROUTE_FRESHNESS_ALL:
        dd_json_response_freshness_all(site, request, response);
        break;
    case DD_ROUTE_STATS:
        dd_json_response_stats(site, route.stream, response);
        break;
    case DD_ROUTE_HEALTH:
        respond_health(site, response);
        break;
    case DD_ROUTE_FILE:
        set_file(response, dd_pages_find(route.file));
        break;
    }
}
