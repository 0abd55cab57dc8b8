/* Decodes and encodes JPEGs with libjpeg-turbo, for the stale mark alone. Decoded pictures are planes of Y, Cb and Cr to paint
 * on: RGB is avoided. No state is kept from one picture to the next: what libjpeg-turbo refuses may leave its handle unusable. */
#ifndef DD_RECV_SERVE_JPEG_CODEC_H
#define DD_RECV_SERVE_JPEG_CODEC_H

#include <stddef.h>
#include <stdint.h>

struct dd_jpeg_codec_picture;
struct dd_paint_planes;

/* The most memory that a decoded picture and its JPEG take per pixel while it is encoded. Progressive JPEGs, which intake
 * refuses, take twice as much. */
enum { DD_JPEG_CODEC_BYTES_PER_PIXEL = 6 };

/* Reads the header of a JPEG. 0 with the picture's size in pixels; or DD_ERROR_INPUT, with both 0, if bytes are no JPEG, or one
 * of over 65,500 pixels a side. */
int dd_jpeg_codec_read_size(const uint8_t *bytes, size_t size, int *width, int *height);

/* Decodes a JPEG. What is damaged or missing is grey; a grey picture gets neutral chroma in 4:2:0. Returned-owned:
 * dd_jpeg_codec_picture_free(). NULL if bytes are no JPEG, the picture has over pixels_max pixels or is anything but 4:2:0, 4:4:4
 * or grey, or there is no memory (logged). */
struct dd_jpeg_codec_picture *dd_jpeg_codec_decode(const uint8_t *bytes, size_t size, size_t pixels_max);

/* A grey picture in 4:2:0. Returned-owned: dd_jpeg_codec_picture_free(). NULL, logged, if there is no memory. */
struct dd_jpeg_codec_picture *dd_jpeg_codec_picture_new(int width, int height);
/* picture may be NULL. */
void dd_jpeg_codec_picture_free(struct dd_jpeg_codec_picture *picture);

/* Borrowed as long as picture lives; to be painted on. */
const struct dd_paint_planes *dd_jpeg_codec_picture_planes(const struct dd_jpeg_codec_picture *picture);

/* Encodes picture in its own subsampling, at quality 1 to 100. Returned-owned (dd_jpeg_codec_bytes_free()), with the number of
 * bytes in *size; NULL, logged, with *size 0, if there is no memory. */
uint8_t *dd_jpeg_codec_encode(const struct dd_jpeg_codec_picture *picture, int quality, size_t *size);
/* bytes may be NULL. */
void dd_jpeg_codec_bytes_free(uint8_t *bytes);

#endif
