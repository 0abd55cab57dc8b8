/* Rotating and mirroring, pixel by pixel. */
#include <string.h>

#include "send/capture/pipeline/rotate.h"
#include "send/picture.h"
#include "suite.h"

static struct dd_picture make(enum dd_picture_format format, int width, int height, uint8_t **bytes)
{
    struct dd_picture_layout layout;
    struct dd_picture picture;

    ck_assert_int_eq(dd_picture_layout_own(format, width, height, &layout), 0);
    *bytes = calloc(1, layout.bytes);
    dd_picture_over(&picture, format, width, height, &layout, *bytes);
    return picture;
}

static int plane_size(const struct dd_picture *p, int plane, int size)
{
    return plane && p->format == DD_PICTURE_I420 ? (size + 1) / 2 : size;
}

/* Where the pixel *x, *y of a plane of width x height gets to: one quarter turn after the other, then the mirror. */
static void move_pixel(int quarter_turns, enum dd_rotate_flip flip, int width, int height, int *x, int *y)
{
    for (int i = 0; i < quarter_turns; i++) {
        int from_x = *x, old_width = width;
        *x = height - 1 - *y;
        *y = from_x;
        width = height;
        height = old_width;
    }
    if (flip == DD_ROTATE_FLIP_HORIZONTAL)
        *x = width - 1 - *x;
    if (flip == DD_ROTATE_FLIP_VERTICAL)
        *y = height - 1 - *y;
}

static void check(enum dd_picture_format format, int width, int height, int quarter_turns, enum dd_rotate_flip flip)
{
    uint8_t *in_bytes, *out_bytes;
    struct dd_picture in = make(format, width, height, &in_bytes);
    struct dd_picture out = make(format, quarter_turns % 2 ? height : width, quarter_turns % 2 ? width : height, &out_bytes);

    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < plane_size(&in, plane, height); y++)
            for (int x = 0; x < plane_size(&in, plane, width); x++)
                dd_picture_writable(&in, plane)[y * in.stride[plane] + x] = (uint8_t)(x * 31 + y * 7 + plane);
    dd_rotate_picture(&in, quarter_turns, flip, &out);
    for (int plane = 0; plane < 3; plane++) {
        int w = plane_size(&in, plane, width), h = plane_size(&in, plane, height);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                int to_x = x, to_y = y;
                move_pixel(quarter_turns, flip, w, h, &to_x, &to_y);
                /* a ck_assert for every pixel would take longer than the test */
                if (out.plane[plane][to_y * out.stride[plane] + to_x] != in.plane[plane][y * in.stride[plane] + x])
                    ck_abort_msg("%d quarter turns, flip %d: plane %d at %d, %d", quarter_turns, flip, plane, x, y);
            }
    }
    free(in_bytes);
    free(out_bytes);
}

START_TEST(rotates_and_mirrors)
{
    static const int sizes[][2] = {{64, 48}, {66, 34}, {2, 2}, {130, 2}, {2, 70}, {96, 97}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int quarter_turns = 0; quarter_turns < 4; quarter_turns++)
            for (int flip = DD_ROTATE_FLIP_NONE; flip <= DD_ROTATE_FLIP_VERTICAL; flip++) {
                check(DD_PICTURE_I420, sizes[i][0], sizes[i][1], quarter_turns, (enum dd_rotate_flip)flip);
                check(DD_PICTURE_I444, sizes[i][0], sizes[i][1], quarter_turns, (enum dd_rotate_flip)flip);
            }
}
END_TEST

/* Clockwise, as the option says: what was at the top left is at the top right. */
START_TEST(rotates_clockwise)
{
    int x = 0, y = 0;

    move_pixel(1, DD_ROTATE_FLIP_NONE, 64, 48, &x, &y);
    ck_assert_int_eq(x, 47);
    ck_assert_int_eq(y, 0);
    check(DD_PICTURE_I420, 64, 48, 1, DD_ROTATE_FLIP_NONE);
}
END_TEST

SUITE("send/capture/pipeline/rotate", rotates_and_mirrors, rotates_clockwise)
