/* Conversion to the colours of JPEG. JFIF is full-range BT.601; cameras mostly send limited-range BT.709. Matrix and range are
 * linear in Y, Cb and Cr, so one pass over the planes is enough, without RGB in between. */
#ifndef DD_SEND_CAPTURE_PIPELINE_COLOR_H
#define DD_SEND_CAPTURE_PIPELINE_COLOR_H

#include <stdbool.h>
#include <stdint.h>

struct dd_picture;

/* JFIF's Y, Cb and Cr out of another kind's, all less 128. */
struct dd_color {
    bool is_jfif; /* nothing to do */
    /* in 1/2^14 */
    int16_t y_y, y_cb, y_cr;
    int16_t cb_cb, cb_cr;
    int16_t cr_cb, cr_cr;
    int16_t y_add; /* in 1/2^6 */
};

/* The matrix of a source's pictures, as ITU-T H.273 numbers them (MatrixCoefficients). Where it says none (2), or one that
 * is not YCbCr's, its size tells, as for players: BT.709 from 1280x720 on, BT.601 below. */
int dd_color_matrix(int said, int width, int height);

/* How to get from colours with that matrix (of dd_color_matrix()) and range to JFIF's. */
void dd_color_from(struct dd_color *color, int matrix, bool full_range);

/* Converts the 8-bit planes of in, which has the size and subsampling of out (I420 or I444), into those of out. out may be
 * in itself. Chroma that is halved counts for all four pixels. */
void dd_color_convert(const struct dd_color *color, const struct dd_picture *in, const struct dd_picture *out);

#endif
