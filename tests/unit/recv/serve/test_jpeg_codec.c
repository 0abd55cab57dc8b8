#include "recv/serve/jpeg_codec.h"

#include <string.h>
#include <turbojpeg.h>

#include "dd/base/error.h"
#include "dd/draw/paint.h"
#include "suite.h"

enum { WIDTH = 161, HEIGHT = 91, ROOM = 100000, SOF0 = 0xc0 };

static uint8_t jpeg[ROOM];
static size_t jpeg_size;

static void make(int subsampling)
{
    static uint8_t pixels[WIDTH * HEIGHT * 3];
    uint8_t *out = jpeg;
    unsigned long size = sizeof jpeg;
    tjhandle handle = tjInitCompress();
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i / 3 % WIDTH);
    ck_assert_int_eq(tjCompress2(handle, pixels, WIDTH, 0, HEIGHT, TJPF_RGB, &out, &size, subsampling, 90, TJFLAG_NOREALLOC), 0);
    tjDestroy(handle);
    jpeg_size = size;
}

static uint8_t *frame_header(void)
{
    size_t at = 2;
    while (jpeg[at + 1] != SOF0)
        at += 2 + (size_t)(jpeg[at + 2] << 8 | jpeg[at + 3]);
    return jpeg + at;
}

START_TEST(decodes_what_intake_accepts)
{
    static const int list[] = {TJSAMP_420, TJSAMP_444, TJSAMP_GRAY};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        int width, height;
        make(list[i]);
        ck_assert_int_eq(dd_jpeg_codec_read_size(jpeg, jpeg_size, &width, &height), 0);
        ck_assert(width == WIDTH && height == HEIGHT);
        ck_assert_ptr_null(dd_jpeg_codec_decode(jpeg, jpeg_size, WIDTH * HEIGHT - 1));
        struct dd_jpeg_codec_picture *picture = dd_jpeg_codec_decode(jpeg, jpeg_size, WIDTH * HEIGHT);
        ck_assert_ptr_nonnull(picture);
        const struct dd_paint_planes *planes = dd_jpeg_codec_picture_planes(picture);
        ck_assert(planes->width == WIDTH && planes->height == HEIGHT);
        ck_assert_int_eq(planes->shift_x, list[i] != TJSAMP_444);
        ck_assert_int_eq(planes->shift_y, list[i] != TJSAMP_444);
        for (int x = 0; x < WIDTH; x++)
            ck_assert_int_le(abs(planes->plane[0][planes->stride[0] * 50 + x] - x), 8);
        /* all of it can be painted on; a sanitizer sees what is outside */
        dd_paint_rectangle(planes, 0, 0, WIDTH, HEIGHT, dd_paint_color(0xff, 0, 0));
        dd_jpeg_codec_picture_free(picture);
    }
}
END_TEST

START_TEST(other_subsamplings_are_refused)
{
    static const int list[] = {TJSAMP_422, TJSAMP_440, TJSAMP_411};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        make(list[i]);
        ck_assert_ptr_null(dd_jpeg_codec_decode(jpeg, jpeg_size, WIDTH * HEIGHT));
    }
    make(TJSAMP_420); /* 4:4:1: TurboJPEG 3 has a name for it, 2 has none */
    frame_header()[11] = 0x14;
    ck_assert_ptr_null(dd_jpeg_codec_decode(jpeg, jpeg_size, WIDTH * HEIGHT));
    frame_header()[11] = 0x33;
    ck_assert_ptr_null(dd_jpeg_codec_decode(jpeg, jpeg_size, WIDTH * HEIGHT));
}
END_TEST

/* libjpeg-turbo's handle is of no use after a header like this one. */
START_TEST(a_refused_picture_has_no_effect_on_the_next)
{
    int width, height;
    for (int i = 0; i < 3; i++) {
        make(TJSAMP_420);
        memset(frame_header() + 5, 0, 2);
        ck_assert_int_eq(dd_jpeg_codec_read_size(jpeg, jpeg_size, &width, &height), DD_ERROR_INPUT);
        ck_assert(width == 0 && height == 0);
        ck_assert_ptr_null(dd_jpeg_codec_decode(jpeg, jpeg_size, WIDTH * HEIGHT));
        make(TJSAMP_420);
        ck_assert_int_eq(dd_jpeg_codec_read_size(jpeg, jpeg_size, &width, &height), 0);
        struct dd_jpeg_codec_picture *picture = dd_jpeg_codec_decode(jpeg, jpeg_size, WIDTH * HEIGHT);
        ck_assert_ptr_nonnull(picture);
        dd_jpeg_codec_picture_free(picture);
    }
}
END_TEST

SUITE("recv/serve/jpeg_codec", decodes_what_intake_accepts, other_subsamplings_are_refused,
      a_refused_picture_has_no_effect_on_the_next)
