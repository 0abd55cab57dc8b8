/* Rectangles of a picture. Options write them as X11 does: WIDTHxHEIGHT+X+Y from the top left. Pure. */
#ifndef DD_SEND_RECT_H
#define DD_SEND_RECT_H

#include <stddef.h>

enum { DD_RECT_MASK_MAX = 32, DD_RECT_SIDE_MAX = 65535 };

/* in pixels */
struct dd_rect {
    int x, y, width, height;
};

/* in fractions of the picture's width and height */
struct dd_rect_fraction {
    double x, y, width, height;
};

/* Reads "640x480+100+20". 0, or DD_ERROR_INPUT with *area zeroed. */
int dd_rect_parse(const char *text, struct dd_rect *area);

/* Reads "0.25x0.1+0.5+0", several with commas or blanks between, DD_RECT_MASK_MAX at most. Each has a width and height and lies
 * within the picture. "" gives none; any other text has at least one. 0, or DD_ERROR_INPUT with what would be right in why. */
int dd_rect_parse_mask(const char *text, struct dd_rect_fraction mask[static DD_RECT_MASK_MAX], size_t *count, char *why,
                       size_t why_size);

/* The pixels of a picture of width x height that the rectangle touches, also in part. */
struct dd_rect dd_rect_of_fraction(const struct dd_rect_fraction *fraction, int width, int height);

/* The pixels of both; width and height are 0 if there are none. */
struct dd_rect dd_rect_intersect(const struct dd_rect *a, const struct dd_rect *b);

#endif
