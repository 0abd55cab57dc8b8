/* Turning: every plane is read with other steps than it is written. */
#include "send/capture/pipeline/rotate.h"

#include <string.h>

#include "send/picture.h"

enum { TILE = 32 }; /* read across the rows, a tile's rows stay in the first cache */

/* How to walk through a plane to write another from left to right and from the top down. */
struct walk {
    const uint8_t *from;
    ptrdiff_t step_x, step_y;
};

static void copy_tile(const struct walk *walk, uint8_t *to, ptrdiff_t stride, int x0, int y0, int width, int height)
{
    int right = x0 + TILE < width ? x0 + TILE : width, bottom = y0 + TILE < height ? y0 + TILE : height;

    for (int y = y0; y < bottom; y++) {
        const uint8_t *from = walk->from + y * walk->step_y;
        for (int x = x0; x < right; x++)
            to[y * stride + x] = from[x * walk->step_x];
    }
}

/* width and height are of what is written. */
static void copy_plane(const struct walk *walk, uint8_t *to, ptrdiff_t stride, int width, int height)
{
    if (walk->step_x == 1) {
        for (int y = 0; y < height; y++)
            memcpy(to + y * stride, walk->from + y * walk->step_y, (size_t)width);
        return;
    }
    for (int y = 0; y < height; y += TILE)
        for (int x = 0; x < width; x += TILE)
            copy_tile(walk, to, stride, x, y, width, height);
}

void dd_rotate_picture(const struct dd_picture *in, int quarters, enum dd_rotate_flip flip, const struct dd_picture *out)
{
    bool transposed = quarters % 2 == 1;
    bool backwards_x = (quarters == 1 || quarters == 2) != (flip == DD_ROTATE_FLIP_HORIZONTAL);
    bool backwards_y = (quarters == 2 || quarters == 3) != (flip == DD_ROTATE_FLIP_VERTICAL);

    for (int i = 0; i < 3; i++) {
        int halve = i > 0 && out->format == DD_PICTURE_I420;
        int width = (out->width + halve) >> halve, height = (out->height + halve) >> halve;
        struct walk walk = {
            .from = in->plane[i],
            .step_x = transposed ? in->stride[i] : 1,
            .step_y = transposed ? 1 : in->stride[i],
        };
        if (backwards_x) {
            walk.from += (width - 1) * walk.step_x;
            walk.step_x = -walk.step_x;
        }
        if (backwards_y) {
            walk.from += (height - 1) * walk.step_y;
            walk.step_y = -walk.step_y;
        }
        copy_plane(&walk, dd_picture_writable(out, i), out->stride[i], width, height);
    }
}
