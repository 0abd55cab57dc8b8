/* A screenshot or a frame of a screencast as the browser sent it, and which part of it is shown. */
#ifndef DD_SEND_CAPTURE_WEB_CAPTURED_IMAGE_H
#define DD_SEND_CAPTURE_WEB_CAPTURED_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/base/buffer.h"
#include "send/rect.h"

struct dd_picture;

/* All zero: none. */
struct dd_captured_image {
    struct dd_buffer base64; /* of PNG or JPEG, with its NUL; owned */
    uint64_t captured_us;
    struct dd_rect crop; /* is shown, in pixels; width 0: all of it that is in the viewport, */
    bool clipped;        /* or all of it, since the browser clipped it to the element */
};

/* True if both show the same pixels for certain. Where there is none, there is no such image. */
bool dd_captured_image_is_same(const struct dd_captured_image *a, const struct dd_captured_image *b);

/* Makes *picture the part of decoded, the image's pixels, that is shown; it borrows decoded's planes. 0; DD_ERROR_INPUT if
 * nothing is left. */
int dd_captured_image_crop(const struct dd_captured_image *image, const struct dd_rect *viewport,
                           const struct dd_picture *decoded, struct dd_picture *picture);

#endif
