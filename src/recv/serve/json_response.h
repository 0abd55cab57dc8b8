/* The site's responses in JSON. What many ask for is built anew every 250 ms at most, and shared meanwhile. */
#ifndef DD_RECV_SERVE_JSON_RESPONSE_H
#define DD_RECV_SERVE_JSON_RESPONSE_H

#include <stddef.h>

struct dd_response;
struct dd_response_request;
struct dd_response_site;

/* The texts that are shared. */
struct dd_json_response_cache;

/* Returned-owned: dd_json_response_cache_free(). NULL, logged, if there is no memory. */
struct dd_json_response_cache *dd_json_response_cache_new(size_t streams);
/* Responses may outlive it. cache may be NULL. */
void dd_json_response_cache_free(struct dd_json_response_cache *cache);

/* Each sets response, which is zeroed; stream is an index in the configuration. Thread-safe. */

/* With ?fail=, 503 if the stream is that bad. */
void dd_json_response_freshness(const struct dd_response_site *site, size_t stream, const struct dd_response_request *request,
                                struct dd_response *response);
/* With ?fail=, 503 if any stream is that bad. */
void dd_json_response_freshness_all(const struct dd_response_site *site, const struct dd_response_request *request,
                                    struct dd_response *response);
/* ?before= and ?limit= choose a page. */
void dd_json_response_frames(const struct dd_response_site *site, size_t stream, const struct dd_response_request *request,
                             struct dd_response *response);
void dd_json_response_stats(const struct dd_response_site *site, size_t stream, struct dd_response *response);

#endif
