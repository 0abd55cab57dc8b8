/* Painting on I420 and I444 pictures: rectangles and text. What lies outside is cut off. The planes are written although
 * struct dd_picture has them const: the picture is the caller's own. */
#ifndef DD_SEND_CAPTURE_PAINT_H
#define DD_SEND_CAPTURE_PAINT_H

#include <stdint.h>

struct dd_picture;

struct dd_paint_color {
    uint8_t y, cb, cr;
};

/* JFIF's Y, Cb and Cr of a colour. */
struct dd_paint_color dd_paint_color(uint8_t red, uint8_t green, uint8_t blue);

void dd_paint_rectangle(const struct dd_picture *picture, int x, int y, int width, int height, struct dd_paint_color color);

/* Text in the font's pixels of scale by scale, with x, y at its top left; nothing if scale is 0. */
void dd_paint_text(const struct dd_picture *picture, int x, int y, int scale, const char *text, struct dd_paint_color color);
/* Pixels that it takes in width; the height is DD_FONT_HEIGHT * scale. */
int dd_paint_text_width(const char *text, int scale);

#endif
