/* A small bitmap font: printable ASCII, without small letters of its own, 5 by 7 pixels. */
#ifndef DD_DRAW_BITMAP_FONT_H
#define DD_DRAW_BITMAP_FONT_H

#include <stdint.h>

enum { DD_BITMAP_FONT_WIDTH = 5, DD_BITMAP_FONT_HEIGHT = 7, DD_BITMAP_FONT_ADVANCE = 6 };

/* Returns the DD_BITMAP_FONT_HEIGHT rows of a character, from the top; bit 4 is the leftmost pixel. Small letters look like
 * capitals. A character that the font lacks is a box. Never NULL, static. */
const uint8_t *dd_bitmap_font_rows(char character);

#endif
