/* Computes which part of a picture is sent, and at what size: from crop, pixel aspect, rotation and fit. Pure: it touches no
 * pixels.
 */
#ifndef DD_SEND_CAPTURE_PIPELINE_GEOMETRY_H
#define DD_SEND_CAPTURE_PIPELINE_GEOMETRY_H

#include <stdbool.h>

#include "send/rect.h"

/* Numbered as the choices of the option "fit". */
enum dd_geometry_fit { DD_GEOMETRY_CONTAIN = 0, DD_GEOMETRY_COVER = 1, DD_GEOMETRY_STRETCH = 2 };

/* What the options ask for. */
struct dd_geometry_request {
    struct dd_rect crop;           /* in pixels of the source's picture; width 0: no crop */
    bool sideways;                 /* the picture is sent rotated by 90 or 270 degrees */
    enum dd_geometry_fit fit;      /* used only if has_resolution; else contain */
    bool has_resolution;           /* capture_resolution is a size, not "source" */
    int limit_width, limit_height; /* in pixels as sent: capture_resolution, or the limits of a picture */
};

struct dd_geometry_result {
    struct dd_rect window; /* the part of the source's picture that is sent */
    bool clipped;          /* crop goes beyond the picture: window is the part inside */
    int width, height;     /* as sent, after rotation: even, and within the limits */
};

/* width and height are those of the source's picture, aspect_num/aspect_den its pixel aspect, width to height (square unless both
 * are above 0).
 *
 * contain: all of the window, within the limits, never enlarged. cover: the aspect ratio of the limits, at most their size, never
 * enlarged; the rest is cut off evenly on both sides. stretch: exactly the limits.
 *
 * 0, or DD_ERROR_INPUT if crop and picture have no pixel in common. */
int dd_geometry_compute(const struct dd_geometry_request *request, int width, int height, int aspect_num, int aspect_den,
                        struct dd_geometry_result *result);

#endif
