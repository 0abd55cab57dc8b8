/* How pictures lie in memory and how large they come out. */
#include "dd/base/error.h"
#include "dd/send/picture.h"
#include "suite.h"

START_TEST(lays_out)
{
    struct dd_picture_layout l;

    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_I420, 1280, 720, &l), 0);
    ck_assert_int_eq(l.planes, 3);
    ck_assert_int_eq(l.stride[0], 1280);
    ck_assert_int_eq(l.stride[1], 640);
    ck_assert_uint_eq(l.plane_at[1], 1280 * 720);
    ck_assert_uint_eq(l.plane_at[2], 1280 * 720 + 640 * 360);
    ck_assert_uint_eq(l.bytes, 1280 * 720 * 3 / 2);

    /* odd: chroma is rounded up, strides are aligned */
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

START_TEST(refuses)
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

START_TEST(lies_over_bytes)
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

START_TEST(contains)
{
    static const struct {
        int width, height, aspect_num, aspect_den, limit_width, limit_height, out_width, out_height;
    } rows[] = {
        {1280, 720, 0, 0, 1280, 720, 1280, 720},
        {1920, 1080, 1, 1, 1280, 720, 1280, 720},
        {640, 480, 0, 0, 1280, 720, 640, 480},   /* never enlarged */
        {1600, 1200, 0, 0, 1280, 720, 960, 720}, /* no bars */
        {720, 1280, 0, 0, 1280, 720, 406, 720},
        {720, 576, 16, 15, 1280, 720, 768, 576}, /* the pixels' aspect */
        {720, 480, 8, 9, 1280, 720, 640, 480},
        {704, 576, 16, 11, 640, 480, 640, 360},
        {333, 77, 0, 0, 4096, 2304, 334, 78}, /* even */
        {4096, 2305, 0, 0, 4096, 2304, 4094, 2304},
        {5, 4000, 0, 0, 100, 100, 2, 100}, /* at least two pixels */
        {1, 1, 0, 0, 1280, 720, 2, 2},
        {100, 100, 2147483647, 1, 1280, 720, 1280, 2}, /* absurd */
        {100, 100, 1, 2147483647, 1280, 720, 2, 100},
        {100, 100, -1, 5, 1280, 720, 100, 100},
        {8192, 8192, 0, 0, 17, 17, 16, 16},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int width = 0, height = 0;
        dd_picture_contain(rows[i].width, rows[i].height, rows[i].aspect_num, rows[i].aspect_den, rows[i].limit_width,
                           rows[i].limit_height, &width, &height);
        ck_assert_msg(width == rows[i].out_width && height == rows[i].out_height, "row %zu: %dx%d", i, width, height);
    }
}
END_TEST

SUITE_MAIN("send/picture", lays_out, refuses, lies_over_bytes, contains)
