/* Size and format of pictures: the wrapper of libswscale. */
#include <stdlib.h>
#include <string.h>

#include <libavutil/pixdesc.h>
#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/send/capture/avlog.h"

#include "dd/send/capture/scale.h"

/* Everything that a swscale context is made for. */
struct shape {
    int in_width, in_height, in_format;
    int out_width, out_height, out_format;
    bool in_full_range;
};

struct dd_scale {
    struct SwsContext *context; /* for shape */
    struct shape shape;
};

struct dd_scale *dd_scale_new(void)
{
    struct dd_scale *s = calloc(1, sizeof *s);

    if (!s) {
        dd_log_error("no memory for the scaler");
        return NULL;
    }
    dd_avlog_start();
    return s;
}

void dd_scale_free(struct dd_scale *s)
{
    if (!s)
        return;
    sws_freeContext(s->context);
    free(s);
}

static int av_format(const struct dd_picture *picture)
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

/* The cheapest filter that looks good at this ratio. */
static int filter(const struct shape *shape)
{
    if (shape->in_width == shape->out_width && shape->in_height == shape->out_height)
        return SWS_BILINEAR; /* for chroma, if that; one tap where nothing is scaled */
    if (shape->in_width >= 2 * shape->out_width && shape->in_height >= 2 * shape->out_height)
        return SWS_AREA; /* every pixel counts, no ringing, and fewer taps than bicubic has by then */
    return SWS_BICUBIC;
}

static int make_context(struct dd_scale *s, const struct shape *shape)
{
    sws_freeContext(s->context);
    s->context = NULL;
    if (!sws_isSupportedInput(shape->in_format) || !sws_isSupportedOutput(shape->out_format)) {
        const char *name = av_get_pix_fmt_name(shape->in_format);
        dd_log_error("pictures in the pixel format %s cannot be scaled", name ? name : "unknown");
        return DD_ERROR_INPUT;
    }
    s->context = sws_getContext(shape->in_width, shape->in_height, shape->in_format, shape->out_width, shape->out_height,
                                shape->out_format, filter(shape), NULL, NULL, NULL);
    if (!s->context) {
        dd_log_error("pictures of %dx%d cannot be scaled to %dx%d", shape->in_width, shape->in_height, shape->out_width,
                     shape->out_height);
        return DD_ERROR_MEMORY;
    }
    /* The range only, by giving both sides one matrix: for two of them swscale would go over RGB. Refused where neither
     * side is YUV: then there is nothing to set. */
    const int *matrix = sws_getCoefficients(SWS_CS_ITU601);
    sws_setColorspaceDetails(s->context, matrix, shape->in_full_range, matrix, 1, 0, 1 << 16, 1 << 16);
    s->shape = *shape;
    return 0;
}

static void copy_rows(uint8_t *to, int to_stride, const uint8_t *from, int from_stride, size_t bytes, int rows)
{
    if (to_stride == from_stride && (size_t)to_stride == bytes) {
        memcpy(to, from, bytes * (size_t)rows);
        return;
    }
    for (int y = 0; y < rows; y++)
        memcpy(to + (ptrdiff_t)y * to_stride, from + (ptrdiff_t)y * from_stride, bytes);
}

static void copy_planes(const struct dd_picture *in, const struct dd_picture *out)
{
    bool packed = out->format == DD_PICTURE_BGRX, halved = out->format == DD_PICTURE_I420;

    copy_rows(dd_picture_writable(out, 0), out->stride[0], in->plane[0], in->stride[0], (size_t)out->width * (packed ? 4 : 1),
              out->height);
    for (int i = 1; i < 3 && !packed; i++)
        copy_rows(dd_picture_writable(out, i), out->stride[i], in->plane[i], in->stride[i],
                  (size_t)(halved ? (out->width + 1) / 2 : out->width), halved ? (out->height + 1) / 2 : out->height);
}

int dd_scale_picture(struct dd_scale *s, const struct dd_picture *in, const struct dd_picture *out)
{
    bool foreign = in->format == DD_PICTURE_FOREIGN;
    struct shape shape;
    uint8_t *planes[4] = {0};

    /* shapes are compared with memcmp(): the padding counts */
    memset(&shape, 0, sizeof shape);
    shape.in_width = in->width;
    shape.in_height = in->height;
    shape.in_format = av_format(in);
    shape.in_full_range = !foreign || in->foreign_full_range;
    shape.out_width = out->width;
    shape.out_height = out->height;
    shape.out_format = av_format(out);

    /* only their range matters to swscale between two YUV formats */
    if (shape.in_format == shape.out_format && shape.in_width == shape.out_width && shape.in_height == shape.out_height &&
        shape.in_full_range) {
        copy_planes(in, out);
        return 0;
    }
    if (!s->context || memcmp(&shape, &s->shape, sizeof shape) != 0) {
        int error = make_context(s, &shape);
        if (error)
            return error;
    }
    for (int i = 0; i < 4 && out->plane[i]; i++)
        planes[i] = dd_picture_writable(out, i);
    if (sws_scale(s->context, in->plane, in->stride, 0, in->height, planes, out->stride) != out->height) {
        dd_log_error("a picture of %dx%d could not be scaled to %dx%d", in->width, in->height, out->width, out->height);
        return DD_ERROR_SYSTEM;
    }
    return 0;
}
