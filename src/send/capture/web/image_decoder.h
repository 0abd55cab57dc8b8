/* Single compressed pictures, as browsers make them: base64 of PNG or JPEG, to pixels. */
#ifndef DD_SEND_CAPTURE_WEB_IMAGE_DECODER_H
#define DD_SEND_CAPTURE_WEB_IMAGE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_picture;
struct dd_still;

/* A picture in base64, kept; zeroes: none. The memory is used again. */
struct dd_still_text {
    char *text;
    size_t length, capacity;
};

/* 0, or DD_ERROR_MEMORY, logged, and there is none. */
int dd_still_text_copy(struct dd_still_text *text, const char *base64);
/* False where there is none. */
bool dd_still_text_equal(const struct dd_still_text *a, const struct dd_still_text *b);
void dd_still_text_free(struct dd_still_text *text);

/* NULL, logged, without memory. Returned-owned. */
struct dd_still *dd_still_new(void);
void dd_still_free(struct dd_still *still);

/* Decodes; picture is borrowed until the next call. 0; DD_ERROR_INPUT: it is no such picture, or larger than
 * DD_DECODE_WIDTH_MAX x DD_DECODE_HEIGHT_MAX; DD_ERROR_MEMORY. */
int dd_still_decode(struct dd_still *still, const struct dd_still_text *text, struct dd_picture *picture);

#endif
