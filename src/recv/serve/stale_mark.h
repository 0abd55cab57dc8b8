/* The mark of a stalled or stale picture, burnt into its pixels: a band at its top in the state's colour with the state, the
 * age and the cause in words, and a border, so that whoever embeds the picture sees what it is. */
#ifndef DD_RECV_SERVE_STALE_MARK_H
#define DD_RECV_SERVE_STALE_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recv/serve/freshness.h"

struct dd_shared_picture;

/* A larger picture is marked on grey, in a size that has so many. */
enum { DD_STALE_MARK_PIXELS_MAX = 4096 * 2304 };

/* What a mark says. The age is a lower bound in coarse steps, since each other text costs another encoding. */
struct dd_stale_mark_words {
    enum dd_freshness_level level; /* DD_FRESHNESS_LIVE: nothing, there is no mark */
    uint64_t age_s;                /* 0: not said */
    const char *reason;            /* static; NULL: none */
};

struct dd_stale_mark_words dd_stale_mark_words(const struct dd_freshness *freshness);
bool dd_stale_mark_says_the_same(const struct dd_stale_mark_words *a, const struct dd_stale_mark_words *b);

enum { DD_STALE_MARK_LINES = 6, DD_STALE_MARK_LINE_SIZE = 48 };

/* Where it is on a picture, in pixels. All lines are within the band, and the band is within the picture. */
struct dd_stale_mark_layout {
    int band_height, border;
    int line_count; /* the state first; what has no room is left out */
    struct dd_stale_mark_line {
        char text[DD_STALE_MARK_LINE_SIZE];
        int x, y, scale;
    } lines[DD_STALE_MARK_LINES];
};

/* Of a picture of width by height, both at least 1. */
void dd_stale_mark_lay_out(const struct dd_stale_mark_words *words, int width, int height, struct dd_stale_mark_layout *layout);

/* frame (borrowed) with the mark: decoded, painted on and encoded, in its size and subsampling, with its number and time.
 * What can't be decoded becomes grey. Returned-owned with one reference. NULL, logged, if there is no memory. Its JPEG is of
 * at most bytes_max, unless even one of the lowest quality has more. */
struct dd_shared_picture *dd_stale_mark_apply(const struct dd_shared_picture *frame, const struct dd_stale_mark_words *words,
                                              size_t bytes_max);

#endif
