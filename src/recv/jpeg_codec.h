/* Checks, decodes and encodes JPEGs with libjpeg-turbo. Decoded pictures are planes of Y, Cb and Cr to paint on: RGB is avoided.
 */
#ifndef DD_RECV_JPEG_CODEC_H
#define DD_RECV_JPEG_CODEC_H

#include <stddef.h>
#include <stdint.h>

struct dd_jpeg_codec;
struct dd_jpeg_codec_picture;
struct dd_paint_planes;

/* The most memory that a decoded picture and its JPEG take per pixel while it is encoded. Progressive JPEGs, which ddsend does
 * not make, take twice as much. */
enum { DD_JPEG_CODEC_BYTES_PER_PIXEL = 6 };

/* A decoder, for one thread at a time. Returned-owned: dd_jpeg_codec_free(). NULL, logged, if memory is exhausted. */
struct dd_jpeg_codec *dd_jpeg_codec_new(void);
/* jpeg may be NULL. */
void dd_jpeg_codec_free(struct dd_jpeg_codec *jpeg);

/* Reads the header of a JPEG. 0 with the picture's size in pixels; or DD_ERROR_INPUT if bytes are no JPEG, or one of over 65,500
 * pixels a side. The rest of the JPEG is not checked. */
int dd_jpeg_codec_check(struct dd_jpeg_codec *jpeg, const uint8_t *bytes, size_t size, int *width, int *height);

/* Decodes a JPEG. What is damaged or missing is grey; a grey picture gets neutral chroma. Returned-owned:
 * dd_jpeg_codec_picture_free(). NULL if bytes fail the check, the picture has over pixels_max pixels or is neither YCbCr nor
 * grey, or there is no memory (logged). */
struct dd_jpeg_codec_picture *dd_jpeg_codec_decode(struct dd_jpeg_codec *jpeg, const uint8_t *bytes, size_t size,
                                                   size_t pixels_max);

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
