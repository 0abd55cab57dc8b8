/* Single compressed pictures, as browsers make them: base64 of PNG or JPEG, to pixels. */
#ifndef DD_SEND_CAPTURE_WEB_IMAGE_DECODER_H
#define DD_SEND_CAPTURE_WEB_IMAGE_DECODER_H

struct dd_picture;
struct dd_image_decoder;

/* Returned-owned. NULL, logged, if memory is exhausted. */
struct dd_image_decoder *dd_image_decoder_new(void);
void dd_image_decoder_free(struct dd_image_decoder *decoder);

/* Decodes base64, a text that ends with NUL; picture is borrowed until the next call. 0; DD_ERROR_INPUT if it is no such picture,
 * or larger than DD_VIDEO_DECODER_WIDTH_MAX x DD_VIDEO_DECODER_HEIGHT_MAX; DD_ERROR_MEMORY, logged. */
int dd_image_decoder_decode(struct dd_image_decoder *decoder, const char *base64, struct dd_picture *picture);

#endif
