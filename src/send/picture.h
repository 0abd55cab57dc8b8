/* Pictures as pixels: what sources deliver, what the sender's ring carries, what the encoder takes. */
#ifndef DD_SEND_PICTURE_H
#define DD_SEND_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dd/draw/paint.h"

enum {
    DD_PICTURE_WIDTH_MAX = 4096, /* as sent; a larger picture of a source is scaled */
    DD_PICTURE_HEIGHT_MAX = 2304,
    DD_PICTURE_ALIGN = 32, /* bytes: strides in the ring */
};

enum dd_picture_format {
    DD_PICTURE_I420 = 1,    /* planar Y, Cb, Cr, chroma halved both ways; JFIF: full-range BT.601 */
    DD_PICTURE_I444 = 2,    /* planar Y, Cb, Cr; JFIF */
    DD_PICTURE_BGRX = 3,    /* B, G, R and an unused byte, packed */
    DD_PICTURE_FOREIGN = 4, /* as foreign_format says; only between a source and the scaler, never in the ring */
};

struct dd_picture {
    enum dd_picture_format format;
    int foreign_format; /* libavutil's enum AVPixelFormat */
    int foreign_matrix; /* ITU-T H.273's MatrixCoefficients, of YCbCr (color.h) */
    bool foreign_full_range;
    int width, height;
    int aspect_num, aspect_den; /* of a pixel, width to height; 0 and 0, or 1 and 1: square */
    const uint8_t *plane[4];    /* borrowed */
    int stride[4];              /* bytes from row to row; may be negative for a foreign picture */
    uint64_t captured_us;       /* dd_clock_now_us() when the source showed it */
};

/* of one picture in contiguous memory */
struct dd_picture_layout {
    size_t plane_at[3];
    int stride[3]; /* multiples of DD_PICTURE_ALIGN */
    int planes;
    size_t bytes; /* multiple of 64 */
};

/* Computes how a picture of this format and size lies in a ring. 0; DD_ERROR_SPACE if the size is not within 1 and the limits
 * above; DD_ERROR_INPUT for a format that cannot be in a ring. */
int dd_picture_layout(enum dd_picture_format format, int width, int height, struct dd_picture_layout *layout);

/* The same for memory that is no ring, where a picture may stand upright: either side may have DD_PICTURE_WIDTH_MAX. */
int dd_picture_layout_own(enum dd_picture_format format, int width, int height, struct dd_picture_layout *layout);

/* Makes a picture over contiguous bytes with this layout; bytes are borrowed. */
void dd_picture_over(struct dd_picture *picture, enum dd_picture_format format, int width, int height,
                     const struct dd_picture_layout *layout, const uint8_t *bytes);

/* True if both have the same size, format and pixels; neither is foreign. */
bool dd_picture_equal(const struct dd_picture *a, const struct dd_picture *b);

/* The planes of an I420 or I444 picture, to be painted on by its owner; borrowed from the picture. */
struct dd_paint_planes dd_picture_planes(const struct dd_picture *picture);

/* A plane of a picture, for the owner of its memory to write. */
uint8_t *dd_picture_writable(const struct dd_picture *picture, int plane);

#endif
