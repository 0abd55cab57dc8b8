#include "recv/serve/route.h"

#include <string.h>

#include "dd/link/wire.h"
#include "recv/serve/serve_role.h"

static const struct dd_route none = {.kind = DD_ROUTE_NONE};

/* Parses "123.jpg". No sign and no leading zero: each picture has one address. */
static struct dd_route find_frame(size_t stream, const char *text)
{
    struct dd_route route = {.kind = DD_ROUTE_FRAME, .stream = stream};
    if (*text < '1' || *text > '9')
        return none;
    for (; *text >= '0' && *text <= '9'; text++) {
        route.number = route.number * 10 + (uint64_t)(*text - '0');
        if (route.number > DD_WIRE_FRAME_NUMBER_MAX)
            return none;
    }
    return strcmp(text, ".jpg") == 0 ? route : none;
}

/* The paths of one stream. rest is the path behind the stream's name and a slash. */
static struct dd_route find_in_stream(size_t stream, const char *rest)
{
    static const struct {
        const char *path;
        enum dd_route_kind kind;
    } table[] = {
        {"", DD_ROUTE_PAGE_SLASH},   {"stream", DD_ROUTE_STREAM},       {"snapshot.jpg", DD_ROUTE_SNAPSHOT},
        {"frames", DD_ROUTE_FRAMES}, {"freshness", DD_ROUTE_FRESHNESS}, {"stats", DD_ROUTE_STATS},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(rest, table[i].path) == 0)
            return (struct dd_route){.kind = table[i].kind, .stream = stream};
    if (strncmp(rest, "frames/", strlen("frames/")) == 0)
        return find_frame(stream, rest + strlen("frames/"));
    return none;
}

static struct dd_route find_at_root(const struct dd_serve_config *config, const char *rest)
{
    if (!*rest)
        return (struct dd_route){.kind = config->single ? DD_ROUTE_PAGE : DD_ROUTE_INDEX};
    if (strcmp(rest, "healthz") == 0)
        return (struct dd_route){.kind = DD_ROUTE_HEALTH};
    /* The paths of a single stream come before the names of streams: its name is "stream", but "/stream" is its MJPEG. */
    struct dd_route route = config->single ? find_in_stream(0, rest) : none;
    if (route.kind != DD_ROUTE_NONE)
        return route;
    if (strcmp(rest, "freshness") == 0)
        return (struct dd_route){.kind = DD_ROUTE_FRESHNESS_ALL};
    /* The name of a stream has no dot. */
    if (strchr(rest, '.') && !strchr(rest, '/'))
        return (struct dd_route){.kind = DD_ROUTE_FILE, .file = rest};
    return none;
}

struct dd_route dd_route_find(const struct dd_serve_config *config, const char *path)
{
    if (*path != '/')
        return none;
    const char *rest = path + 1;
    struct dd_route route = find_at_root(config, rest);
    if (route.kind != DD_ROUTE_NONE)
        return route;
    size_t length = strcspn(rest, "/");
    for (size_t i = 0; i < config->stream_count; i++) {
        const char *name = config->streams[i].name;
        if (strlen(name) == length && memcmp(name, rest, length) == 0)
            return rest[length] ? find_in_stream(i, rest + length + 1) : (struct dd_route){.kind = DD_ROUTE_PAGE, .stream = i};
    }
    return none;
}
