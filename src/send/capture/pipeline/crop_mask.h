/* Parts of a source's picture, in whatever pixel format it comes: cut out without copying, or painted over in a copy. The
 * wrapper of libavutil's image utilities. */
#ifndef DD_SEND_CAPTURE_PIPELINE_CROP_MASK_H
#define DD_SEND_CAPTURE_PIPELINE_CROP_MASK_H

#include <stddef.h>

#include "send/picture.h"
#include "send/rect.h"

struct dd_crop_mask_copy;

/* libavutil's enum AVPixelFormat of a picture; -1: none. */
int dd_crop_mask_av_format(const struct dd_picture *picture);

/* Makes *part the area of whole: it borrows whole's planes. Where chroma is halved the area begins at the pixel before an
 * odd one: *area is set to what it became. 0, or DD_ERROR_INPUT if such a pixel format cannot be cut. */
int dd_crop_mask_cut(const struct dd_picture *whole, struct dd_rect *area, struct dd_picture *part);

/* Memory for one picture at a time; NULL, logged, if there is none. */
struct dd_crop_mask_copy *dd_crop_mask_copy_new(void);
void dd_crop_mask_copy_free(struct dd_crop_mask_copy *copy);

/* Copies picture, and makes the areas (which lie in it) black. *masked borrows the copy, until the next call. 0, or a
 * negative enum dd_error, logged: then nothing of the picture may be used. */
int dd_crop_mask_mask(struct dd_crop_mask_copy *copy, const struct dd_picture *picture, const struct dd_rect *areas, size_t count,
                      struct dd_picture *masked);

#endif
