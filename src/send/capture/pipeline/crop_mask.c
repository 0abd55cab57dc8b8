#include "send/capture/pipeline/crop_mask.h"

#include <stdlib.h>

#include <libavutil/imgutils.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>
#include <libavutil/pixfmt.h>

#include "dd/base/error.h"
#include "dd/base/log.h"

struct dd_crop_mask_buffer {
    uint8_t *plane[4]; /* plane[0] owns them all */
    int stride[4];
    int width, height, format;
};

int dd_crop_mask_av_format(const struct dd_picture *picture)
{
    switch (picture->format) {
    case DD_PICTURE_I420:
        return AV_PIX_FMT_YUV420P;
    case DD_PICTURE_I444:
        return AV_PIX_FMT_YUV444P;
    case DD_PICTURE_BGRX:
        return AV_PIX_FMT_BGR0;
    case DD_PICTURE_FOREIGN:
        return picture->foreign_format;
    }
    return AV_PIX_FMT_NONE;
}

/* Describes the picture's format. *share_x by *share_y pixels share a chroma sample. False if a pixel of this format has no
 * address of its own; *format may then be NULL. */
static bool describe(const struct dd_picture *picture, const AVPixFmtDescriptor **format, int *share_x, int *share_y)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(dd_crop_mask_av_format(picture));

    *format = d;
    if (!d || d->flags & (AV_PIX_FMT_FLAG_BITSTREAM | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_PAL))
        return false;
    *share_x = 1 << d->log2_chroma_w;
    *share_y = 1 << d->log2_chroma_h;
    return true;
}

/* Points at[i] to the pixel x, y in plane i. x and y are at the corner of a chroma sample. */
static void locate(const AVPixFmtDescriptor *format, uint8_t *const plane[4], const int stride[4], int x, int y, uint8_t *at[4])
{
    for (int i = 0; i < 4; i++)
        at[i] = plane[i];
    for (int i = 0; i < format->nb_components; i++) {
        const AVComponentDescriptor *c = &format->comp[i];
        bool chroma = (i == 1 || i == 2) && !(format->flags & AV_PIX_FMT_FLAG_RGB);
        int column = chroma ? x >> format->log2_chroma_w : x, row = chroma ? y >> format->log2_chroma_h : y;
        at[c->plane] = plane[c->plane] + (ptrdiff_t)row * stride[c->plane] + (ptrdiff_t)column * c->step;
    }
}

int dd_crop_mask_crop(const struct dd_picture *whole, struct dd_rect *area, struct dd_picture *part)
{
    const AVPixFmtDescriptor *format;
    uint8_t *planes[4] = {0}, *at[4];
    int share_x, share_y;

    *part = *whole;
    if (area->x == 0 && area->y == 0 && area->width == whole->width && area->height == whole->height)
        return 0;
    if (!describe(whole, &format, &share_x, &share_y))
        return DD_ERROR_INPUT;
    area->x -= area->x % share_x;
    area->y -= area->y % share_y;
    for (int i = 0; i < 4 && whole->plane[i]; i++)
        planes[i] = dd_picture_writable(whole, i);
    locate(format, planes, whole->stride, area->x, area->y, at);
    for (int i = 0; i < 4 && whole->plane[i]; i++)
        part->plane[i] = at[i];
    part->width = area->width;
    part->height = area->height;
    return 0;
}

struct dd_crop_mask_buffer *dd_crop_mask_buffer_new(void)
{
    struct dd_crop_mask_buffer *buffer = calloc(1, sizeof *buffer);

    if (!buffer)
        dd_log_error("no memory for a mask");
    return buffer;
}

void dd_crop_mask_buffer_free(struct dd_crop_mask_buffer *buffer)
{
    if (!buffer)
        return;
    av_freep(&buffer->plane[0]);
    free(buffer);
}

static int allocate(struct dd_crop_mask_buffer *buffer, const struct dd_picture *picture, int format)
{
    if (buffer->plane[0] && buffer->width == picture->width && buffer->height == picture->height && buffer->format == format)
        return 0;
    av_freep(&buffer->plane[0]);
    if (av_image_alloc(buffer->plane, buffer->stride, picture->width, picture->height, format, DD_PICTURE_ALIGN) < 0) {
        buffer->plane[0] = NULL;
        dd_log_error("no memory for masking a picture of %dx%d", picture->width, picture->height);
        return DD_ERROR_MEMORY;
    }
    buffer->width = picture->width;
    buffer->height = picture->height;
    buffer->format = format;
    return 0;
}

/* Pixels that share a chroma sample with the area become black, too. */
static int fill_black(struct dd_crop_mask_buffer *buffer, const AVPixFmtDescriptor *format, const struct dd_rect *area,
                      int share_x, int share_y, bool full_range)
{
    int left = area->x - area->x % share_x, top = area->y - area->y % share_y;
    int right = FFALIGN(area->x + area->width, share_x), bottom = FFALIGN(area->y + area->height, share_y);
    ptrdiff_t strides[4];
    uint8_t *at[4];

    right = right < buffer->width ? right : buffer->width;
    bottom = bottom < buffer->height ? bottom : buffer->height;
    for (int i = 0; i < 4; i++)
        strides[i] = buffer->stride[i];
    locate(format, buffer->plane, buffer->stride, left, top, at);
    return av_image_fill_black(at, strides, buffer->format, full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG, right - left,
                               bottom - top);
}

int dd_crop_mask_blacken(struct dd_crop_mask_buffer *buffer, const struct dd_picture *picture, const struct dd_rect *areas,
                         size_t count, struct dd_picture *masked)
{
    const AVPixFmtDescriptor *format;
    int share_x, share_y;
    bool foreign = picture->format == DD_PICTURE_FOREIGN, full_range = !foreign || picture->foreign_full_range;
    const uint8_t *planes[4] = {picture->plane[0], picture->plane[1], picture->plane[2], picture->plane[3]};

    *masked = (struct dd_picture){0};
    if (!describe(picture, &format, &share_x, &share_y)) {
        dd_log_error("pictures in the pixel format %s cannot be masked", format ? format->name : "unknown");
        return DD_ERROR_INPUT;
    }
    int error = allocate(buffer, picture, dd_crop_mask_av_format(picture));
    if (error)
        return error;
    av_image_copy(buffer->plane, buffer->stride, planes, picture->stride, buffer->format, picture->width, picture->height);
    for (size_t i = 0; i < count; i++)
        if (fill_black(buffer, format, &areas[i], share_x, share_y, full_range) < 0) {
            dd_log_error("pictures in the pixel format %s cannot be masked", format->name);
            return DD_ERROR_INPUT;
        }
    *masked = *picture;
    for (int i = 0; i < 4; i++) {
        masked->plane[i] = buffer->plane[i];
        masked->stride[i] = buffer->stride[i];
    }
    return 0;
}
