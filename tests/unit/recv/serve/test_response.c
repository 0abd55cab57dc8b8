#include "recv/serve/response.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/link/frame_ring.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/jpeg_codec.h"
#include "recv/serve/json_response.h"
#include "recv/serve/pages.h"
#include "recv/serve/serve_role.h"
#include "recv/stream_state.h"
#include "suite.h"

/* A site of one stream, "lobby", with its ring's writer. */
static struct site {
    struct dd_serve_config *config;
    struct dd_frame_ring *writer;
    struct dd_broadcast *broadcast;
    struct dd_pages *pages;
    struct dd_response_site site;
    int fd;
} s;

static void set_up_with(bool stale_mark)
{
    s.config = calloc(1, sizeof *s.config + sizeof s.config->streams[0]);
    s.config->stream_count = 1;
    s.config->max_viewers = 1;
    strcpy(s.config->html_title, "A & B");
    struct dd_serve_stream *stream = &s.config->streams[0];
    strcpy(stream->name, "lobby");
    strcpy(stream->title, "<Lobby>");
    strcpy(stream->description, "\"x\"");
    stream->ring = (struct dd_frame_ring_shape){.entries = 4, .arena_bytes = 64 * 1024};
    stream->max_frame_bytes = 1000;
    stream->stale_mark = stale_mark;
    stream->live_us = 30 * DD_CLOCK_US_PER_S;
    stream->stale_us = 300 * DD_CLOCK_US_PER_S;
    s.fd = dd_frame_ring_create("test", &stream->ring);
    s.writer = dd_frame_ring_open_writer(s.fd, &stream->ring, -1);
    s.broadcast = dd_broadcast_new(s.config, &s.fd);
    s.pages = dd_pages_new(s.config);
    ck_assert(s.writer && s.broadcast && s.pages);
    s.site = (struct dd_response_site){
        .config = s.config, .broadcast = s.broadcast, .pages = s.pages, .json_cache = dd_json_response_cache_new(1)};
}

static void set_up(void)
{
    set_up_with(false);
}

static void tear_down(void)
{
    dd_json_response_cache_free(s.site.json_cache);
    dd_pages_free(s.pages);
    dd_broadcast_free(s.broadcast);
    dd_frame_ring_close(s.writer);
    close(s.fd);
    free(s.config);
}

static void commit(uint64_t number, uint32_t bytes)
{
    const struct dd_frame_ring_frame frame = {.number = number, .captured_us = 1767268800123000, .bytes = bytes};
    memset(dd_frame_ring_reserve(s.writer, bytes), 'x', bytes);
    dd_frame_ring_commit(s.writer, &frame);
}

/* Commits a real JPEG; the state stays empty. */
static void commit_jpeg(uint64_t number)
{
    struct dd_jpeg_codec_picture *picture = dd_jpeg_codec_picture_new(64, 48);
    size_t size;
    uint8_t *bytes = dd_jpeg_codec_encode(picture, 50, &size);
    const struct dd_frame_ring_frame frame = {.number = number, .captured_us = 1767268800123000, .bytes = (uint32_t)size};
    memcpy(dd_frame_ring_reserve(s.writer, (uint32_t)size), bytes, size);
    dd_frame_ring_commit(s.writer, &frame);
    dd_jpeg_codec_bytes_free(bytes);
    dd_jpeg_codec_picture_free(picture);
}

static atomic_uint suspended, resumed;

static void count(void *owner)
{
    atomic_fetch_add((atomic_uint *)owner, 1);
}

static void suspend(void *owner)
{
    (void)owner;
    count(&suspended);
}

static void resume(void *owner)
{
    (void)owner;
    count(&resumed);
}

/* The response, also if the request is suspended until a mark is made. */
static struct dd_response request(const struct dd_response_request *r)
{
    static const struct timespec pause = {.tv_nsec = DD_CLOCK_US_PER_MS * 1000};
    static const struct dd_broadcast_waiter waiter = {suspend, resume, NULL};
    struct dd_response_request with_waiter = *r;
    struct dd_response response;
    with_waiter.waiter = &waiter;
    dd_response_build(&s.site, &with_waiter, &response);
    while (response.suspended) {
        for (int i = 0; i < 20000 && atomic_load(&resumed) < atomic_load(&suspended); i++)
            nanosleep(&pause, NULL);
        ck_assert_uint_eq(atomic_load(&resumed), atomic_load(&suspended));
        dd_response_build(&s.site, &with_waiter, &response);
    }
    return response;
}

static struct dd_response get(const char *path)
{
    return request(&(struct dd_response_request){.path = path});
}

static void release(struct dd_response *response)
{
    if (response->release)
        response->release(response->owner);
}

START_TEST(a_snapshot_before_and_after_the_first_picture)
{
    set_up();
    struct dd_response response = get("/lobby/snapshot.jpg");
    ck_assert_uint_eq(response.code, 503);
    ck_assert_uint_gt(response.retry_after_s, 0);
    ck_assert_str_eq(response.refusal, "no picture yet");
    release(&response);
    commit(7, 10);
    response = get("/lobby/snapshot.jpg");
    ck_assert_uint_eq(response.code, 200);
    ck_assert_str_eq(response.type, "image/jpeg");
    ck_assert_str_eq(response.etag, "\"7\"");
    ck_assert_str_eq(response.last_modified, "Thu, 01 Jan 2026 12:00:00 GMT");
    ck_assert_uint_eq(response.size, 10);
    ck_assert_mem_eq(response.body, "xxxxxxxxxx", 10);
    release(&response);
    response = request(&(struct dd_response_request){.path = "/lobby/snapshot.jpg", .if_none_match = "\"6\", \"7\""});
    ck_assert_uint_eq(response.code, 304);
    ck_assert_uint_eq(response.size, 0);
    release(&response);
    tear_down();
}
END_TEST

START_TEST(a_marked_snapshot_has_its_own_etag)
{
    static const char mark[] = "\"7-stale-0-waiting-for-the-sender\"";
    set_up_with(true);
    commit_jpeg(7);
    struct dd_response raw = request(&(struct dd_response_request){.path = "/lobby/snapshot.jpg", .raw = "1"});
    struct dd_response frame = get("/lobby/frames/7.jpg");
    struct dd_response marked = get("/lobby/snapshot.jpg");
    struct dd_response again =
        request(&(struct dd_response_request){.path = "/lobby/snapshot.jpg", .raw = "0", .if_none_match = "\"7\""});
    ck_assert_uint_eq(raw.code, 200);
    ck_assert_str_eq(raw.etag, "\"7\"");
    ck_assert_uint_eq(raw.size, frame.size);
    ck_assert_mem_eq(raw.body, frame.body, frame.size);
    ck_assert_uint_eq(marked.code, 200);
    ck_assert_str_eq(marked.etag, mark);
    ck_assert_str_eq(marked.last_modified, raw.last_modified);
    ck_assert(marked.size != raw.size || memcmp(marked.body, raw.body, raw.size) != 0);
    ck_assert_uint_eq(again.code, 200);
    ck_assert_ptr_eq(again.body, marked.body);
    release(&raw);
    release(&frame);
    release(&marked);
    release(&again);
    marked = request(&(struct dd_response_request){.path = "/lobby/snapshot.jpg", .if_none_match = mark});
    ck_assert_uint_eq(marked.code, 304);
    ck_assert_str_eq(marked.etag, mark);
    release(&marked);
    raw = request(&(struct dd_response_request){.path = "/lobby/snapshot.jpg", .raw = "1", .if_none_match = mark});
    ck_assert_uint_eq(raw.code, 200);
    release(&raw);
    tear_down();
}
END_TEST

START_TEST(raw_is_0_or_1)
{
    static const char *const paths[] = {"/lobby/stream", "/lobby/snapshot.jpg"}, *const wrong[] = {"", "2", "yes", "11", "1 "};
    set_up();
    commit(7, 10);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            struct dd_response response = request(&(struct dd_response_request){.path = paths[i], .raw = wrong[k]});
            ck_assert_msg(response.code == 400 && !response.pictures, "%s?raw=%s: %u", paths[i], wrong[k], response.code);
            release(&response);
        }
    struct dd_response response = request(&(struct dd_response_request){.path = "/lobby/stream", .raw = "1", .fps = "2"});
    ck_assert(response.pictures && response.raw && response.period_us == 500000);
    response = request(&(struct dd_response_request){.path = "/lobby/stream", .raw = "0"});
    ck_assert(response.pictures && !response.raw && !response.once);
    response = request(&(struct dd_response_request){.path = "/lobby/stream", .repeat = "0"});
    ck_assert(response.pictures && !response.raw && response.once);
    response = request(&(struct dd_response_request){.path = "/lobby/stream", .raw = "1", .repeat = "1"});
    ck_assert(response.pictures && response.raw && !response.once);
    ck_assert_uint_eq(request(&(struct dd_response_request){.path = "/lobby/stream", .repeat = "no"}).code, 400);
    tear_down();
}
END_TEST

START_TEST(too_large_pictures_are_not_shown)
{
    set_up();
    commit(7, 10);
    commit(8, 1001);
    struct dd_response response = get("/lobby/snapshot.jpg");
    ck_assert_uint_eq(response.code, 503);
    release(&response);
    response = get("/lobby/frames/8.jpg");
    ck_assert_uint_eq(response.code, 404);
    release(&response);
    response = get("/lobby/frames/7.jpg");
    ck_assert_uint_eq(response.code, 200);
    release(&response);
    commit(9, 1000);
    response = get("/lobby/snapshot.jpg");
    ck_assert_str_eq(response.etag, "\"9\"");
    release(&response);
    tear_down();
}
END_TEST

/* A picture of that age, from a source in that state. */
static void publish(uint64_t age_s, uint8_t source)
{
    uint64_t now_us = dd_clock_now_us();
    const struct dd_stream_state state = {
        .listening_us = now_us - 1,
        .heard_us = now_us,
        .status_us = now_us,
        .status = {.source = source, .interval_ms = 1000, .period_ms = 1000, .frame = 7, .age_ms = (uint32_t)age_s * 1000},
        .frame = 7,
        .frame_us = now_us,
        .frame_age_us = age_s * DD_CLOCK_US_PER_S};
    dd_frame_ring_publish(s.writer, &state, sizeof state, false);
}

START_TEST(fail_answers_503_to_monitors)
{
    static const struct {
        uint64_t age_s;
        uint8_t source;
        unsigned codes[5]; /* without fail, of stale, stalled, trouble, nonsense */
    } list[] = {
        {1, DD_WIRE_SOURCE_OK, {200, 200, 200, 200, 400}},
        {1, DD_WIRE_SOURCE_FAILED, {200, 200, 200, 503, 400}},
        {60, DD_WIRE_SOURCE_OK, {200, 200, 503, 503, 400}},
        {400, DD_WIRE_SOURCE_OK, {200, 503, 503, 503, 400}},
    };
    static const char *const fails[] = {NULL, "stale", "stalled", "trouble", "green"};
    static const char *const paths[] = {"/lobby/freshness", "/freshness"};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        set_up();
        publish(list[i].age_s, list[i].source);
        for (size_t j = 0; j < 10; j++) {
            const struct dd_response_request r = {.path = paths[j % 2], .fail = fails[j / 2]};
            struct dd_response response = request(&r);
            ck_assert_msg(response.code == list[i].codes[j / 2], "case %zu: %s?fail=%s: %u", i, r.path, r.fail, response.code);
            release(&response);
        }
        ck_assert_uint_eq(request(&(struct dd_response_request){.path = "/freshness", .fail = ""}).code, 400);
        tear_down();
    }
}
END_TEST

START_TEST(health_follows_the_heartbeat_of_intake)
{
    set_up();
    ck_assert_uint_eq(get("/healthz").code, 503);
    dd_frame_ring_beat(s.writer, dd_clock_now_us() + DD_CLOCK_US_PER_S * UINT64_C(60));
    ck_assert_uint_eq(get("/healthz").code, 200);
    dd_frame_ring_beat(s.writer, dd_clock_now_us() - 1);
    ck_assert_uint_eq(get("/healthz").code, 503);
    tear_down();
}
END_TEST

START_TEST(pages_are_escaped_and_links_relative)
{
    set_up();
    struct dd_response response = get("/lobby");
    ck_assert_uint_eq(response.code, 200);
    char *page = strndup(response.body, response.size);
    ck_assert_ptr_nonnull(strstr(page, "<h1>&lt;Lobby&gt;</h1>"));
    ck_assert_ptr_nonnull(strstr(page, "A &amp; B"));
    ck_assert_ptr_nonnull(strstr(page, "&quot;x&quot;"));
    ck_assert_ptr_nonnull(strstr(page, "href=\"lobby/snapshot.jpg\""));
    ck_assert_ptr_null(strstr(page, "{{"));
    ck_assert_ptr_null(strstr(page, "=\"/"));
    free(page);
    response = get("/");
    page = strndup(response.body, response.size);
    ck_assert_ptr_nonnull(strstr(page, "href=\"lobby\""));
    ck_assert_ptr_null(strstr(page, "{{"));
    free(page);
    response = get("/lobby/");
    ck_assert_uint_eq(response.code, 308);
    ck_assert_str_eq(response.location, "../lobby");
    ck_assert_uint_eq(get("/stream.js").code, 200);
    ck_assert_uint_eq(get("/stream.html").code, 404);
    ck_assert_uint_eq(get("/favicon.ico").code, 200);
    tear_down();
}
END_TEST

/* The clock is stopped: a text is given out for 250 ms. */
START_TEST(freshness_and_frames_are_shared_for_a_while)
{
    static const char *const paths[] = {"/lobby/freshness", "/freshness", "/lobby/frames"};
    uint64_t now_us = dd_clock_now_us();
    set_up();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        suite_stop_clock(now_us);
        struct dd_response first = get(paths[i]);
        commit(i + 1, 10);
        suite_stop_clock(now_us + DD_CLOCK_US_PER_S / 4 - 1);
        struct dd_response second = get(paths[i]);
        ck_assert_ptr_eq(second.body, first.body);
        release(&first);
        suite_stop_clock(now_us + DD_CLOCK_US_PER_S / 4);
        first = get(paths[i]); /* another text, while somebody still reads the one before */
        ck_assert_ptr_ne(second.body, first.body);
        ck_assert_uint_eq(strlen(second.body), second.size);
        release(&first);
        release(&second);
    }
    struct dd_response failing = request(&(struct dd_response_request){.path = "/freshness", .fail = "stale"});
    ck_assert_uint_eq(failing.code, 503); /* of a text that was built for another value of fail */
    release(&failing);
    tear_down();
}
END_TEST

static void check_frames(const char *before, const char *limit, const char *expected)
{
    char numbers[64] = "";
    struct dd_response response =
        request(&(struct dd_response_request){.path = "/lobby/frames", .before = before, .limit = limit});
    ck_assert_uint_eq(response.code, 200);
    for (const char *at = response.body; (at = strstr(at, "\"frame\":")); at++)
        snprintf(numbers + strlen(numbers), sizeof numbers - strlen(numbers), " %ld", strtol(at + 8, NULL, 10));
    ck_assert_msg(strcmp(numbers, expected) == 0, "before=%s, limit=%s:%s", before, limit, numbers);
    release(&response);
}

START_TEST(frames_come_in_pages)
{
    static const char *const wrong[] = {"", "0", "-1", "x", "1x", "99999999999999999"};
    set_up();
    for (uint64_t number = 5; number <= 8; number++)
        commit(number, 10);
    check_frames(NULL, NULL, " 5 6 7 8");
    check_frames(NULL, "2", " 7 8");
    check_frames("7", "1", " 6");
    check_frames("7", NULL, " 5 6");
    check_frames("5", "500", "");
    check_frames("9007199254740991", NULL, " 5 6 7 8");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_uint_eq(request(&(struct dd_response_request){.path = "/lobby/frames", .before = wrong[i]}).code, 400);
        ck_assert_uint_eq(request(&(struct dd_response_request){.path = "/lobby/frames", .limit = wrong[i]}).code, 400);
    }
    ck_assert_uint_eq(request(&(struct dd_response_request){.path = "/lobby/frames", .limit = "501"}).code, 400);
    tear_down();
}
END_TEST

START_TEST(etags_are_compared_weakly)
{
    ck_assert(dd_response_etag_matches("\"1\"", "\"1\""));
    ck_assert(dd_response_etag_matches("W/\"1\"", "\"1\""));
    ck_assert(dd_response_etag_matches("\"0\",\"1\"", "\"1\""));
    ck_assert(dd_response_etag_matches("*", "\"1\""));
    ck_assert(!dd_response_etag_matches(NULL, "\"1\""));
    ck_assert(!dd_response_etag_matches("", "\"1\""));
    ck_assert(!dd_response_etag_matches("\"11\"", "\"1\""));
    ck_assert(!dd_response_etag_matches("1", "\"1\""));
}
END_TEST

START_TEST(rates_are_numbers_in_their_range)
{
    static const char *const wrong[] = {"",     "x",     "0",    "-1",   "1e3", "nan", "inf",
                                        "0x10", "1.2.3", "0.09", "1001", " 1",  "1 ",  "."};
    uint64_t period_us = 0;
    ck_assert_int_eq(dd_response_parse_fps("2.5", &period_us), 0);
    ck_assert_uint_eq(period_us, 400000);
    ck_assert_int_eq(dd_response_parse_fps("0.1", &period_us), 0);
    ck_assert_uint_eq(period_us, 10000000);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(dd_response_parse_fps(wrong[i], &period_us) != 0, "%s", wrong[i]);
}
END_TEST

SUITE("recv/serve/response", a_snapshot_before_and_after_the_first_picture, a_marked_snapshot_has_its_own_etag, raw_is_0_or_1,
      too_large_pictures_are_not_shown, fail_answers_503_to_monitors, health_follows_the_heartbeat_of_intake,
      pages_are_escaped_and_links_relative, freshness_and_frames_are_shared_for_a_while, frames_come_in_pages,
      etags_are_compared_weakly, rates_are_numbers_in_their_range)
