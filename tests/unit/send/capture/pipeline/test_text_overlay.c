/* The date and time are in the picture, legible, and within it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dd/base/error.h"
#include "dd/draw/bitmap_font.h"
#include "send/capture/pipeline/text_overlay.h"
#include "send/picture.h"
#include "suite.h"

START_TEST(checks_the_format)
{
    static const char *const wrong[] = {"Größe",
                                        "\x01",
                                        "%F\n",
                                        "%n",
                                        "a%nb",
                                        "%t",
                                        "%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c%c"};
    char why[200] = "";

    ck_assert_int_eq(dd_text_overlay_check("", why, sizeof why), 0);
    ck_assert_int_eq(dd_text_overlay_check("Gate 3  %F %T", why, sizeof why), 0);
    ck_assert_int_eq(dd_text_overlay_check("100 %%", why, sizeof why), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        why[0] = '\0';
        ck_assert_int_eq(dd_text_overlay_check(wrong[i], why, sizeof why), DD_ERROR_INPUT);
        ck_assert(why[0]);
    }
}
END_TEST

/* What dd_text_overlay_check() accepts can be painted. */
START_TEST(the_font_has_all_of_ascii)
{
    const uint8_t *box = dd_bitmap_font_rows('\x7f');
    for (char c = '!'; c <= '~'; c++)
        ck_assert_msg(dd_bitmap_font_rows(c) != box, "%c", c);
}
END_TEST

/* Each pixel of the text is where the font has it. */
static void check(int width, int height, int scale, const char *text)
{
    struct dd_picture_layout layout;
    struct dd_picture p;

    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_I420, width, height, &layout), 0);
    uint8_t *bytes = malloc(layout.bytes);
    memset(bytes, 200, layout.bytes);
    dd_picture_over(&p, DD_PICTURE_I420, width, height, &layout, bytes);
    setenv("TZ", "XST-2", 1);
    tzset();
    dd_text_overlay_paint(&p, "Gate 3 %F %T", UINT64_C(1767268800999999)); /* 2026-01-01T12:00:00.999999Z */

    int top = ((height - (DD_BITMAP_FONT_HEIGHT + 4) * scale) & ~1) + 2 * scale;
    for (size_t i = 0; text[i]; i++)
        for (int y = 0; y < DD_BITMAP_FONT_HEIGHT * scale; y++)
            for (int x = 0; x < DD_BITMAP_FONT_WIDTH * scale; x++) {
                bool ink = dd_bitmap_font_rows(text[i])[y / scale] >> (DD_BITMAP_FONT_WIDTH - 1 - x / scale) & 1;
                int at = 2 * scale + (int)i * DD_BITMAP_FONT_ADVANCE * scale + x;
                if (at < width)
                    ck_assert_msg((p.plane[0][(top + y) * p.stride[0] + at] > 128) == ink, "%dx%d: %c at %d, %d", width, height,
                                  text[i], x, y);
            }
    ck_assert_int_eq(p.plane[0][0], 200);
    free(bytes);
}

START_TEST(paints_the_time_of_capture)
{
    check(1280, 720, 4, "GATE 3 2026-01-01 14:00:00");
    check(1920, 1080, 6, "GATE 3 2026-01-01 14:00:00");
    check(640, 480, 3, "GATE 3 2026-01-01 14:00:00");
    check(200, 720, 1, "GATE 3 2026-01-01 14:00:00"); /* a narrow picture has smaller text */
    check(160, 90, 1, "GATE 3 2026-01-01 14:00:00");
    check(32, 16, 1, "GATE 3 2026-01-01 14:00:00"); /* cut off at the edge */
}
END_TEST

SUITE("send/capture/pipeline/text_overlay", checks_the_format, the_font_has_all_of_ascii, paints_the_time_of_capture)
