/* Crops and masks a source's picture, in any pixel format that libavutil describes. The wrapper of libavutil's image utilities.
 */
#ifndef DD_SEND_CAPTURE_PIPELINE_CROP_MASK_H
#define DD_SEND_CAPTURE_PIPELINE_CROP_MASK_H

#include <stddef.h>

#include "send/picture.h"
#include "send/rect.h"

struct dd_crop_mask_buffer;

/* The picture's format as libavutil's enum AVPixelFormat; -1 (AV_PIX_FMT_NONE) if it has none. */
int dd_crop_mask_av_format(const struct dd_picture *picture);

/* Makes *part the area of whole, which lies within it, in pixels. No pixel is copied: *part borrows the planes of whole. Where
 * chroma is halved, an odd x or y becomes the even one before it, and *area is set to the result.
 *
 * 0, or DD_ERROR_INPUT if pictures in this pixel format cannot be cropped; not logged. */
int dd_crop_mask_crop(const struct dd_picture *whole, struct dd_rect *area, struct dd_picture *part);

/* Memory for one masked picture at a time. Returned-owned: dd_crop_mask_buffer_free(). NULL, logged, if memory is exhausted. */
struct dd_crop_mask_buffer *dd_crop_mask_buffer_new(void);
void dd_crop_mask_buffer_free(struct dd_crop_mask_buffer *buffer);

/* Copies picture, and paints the areas, in pixels within it, black in the copy. *masked borrows the copy until the next call.
 *
 * 0; or a negative enum dd_error, logged: then no part of the picture may be used. */
int dd_crop_mask_blacken(struct dd_crop_mask_buffer *buffer, const struct dd_picture *picture, const struct dd_rect *areas,
                         size_t count, struct dd_picture *masked);

#endif
