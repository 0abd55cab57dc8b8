#include "send/capture/pipeline/geometry.h"

#include "dd/base/error.h"

/* Rounds to the nearest even number from 2 to limit. Halved chroma needs even sizes, and so do many players. */
static int make_even(double size, int limit)
{
    int largest = limit & ~1;
    int even = size < largest ? 2 * (int)(size / 2 + 0.5) : largest; /* size may be infinite: by an absurd pixel aspect */

    return even < 2 ? 2 : even;
}

static double min(double a, double b)
{
    return a < b ? a : b;
}

static void swap(double *a, double *b)
{
    double old = *a;

    *a = *b;
    *b = old;
}

/* Shortens length to this share of it, and moves start, so that the middle stays. */
static void shorten(int *start, int *length, double share)
{
    int shorter = (int)(*length * share + 0.5);

    shorter = shorter < 1 ? 1 : shorter > *length ? *length : shorter;
    *start += (*length - shorter) / 2;
    *length = shorter;
}

/* Cuts the window to the aspect ratio of the limits. shown_width and shown_height are its size with square pixels; they follow.
 */
static void cut_to_limits(const struct dd_geometry_request *request, struct dd_rect *window, double *shown_width,
                          double *shown_height)
{
    double limit_width = request->limit_width, limit_height = request->limit_height;

    if (request->sideways)
        swap(&limit_width, &limit_height);
    double width = *shown_height * limit_width / limit_height; /* at this height, in that aspect ratio */
    if (width < *shown_width) {
        shorten(&window->x, &window->width, width / *shown_width);
        *shown_width = width;
    } else {
        double height = *shown_width * limit_height / limit_width;
        shorten(&window->y, &window->height, height / *shown_height);
        *shown_height = height;
    }
}

int dd_geometry_compute(const struct dd_geometry_request *request, int width, int height, int aspect_num, int aspect_den,
                        struct dd_geometry_result *result)
{
    enum dd_geometry_fit fit = request->has_resolution ? request->fit : DD_GEOMETRY_CONTAIN;
    struct dd_rect whole = {0, 0, width, height};

    *result = (struct dd_geometry_result){.window = whole};
    if (request->crop.width) {
        result->window = dd_rect_intersect(&request->crop, &whole);
        if (!result->window.width)
            return DD_ERROR_INPUT;
        result->clipped = result->window.width != request->crop.width || result->window.height != request->crop.height;
    }

    /* Players keep the height, and widen or narrow the picture by the pixel aspect. That is the picture's true size, and it is
     * not enlarged beyond it. */
    double shown_width = result->window.width, shown_height = result->window.height;
    if (aspect_num > 0 && aspect_den > 0)
        shown_width = shown_width * aspect_num / aspect_den;
    if (fit == DD_GEOMETRY_COVER)
        cut_to_limits(request, &result->window, &shown_width, &shown_height);
    if (request->sideways)
        swap(&shown_width, &shown_height);
    double ratio = min(1, min(request->limit_width / shown_width, request->limit_height / shown_height));
    if (fit == DD_GEOMETRY_STRETCH) {
        shown_width = request->limit_width;
        shown_height = request->limit_height;
        ratio = 1;
    }
    result->width = make_even(shown_width * ratio, request->limit_width);
    result->height = make_even(shown_height * ratio, request->limit_height);
    return 0;
}
