/* Painting on pictures of three planes, Y, Cb and Cr: rectangles and text. What lies outside is cut off. */
#ifndef DD_DRAW_PAINT_H
#define DD_DRAW_PAINT_H

#include <stdint.h>

struct dd_paint_color {
    uint8_t y, cb, cr;
};

/* Borrowed pixels. Both planes of chroma have a pixel for 1 << shift_x by 1 << shift_y of luma, rounded up at the edges. */
struct dd_paint_planes {
    int width, height;
    int shift_x, shift_y;
    uint8_t *plane[3];
    int stride[3]; /* bytes from row to row */
};

/* JFIF's Y, Cb and Cr of a colour. */
struct dd_paint_color dd_paint_color(uint8_t red, uint8_t green, uint8_t blue);

void dd_paint_rectangle(const struct dd_paint_planes *planes, int x, int y, int width, int height, struct dd_paint_color color);

/* Draws text with its top left at x, y. Each pixel of the font becomes scale by scale pixels; scale 0 draws nothing. */
void dd_paint_text(const struct dd_paint_planes *planes, int x, int y, int scale, const char *text, struct dd_paint_color color);
/* The width of text in pixels. Its height is DD_BITMAP_FONT_HEIGHT * scale. */
int dd_paint_text_width(const char *text, int scale);

#endif
