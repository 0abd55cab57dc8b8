/* Rectangles of options: in pixels for a crop, in fractions for a mask. */
#include "dd/base/error.h"
#include "send/rect.h"
#include "suite.h"

START_TEST(parses_rectangles)
{
    static const char *const wrong[] = {"",
                                        "640x480",
                                        "640x480+1",
                                        "0x480+0+0",
                                        "640x0+0+0",
                                        "-1x5+0+0",
                                        "640x480-1+0",
                                        "640x480+0+0 ",
                                        " 640x480+0+0",
                                        "640x480+0+0+0",
                                        "65535x1+1+0",
                                        "999999x1+0+0",
                                        "1.5x1+0+0"};
    struct dd_rect area;

    ck_assert_int_eq(dd_rect_parse("640x480+100+20", &area), 0);
    ck_assert(area.width == 640 && area.height == 480 && area.x == 100 && area.y == 20);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_msg(dd_rect_parse(wrong[i], &area) == DD_ERROR_INPUT, "%s", wrong[i]);
        ck_assert_int_eq(area.width, 0);
    }
}
END_TEST

START_TEST(parses_masks)
{
    static const char *const wrong[] = {
        "0.5",         "0x0.1+0+0",   "0.1x0+0+0",      "0.1x0.1+1+0",      "0.6x0.1+0.5+0",       "0.1x0.2+0+0.9",
        "1.5x0.1+0+0", "nanx0.1+0+0", "0.1x0.1+-0.1+0", "1e-1x0.1+0+0",     "0.1x0.1+0+0,rubbish", "0.1x0.1+0+0+0",
        "0x1x0.1+0+0", "..1x0.1+0+0", "0.1:0.1:0:0.1",  "0.1x0.1+0.1+0.1x",
    };
    struct dd_rect_fraction mask[DD_RECT_MASK_MAX];
    char why[256], many[2048] = "";
    size_t count = 9;

    ck_assert_int_eq(dd_rect_parse_mask("", mask, &count, why, sizeof why), 0);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(dd_rect_parse_mask("0.25x0.1+0.5+0, 1x1+0+0,.3x.3+.7+.7", mask, &count, why, sizeof why), 0);
    ck_assert_uint_eq(count, 3);
    ck_assert(mask[0].width == 0.25 && mask[0].height == 0.1 && mask[0].x == 0.5 && mask[0].y == 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        why[0] = '\0';
        ck_assert_msg(dd_rect_parse_mask(wrong[i], mask, &count, why, sizeof why) == DD_ERROR_INPUT, "%s", wrong[i]);
        ck_assert(why[0]);
    }
    for (int i = 0; i <= DD_RECT_MASK_MAX; i++)
        strcat(many, "0.1x0.1+0+0,");
    ck_assert_int_eq(dd_rect_parse_mask(many, mask, &count, why, sizeof why), DD_ERROR_INPUT);
}
END_TEST

static void check_pixels(struct dd_rect_fraction f, int width, int height, struct dd_rect expected)
{
    struct dd_rect a = dd_rect_of_fraction(&f, width, height);

    ck_assert_msg(a.x == expected.x && a.y == expected.y && a.width == expected.width && a.height == expected.height,
                  "%dx%d+%d+%d", a.width, a.height, a.x, a.y);
}

/* The fraction is rounded outwards: no pixel that it touches is left out. */
START_TEST(a_mask_covers_every_pixel_it_touches)
{
    check_pixels((struct dd_rect_fraction){0, 0, 1, 1}, 1280, 720, (struct dd_rect){0, 0, 1280, 720});
    check_pixels((struct dd_rect_fraction){0.25, 0.5, 0.5, 0.25}, 640, 480, (struct dd_rect){160, 240, 320, 120});
    check_pixels((struct dd_rect_fraction){0.001, 0, 0.001, 1}, 640, 480, (struct dd_rect){0, 0, 2, 480});
    check_pixels((struct dd_rect_fraction){0.9999, 0.9999, 0.0001, 0.0001}, 100, 100, (struct dd_rect){99, 99, 1, 1});
    check_pixels((struct dd_rect_fraction){0.7, 0, 0.3, 1}, 333, 1, (struct dd_rect){233, 0, 100, 1});
}
END_TEST

START_TEST(intersects)
{
    struct dd_rect a = {10, 10, 100, 50}, inside = {20, 20, 5, 5}, over = {100, 0, 50, 20}, beside = {110, 10, 5, 5};

    struct dd_rect c = dd_rect_intersect(&a, &inside);
    ck_assert(c.x == 20 && c.y == 20 && c.width == 5 && c.height == 5);
    c = dd_rect_intersect(&a, &over);
    ck_assert(c.x == 100 && c.y == 10 && c.width == 10 && c.height == 10);
    c = dd_rect_intersect(&a, &beside);
    ck_assert(c.width == 0 && c.height == 0);
}
END_TEST

SUITE("send/rect", parses_rectangles, parses_masks, a_mask_covers_every_pixel_it_touches, intersects)
