/* The site's response to a request, independent of the HTTP library. */
#ifndef DD_RECV_SERVE_RESPONSE_H
#define DD_RECV_SERVE_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_broadcast;
struct dd_broadcast_waiter;
struct dd_json_response_cache;
struct dd_pages;
struct dd_serve_config;
struct dd_shared_picture;
struct dd_write_wait;

enum { DD_RESPONSE_TEXT_SIZE = 128 };

/* What responses are made from. All borrowed, and must outlive the responses. */
struct dd_response_site {
    const struct dd_serve_config *config;
    struct dd_broadcast *broadcast;
    const struct dd_pages *pages;
    struct dd_write_wait *write_wait;
    struct dd_json_response_cache *json_cache;
};

/* All borrowed for the call. NULL: the request has no such field; path is never NULL. */
struct dd_response_request {
    const char *path; /* without the query */
    const char *if_none_match;
    const char *fail, *fps, *raw, *repeat, *before, *limit; /* from the query */
    const struct dd_broadcast_waiter *waiter;               /* how the request is suspended and resumed; never NULL */
};

struct dd_response {
    unsigned code;    /* HTTP status */
    const char *type; /* Content-Type; static; NULL: none */
    const void *body; /* valid until release(owner) */
    size_t size;
    void (*release)(void *owner); /* frees the body; NULL: the body is static, or lives as long as the site */
    void *owner;
    struct dd_shared_picture *picture; /* the body is its bytes, and owner is this reference; NULL: it is none */
    /* header fields; empty: none */
    char etag[DD_RESPONSE_TEXT_SIZE], last_modified[DD_RESPONSE_TEXT_SIZE], location[DD_RESPONSE_TEXT_SIZE];
    const char *allow;      /* static; NULL: none */
    const char *refusal;    /* X-Refusal: why ddrecv itself refuses, in a few words; static; NULL: none. A proxy's 503 has none */
    unsigned retry_after_s; /* 0: none */
    bool close;             /* the connection ends with the response */
    /* If pictures is true, the body is the endless MJPEG of stream, with at most one picture in period_us (0: no limit), and
     * never with a mark if raw is true, and not repeated soon if once is. body and type are not set then. */
    bool pictures;
    size_t stream; /* of picture, too */
    uint64_t period_us;
    bool raw, once;
    bool suspended; /* the request's waiter was suspended: there is no response yet. Build it again once it is resumed */
};

/* Sets response, whatever the request: errors are responses, too. The caller calls release, once. Thread-safe. */
void dd_response_build(const struct dd_response_site *site, const struct dd_response_request *request,
                       struct dd_response *response);

/* Sets response to a plain text, which must be static. */
void dd_response_set_text(struct dd_response *response, unsigned code, const char *text);

/* Sets response to 400, for requests with a body. */
void dd_response_refuse_body(struct dd_response *response);

/* Sets response to 405, for methods other than GET and HEAD. */
void dd_response_method_not_allowed(struct dd_response *response);

/* True if the value of If-None-Match (RFC 9110, 13.1.2), which may be NULL, has etag or "*". */
bool dd_response_etag_matches(const char *if_none_match, const char *etag);

/* Reads the value of ?fps=, pictures per second from 0.1 to 1000, as the time between two of them. 0, or DD_ERROR_INPUT with
 * *period_us 0. */
int dd_response_parse_fps(const char *text, uint64_t *period_us);

#endif
