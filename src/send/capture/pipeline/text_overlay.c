#include "send/capture/pipeline/text_overlay.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/draw/bitmap_font.h"
#include "send/picture.h"

enum {
    TEXT_SIZE = 128,
    ROWS_PER_SCALE = 160, /* one step of magnification for so many rows of the picture: at 720 the font is 28 pixels high */
    MARGIN = 2,           /* of the background around the text, in pixels of the font */
};

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* The format comes from the operator's options. strftime() reads no arguments by it, so any format is safe. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static bool format_time(const char *format, uint64_t wall_us, char text[static TEXT_SIZE])
{
    time_t seconds = (time_t)(wall_us / DD_CLOCK_US_PER_S);
    struct tm local = {0};

    localtime_r(&seconds, &local);
    return strftime(text, TEXT_SIZE, format, &local) > 0;
}
#pragma GCC diagnostic pop

int dd_text_overlay_check(const char *format, char *why, size_t why_size)
{
    /* a Wednesday in September: the longest names in English */
    static const uint64_t long_us = UINT64_C(1790164800) * DD_CLOCK_US_PER_S;
    char text[TEXT_SIZE];

    if (!*format || (is_ascii(format) && format_time(format, long_us, text) && is_ascii(text)))
        return 0;
    snprintf(why, why_size,
             "printable ASCII with the conversions of strftime(3), such as '%%F %%T', at most %d characters when "
             "written out",
             TEXT_SIZE - 1);
    return DD_ERROR_INPUT;
}

void dd_text_overlay_paint(const struct dd_picture *picture, const char *format, uint64_t wall_us)
{
    const struct dd_paint_planes planes = dd_picture_planes(picture);
    char text[TEXT_SIZE];
    int scale = picture->height / ROWS_PER_SCALE;

    if (!format_time(format, wall_us, text))
        return;
    while (scale > 1 && dd_paint_text_width(text, scale) + 2 * MARGIN * scale > picture->width)
        scale--;
    scale = scale < 1 ? 1 : scale;

    int margin = MARGIN * scale;
    int width = dd_paint_text_width(text, scale) + 2 * margin, height = DD_BITMAP_FONT_HEIGHT * scale + 2 * margin;
    int top = (picture->height - height) & ~1;
    dd_paint_rectangle(&planes, 0, top, width, picture->height - top, dd_paint_color(20, 24, 32));
    dd_paint_text(&planes, margin, top + margin, scale, text, dd_paint_color(255, 255, 255));
}
