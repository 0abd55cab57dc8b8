/* The mark of a stalled or stale picture, in its pixels: a band at the top in the state's colour, with the state, the age and the
 * reason in words, and a border. So whoever embeds the picture elsewhere sees that it is not live. */
#ifndef DD_RECV_SERVE_STALE_MARK_H
#define DD_RECV_SERVE_STALE_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recv/serve/freshness.h"

struct dd_shared_picture;

/* A picture with more pixels is not decoded: the mark is put on a grey one of the same proportions with this many. */
enum { DD_STALE_MARK_PIXELS_MAX = 4096 * 2304 };

/* What a mark says. The age is a lower bound in coarse steps: each new text costs an encoding. */
struct dd_stale_mark_words {
    enum dd_freshness_level level; /* DD_FRESHNESS_LIVE: there is no mark */
    uint64_t age_s;                /* seconds; 0: not said */
    const char *reason;            /* static; NULL: none */
};

struct dd_stale_mark_words dd_stale_mark_words(const struct dd_freshness *freshness);
bool dd_stale_mark_words_equal(const struct dd_stale_mark_words *a, const struct dd_stale_mark_words *b);

enum { DD_STALE_MARK_LINES = 6, DD_STALE_MARK_LINE_SIZE = 48 };

/* Where the mark is on a picture, in pixels. All lines are within the band, and the band is within the picture. */
struct dd_stale_mark_layout {
    int band_height, border;
    int line_count; /* the state comes first; lines that don't fit are left out */
    struct dd_stale_mark_line {
        char text[DD_STALE_MARK_LINE_SIZE];
        int x, y, scale; /* upper left corner; pixels per pixel of the bitmap font */
    } lines[DD_STALE_MARK_LINES];
};

/* Computes the layout for a picture of width by height, both at least 1. */
void dd_stale_mark_layout_compute(const struct dd_stale_mark_words *words, int width, int height,
                                  struct dd_stale_mark_layout *layout);

/* picture (borrowed) with the mark: decoded, painted and encoded again in its size and subsampling, with its number and time. A
 * picture that can't be decoded becomes grey. The JPEG has at most bytes_max bytes, unless even the lowest quality needs more.
 * Returned-owned with one reference. NULL, logged, if there is no memory. */
struct dd_shared_picture *dd_stale_mark_apply(const struct dd_shared_picture *picture, const struct dd_stale_mark_words *words,
                                              size_t bytes_max);

#endif
