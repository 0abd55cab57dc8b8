/* Painting on I420 and I444 pictures, as dd/draw/paint.h does it. The planes are written although struct dd_picture has
 * them const: the picture is the caller's own. */
#ifndef DD_SEND_CAPTURE_PIPELINE_PAINT_H
#define DD_SEND_CAPTURE_PIPELINE_PAINT_H

#include "dd/draw/paint.h"

struct dd_picture;

void dd_paint_rectangle(const struct dd_picture *picture, int x, int y, int width, int height, struct dd_paint_color color);
void dd_paint_text(const struct dd_picture *picture, int x, int y, int scale, const char *text, struct dd_paint_color color);

#endif
