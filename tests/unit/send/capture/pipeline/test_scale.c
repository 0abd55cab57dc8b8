/* Copies are exact; flat colours and ranges come out right at every size. */
#include <string.h>

#include <libavutil/pixfmt.h>

#include "dd/base/error.h"
#include "send/capture/pipeline/scale.h"
#include "suite.h"

static struct dd_picture make(enum dd_picture_format format, int width, int height, uint8_t **bytes)
{
    struct dd_picture_layout layout;
    struct dd_picture picture;

    ck_assert_int_eq(dd_picture_layout(format, width, height, &layout), 0);
    *bytes = malloc(layout.bytes);
    memset(*bytes, 0xcd, layout.bytes);
    dd_picture_over(&picture, format, width, height, &layout, *bytes);
    return picture;
}

static int plane_width(const struct dd_picture *p, int plane)
{
    return plane && p->format == DD_PICTURE_I420 ? (p->width + 1) / 2 : p->width;
}

static int plane_height(const struct dd_picture *p, int plane)
{
    return plane && p->format == DD_PICTURE_I420 ? (p->height + 1) / 2 : p->height;
}

static void fill(const struct dd_picture *p, int y, int cb, int cr)
{
    const int values[3] = {y, cb, cr};

    for (int plane = 0; plane < 3; plane++)
        for (int row = 0; row < plane_height(p, plane); row++)
            memset(dd_picture_writable(p, plane) + row * p->stride[plane], values[plane], (size_t)plane_width(p, plane));
}

static void check_flat(const struct dd_picture *p, int y, int cb, int cr, int tolerance)
{
    const int values[3] = {y, cb, cr};

    for (int plane = 0; plane < 3; plane++)
        for (int row = 0; row < plane_height(p, plane); row++)
            for (int x = 0; x < plane_width(p, plane); x++) {
                int value = p->plane[plane][row * p->stride[plane] + x];
                if (abs(value - values[plane]) > tolerance) /* a ck_assert for every pixel would take longer than the test */
                    ck_abort_msg("plane %d at %d, %d: %d", plane, x, row, value);
            }
}

START_TEST(copies_what_fits)
{
    static const enum dd_picture_format formats[] = {DD_PICTURE_I420, DD_PICTURE_I444, DD_PICTURE_BGRX};
    struct dd_scale *s = dd_scale_new();

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        uint8_t *from_bytes, *to_bytes;
        struct dd_picture from = make(formats[i], 67, 35, &from_bytes), to = make(formats[i], 67, 35, &to_bytes);
        for (int y = 0; y < 35; y++)
            for (int x = 0; x < 67; x++)
                dd_picture_writable(&from, 0)[y * from.stride[0] + x] = (uint8_t)(x * 7 + y * 13);
        ck_assert_int_eq(dd_scale_picture(s, &from, &to), 0);
        for (int y = 0; y < 35; y++)
            for (int x = 0; x < 67; x++) {
                bool unused = formats[i] == DD_PICTURE_BGRX && x % 4 == 3; /* whatever is in it, 0 comes out */
                ck_assert_uint_eq(to.plane[0][y * to.stride[0] + x], unused ? 0 : from.plane[0][y * from.stride[0] + x]);
            }
        free(from_bytes);
        free(to_bytes);
    }
    dd_scale_free(s);
    dd_scale_free(NULL);
}
END_TEST

START_TEST(copies_from_other_strides)
{
    struct dd_scale *s = dd_scale_new();
    uint8_t *to_bytes, luma[4][8], chroma[2][4];
    struct dd_picture to = make(DD_PICTURE_I420, 8, 4, &to_bytes);
    struct dd_picture from = {.format = DD_PICTURE_FOREIGN,
                              .foreign_format = AV_PIX_FMT_YUV420P,
                              .foreign_full_range = true,
                              .width = 8,
                              .height = 4,
                              .plane = {luma[3], chroma[1], chroma[1]},
                              .stride = {-8, -4, -4}};

    for (int y = 0; y < 4; y++)
        memset(luma[y], y, 8);
    memset(chroma, 128, sizeof chroma);
    ck_assert_int_eq(dd_scale_picture(s, &from, &to), 0);
    for (int y = 0; y < 4; y++)
        ck_assert_int_eq(to.plane[0][y * to.stride[0] + 7], 3 - y);
    free(to_bytes);
    dd_scale_free(s);
}
END_TEST

START_TEST(scales_flat_colors)
{
    static const int sizes[][4] = {{1280, 720, 640, 360}, {1280, 720, 854, 480}, {640, 480, 640, 480}, {333, 77, 100, 24},
                                   {352, 288, 704, 576},  {4096, 2304, 160, 90}, {2, 2, 2, 2}};
    struct dd_scale *s = dd_scale_new();

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *from_bytes, *to_bytes;
        struct dd_picture from = make(DD_PICTURE_I420, sizes[i][0], sizes[i][1], &from_bytes);
        struct dd_picture to = make(DD_PICTURE_I444, sizes[i][2], sizes[i][3], &to_bytes);
        fill(&from, 112, 65, 48);
        ck_assert_int_eq(dd_scale_picture(s, &from, &to), 0);
        check_flat(&to, 112, 65, 48, 1);
        free(from_bytes);
        free(to_bytes);
    }
    dd_scale_free(s);
}
END_TEST

/* 16 to 235 of a camera is 0 to 255 in a JPEG. */
START_TEST(expands_the_range)
{
    static const int values[][6] = {{16, 128, 128, 0, 128, 128}, {235, 128, 128, 255, 128, 128}, {126, 16, 240, 128, 1, 255}};
    static const int sizes[][2] = {{320, 180}, {160, 90}, {106, 60}};
    struct dd_scale *s = dd_scale_new();

    for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++) {
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            uint8_t *from_bytes, *to_bytes;
            struct dd_picture from = make(DD_PICTURE_I420, 320, 180, &from_bytes);
            struct dd_picture to = make(DD_PICTURE_I420, sizes[size][0], sizes[size][1], &to_bytes);
            fill(&from, values[i][0], values[i][1], values[i][2]);
            from.format = DD_PICTURE_FOREIGN;
            from.foreign_format = AV_PIX_FMT_YUV420P;
            from.foreign_matrix = AVCOL_SPC_SMPTE170M;
            ck_assert_int_eq(dd_scale_picture(s, &from, &to), 0);
            check_flat(&to, values[i][3], values[i][4], values[i][5], 2);
            free(from_bytes);
            free(to_bytes);
        }
    }
    dd_scale_free(s);
}
END_TEST

START_TEST(takes_rgb)
{
    struct dd_scale *s = dd_scale_new();
    uint8_t *from_bytes, *to_bytes;
    struct dd_picture from = make(DD_PICTURE_BGRX, 64, 48, &from_bytes), to = make(DD_PICTURE_I444, 32, 24, &to_bytes);

    for (int y = 0; y < 48; y++)
        for (int x = 0; x < 64; x++)
            memcpy(dd_picture_writable(&from, 0) + y * from.stride[0] + 4 * x, "\x00\xbf\x00\x55", 4);
    ck_assert_int_eq(dd_scale_picture(s, &from, &to), 0);
    check_flat(&to, 112, 65, 48, 2);
    free(from_bytes);
    free(to_bytes);
    dd_scale_free(s);
}
END_TEST

/* Pixels of 3 by 2 in any packing of 8-bit RGB, with something in the fourth byte and behind each row. */
static void check_repacked(int av_format, const char *order)
{
    enum { WIDTH = 3, HEIGHT = 2, STRIDE = 20 };
    struct dd_scale *s = dd_scale_new();
    uint8_t bytes[HEIGHT * STRIDE], *to_bytes;
    struct dd_picture to = make(DD_PICTURE_BGRX, WIDTH, HEIGHT, &to_bytes);
    struct dd_picture from = {.format = DD_PICTURE_FOREIGN,
                              .foreign_format = av_format,
                              .width = WIDTH,
                              .height = HEIGHT,
                              .plane = {bytes},
                              .stride = {STRIDE}};
    size_t step = strlen(order);

    memset(bytes, 0xee, sizeof bytes);
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        for (size_t k = 0; k < step; k++) {
            int base = order[k] == 'B' ? 10 : order[k] == 'G' ? 90 : order[k] == 'R' ? 170 : 0xdd;
            bytes[(size_t)(i / WIDTH) * STRIDE + (size_t)(i % WIDTH) * step + k] = (uint8_t)(base + i);
        }
    ck_assert_msg(dd_scale_can_repack(&from), "%s", order);
    ck_assert_int_eq(dd_scale_picture(s, &from, &to), 0);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        const uint8_t expected[4] = {(uint8_t)(10 + i), (uint8_t)(90 + i), (uint8_t)(170 + i), 0};
        ck_assert_mem_eq(to.plane[0] + (i / WIDTH) * to.stride[0] + (i % WIDTH) * 4, expected, 4);
    }
    free(to_bytes);
    dd_scale_free(s);
}

START_TEST(repacks_rgb)
{
    check_repacked(AV_PIX_FMT_RGB24, "RGB");
    check_repacked(AV_PIX_FMT_BGR24, "BGR");
    check_repacked(AV_PIX_FMT_RGBA, "RGBA");
    check_repacked(AV_PIX_FMT_BGRA, "BGRA");
    check_repacked(AV_PIX_FMT_RGB0, "RGB0");
    check_repacked(AV_PIX_FMT_BGR0, "BGR0");
}
END_TEST

/* All that is not RGB in bytes, in that order, is planar after scaling. */
START_TEST(repacks_nothing_else)
{
    static const int others[] = {AV_PIX_FMT_ARGB,      AV_PIX_FMT_0BGR,    AV_PIX_FMT_GBRP,     AV_PIX_FMT_RGB48LE,
                                 AV_PIX_FMT_RGB48BE,   AV_PIX_FMT_RGBA64,  AV_PIX_FMT_RGB565LE, AV_PIX_FMT_RGB8,
                                 AV_PIX_FMT_X2RGB10LE, AV_PIX_FMT_PAL8,    AV_PIX_FMT_GRAY8,    AV_PIX_FMT_YA8,
                                 AV_PIX_FMT_YUV444P,   AV_PIX_FMT_UYVY422, AV_PIX_FMT_VAAPI,    AV_PIX_FMT_NONE};
    static const enum dd_picture_format planar[] = {DD_PICTURE_I420, DD_PICTURE_I444};
    struct dd_scale *s = dd_scale_new();
    uint8_t *from_bytes, *to_bytes;
    struct dd_picture from = make(DD_PICTURE_BGRX, 16, 16, &from_bytes), to = make(DD_PICTURE_BGRX, 16, 8, &to_bytes);

    ck_assert(dd_scale_can_repack(&from));
    ck_assert_int_eq(dd_scale_picture(s, &from, &to), DD_ERROR_INPUT);
    to.height = from.height = 8;
    ck_assert_int_eq(dd_scale_picture(s, &from, &to), 0);
    for (size_t i = 0; i < sizeof planar / sizeof *planar; i++) {
        struct dd_picture picture = {.format = planar[i]};
        ck_assert(!dd_scale_can_repack(&picture));
    }
    from.format = DD_PICTURE_FOREIGN;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        from.foreign_format = others[i];
        ck_assert_msg(!dd_scale_can_repack(&from), "%d", others[i]);
        ck_assert_int_eq(dd_scale_picture(s, &from, &to), DD_ERROR_INPUT);
    }
    free(from_bytes);
    free(to_bytes);
    dd_scale_free(s);
}
END_TEST

START_TEST(refuses)
{
    struct dd_scale *s = dd_scale_new();
    uint8_t *bytes;
    struct dd_picture to = make(DD_PICTURE_I420, 64, 48, &bytes), from = to;

    from.format = DD_PICTURE_FOREIGN;
    from.foreign_format = AV_PIX_FMT_VAAPI;
    ck_assert_int_eq(dd_scale_picture(s, &from, &to), DD_ERROR_INPUT);
    from.foreign_format = -1;
    ck_assert_int_eq(dd_scale_picture(s, &from, &to), DD_ERROR_INPUT);
    free(bytes);
    dd_scale_free(s);
}
END_TEST

SUITE("send/capture/pipeline/scale", copies_what_fits, copies_from_other_strides, scales_flat_colors, expands_the_range,
      takes_rgb, repacks_rgb, repacks_nothing_else, refuses)
