/* Rectangles and text on planar pictures. */
#include "dd/send/capture/paint.h"

#include <string.h>

#include "dd/send/capture/font.h"
#include "dd/send/picture.h"

static uint8_t clamp(double value)
{
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)(value + 0.5);
}

struct dd_paint_color dd_paint_color(uint8_t red, uint8_t green, uint8_t blue)
{
    double y = 0.299 * red + 0.587 * green + 0.114 * blue;

    return (struct dd_paint_color){clamp(y), clamp(128 + (blue - y) / 1.772), clamp(128 + (red - y) / 1.402)};
}

static void fill(const struct dd_picture *picture, int plane, int left, int top, int right, int bottom, uint8_t value)
{
    uint8_t *rows = dd_picture_writable(picture, plane);

    for (int y = top; y < bottom; y++)
        memset(rows + (ptrdiff_t)y * picture->stride[plane] + left, value, (size_t)(right - left));
}

void dd_paint_rectangle(const struct dd_picture *picture, int x, int y, int width, int height, struct dd_paint_color color)
{
    int left = x < 0 ? 0 : x, top = y < 0 ? 0 : y;
    int right = x + width < picture->width ? x + width : picture->width;
    int bottom = y + height < picture->height ? y + height : picture->height;
    int halve = picture->format == DD_PICTURE_I420;

    if (left >= right || top >= bottom)
        return;
    fill(picture, 0, left, top, right, bottom, color.y);
    /* halved chroma takes in whatever the rectangle touches: what is painted over must not shine through */
    fill(picture, 1, left >> halve, top >> halve, (right + halve) >> halve, (bottom + halve) >> halve, color.cb);
    fill(picture, 2, left >> halve, top >> halve, (right + halve) >> halve, (bottom + halve) >> halve, color.cr);
}

/* One row of a glyph: a rectangle for each run of pixels. */
static void paint_row(const struct dd_picture *picture, int x, int y, int scale, uint8_t bits, struct dd_paint_color color)
{
    for (int from = 0; from < DD_FONT_WIDTH; from++) {
        int to = from;
        while (to < DD_FONT_WIDTH && bits >> (DD_FONT_WIDTH - 1 - to) & 1)
            to++;
        if (to > from)
            dd_paint_rectangle(picture, x + from * scale, y, (to - from) * scale, scale, color);
        from = to;
    }
}

void dd_paint_text(const struct dd_picture *picture, int x, int y, int scale, const char *text, struct dd_paint_color color)
{
    for (; *text; text++, x += DD_FONT_ADVANCE * scale) {
        const uint8_t *rows = dd_font_rows(*text);
        for (int i = 0; i < DD_FONT_HEIGHT; i++)
            paint_row(picture, x, y + i * scale, scale, rows[i], color);
    }
}

int dd_paint_text_width(const char *text, int scale)
{
    int length = (int)strlen(text);

    return length ? (length * DD_FONT_ADVANCE - (DD_FONT_ADVANCE - DD_FONT_WIDTH)) * scale : 0;
}
