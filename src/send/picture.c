/* How pictures lie in memory, and how large they come out. No pixels are touched here. */
#include "dd/send/picture.h"

#include "dd/base/error.h"

enum { TOTAL_ALIGN = 64 };

static size_t align_up(size_t value, size_t to)
{
    return (value + to - 1) / to * to;
}

/* Width (in bytes) and height of a plane; rounded up where chroma is halved. */
static void plane_size(enum dd_picture_format format, int plane, int width, int height, int *row_bytes, int *rows)
{
    bool halved = format == DD_PICTURE_I420 && plane > 0;

    *row_bytes = format == DD_PICTURE_BGRX ? width * 4 : halved ? (width + 1) / 2 : width;
    *rows = halved ? (height + 1) / 2 : height;
}

int dd_picture_layout(enum dd_picture_format format, int width, int height, struct dd_picture_layout *layout)
{
    *layout = (struct dd_picture_layout){0};
    if (format != DD_PICTURE_I420 && format != DD_PICTURE_I444 && format != DD_PICTURE_BGRX)
        return DD_ERROR_INPUT;
    if (width < 1 || height < 1 || width > DD_PICTURE_WIDTH_MAX || height > DD_PICTURE_HEIGHT_MAX)
        return DD_ERROR_SPACE;

    layout->planes = format == DD_PICTURE_BGRX ? 1 : 3;
    for (int i = 0; i < layout->planes; i++) {
        int row_bytes, rows;
        plane_size(format, i, width, height, &row_bytes, &rows);
        size_t stride = align_up((size_t)row_bytes, DD_PICTURE_ALIGN);
        layout->plane_at[i] = layout->bytes;
        layout->stride[i] = (int)stride;
        layout->bytes += stride * (size_t)rows;
    }
    layout->bytes = align_up(layout->bytes, TOTAL_ALIGN);
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

uint8_t *dd_picture_writable(const struct dd_picture *picture, int plane)
{
    union {
        const uint8_t *read;
        uint8_t *write;
    } pointer = {.read = picture->plane[plane]};
    return pointer.write;
}

/* To the nearest even number up to limit, at least 2: chroma that is halved needs it, and so do many players. */
static int make_even(double size, int limit)
{
    int largest = limit & ~1;
    int even = size < largest ? 2 * (int)(size / 2 + 0.5) : largest; /* an absurd pixel aspect can make size infinite */

    return even < 2 ? 2 : even;
}

void dd_picture_contain(int width, int height, int aspect_num, int aspect_den, int limit_width, int limit_height, int *out_width,
                        int *out_height)
{
    double wide = width, high = height, ratio = 1;

    /* As players do: the height stays, the width becomes what it is meant to be seen at. That is the picture's true size,
     * above which it is not enlarged. */
    if (aspect_num > 0 && aspect_den > 0)
        wide = wide * aspect_num / aspect_den;
    if (wide > limit_width)
        ratio = limit_width / wide;
    if (high * ratio > limit_height)
        ratio = limit_height / high;
    *out_width = make_even(wide * ratio, limit_width);
    *out_height = make_even(high * ratio, limit_height);
}
