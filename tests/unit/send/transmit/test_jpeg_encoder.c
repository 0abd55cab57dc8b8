/* JPEGs are decoded with TurboJPEG: size, subsampling and colours are those of the picture. */
#include <stdio.h>
#include <string.h>

#include <turbojpeg.h>

#include "send/picture.h"
#include "send/transmit/jpeg_encoder.h"
#include "suite.h"

enum { TOLERANCE = 3 };

struct color {
    uint8_t rgb[3], yuv[3];
};

/* the colours of the EBU bars, converted as JFIF says */
static const struct color colors[] = {
    {{255, 255, 255}, {255, 128, 128}}, {{191, 191, 0}, {169, 32, 144}}, {{0, 191, 191}, {134, 160, 32}},
    {{0, 191, 0}, {112, 65, 48}},       {{191, 0, 191}, {79, 191, 208}}, {{191, 0, 0}, {57, 96, 224}},
    {{0, 0, 191}, {22, 223, 112}},      {{0, 0, 0}, {0, 128, 128}},
};

/* Makes a picture of one colour. *bytes is returned-owned. */
static struct dd_picture make_picture(enum dd_picture_format format, int width, int height, const struct color *color,
                                      uint8_t **bytes)
{
    struct dd_picture_layout layout;
    struct dd_picture picture;

    ck_assert_int_eq(dd_picture_layout(format, width, height, &layout), 0);
    *bytes = malloc(layout.bytes);
    for (size_t i = 0; i < layout.bytes; i++) {
        int plane = layout.planes < 3 ? 0 : i >= layout.plane_at[2] ? 2 : i >= layout.plane_at[1] ? 1 : 0;
        uint8_t bgrx[4] = {color->rgb[2], color->rgb[1], color->rgb[0], 99};
        (*bytes)[i] = layout.planes < 3 ? bgrx[i % 4] : color->yuv[plane];
    }
    dd_picture_over(&picture, format, width, height, &layout, *bytes);
    return picture;
}

static void check_jpeg(const uint8_t *jpeg, size_t bytes, int width, int height, int samp, const struct color *color)
{
    int w = 0, h = 0, s = 0, space = 0;
    tjhandle handle = tjInitDecompress();
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);

    ck_assert_int_eq(tjDecompressHeader3(handle, jpeg, bytes, &w, &h, &s, &space), 0);
    ck_assert_int_eq(w, width);
    ck_assert_int_eq(h, height);
    ck_assert_int_eq(s, samp);
    ck_assert_int_eq(space, TJCS_YCbCr);
    ck_assert_int_eq(tjDecompress2(handle, jpeg, bytes, rgb, width, 0, height, TJPF_RGB, 0), 0);
    for (int i = 0; i < width * height * 3; i++)
        ck_assert_int_le(abs(rgb[i] - color->rgb[i % 3]), TOLERANCE);
    free(rgb);
    tjDestroy(handle);
}

static void round_trip(enum dd_picture_format format, enum dd_jpeg_encoder_subsampling subsampling, int samp)
{
    static const int sizes[][2] = {{64, 48}, {1, 1}, {33, 17}, {1281, 3}};
    struct dd_jpeg_encoder *e = dd_jpeg_encoder_new();

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t k = 0; k < sizeof colors / sizeof *colors; k++) {
            uint8_t *bytes;
            struct dd_picture picture = make_picture(format, sizes[i][0], sizes[i][1], &colors[k], &bytes);
            size_t bound = dd_jpeg_encoder_bound(picture.width, picture.height, subsampling);
            uint8_t *jpeg = malloc(bound);
            size_t size = dd_jpeg_encoder_encode(e, &picture, 90, subsampling, jpeg, bound);
            ck_assert_uint_gt(size, 0);
            ck_assert_uint_le(size, bound);
            check_jpeg(jpeg, size, picture.width, picture.height, samp, &colors[k]);
            free(jpeg);
            free(bytes);
        }
    }
    dd_jpeg_encoder_free(e);
}

START_TEST(encodes_i420)
{
    round_trip(DD_PICTURE_I420, DD_JPEG_ENCODER_420, TJSAMP_420);
}
END_TEST

START_TEST(encodes_i444)
{
    round_trip(DD_PICTURE_I444, DD_JPEG_ENCODER_444, TJSAMP_444);
}
END_TEST

START_TEST(encodes_bgrx)
{
    round_trip(DD_PICTURE_BGRX, DD_JPEG_ENCODER_420, TJSAMP_420);
    round_trip(DD_PICTURE_BGRX, DD_JPEG_ENCODER_444, TJSAMP_444);
}
END_TEST

START_TEST(takes_every_quality)
{
    struct dd_jpeg_encoder *e = dd_jpeg_encoder_new();
    size_t bound = dd_jpeg_encoder_bound(64, 64, DD_JPEG_ENCODER_444), last = 0;
    uint8_t *jpeg = malloc(bound), *bytes;
    struct dd_picture picture = make_picture(DD_PICTURE_I444, 64, 64, &colors[1], &bytes);
    uint8_t *luma = dd_picture_writable(&picture, 0);

    for (unsigned i = 0; i < 64 * 64; i++)
        luma[i] = (uint8_t)(i * 2654435761U >> 24);
    for (int quality = 0; quality <= 100; quality++) {
        size_t size = dd_jpeg_encoder_encode(e, &picture, quality, DD_JPEG_ENCODER_444, jpeg, bound);
        ck_assert_uint_gt(size, 0);
        if (quality == 100)
            ck_assert_uint_gt(size, 4 * last);
        if (quality == 0)
            last = size;
        if (quality == 1)
            ck_assert_uint_eq(size, last);
    }
    free(jpeg);
    free(bytes);
    dd_jpeg_encoder_free(e);
}
END_TEST

START_TEST(refuses_small_buffers_and_foreign_formats)
{
    struct dd_jpeg_encoder *e = dd_jpeg_encoder_new();
    size_t bound = dd_jpeg_encoder_bound(64, 64, DD_JPEG_ENCODER_420);
    uint8_t *jpeg = malloc(bound), *bytes;
    struct dd_picture picture = make_picture(DD_PICTURE_I420, 64, 64, &colors[1], &bytes);

    ck_assert_uint_eq(dd_jpeg_encoder_encode(e, &picture, 60, DD_JPEG_ENCODER_420, jpeg, bound - 1), 0);
    picture.format = DD_PICTURE_FOREIGN;
    ck_assert_uint_eq(dd_jpeg_encoder_encode(e, &picture, 60, DD_JPEG_ENCODER_420, jpeg, bound), 0);
    ck_assert_uint_eq(dd_jpeg_encoder_bound(0, 10, DD_JPEG_ENCODER_420), 0);
    free(jpeg);
    free(bytes);
    dd_jpeg_encoder_free(e);
    dd_jpeg_encoder_free(NULL);
}
END_TEST

/* Only pixels leave: a JPEG has no segments but those that it needs. */
START_TEST(has_no_metadata)
{
    struct dd_jpeg_encoder *e = dd_jpeg_encoder_new();
    size_t bound = dd_jpeg_encoder_bound(64, 64, DD_JPEG_ENCODER_420);
    uint8_t *jpeg = malloc(bound), *bytes;
    struct dd_picture picture = make_picture(DD_PICTURE_I420, 64, 64, &colors[1], &bytes);
    size_t size = dd_jpeg_encoder_encode(e, &picture, 60, DD_JPEG_ENCODER_420, jpeg, bound), at = 2;

    while (at + 4 <= size && jpeg[at + 1] != 0xda) {
        uint8_t marker = jpeg[at + 1];
        ck_assert_int_eq(jpeg[at], 0xff);
        ck_assert_msg(marker == 0xe0 || marker == 0xdb || marker == 0xc0 || marker == 0xc4, "segment %02x", marker);
        at += 2 + (size_t)(jpeg[at + 2] << 8 | jpeg[at + 3]);
    }
    ck_assert_int_eq(jpeg[at + 1], 0xda);
    free(jpeg);
    free(bytes);
    dd_jpeg_encoder_free(e);
}
END_TEST

SUITE("send/transmit/jpeg_encoder", encodes_i420, encodes_i444, encodes_bgrx, takes_every_quality,
      refuses_small_buffers_and_foreign_formats, has_no_metadata)
