/* The layout of pictures in memory, and their comparison. */
#include <string.h>

#include "dd/base/error.h"
#include "send/picture.h"
#include "suite.h"

START_TEST(computes_layouts)
{
    struct dd_picture_layout l;

    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_I420, 1280, 720, &l), 0);
    ck_assert_int_eq(l.planes, 3);
    ck_assert_int_eq(l.stride[0], 1280);
    ck_assert_int_eq(l.stride[1], 640);
    ck_assert_uint_eq(l.plane_at[1], 1280 * 720);
    ck_assert_uint_eq(l.plane_at[2], 1280 * 720 + 640 * 360);
    ck_assert_uint_eq(l.bytes, 1280 * 720 * 3 / 2);

    /* odd sizes: chroma is rounded up, strides are aligned */
    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_I420, 65, 3, &l), 0);
    ck_assert_int_eq(l.stride[0], 96);
    ck_assert_int_eq(l.stride[2], 64);
    ck_assert_uint_eq(l.plane_at[2], 96 * 3 + 64 * 2);
    ck_assert_uint_eq(l.bytes % 64, 0);
    ck_assert_uint_ge(l.bytes, 96 * 3 + 64 * 4);

    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_I444, 33, 2, &l), 0);
    ck_assert_int_eq(l.stride[1], 64);
    ck_assert_uint_eq(l.plane_at[2], 256);
    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_BGRX, 33, 2, &l), 0);
    ck_assert_int_eq(l.planes, 1);
    ck_assert_int_eq(l.stride[0], 160);
}
END_TEST

START_TEST(refuses_wrong_sizes)
{
    static const int sizes[][2] = {{0, 1}, {1, 0}, {-1, 5}, {DD_PICTURE_WIDTH_MAX + 1, 1}, {1, DD_PICTURE_HEIGHT_MAX + 1}};
    struct dd_picture_layout l;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        l.bytes = 1;
        ck_assert_int_eq(dd_picture_layout(DD_PICTURE_I444, sizes[i][0], sizes[i][1], &l), DD_ERROR_SPACE);
        ck_assert_uint_eq(l.bytes, 0);
    }
    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_FOREIGN, 16, 16, &l), DD_ERROR_INPUT);
    ck_assert_int_eq(dd_picture_layout((enum dd_picture_format)77, 16, 16, &l), DD_ERROR_INPUT);
    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_I444, DD_PICTURE_WIDTH_MAX, DD_PICTURE_HEIGHT_MAX, &l), 0);
}
END_TEST

START_TEST(wraps_memory)
{
    struct dd_picture_layout l;
    struct dd_picture p;
    uint8_t bytes[1];

    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_I420, 64, 48, &l), 0);
    dd_picture_over(&p, DD_PICTURE_I420, 64, 48, &l, bytes);
    ck_assert_ptr_eq(p.plane[0], bytes);
    ck_assert_ptr_eq(p.plane[2], bytes + l.plane_at[2]);
    ck_assert_ptr_null(p.plane[3]);
    ck_assert_ptr_eq(dd_picture_writable(&p, 1), bytes + l.plane_at[1]);
    ck_assert_int_eq(p.stride[1], l.stride[1]);
    ck_assert_int_eq(p.width, 64);
    ck_assert_int_eq(p.height, 48);
    ck_assert_uint_eq(p.captured_us, 0);
}
END_TEST

START_TEST(own_memory_may_be_upright)
{
    struct dd_picture_layout l;

    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_I420, 2304, 4096, &l), DD_ERROR_SPACE);
    ck_assert_uint_eq(l.bytes, 0);
    ck_assert_int_eq(dd_picture_layout_own(DD_PICTURE_I420, 2304, 4096, &l), 0);
    ck_assert_uint_eq(l.bytes, 2304 * 4096 * 3 / 2);
    ck_assert_int_eq(dd_picture_layout_own(DD_PICTURE_I420, 16, DD_PICTURE_WIDTH_MAX + 1, &l), DD_ERROR_SPACE);
}
END_TEST

/* Every pixel counts, padding between the rows does not. */
START_TEST(compares_pixels)
{
    static const enum dd_picture_format formats[] = {DD_PICTURE_I420, DD_PICTURE_I444, DD_PICTURE_BGRX};
    for (size_t f = 0; f < 3; f++) {
        static uint8_t bytes[2][64 * 1024];
        struct dd_picture_layout l;
        struct dd_picture a, b;
        ck_assert_int_eq(dd_picture_layout(formats[f], 33, 17, &l), 0);
        memset(bytes[0], 0x11, sizeof bytes[0]);
        memset(bytes[1], 0x11, sizeof bytes[1]);
        dd_picture_over(&a, formats[f], 33, 17, &l, bytes[0]);
        dd_picture_over(&b, formats[f], 33, 17, &l, bytes[1]);
        ck_assert(dd_picture_equal(&a, &b));
        int row = formats[f] == DD_PICTURE_BGRX ? 33 * 4 : 33;
        bytes[1][row] ^= 1;
        ck_assert(dd_picture_equal(&a, &b));
        bytes[1][row - 1] ^= 1;
        ck_assert(!dd_picture_equal(&a, &b));
        bytes[1][row - 1] ^= 1;
        size_t last = l.plane_at[l.planes - 1] + (size_t)l.stride[l.planes - 1] * (formats[f] == DD_PICTURE_I420 ? 8 : 16);
        bytes[1][last] ^= 1;
        ck_assert(!dd_picture_equal(&a, &b));
        bytes[1][last] ^= 1;
        b.width = 32;
        ck_assert(!dd_picture_equal(&a, &b));
    }
}
END_TEST

SUITE("send/picture", computes_layouts, refuses_wrong_sizes, wraps_memory, own_memory_may_be_upright, compares_pixels)
