/* Decodes screenshots as CDP sends them: PNG or JPEG in base64. Uses libavcodec. Not thread-safe. */
#ifndef DD_SEND_CAPTURE_WEB_IMAGE_DECODER_H
#define DD_SEND_CAPTURE_WEB_IMAGE_DECODER_H

struct dd_picture;
struct dd_image_decoder;

/* Returned-owned. NULL, logged, if memory is exhausted. */
struct dd_image_decoder *dd_image_decoder_new(void);
/* decoder may be NULL. */
void dd_image_decoder_free(struct dd_image_decoder *decoder);

/* Decodes base64, a text that ends with NUL. Fills picture, with captured_us of now; its planes are borrowed until the next call.
 * 0; DD_ERROR_INPUT if it is not a PNG or JPEG, is cut off, or has more than twice the pixels of the largest picture;
 * DD_ERROR_MEMORY, logged. */
int dd_image_decoder_decode(struct dd_image_decoder *decoder, const char *base64, struct dd_picture *picture);

#endif
