/* Which part of a picture is sent, and in what size: by crop, pixel aspect, rotation and fit. Pure; no pixels are touched here.
 */
#ifndef DD_SEND_CAPTURE_PIPELINE_GEOMETRY_H
#define DD_SEND_CAPTURE_PIPELINE_GEOMETRY_H

#include <stdbool.h>

#include "send/rect.h"

enum dd_geometry_fit { DD_GEOMETRY_CONTAIN = 0, DD_GEOMETRY_COVER = 1, DD_GEOMETRY_STRETCH = 2 }; /* as the option's choices */

struct dd_geometry_request {
    struct dd_rect crop;           /* width 0: all of the picture */
    bool sideways;                 /* rotated by 90 or 270 degrees before it is fitted */
    enum dd_geometry_fit fit;      /* without resolution: contain */
    bool resolution;               /* capture_resolution is a size, not "source" */
    int limit_width, limit_height; /* capture_resolution, or what may cross at most */
};

struct dd_geometry_result {
    struct dd_rect window; /* the part of the source's picture that is sent */
    bool cut;              /* crop goes beyond the picture: window is the part inside */
    int width, height;     /* as sent, after rotation: even, and within the limits */
};

/* width and height are the source's picture's, aspect_num/aspect_den its pixels' (not above 0: square).
 *
 * contain: all of the window, never enlarged, within the limits. cover: the limits' shape, at most their size and never enlarged;
 * the rest is cut off evenly on both sides. stretch: exactly the limits.
 *
 * 0, or DD_ERROR_INPUT if crop and picture have nothing in common. */
int dd_geometry_compute(const struct dd_geometry_request *wish, int width, int height, int aspect_num, int aspect_den,
                        struct dd_geometry_result *result);

#endif
