/* Which update answers a probe, and which shows a change. */
#include <string.h>

#include "send/capture/vnc/probe.h"
#include "suite.h"

enum { WIDTH = 640, HEIGHT = 480 };

static uint8_t pixels[WIDTH * HEIGHT * 4];
static const struct dd_vnc_probe_desktop desktop = {.pixels = pixels, .width = WIDTH, .height = HEIGHT};

/* A message of one rectangle, which is drawn already. True if it shows a change. */
static bool update(struct dd_vnc_probe *probe, int x, int y, int width, int height)
{
    const struct dd_rect rect = {.x = x, .y = y, .width = width, .height = height};

    dd_vnc_probe_begin_message(probe);
    return dd_vnc_probe_update(probe, &desktop, &rect);
}

static struct dd_vnc_probe *start(int *x, int *y)
{
    struct dd_vnc_probe *probe = dd_vnc_probe_new();

    ck_assert_ptr_nonnull(probe);
    memset(pixels, 7, sizeof pixels);
    dd_vnc_probe_start(probe);
    dd_vnc_probe_next_pixel(probe, &desktop, x, y);
    ck_assert(!dd_vnc_probe_is_answered(probe));
    return probe;
}

START_TEST(is_answered_by_its_pixel)
{
    for (int width = 1; width <= 16; width += 15) { /* with the pixels beside it, too */
        int x, y;
        struct dd_vnc_probe *probe = start(&x, &y);

        ck_assert(!update(probe, x, y, width, 1));
        ck_assert(!dd_vnc_probe_end_message(probe));
        ck_assert(dd_vnc_probe_is_answered(probe));
        dd_vnc_probe_free(probe);
    }
}
END_TEST

START_TEST(sees_a_change_in_the_answer)
{
    int x, y;
    struct dd_vnc_probe *probe = start(&x, &y);

    pixels[((size_t)y * WIDTH + (size_t)x) * 4 + 3] = 99; /* the unused byte */
    ck_assert(!update(probe, x, y, 1, 1));
    pixels[((size_t)y * WIDTH + (size_t)x) * 4 + 2] = 99;
    ck_assert(update(probe, x, y, 1, 1));
    ck_assert(!update(probe, x, y, 1, 1));
    ck_assert(!dd_vnc_probe_end_message(probe));
    ck_assert(dd_vnc_probe_is_answered(probe));
    dd_vnc_probe_free(probe);
}
END_TEST

/* It may have been on its way before the probe: so another pixel is needed. */
START_TEST(doubts_a_larger_update)
{
    int x, y;
    struct dd_vnc_probe *probe = start(&x, &y);

    ck_assert(update(probe, 0, 0, WIDTH, HEIGHT));
    ck_assert(dd_vnc_probe_end_message(probe));
    ck_assert(!dd_vnc_probe_is_answered(probe));
    dd_vnc_probe_next_pixel(probe, &desktop, &x, &y);
    ck_assert(update(probe, 0, 0, WIDTH, HEIGHT));
    ck_assert(!dd_vnc_probe_end_message(probe));
    ck_assert(dd_vnc_probe_is_answered(probe));
    dd_vnc_probe_free(probe);
}
END_TEST

START_TEST(is_not_answered_by_other_updates)
{
    int x, y, next_x, next_y;
    struct dd_vnc_probe *probe = start(&x, &y);

    ck_assert(update(probe, WIDTH / 2, HEIGHT / 2, 20, 20));
    ck_assert(!dd_vnc_probe_end_message(probe));
    ck_assert(!dd_vnc_probe_is_answered(probe));
    dd_vnc_probe_start(probe);
    dd_vnc_probe_next_pixel(probe, &desktop, &next_x, &next_y);
    ck_assert(next_x != x || next_y != y);
    ck_assert_msg(!update(probe, x, y, 1, 1), "the late answer to the probe before is no change");
    ck_assert(!dd_vnc_probe_end_message(probe));
    ck_assert(!dd_vnc_probe_is_answered(probe));
    dd_vnc_probe_free(probe);
}
END_TEST

START_TEST(forgets_pixels_of_another_size)
{
    int x, y;
    struct dd_vnc_probe *probe = start(&x, &y);

    dd_vnc_probe_reset(probe);
    ck_assert(update(probe, x, y, 1, 1));
    ck_assert(!dd_vnc_probe_end_message(probe));
    ck_assert(!dd_vnc_probe_is_answered(probe));
    dd_vnc_probe_next_pixel(probe, &desktop, &x, &y);
    ck_assert(!update(probe, x, y, 1, 1));
    ck_assert(!dd_vnc_probe_end_message(probe));
    ck_assert(dd_vnc_probe_is_answered(probe));
    dd_vnc_probe_free(probe);
}
END_TEST

START_TEST(stays_within_any_desktop)
{
    static const int sizes[][2] = {{1, 1}, {1, 9}, {3, 2}, {8, 4}, {100, 3}, {640, 480}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int width = sizes[i][0], height = sizes[i][1];
        uint8_t *exact = calloc((size_t)width * (size_t)height, 4); /* AddressSanitizer looks at its end */
        const struct dd_vnc_probe_desktop small = {.pixels = exact, .width = width, .height = height};
        struct dd_vnc_probe *probe = dd_vnc_probe_new();
        int x, y;

        ck_assert(probe && exact);
        for (int n = 0; n < 1000; n++) {
            dd_vnc_probe_next_pixel(probe, &small, &x, &y);
            ck_assert(x >= 0 && y >= 0 && x < width && y < height);
        }
        dd_vnc_probe_free(probe);
        free(exact);
    }
}
END_TEST

SUITE("send/capture/vnc/probe", is_answered_by_its_pixel, sees_a_change_in_the_answer, doubts_a_larger_update,
      is_not_answered_by_other_updates, forgets_pixels_of_another_size, stays_within_any_desktop)
