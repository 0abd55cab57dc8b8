/* The fixed-point conversion, compared with an exact one in floating point. */
#include <math.h>
#include <string.h>

#include "send/capture/pipeline/color.h"
#include "send/picture.h"
#include "suite.h"

enum { WIDTH = 67, HEIGHT = 35 };

struct kind {
    int matrix;
    bool full_range;
    double red, blue;
};

static const struct kind kinds[] = {
    {1, false, 0.2126, 0.0722}, {1, true, 0.2126, 0.0722}, {5, false, 0.299, 0.114},    {6, false, 0.299, 0.114},
    {5, true, 0.299, 0.114},    {4, false, 0.30, 0.11},    {7, false, 0.212, 0.087},    {9, false, 0.2627, 0.0593},
    {9, true, 0.2627, 0.0593},  {7, true, 0.212, 0.087},   {10, false, 0.2627, 0.0593},
};

/* By way of RGB, in floating point. */
static void convert_exactly(const struct kind *k, const double in[3], double out[3])
{
    double y = k->full_range ? in[0] : (in[0] - 16) * 255 / 219;
    double cb = (in[1] - 128) * (k->full_range ? 1 : 255.0 / 224), cr = (in[2] - 128) * (k->full_range ? 1 : 255.0 / 224);
    double r = y + 2 * (1 - k->red) * cr, b = y + 2 * (1 - k->blue) * cb;
    double g = (y - k->red * r - k->blue * b) / (1 - k->red - k->blue);

    out[0] = 0.299 * r + 0.587 * g + 0.114 * b;
    out[1] = 128 + (b - out[0]) / 1.772;
    out[2] = 128 + (r - out[0]) / 1.402;
    for (int i = 0; i < 3; i++)
        out[i] = fmin(fmax(out[i], 0), 255);
}

static struct dd_picture make(enum dd_picture_format format, uint8_t **bytes)
{
    struct dd_picture_layout layout;
    struct dd_picture picture;

    ck_assert_int_eq(dd_picture_layout(format, WIDTH, HEIGHT, &layout), 0);
    *bytes = calloc(1, layout.bytes);
    dd_picture_over(&picture, format, WIDTH, HEIGHT, &layout, *bytes);
    return picture;
}

static uint8_t *at(const struct dd_picture *p, int plane, int x, int y)
{
    int halve = plane && p->format == DD_PICTURE_I420;

    return dd_picture_writable(p, plane) + (y >> halve) * p->stride[plane] + (x >> halve);
}

/* Samples from the whole range, the extremes included. */
static void fill(const struct dd_picture *p, unsigned seed)
{
    unsigned state = seed * 2654435761u + 1;

    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                state = state * 1664525 + 1013904223;
                unsigned value = state >> 24;
                *at(p, plane, x, y) = (uint8_t)(state >> 20 & 7 ? value : value & 128 ? 255 : 0);
            }
}

static void check(const struct kind *k, const struct dd_picture *in, const struct dd_picture *out)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            double from[3] = {*at(in, 0, x, y), *at(in, 1, x, y), *at(in, 2, x, y)}, exact[3];
            convert_exactly(k, from, exact);
            for (int plane = 0; plane < 3; plane++)
                if (fabs(*at(out, plane, x, y) - exact[plane]) > 0.6)
                    ck_abort_msg("matrix %d: %g %g %g: plane %d is %d, not %g", k->matrix, from[0], from[1], from[2], plane,
                                 *at(out, plane, x, y), exact[plane]);
        }
}

START_TEST(is_exact)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (unsigned seed = 0; seed < 8; seed++) {
            enum dd_picture_format format = seed % 2 ? DD_PICTURE_I420 : DD_PICTURE_I444;
            uint8_t *in_bytes, *out_bytes;
            struct dd_picture in = make(format, &in_bytes), out = make(format, &out_bytes);
            struct dd_color color;
            dd_color_init(&color, kinds[i].matrix, kinds[i].full_range);
            ck_assert_int_eq(color.is_jfif, kinds[i].matrix == 5 && kinds[i].full_range);
            fill(&in, seed);
            dd_color_convert(&color, &in, &out);
            check(&kinds[i], &in, &out);

            /* in place the result is the same */
            dd_color_convert(&color, &in, &in);
            int differ = 0;
            for (int plane = 0; plane < 3; plane++)
                for (int y = 0; y < HEIGHT; y++)
                    for (int x = 0; x < WIDTH; x++)
                        differ += *at(&in, plane, x, y) != *at(&out, plane, x, y);
            ck_assert_int_eq(differ, 0);
            free(in_bytes);
            free(out_bytes);
        }
}
END_TEST

START_TEST(keeps_within_its_rows)
{
    uint8_t *bytes;
    struct dd_picture p = make(DD_PICTURE_I420, &bytes);
    struct dd_color color;

    for (int y = 0; y < HEIGHT; y++)
        memset(at(&p, 0, 0, y), 0x55, (size_t)p.stride[0]);
    dd_color_init(&color, 1, false);
    dd_color_convert(&color, &p, &p);
    for (int y = 0; y < HEIGHT; y++)
        ck_assert_int_eq(*(at(&p, 0, 0, y) + WIDTH), 0x55);
    free(bytes);
}
END_TEST

START_TEST(guesses_the_matrix_as_players_do)
{
    ck_assert_int_eq(dd_color_matrix(2, 1920, 1080), 1);
    ck_assert_int_eq(dd_color_matrix(2, 1280, 720), 1);
    ck_assert_int_eq(dd_color_matrix(2, 720, 576), 5);
    ck_assert_int_eq(dd_color_matrix(0, 640, 360), 5);
    ck_assert_int_eq(dd_color_matrix(8, 640, 360), 5);
    ck_assert_int_eq(dd_color_matrix(-5, 640, 360), 5);
    ck_assert_int_eq(dd_color_matrix(4711, 4000, 3000), 1);
    ck_assert_int_eq(dd_color_matrix(6, 1920, 1080), 6);
    ck_assert_int_eq(dd_color_matrix(1, 320, 240), 1);
}
END_TEST

SUITE("send/capture/pipeline/color", is_exact, keeps_within_its_rows, guesses_the_matrix_as_players_do)
