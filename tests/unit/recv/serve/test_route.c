#include "recv/serve/route.h"

#include <string.h>

#include "recv/serve/serve_role.h"
#include "suite.h"

struct expected {
    const char *path;
    enum dd_route_kind kind;
    size_t stream;
    uint64_t number;
};

static struct dd_serve_config *config_of(const char *const *names, size_t count, bool single)
{
    struct dd_serve_config *config = calloc(1, sizeof *config + count * sizeof config->streams[0]);
    ck_assert_ptr_nonnull(config);
    config->single = single;
    config->stream_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        strcpy(config->streams[i].name, names[i]);
    return config;
}

static void check(const struct dd_serve_config *config, const struct expected *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct dd_route route = dd_route_find(config, list[i].path);
        ck_assert_msg(route.kind == list[i].kind, "%s: kind %d", list[i].path, (int)route.kind);
        ck_assert_msg(route.stream == list[i].stream, "%s: stream %zu", list[i].path, route.stream);
        ck_assert_msg(route.number == list[i].number, "%s: number", list[i].path);
    }
}

START_TEST(many_streams)
{
    static const char *const names[] = {"lobby", "lobby2"};
    static const struct expected list[] = {
        {"/", DD_ROUTE_INDEX, 0, 0},
        {"/lobby", DD_ROUTE_PAGE, 0, 0},
        {"/lobby2", DD_ROUTE_PAGE, 1, 0},
        {"/lobby2/", DD_ROUTE_PAGE_SLASH, 1, 0},
        {"/lobby2/stream", DD_ROUTE_STREAM, 1, 0},
        {"/lobby/snapshot.jpg", DD_ROUTE_SNAPSHOT, 0, 0},
        {"/lobby2/frames", DD_ROUTE_FRAMES, 1, 0},
        {"/lobby2/frames/1767268800123.jpg", DD_ROUTE_FRAME, 1, 1767268800123},
        {"/lobby/frames/9007199254740991.jpg", DD_ROUTE_FRAME, 0, 9007199254740991},
        {"/lobby/freshness", DD_ROUTE_FRESHNESS, 0, 0},
        {"/lobby2/stats", DD_ROUTE_STATS, 1, 0},
        {"/freshness", DD_ROUTE_FRESHNESS_ALL, 0, 0},
        {"/healthz", DD_ROUTE_HEALTH, 0, 0},
        {"/favicon.ico", DD_ROUTE_FILE, 0, 0},
        {"/stream.js", DD_ROUTE_FILE, 0, 0},
    };
    struct dd_serve_config *config = config_of(names, 2, false);
    check(config, list, sizeof list / sizeof *list);
    ck_assert_str_eq(dd_route_find(config, "/stream.js").file, "stream.js");
    free(config);
}
END_TEST

START_TEST(nothing_else)
{
    static const char *const names[] = {"lobby"};
    static const char *const paths[] = {
        "",
        "lobby",
        "*",
        "//",
        "/lobb",
        "/lobbyx",
        "/Lobby",
        "/stream",
        "/stats",
        "/frames",
        "/lobby//",
        "/lobby/streams",
        "/lobby/stream/",
        "/lobby/../lobby",
        "/../etc/passwd",
        "/x/stream.js",
        "/lobby/frames/",
        "/lobby/frames/.jpg",
        "/lobby/frames/0.jpg",
        "/lobby/frames/01.jpg",
        "/lobby/frames/+1.jpg",
        "/lobby/frames/1",
        "/lobby/frames/1.jpgx",
        "/lobby/frames/9007199254740992.jpg",
        "/lobby/frames/99999999999999999999999999999.jpg",
    };
    struct dd_serve_config *config = config_of(names, 1, false);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        ck_assert_msg(dd_route_find(config, paths[i]).kind == DD_ROUTE_NONE, "%s", paths[i]);
    free(config);
}
END_TEST

START_TEST(a_single_stream_is_at_the_root_too)
{
    static const char *const names[] = {"stream"};
    static const struct expected list[] = {
        {"/", DD_ROUTE_PAGE, 0, 0},
        {"/stream", DD_ROUTE_STREAM, 0, 0},
        {"/stream/", DD_ROUTE_PAGE_SLASH, 0, 0},
        {"/stream/stream", DD_ROUTE_STREAM, 0, 0},
        {"/freshness", DD_ROUTE_FRESHNESS, 0, 0},
        {"/stream/freshness", DD_ROUTE_FRESHNESS, 0, 0},
        {"/stats", DD_ROUTE_STATS, 0, 0},
        {"/snapshot.jpg", DD_ROUTE_SNAPSHOT, 0, 0},
        {"/frames", DD_ROUTE_FRAMES, 0, 0},
        {"/frames/5.jpg", DD_ROUTE_FRAME, 0, 5},
        {"/healthz", DD_ROUTE_HEALTH, 0, 0},
        {"/style.css", DD_ROUTE_FILE, 0, 0},
        {"/lobby", DD_ROUTE_NONE, 0, 0},
    };
    struct dd_serve_config *config = config_of(names, 1, true);
    check(config, list, sizeof list / sizeof *list);
    free(config);
}
END_TEST

SUITE("recv/serve/route", many_streams, nothing_else, a_single_stream_is_at_the_root_too)
