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

enum { DD_API_JSON_FRAMES_MAX = 500 };

/* Which frames are listed. */
struct dd_api_json_page {
    uint64_t before;    /* only frames whose number is below this */
    unsigned limit;     /* how many, at most DD_API_JSON_FRAMES_MAX; the newest of them */
    uint32_t max_bytes; /* larger ones are left out, and those with a number that the protocol doesn't allow */
};

/* A page of the frames in ring, oldest first. */
char *dd_api_json_frames(const struct dd_frame_ring *ring, const struct dd_api_json_page *page);

/* The most bytes that a text of these functions has, with that many streams. */
uint64_t dd_api_json_size_max(uint64_t streams);

#endif
