/* Rectangles and text on planar pictures. */
#include "dd/draw/paint.h"

#include <stddef.h>
#include <string.h>

#include "dd/draw/bitmap_font.h"

static uint8_t clamp(double value)
{
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)(value + 0.5);
}

struct dd_paint_color dd_paint_color(uint8_t red, uint8_t green, uint8_t blue)
{
    double y = 0.299 * red + 0.587 * green + 0.114 * blue;

    return (struct dd_paint_color){clamp(y), clamp(128 + (blue - y) / 1.772), clamp(128 + (red - y) / 1.402)};
}

static void fill(const struct dd_paint_planes *planes, int plane, int left, int top, int right, int bottom, uint8_t value)
{
    for (int y = top; y < bottom; y++)
        memset(planes->plane[plane] + (ptrdiff_t)y * planes->stride[plane] + left, value, (size_t)(right - left));
}

/* A chroma sample is painted if the rectangle touches any of its pixels, so that nothing below shows through. */
static int shift_up(int value, int shift)
{
    return (value + (1 << shift) - 1) >> shift;
}

void dd_paint_rectangle(const struct dd_paint_planes *planes, int x, int y, int width, int height, struct dd_paint_color color)
{
    int left = x < 0 ? 0 : x, top = y < 0 ? 0 : y;
    int right = x + width < planes->width ? x + width : planes->width;
    int bottom = y + height < planes->height ? y + height : planes->height;
    int sx = planes->shift_x, sy = planes->shift_y;

    if (left >= right || top >= bottom)
        return;
    fill(planes, 0, left, top, right, bottom, color.y);
    fill(planes, 1, left >> sx, top >> sy, shift_up(right, sx), shift_up(bottom, sy), color.cb);
    fill(planes, 2, left >> sx, top >> sy, shift_up(right, sx), shift_up(bottom, sy), color.cr);
}

/* One row of a glyph: a rectangle for each run of pixels. */
static void paint_row(const struct dd_paint_planes *planes, int x, int y, int scale, uint8_t bits, struct dd_paint_color color)
{
    for (int from = 0; from < DD_BITMAP_FONT_WIDTH; from++) {
        int to = from;
        while (to < DD_BITMAP_FONT_WIDTH && bits >> (DD_BITMAP_FONT_WIDTH - 1 - to) & 1)
            to++;
        if (to > from)
            dd_paint_rectangle(planes, x + from * scale, y, (to - from) * scale, scale, color);
        from = to;
    }
}

void dd_paint_text(const struct dd_paint_planes *planes, int x, int y, int scale, const char *text, struct dd_paint_color color)
{
    for (; *text; text++, x += DD_BITMAP_FONT_ADVANCE * scale) {
        const uint8_t *rows = dd_bitmap_font_rows(*text);
        for (int i = 0; i < DD_BITMAP_FONT_HEIGHT; i++)
            paint_row(planes, x, y + i * scale, scale, rows[i], color);
    }
}

int dd_paint_text_width(const char *text, int scale)
{
    int length = (int)strlen(text);

    return length ? (length * DD_BITMAP_FONT_ADVANCE - (DD_BITMAP_FONT_ADVANCE - DD_BITMAP_FONT_WIDTH)) * scale : 0;
}
