/* What libjpeg-turbo says of a JPEG, without decoding it. */
#ifndef DD_RECV_JPEG_H
#define DD_RECV_JPEG_H

#include <stddef.h>
#include <stdint.h>

struct dd_jpeg;

/* NULL, logged, if memory is exhausted. */
struct dd_jpeg *dd_jpeg_new(void);
void dd_jpeg_free(struct dd_jpeg *jpeg);

/* Reads the header. 0 with the picture's size, or DD_ERROR_INPUT if it is no JPEG that can be shown. */
int dd_jpeg_check(struct dd_jpeg *jpeg, const uint8_t *bytes, size_t size, int *width, int *height);

#endif
