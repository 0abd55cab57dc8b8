/* Each plane is written row by row, and read in the order that the rotation needs. */
#include "send/capture/pipeline/rotate.h"

#include <string.h>

#include "send/picture.h"

/* Pixels of a tile's side. A plane that is read down its columns is read in tiles, whose rows stay in the first-level cache. */
enum { TILE = 32 };

/* How to read a plane in the order in which the other one is written: its first pixel, and the bytes from a pixel to the next one
 * to the right and to the next one below. */
struct reader {
    const uint8_t *from;
    ptrdiff_t step_x, step_y;
};

static void copy_tile(const struct reader *reader, uint8_t *to, ptrdiff_t stride, int x0, int y0, int width, int height)
{
    int right = x0 + TILE < width ? x0 + TILE : width, bottom = y0 + TILE < height ? y0 + TILE : height;

    for (int y = y0; y < bottom; y++) {
        const uint8_t *from = reader->from + y * reader->step_y;
        for (int x = x0; x < right; x++)
            to[y * stride + x] = from[x * reader->step_x];
    }
}

/* width and height are those of the plane that is written. */
static void copy_plane(const struct reader *reader, uint8_t *to, ptrdiff_t stride, int width, int height)
{
    if (reader->step_x == 1) {
        for (int y = 0; y < height; y++)
            memcpy(to + y * stride, reader->from + y * reader->step_y, (size_t)width);
        return;
    }
    for (int y = 0; y < height; y += TILE)
        for (int x = 0; x < width; x += TILE)
            copy_tile(reader, to, stride, x, y, width, height);
}

void dd_rotate_picture(const struct dd_picture *in, int quarter_turns, enum dd_rotate_flip flip, const struct dd_picture *out)
{
    bool transposed = quarter_turns % 2 == 1;
    bool backwards_x = (quarter_turns == 1 || quarter_turns == 2) != (flip == DD_ROTATE_FLIP_HORIZONTAL);
    bool backwards_y = (quarter_turns == 2 || quarter_turns == 3) != (flip == DD_ROTATE_FLIP_VERTICAL);

    for (int i = 0; i < 3; i++) {
        int halve = i > 0 && out->format == DD_PICTURE_I420;
        int width = (out->width + halve) >> halve, height = (out->height + halve) >> halve;
        struct reader reader = {
            .from = in->plane[i],
            .step_x = transposed ? in->stride[i] : 1,
            .step_y = transposed ? 1 : in->stride[i],
        };
        if (backwards_x) {
            reader.from += (width - 1) * reader.step_x;
            reader.step_x = -reader.step_x;
        }
        if (backwards_y) {
            reader.from += (height - 1) * reader.step_y;
            reader.step_y = -reader.step_y;
        }
        copy_plane(&reader, dd_picture_writable(out, i), out->stride[i], width, height);
    }
}
