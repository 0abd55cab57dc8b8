/* Crops and masks a source's picture, in any pixel format: cropping needs no copy, masks are painted into one. The wrapper of
 * libavutil's image utilities. */
#ifndef DD_SEND_CAPTURE_PIPELINE_CROP_MASK_H
#define DD_SEND_CAPTURE_PIPELINE_CROP_MASK_H

#include <stddef.h>

#include "send/picture.h"
#include "send/rect.h"

struct dd_crop_mask_copy;

/* The picture's format as libavutil's enum AVPixelFormat; -1 if it has none. */
int dd_crop_mask_av_format(const struct dd_picture *picture);

/* Makes *part the area of whole; it borrows whole's planes. If chroma is halved, an odd edge moves to the pixel before it, and
 * *area is set to the result. 0, or DD_ERROR_INPUT if such a pixel format cannot be cropped. */
int dd_crop_mask_cut(const struct dd_picture *whole, struct dd_rect *area, struct dd_picture *part);

/* Memory for one picture at a time. Returned-owned. NULL, logged, if memory is exhausted. */
struct dd_crop_mask_copy *dd_crop_mask_copy_new(void);
void dd_crop_mask_copy_free(struct dd_crop_mask_copy *copy);

/* Copies picture and paints the areas, which lie within it, black. *masked borrows the copy, until the next call. 0; or a
 * negative enum dd_error, logged: then no part of the picture may be used. */
int dd_crop_mask_mask(struct dd_crop_mask_copy *copy, const struct dd_picture *picture, const struct dd_rect *areas, size_t count,
                      struct dd_picture *masked);

#endif
