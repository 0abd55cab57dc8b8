#include "dd/draw/paint.h"

#include <string.h>

#include "dd/draw/bitmap_font.h"
#include "suite.h"

enum { WIDTH = 31, HEIGHT = 17, PIXELS = WIDTH * HEIGHT };

/* Planes of exactly the size that they need, whose edges AddressSanitizer watches. */
static struct dd_paint_planes make(int shift_x, int shift_y)
{
    struct dd_paint_planes p = {.width = WIDTH, .height = HEIGHT, .shift_x = shift_x, .shift_y = shift_y};
    for (int i = 0; i < 3; i++) {
        int wide = i ? (WIDTH + (1 << shift_x) - 1) >> shift_x : WIDTH,
            high = i ? (HEIGHT + (1 << shift_y) - 1) >> shift_y : HEIGHT;
        p.stride[i] = wide;
        p.plane[i] = calloc((size_t)wide, (size_t)high);
    }
    return p;
}

static void done(struct dd_paint_planes *p)
{
    for (int i = 0; i < 3; i++)
        free(p->plane[i]);
}

START_TEST(covers_what_it_touches_and_no_more)
{
    const struct dd_paint_color color = {200, 100, 50};
    for (int sx = 0; sx <= 2; sx++)
        for (int sy = 0; sy <= 1; sy++) {
            struct dd_paint_planes p = make(sx, sy);
            dd_paint_rectangle(&p, 3, 5, 6, 4, color);
            for (int y = 0; y < HEIGHT; y++)
                for (int x = 0; x < WIDTH; x++) {
                    int inside = x >= 3 && x < 9 && y >= 5 && y < 9;
                    ck_assert_int_eq(p.plane[0][y * p.stride[0] + x], inside ? 200 : 0);
                    if (inside)
                        ck_assert_int_eq(p.plane[1][(y >> sy) * p.stride[1] + (x >> sx)], 100);
                    if (inside)
                        ck_assert_int_eq(p.plane[2][(y >> sy) * p.stride[2] + (x >> sx)], 50);
                }
            ck_assert_int_eq(p.plane[1][(5 >> sy) * p.stride[1] + (8 >> sx) + 1], 0);
            ck_assert_int_eq(p.plane[1][((8 >> sy) + 1) * p.stride[1] + (3 >> sx)], 0);
            done(&p);
        }
}
END_TEST

START_TEST(stays_within_the_picture)
{
    const struct dd_paint_color color = {200, 100, 50};
    for (int shift = 0; shift <= 2; shift++) {
        struct dd_paint_planes p = make(shift, shift);
        for (int at = -40; at < 40; at++) {
            dd_paint_rectangle(&p, at, at, 20, 20, color);
            dd_paint_text(&p, at * 2, at, 3, "8.:\xff~", color);
        }
        ck_assert_int_eq(p.plane[0][PIXELS - 1], 200);
        done(&p);
    }
}
END_TEST

START_TEST(text_is_the_font_s_pixels)
{
    const struct dd_paint_color color = {200, 100, 50};
    struct dd_paint_planes p = make(0, 0);
    dd_paint_text(&p, 1, 1, 2, "7e", color);
    for (int i = 0; i < 2; i++)
        for (int y = 0; y < DD_BITMAP_FONT_HEIGHT * 2; y++)
            for (int x = 0; x < DD_BITMAP_FONT_WIDTH * 2; x++) {
                int set = dd_bitmap_font_rows("7e"[i])[y / 2] >> (DD_BITMAP_FONT_WIDTH - 1 - x / 2) & 1;
                int at = (1 + y) * WIDTH + 1 + x + i * DD_BITMAP_FONT_ADVANCE * 2;
                ck_assert_int_eq(p.plane[0][at], set ? 200 : 0);
            }
    ck_assert_int_eq(dd_paint_text_width("7e", 2), 2 * (DD_BITMAP_FONT_ADVANCE + DD_BITMAP_FONT_WIDTH));
    done(&p);
}
END_TEST

SUITE("draw/paint", covers_what_it_touches_and_no_more, stays_within_the_picture, text_is_the_font_s_pixels)
