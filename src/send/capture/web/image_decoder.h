/* Single compressed pictures, as browsers make them: base64 of PNG or JPEG, to pixels. */
#ifndef DD_SEND_CAPTURE_WEB_IMAGE_DECODER_H
#define DD_SEND_CAPTURE_WEB_IMAGE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_picture;
struct dd_image_decoder;

/* A picture in base64, kept; zeroes: none. The memory is used again. */
struct dd_image_decoder_text {
    char *text;
    size_t length, capacity;
};

/* 0, or DD_ERROR_MEMORY, logged, and there is none. */
int dd_image_decoder_text_copy(struct dd_image_decoder_text *text, const char *base64);
/* False where there is none. */
bool dd_image_decoder_text_equal(const struct dd_image_decoder_text *a, const struct dd_image_decoder_text *b);
void dd_image_decoder_text_free(struct dd_image_decoder_text *text);

/* NULL, logged, without memory. Returned-owned. */
struct dd_image_decoder *dd_image_decoder_new(void);
void dd_image_decoder_free(struct dd_image_decoder *still);

/* Decodes; picture is borrowed until the next call. 0; DD_ERROR_INPUT: it is no such picture, or larger than
 * DD_VIDEO_DECODER_WIDTH_MAX x DD_VIDEO_DECODER_HEIGHT_MAX; DD_ERROR_MEMORY. */
int dd_image_decoder_decode(struct dd_image_decoder *still, const struct dd_image_decoder_text *text, struct dd_picture *picture);

#endif
