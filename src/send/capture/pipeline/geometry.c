/* Sizes. */
#include "send/capture/pipeline/geometry.h"

#include "dd/base/error.h"

/* To the nearest even number up to limit, at least 2: chroma that is halved needs it, and so do many players. */
static int make_even(double size, int limit)
{
    int largest = limit & ~1;
    int even = size < largest ? 2 * (int)(size / 2 + 0.5) : largest; /* an absurd pixel aspect can make size infinite */

    return even < 2 ? 2 : even;
}

static double min(double a, double b)
{
    return a < b ? a : b;
}

static void swap(double *a, double *b)
{
    double kept = *a;

    *a = *b;
    *b = kept;
}

/* Narrows length at start to share of it, in the middle. */
static void narrow(int *start, int *length, double share)
{
    int kept = (int)(*length * share + 0.5);

    kept = kept < 1 ? 1 : kept > *length ? *length : kept;
    *start += (*length - kept) / 2;
    *length = kept;
}

/* Cuts the window to the limits' shape; wide and high are its size as it is seen, and follow. */
static void cut_to_shape(const struct dd_geometry_request *wish, struct dd_rect *window, double *wide, double *high)
{
    double limit_wide = wish->limit_width, limit_high = wish->limit_height;

    if (wish->sideways)
        swap(&limit_wide, &limit_high);
    double fits_wide = *high * limit_wide / limit_high; /* would be the width in that shape */
    if (fits_wide < *wide) {
        narrow(&window->x, &window->width, fits_wide / *wide);
        *wide = fits_wide;
    } else {
        double fits_high = *wide * limit_high / limit_wide;
        narrow(&window->y, &window->height, fits_high / *high);
        *high = fits_high;
    }
}

int dd_geometry_compute(const struct dd_geometry_request *wish, int width, int height, int aspect_num, int aspect_den,
                        struct dd_geometry_result *result)
{
    enum dd_geometry_fit fit = wish->resolution ? wish->fit : DD_GEOMETRY_CONTAIN;
    struct dd_rect all = {0, 0, width, height};

    *result = (struct dd_geometry_result){.window = all};
    if (wish->crop.width) {
        result->window = dd_rect_intersect(&wish->crop, &all);
        if (!result->window.width)
            return DD_ERROR_INPUT;
        result->cut = result->window.width != wish->crop.width || result->window.height != wish->crop.height;
    }

    /* As players do: the height stays, the width becomes what it is meant to be seen at. That is the picture's true size,
     * above which it is not enlarged. */
    double wide = result->window.width, high = result->window.height;
    if (aspect_num > 0 && aspect_den > 0)
        wide = wide * aspect_num / aspect_den;
    if (fit == DD_GEOMETRY_COVER)
        cut_to_shape(wish, &result->window, &wide, &high);
    if (wish->sideways)
        swap(&wide, &high);
    double ratio = min(1, min(wish->limit_width / wide, wish->limit_height / high));
    if (fit == DD_GEOMETRY_STRETCH) {
        wide = wish->limit_width;
        high = wish->limit_height;
        ratio = 1;
    }
    result->width = make_even(wide * ratio, wish->limit_width);
    result->height = make_even(high * ratio, wish->limit_height);
    return 0;
}
