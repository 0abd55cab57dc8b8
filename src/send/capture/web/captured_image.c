#include "send/capture/web/captured_image.h"

#include <string.h>

#include "dd/base/error.h"
#include "send/capture/pipeline/crop_mask.h"
#include "send/picture.h"

bool dd_captured_image_is_same(const struct dd_captured_image *a, const struct dd_captured_image *b)
{
    return a->base64.size && a->base64.size == b->base64.size && memcmp(a->base64.bytes, b->base64.bytes, a->base64.size) == 0 &&
           a->clipped == b->clipped && memcmp(&a->crop, &b->crop, sizeof a->crop) == 0;
}

int dd_captured_image_crop(const struct dd_captured_image *image, const struct dd_rect *viewport,
                           const struct dd_picture *decoded, struct dd_picture *picture)
{
    const struct dd_rect all = {.width = decoded->width, .height = decoded->height};
    /* an element beyond the viewport has its own size */
    const struct dd_rect *shown = image->crop.width ? &image->crop : image->clipped ? &all : viewport;
    struct dd_rect area = dd_rect_intersect(shown, &all);

    return area.width ? dd_crop_mask_crop(decoded, &area, picture) : DD_ERROR_INPUT;
}
