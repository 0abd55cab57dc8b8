/* Converts YCbCr to the colours of JPEG. JFIF is full-range BT.601; cameras mostly send limited-range BT.709. Matrix and range
 * are linear in Y, Cb and Cr, so one pass over the planes is enough, without a detour over RGB. */
#ifndef DD_SEND_CAPTURE_PIPELINE_COLOR_H
#define DD_SEND_CAPTURE_PIPELINE_COLOR_H

#include <stdbool.h>
#include <stdint.h>

struct dd_picture;

/* A conversion to JFIF: the factors of a source's Y, Cb and Cr, each minus 128, in JFIF's. y_cb is the factor of Cb in Y. */
struct dd_color {
    bool is_jfif; /* the source's colours are JFIF's: nothing to convert */
    /* in 1/2^14 */
    int16_t y_y, y_cb, y_cr;
    int16_t cb_cb, cb_cr;
    int16_t cr_cb, cr_cr;
    int16_t y_add; /* in 1/2^6 */
};

/* The matrix of a source's pictures, as ITU-T H.273 numbers them (MatrixCoefficients). declared is what the source says. If that
 * is unspecified (2), or not a matrix of YCbCr, the size in pixels decides, as in players: BT.709 from 1280x720 on, BT.601 below.
 */
int dd_color_matrix(int declared, int width, int height);

/* Sets *color to the conversion from colours with that matrix (of dd_color_matrix()) and range. */
void dd_color_init(struct dd_color *color, int matrix, bool full_range);

/* Converts the 8-bit planes of in into those of out, which are the caller's memory. Both have the same size and subsampling: that
 * of I420 or I444. in and out may be the same picture. Where chroma is halved, a sample counts for all four pixels. */
void dd_color_convert(const struct dd_color *color, const struct dd_picture *in, const struct dd_picture *out);

#endif
