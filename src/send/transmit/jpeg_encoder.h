/* Pixels to JPEG, with libjpeg-turbo: no metadata but the JFIF header, and planar YUV goes in as it is. One owner, one
 * thread. */
#ifndef DD_SEND_TRANSMIT_JPEG_ENCODER_H
#define DD_SEND_TRANSMIT_JPEG_ENCODER_H

#include <stddef.h>
#include <stdint.h>

struct dd_jpeg_encoder;
struct dd_picture;

enum dd_jpeg_encoder_subsampling { DD_JPEG_ENCODER_420 = 0, DD_JPEG_ENCODER_444 = 1 };

/* NULL, logged, if memory is exhausted. */
struct dd_jpeg_encoder *dd_jpeg_encoder_new(void);
void dd_jpeg_encoder_free(struct dd_jpeg_encoder *e);

/* Bytes that a JPEG of this size takes at most. */
size_t dd_jpeg_encoder_bound(int width, int height, enum dd_jpeg_encoder_subsampling subsampling);

/* Encodes picture (not a foreign one) at quality 0 … 100 into jpeg, which has room for dd_jpeg_encoder_bound(). I420 and I444
 * keep their own subsampling, subsampling is for BGRX. The pixels may change meanwhile (a frame in a ring): then the picture is
 * wrong, nothing else. The length, or 0, logged. */
size_t dd_jpeg_encoder_jpeg(struct dd_jpeg_encoder *e, const struct dd_picture *picture, int quality,
                            enum dd_jpeg_encoder_subsampling subsampling, uint8_t *jpeg, size_t size);

#endif
