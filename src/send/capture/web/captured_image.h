/* A screenshot or a frame of a screencast as the browser sent it, and which part of it is shown. */
#ifndef DD_SEND_CAPTURE_WEB_CAPTURED_IMAGE_H
#define DD_SEND_CAPTURE_WEB_CAPTURED_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/base/buffer.h"
#include "send/rect.h"

struct dd_picture;

/* All zero: an empty one. */
struct dd_captured_image {
    struct dd_buffer base64; /* of PNG or JPEG, with its NUL; owned */
    uint64_t captured_us;
    /* The part of the image that is shown, in pixels. With width 0 it is the viewport, or all of a clipped image. */
    struct dd_rect crop;
    /* The browser clipped the image to the element. */
    bool clipped;
};

/* True if both show the same pixels for certain. False if either is empty. */
bool dd_captured_image_is_same(const struct dd_captured_image *a, const struct dd_captured_image *b);

/* Makes *picture the part of decoded, the image's pixels, that is shown; it borrows decoded's planes. 0; DD_ERROR_INPUT if
 * nothing is left. */
int dd_captured_image_crop(const struct dd_captured_image *image, const struct dd_rect *viewport,
                           const struct dd_picture *decoded, struct dd_picture *picture);

#endif
