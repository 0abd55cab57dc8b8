/* The site's JSON (docs/protocol.md, "Freshness"). Each function returns one line of text, returned-owned (free()),
 * or NULL if there is no memory. */
#ifndef DD_RECV_SERVE_API_JSON_H
#define DD_RECV_SERVE_API_JSON_H

#include <stdint.h>

struct dd_freshness;
struct dd_stream_state;
struct dd_frame_ring;
struct dd_serve_config;

char *dd_api_json_freshness(const struct dd_freshness *freshness);
/* list has one element for each stream of config, in the same order. */
char *dd_api_json_freshness_all(const struct dd_serve_config *config, const struct dd_freshness *list);
char *dd_api_json_stats(const struct dd_stream_state *state, unsigned viewers);
/* The frames in ring, oldest first. Those of over max_bytes, or with a number that the protocol doesn't allow, are left out. */
char *dd_api_json_frames(const struct dd_frame_ring *ring, uint32_t max_bytes);

#endif
