/* JPEGs with libjpeg-turbo: what a header says, and pictures as planes of Y, Cb and Cr to be painted on, without a detour
 * over RGB. */
#ifndef DD_RECV_JPEG_CODEC_H
#define DD_RECV_JPEG_CODEC_H

#include <stddef.h>
#include <stdint.h>

struct dd_jpeg_codec;
struct dd_jpeg_codec_picture;
struct dd_paint_planes;

/* What a decoded picture of so many pixels and its JPEG in the making take at most. Progressive JPEGs, which ddsend does not
 * make, take as much again. */
enum { DD_JPEG_CODEC_BYTES_PER_PIXEL = 6 };

/* NULL, logged, if memory is exhausted. */
struct dd_jpeg_codec *dd_jpeg_codec_new(void);
void dd_jpeg_codec_free(struct dd_jpeg_codec *jpeg);

/* Reads the header. 0 with the picture's size, or DD_ERROR_INPUT if it is no JPEG that can be shown. */
int dd_jpeg_codec_check(struct dd_jpeg_codec *jpeg, const uint8_t *bytes, size_t size, int *width, int *height);

/* Decodes what passes the check, as far as it can be decoded: the rest is grey. Returned-owned: dd_jpeg_codec_picture_free().
 * NULL if it does not pass, is of over pixels_max or not in Y, Cb and Cr (grey pictures get neutral chroma), or there is no
 * memory. */
struct dd_jpeg_codec_picture *dd_jpeg_codec_decode(struct dd_jpeg_codec *jpeg, const uint8_t *bytes, size_t size,
                                                   size_t pixels_max);

/* A grey picture. Returned-owned; NULL if there is no memory. */
struct dd_jpeg_codec_picture *dd_jpeg_codec_picture_new(int width, int height);
void dd_jpeg_codec_picture_free(struct dd_jpeg_codec_picture *picture);

/* Borrowed; to be painted on. */
const struct dd_paint_planes *dd_jpeg_codec_picture_planes(const struct dd_jpeg_codec_picture *picture);

/* Encodes picture in the subsampling that it has, at quality 1 … 100. Returned-owned (dd_jpeg_codec_bytes_free()), with their
 * number in *size; NULL if there is no memory. */
uint8_t *dd_jpeg_codec_encode(const struct dd_jpeg_codec_picture *picture, int quality, size_t *size);
void dd_jpeg_codec_bytes_free(uint8_t *bytes);

#endif
