/* How pictures lie in memory. No pixels are touched here. */
#include "send/picture.h"

#include <string.h>

#include "dd/base/error.h"
#include "dd/base/round_up.h"

enum { TOTAL_ALIGN = 64 };

/* Width (in bytes) and height of a plane; rounded up where chroma is halved. */
static void plane_size(enum dd_picture_format format, int plane, int width, int height, int *row_bytes, int *rows)
{
    bool halved = format == DD_PICTURE_I420 && plane > 0;

    *row_bytes = format == DD_PICTURE_BGRX ? width * 4 : halved ? (width + 1) / 2 : width;
    *rows = halved ? (height + 1) / 2 : height;
}

int dd_picture_layout(enum dd_picture_format format, int width, int height, struct dd_picture_layout *layout)
{
    int error = dd_picture_layout_own(format, width, height, layout);

    if (!error && height > DD_PICTURE_HEIGHT_MAX) {
        *layout = (struct dd_picture_layout){0};
        error = DD_ERROR_SPACE;
    }
    return error;
}

int dd_picture_layout_own(enum dd_picture_format format, int width, int height, struct dd_picture_layout *layout)
{
    *layout = (struct dd_picture_layout){0};
    if (format != DD_PICTURE_I420 && format != DD_PICTURE_I444 && format != DD_PICTURE_BGRX)
        return DD_ERROR_INPUT;
    if (width < 1 || height < 1 || width > DD_PICTURE_WIDTH_MAX || height > DD_PICTURE_WIDTH_MAX)
        return DD_ERROR_SPACE;

    layout->planes = format == DD_PICTURE_BGRX ? 1 : 3;
    for (int i = 0; i < layout->planes; i++) {
        int row_bytes, rows;
        plane_size(format, i, width, height, &row_bytes, &rows);
        size_t stride = dd_round_up_to((size_t)row_bytes, DD_PICTURE_ALIGN);
        layout->plane_at[i] = layout->bytes;
        layout->stride[i] = (int)stride;
        layout->bytes += stride * (size_t)rows;
    }
    layout->bytes = dd_round_up_to(layout->bytes, TOTAL_ALIGN);
    return 0;
}

void dd_picture_over(struct dd_picture *picture, enum dd_picture_format format, int width, int height,
                     const struct dd_picture_layout *layout, const uint8_t *bytes)
{
    *picture = (struct dd_picture){.format = format, .width = width, .height = height};
    for (int i = 0; i < layout->planes; i++) {
        picture->plane[i] = bytes + layout->plane_at[i];
        picture->stride[i] = layout->stride[i];
    }
}

bool dd_picture_equal(const struct dd_picture *a, const struct dd_picture *b)
{
    if (a->format != b->format || a->width != b->width || a->height != b->height)
        return false;
    for (int i = 0; i < 3 && a->plane[i]; i++) {
        int row_bytes, rows;
        plane_size(a->format, i, a->width, a->height, &row_bytes, &rows);
        for (int y = 0; y < rows; y++)
            if (memcmp(a->plane[i] + (ptrdiff_t)y * a->stride[i], b->plane[i] + (ptrdiff_t)y * b->stride[i], (size_t)row_bytes))
                return false;
    }
    return true;
}

struct dd_paint_planes dd_picture_planes(const struct dd_picture *picture)
{
    int halve = picture->format == DD_PICTURE_I420;
    struct dd_paint_planes planes = {.width = picture->width, .height = picture->height, .shift_x = halve, .shift_y = halve};

    for (int i = 0; i < 3; i++) {
        planes.plane[i] = dd_picture_writable(picture, i);
        planes.stride[i] = picture->stride[i];
    }
    return planes;
}

uint8_t *dd_picture_writable(const struct dd_picture *picture, int plane)
{
    union {
        const uint8_t *read;
        uint8_t *write;
    } pointer = {.read = picture->plane[plane]};
    return pointer.write;
}
