/* Maps the path of a request to what it asks for. Pure functions. */
#ifndef DD_RECV_SERVE_ROUTE_H
#define DD_RECV_SERVE_ROUTE_H

#include <stddef.h>
#include <stdint.h>

struct dd_serve_config;

enum dd_route_kind {
    DD_ROUTE_NONE, /* no such path */
    DD_ROUTE_INDEX,
    DD_ROUTE_PAGE,
    DD_ROUTE_PAGE_SLASH, /* a page's path with a slash at its end, where relative links would break */
    DD_ROUTE_STREAM,
    DD_ROUTE_SNAPSHOT,
    DD_ROUTE_FRAMES,
    DD_ROUTE_FRAME,
    DD_ROUTE_FRESHNESS,
    DD_ROUTE_FRESHNESS_ALL,
    DD_ROUTE_STATS,
    DD_ROUTE_HEALTH,
    DD_ROUTE_FILE, /* file, which dd_pages_find() may know */
};

struct dd_route {
    enum dd_route_kind kind;
    size_t stream;    /* index in the configuration; for kinds of one stream */
    uint64_t number;  /* the frame's; for DD_ROUTE_FRAME */
    const char *file; /* DD_ROUTE_FILE; borrowed from path */
};

/* path has no query. */
struct dd_route dd_route_find(const struct dd_serve_config *config, const char *path);

#endif
