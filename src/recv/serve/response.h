/* What the site answers to a request, before a library puts it on the wire. */
#ifndef DD_RECV_SERVE_RESPONSE_H
#define DD_RECV_SERVE_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_broadcast;
struct dd_pages;
struct dd_serve_config;

enum { DD_RESPONSE_TEXT_SIZE = 128 };

/* borrowed for the life of what uses it */
struct dd_response_site {
    const struct dd_serve_config *config;
    struct dd_broadcast *hub;
    const struct dd_pages *pages;
};

/* borrowed text; NULL: not there */
struct dd_response_request {
    const char *path;
    const char *if_none_match;
    const char *fail, *fps, *raw; /* from the query */
};

struct dd_response {
    unsigned code;
    const char *type; /* Content-Type, static; NULL: none */
    const void *body; /* lives until release(owner) */
    size_t size;
    void (*release)(void *owner); /* NULL: body lives as long as the site */
    void *owner;
    /* header fields; empty: none */
    char etag[DD_RESPONSE_TEXT_SIZE], last_modified[DD_RESPONSE_TEXT_SIZE], location[DD_RESPONSE_TEXT_SIZE];
    const char *allow;      /* static; NULL: none */
    unsigned retry_after_s; /* 0: none */
    /* The body is a stream's pictures without end, at most one in period_us; body and type are not set. */
    bool pictures;
    size_t stream;
    uint64_t period_us;
    bool raw; /* they never have a mark */
};

/* Fills answer, whatever the request; the caller calls release. */
void dd_response_build(const struct dd_response_site *site, const struct dd_response_request *request,
                       struct dd_response *answer);

/* A short text. text is static. */
void dd_response_set_text(struct dd_response *answer, unsigned code, const char *text);

/* The answer to methods other than GET and HEAD. */
void dd_response_method_not_allowed(struct dd_response *answer);

/* True if the If-None-Match field value names etag, or any. */
bool dd_response_etag_matches(const char *if_none_match, const char *etag);

/* Reads the value of ?fps=: pictures per second, 0.1 … 1000, as the time between two of them. 0 or DD_ERROR_INPUT. */
int dd_response_parse_fps(const char *text, uint64_t *period_us);

#endif
