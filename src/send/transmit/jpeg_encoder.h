/* Pixels to JPEG, by libjpeg-turbo. The JPEG has no metadata but the JFIF header. Planar pictures are encoded without a
 * conversion of colours. One owner, one thread. */
#ifndef DD_SEND_TRANSMIT_JPEG_ENCODER_H
#define DD_SEND_TRANSMIT_JPEG_ENCODER_H

#include <stddef.h>
#include <stdint.h>

struct dd_jpeg_encoder;
struct dd_picture;

enum dd_jpeg_encoder_subsampling { DD_JPEG_ENCODER_420 = 0, DD_JPEG_ENCODER_444 = 1 };

/* Returned-owned. NULL, logged, if memory is exhausted. */
struct dd_jpeg_encoder *dd_jpeg_encoder_new(void);
void dd_jpeg_encoder_free(struct dd_jpeg_encoder *e);

/* The most bytes that a JPEG of this size in pixels takes; 0 if libjpeg-turbo does not encode this size. */
size_t dd_jpeg_encoder_bound(int width, int height, enum dd_jpeg_encoder_subsampling subsampling);

/* Encodes picture, which is not foreign, at quality 0 … 100 into jpeg. Its size is at least dd_jpeg_encoder_bound(). subsampling
 * is for BGRX; I420 and I444 keep their own. The pixels may be in a ring and change meanwhile: then the JPEG shows a mixture, and
 * nothing else is harmed. Returns the length of the JPEG; 0, logged, after an error. */
size_t dd_jpeg_encoder_encode(struct dd_jpeg_encoder *e, const struct dd_picture *picture, int quality,
                              enum dd_jpeg_encoder_subsampling subsampling, uint8_t *jpeg, size_t size);

#endif
