/* Matrix and range of YCbCr. The loops over a row are so plain that the compiler vectorises them. They calculate in 16 bits, so
 * that a register of the oldest x86-64 holds eight pixels. Tests compare them with floating point. */
#include "send/capture/pipeline/color.h"

#include <stddef.h>
#include <string.h>

#include "send/picture.h"

/* Fixed point. A sample minus 128, shifted by SAMPLE_BITS, fills 16 bits. Its product with a factor of FACTOR_BITS has 32 bits;
 * the upper 16 of them have SUM_BITS behind the point. A sum of three such products is exact to 3/64. */
enum { SAMPLE_BITS = 8, FACTOR_BITS = 14, SUM_BITS = SAMPLE_BITS + FACTOR_BITS - 16, ROUND = 1 << (SUM_BITS - 1) };

/* Code points of H.273, MatrixCoefficients. */
enum { BT709 = 1, FCC = 4, BT601_625 = 5, BT601_525 = 6, SMPTE_240M = 7, BT2020 = 9, BT2020_CONSTANT = 10 };

/* The weights of red and blue in luma (Kr and Kb). For constant luminance they are an approximation. */
struct weights {
    double red, blue;
};

static const struct weights matrices[] = {
    [BT709] = {0.2126, 0.0722},           [FCC] = {0.30, 0.11},          [BT601_625] = {0.299, 0.114},
    [BT601_525] = {0.299, 0.114},         [SMPTE_240M] = {0.212, 0.087}, [BT2020] = {0.2627, 0.0593},
    [BT2020_CONSTANT] = {0.2627, 0.0593},
};

static bool is_known(int matrix)
{
    return matrix >= 0 && (size_t)matrix < sizeof matrices / sizeof *matrices && matrices[matrix].red > 0;
}

int dd_color_matrix(int declared, int width, int height)
{
    if (is_known(declared))
        return declared;
    return width >= 1280 || height >= 720 ? BT709 : BT601_625;
}

static int16_t fixed(double value, int bits)
{
    return (int16_t)(value * (1 << bits) + (value < 0 ? -0.5 : 0.5));
}

/* H.273, 8.3: R = Y + 2(1 - Kr)Cr, B = Y + 2(1 - Kb)Cb, and G follows from Y = Kr R + Kg G + Kb B. These are put into JFIF's
 * formulas for Y, Cb and Cr. The factor of Y in Y is 1 apart from the range, because grey is grey in every matrix. */
void dd_color_init(struct dd_color *color, int matrix, bool full_range)
{
    struct weights from = matrices[is_known(matrix) ? matrix : BT601_625], to = matrices[BT601_625];
    double luma = full_range ? 1 : 255.0 / 219, chroma = full_range ? 1 : 255.0 / 224;
    double r_cr = 2 * (1 - from.red), b_cb = 2 * (1 - from.blue);
    double green = 1 - from.red - from.blue;
    double g_cb = -from.blue * b_cb / green, g_cr = -from.red * r_cr / green;
    double to_green = 1 - to.red - to.blue, cb = 2 * (1 - to.blue), cr = 2 * (1 - to.red);

    /* what the source's chroma adds to JFIF's luma */
    double y_cb = to_green * g_cb + to.blue * b_cb, y_cr = to_green * g_cr + to.red * r_cr;

    *color = (struct dd_color){
        .is_jfif = full_range && from.red == to.red && from.blue == to.blue,
        .y_y = fixed(luma, FACTOR_BITS),
        .y_cb = fixed(chroma * y_cb, FACTOR_BITS),
        .y_cr = fixed(chroma * y_cr, FACTOR_BITS),
        .cb_cb = fixed(chroma * (b_cb - y_cb) / cb, FACTOR_BITS),
        .cb_cr = fixed(chroma * -y_cr / cb, FACTOR_BITS),
        .cr_cb = fixed(chroma * -y_cb / cr, FACTOR_BITS),
        .cr_cr = fixed(chroma * (r_cr - y_cr) / cr, FACTOR_BITS),
        .y_add = fixed(full_range ? 0 : luma * (128 - 16) - 128, SUM_BITS),
    };
}

/* (sample - 128) * factor */
static inline int16_t product(uint8_t sample, int16_t factor)
{
    int16_t high = (int16_t)((sample - 128) * (1 << SAMPLE_BITS));

    return (int16_t)((int32_t)high * factor >> 16);
}

/* Rounds a sum, to which ROUND was added, to a sample. */
static inline uint8_t to_sample(int16_t sum)
{
    int16_t value = (int16_t)((sum >> SUM_BITS) + 128);

    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Sums up what chroma, the range and rounding add to luma, for each pixel of a row. */
static void sum_chroma(const struct dd_color *c, const uint8_t *restrict cb, const uint8_t *restrict cr, int16_t *restrict add,
                       int width)
{
    for (int x = 0; x < width; x++)
        add[x] = (int16_t)(c->y_add + ROUND + product(cb[x], c->y_cb) + product(cr[x], c->y_cr));
}

/* The same where two pixels of a row share a chroma sample. */
static void sum_halved_chroma(const struct dd_color *c, const uint8_t *restrict cb, const uint8_t *restrict cr,
                              int16_t *restrict add, int width)
{
    for (int x = 0; x < width; x++)
        add[2 * x] = add[2 * x + 1] = (int16_t)(c->y_add + ROUND + product(cb[x], c->y_cb) + product(cr[x], c->y_cr));
}

static void convert_luma(const struct dd_color *c, const int16_t *restrict add, const uint8_t *restrict in, uint8_t *restrict out,
                         int width)
{
    for (int x = 0; x < width; x++)
        out[x] = to_sample((int16_t)(add[x] + product(in[x], c->y_y)));
}

static void convert_chroma(const struct dd_color *c, const uint8_t *restrict cb, const uint8_t *restrict cr,
                           uint8_t *restrict out_cb, uint8_t *restrict out_cr, int width)
{
    for (int x = 0; x < width; x++) {
        out_cb[x] = to_sample((int16_t)(ROUND + product(cb[x], c->cb_cb) + product(cr[x], c->cb_cr)));
        out_cr[x] = to_sample((int16_t)(ROUND + product(cb[x], c->cr_cb) + product(cr[x], c->cr_cr)));
    }
}

static const uint8_t *row_of(const struct dd_picture *p, int plane, int y)
{
    return p->plane[plane] + (ptrdiff_t)y * p->stride[plane];
}

/* Rows are read from copies, so that in and out may be the same memory and the loops may still assume that they are not. */
void dd_color_convert(const struct dd_color *color, const struct dd_picture *in, const struct dd_picture *out)
{
    bool halved = out->format == DD_PICTURE_I420;
    int width = out->width, chroma_width = halved ? (width + 1) / 2 : width;
    int chroma_rows = halved ? (out->height + 1) / 2 : out->height;
    uint8_t *to[3] = {dd_picture_writable(out, 0), dd_picture_writable(out, 1), dd_picture_writable(out, 2)};
    uint8_t luma[DD_PICTURE_WIDTH_MAX], cb[DD_PICTURE_WIDTH_MAX], cr[DD_PICTURE_WIDTH_MAX];
    int16_t add[DD_PICTURE_WIDTH_MAX + 1];

    for (int y = 0; y < chroma_rows; y++) {
        memcpy(cb, row_of(in, 1, y), (size_t)chroma_width);
        memcpy(cr, row_of(in, 2, y), (size_t)chroma_width);
        (halved ? sum_halved_chroma : sum_chroma)(color, cb, cr, add, chroma_width);
        for (int i = halved ? 2 * y : y; i < out->height && i <= (halved ? 2 * y + 1 : y); i++) {
            memcpy(luma, row_of(in, 0, i), (size_t)width);
            convert_luma(color, add, luma, to[0] + (ptrdiff_t)i * out->stride[0], width);
        }
        convert_chroma(color, cb, cr, to[1] + (ptrdiff_t)y * out->stride[1], to[2] + (ptrdiff_t)y * out->stride[2], chroma_width);
    }
}
