/* Pictures of the sender's as planes to paint on. */
#include "send/capture/pipeline/paint.h"

#include "send/picture.h"

static struct dd_paint_planes planes_of(const struct dd_picture *picture)
{
    int halve = picture->format == DD_PICTURE_I420;
    struct dd_paint_planes planes = {.width = picture->width, .height = picture->height, .shift_x = halve, .shift_y = halve};

    for (int i = 0; i < 3; i++) {
        planes.plane[i] = dd_picture_writable(picture, i);
        planes.stride[i] = picture->stride[i];
    }
    return planes;
}

void dd_paint_rectangle(const struct dd_picture *picture, int x, int y, int width, int height, struct dd_paint_color color)
{
    const struct dd_paint_planes planes = planes_of(picture);

    dd_paint_planes_rectangle(&planes, x, y, width, height, color);
}

void dd_paint_text(const struct dd_picture *picture, int x, int y, int scale, const char *text, struct dd_paint_color color)
{
    const struct dd_paint_planes planes = planes_of(picture);

    dd_paint_planes_text(&planes, x, y, scale, text, color);
}
