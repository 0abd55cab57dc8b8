/* libswscale scales, and converts RGB to YCbCr. Matrix and range are converted by color.c, which is faster. */
#include "send/capture/pipeline/scale.h"

#include <stdlib.h>
#include <string.h>

#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "send/capture/pipeline/color.h"
#include "send/capture/pipeline/crop_mask.h"

/* Everything that a swscale context depends on. */
struct conversion {
    int in_width, in_height, in_format;
    int out_width, out_height, out_format;
};

struct dd_scale {
    struct SwsContext *context; /* for conversion; NULL: none yet */
    struct conversion conversion;
    struct dd_color color; /* for matrix and full_range */
    int matrix;
    bool full_range;
};

struct dd_scale *dd_scale_new(void)
{
    struct dd_scale *scale = calloc(1, sizeof *scale);

    if (!scale) {
        dd_log_error("no memory for the scaler");
        return NULL;
    }
    dd_color_init(&scale->color, scale->matrix, scale->full_range);
    return scale;
}

void dd_scale_free(struct dd_scale *scale)
{
    if (!scale)
        return;
    sws_freeContext(scale->context);
    free(scale);
}

/* The cheapest filter that looks good at this ratio. */
static int filter(const struct conversion *conversion)
{
    if (conversion->in_width == conversion->out_width && conversion->in_height == conversion->out_height)
        return SWS_BILINEAR | SWS_ACCURATE_RND; /* scales chroma at most */
    if (conversion->in_width >= 2 * conversion->out_width && conversion->in_height >= 2 * conversion->out_height)
        return SWS_AREA | SWS_ACCURATE_RND; /* every pixel counts, nothing rings, and bicubic would need more taps */
    return SWS_BICUBIC | SWS_ACCURATE_RND;
}

/* Both sides have swscale's default matrix and full range. So it leaves YCbCr as it is, whatever its matrix and range, and
 * converts RGB to JFIF's colours. */
static int configure(struct SwsContext *context, const struct conversion *conversion)
{
    const struct {
        const char *name;
        int value;
    } rows[] = {
        {"srcw", conversion->in_width},
        {"srch", conversion->in_height},
        {"src_format", conversion->in_format},
        {"dstw", conversion->out_width},
        {"dsth", conversion->out_height},
        {"dst_format", conversion->out_format},
        {"sws_flags", filter(conversion)},
        {"src_range", 1},
        {"dst_range", 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (av_opt_set_int(context, rows[i].name, rows[i].value, 0) < 0)
            return DD_ERROR_INPUT;
    return 0;
}

static int make_context(struct dd_scale *scale, const struct conversion *conversion)
{
    sws_freeContext(scale->context);
    scale->context = NULL;
    if (!sws_isSupportedInput(conversion->in_format) || !sws_isSupportedOutput(conversion->out_format)) {
        const char *name = av_get_pix_fmt_name(conversion->in_format);
        dd_log_error("pictures in the pixel format %s cannot be scaled", name ? name : "unknown");
        return DD_ERROR_INPUT;
    }
    scale->context = sws_alloc_context();
    if (!scale->context || configure(scale->context, conversion) < 0 || sws_init_context(scale->context, NULL, NULL) < 0) {
        dd_log_error("pictures of %dx%d cannot be scaled to %dx%d", conversion->in_width, conversion->in_height,
                     conversion->out_width, conversion->out_height);
        sws_freeContext(scale->context);
        scale->context = NULL;
        return DD_ERROR_MEMORY;
    }
    scale->conversion = *conversion;
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

/* How an 8-bit RGB pixel lies in its 3 or 4 bytes. Green is always the second. */
struct packing {
    int bytes;
    bool red_first; /* else blue */
};

/* False if the picture's pixels do not lie so. */
static bool find_packing(const struct dd_picture *picture, struct packing *packing)
{
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(dd_crop_mask_av_format(picture));

    if (!format || (format->flags & ~(uint64_t)AV_PIX_FMT_FLAG_ALPHA) != AV_PIX_FMT_FLAG_RGB)
        return false;
    const AVComponentDescriptor *red = &format->comp[0], *green = &format->comp[1];
    packing->bytes = red->step;
    packing->red_first = red->offset == 0;
    return red->depth == 8 && (red->step == 3 || red->step == 4) && green->offset == 1;
}

bool dd_scale_can_repack(const struct dd_picture *picture)
{
    struct packing packing;

    return find_packing(picture, &packing);
}

/* The fourth byte may hold anything, also alpha. It becomes 0, because pictures are compared. */
static void clear_fourth(const uint8_t *from, uint8_t *to, int width)
{
    static const union {
        uint8_t bytes[4];
        uint32_t word;
    } mask = {.bytes = {0xff, 0xff, 0xff, 0}};

    for (size_t i = 0; i < (size_t)width * 4; i += 4) {
        uint32_t pixel;
        memcpy(&pixel, from + i, sizeof pixel);
        pixel &= mask.word;
        memcpy(to + i, &pixel, sizeof pixel);
    }
}

static void repack_row(const uint8_t *restrict from, uint8_t *restrict to, int width, const struct packing *packing)
{
    int step = packing->bytes, blue = packing->red_first ? 2 : 0;

    for (int x = 0; x < width; x++, from += step, to += 4) {
        to[0] = from[blue];
        to[1] = from[1];
        to[2] = from[2 - blue];
        to[3] = 0;
    }
}

static void repack(const struct dd_picture *in, const struct packing *packing, const struct dd_picture *out)
{
    for (int y = 0; y < out->height; y++) {
        const uint8_t *from = in->plane[0] + (ptrdiff_t)y * in->stride[0];
        uint8_t *to = dd_picture_writable(out, 0) + (ptrdiff_t)y * out->stride[0];
        if (packing->bytes == 4 && !packing->red_first)
            clear_fourth(from, to, out->width);
        else
            repack_row(from, to, out->width, packing);
    }
}

static void copy_planes(const struct dd_picture *in, const struct dd_picture *out)
{
    bool halved = out->format == DD_PICTURE_I420;

    copy_rows(dd_picture_writable(out, 0), out->stride[0], in->plane[0], in->stride[0], (size_t)out->width, out->height);
    for (int i = 1; i < 3; i++)
        copy_rows(dd_picture_writable(out, i), out->stride[i], in->plane[i], in->stride[i],
                  (size_t)(halved ? (out->width + 1) / 2 : out->width), halved ? (out->height + 1) / 2 : out->height);
}

/* The conversion of in's colours to JFIF's. NULL if it needs none, or swscale does it. */
static const struct dd_color *find_color(struct dd_scale *scale, const struct dd_picture *in)
{
    const AVPixFmtDescriptor *format;

    if (in->format != DD_PICTURE_FOREIGN)
        return NULL;
    format = av_pix_fmt_desc_get(in->foreign_format);
    if (!format || format->flags & AV_PIX_FMT_FLAG_RGB)
        return NULL;
    if (in->foreign_matrix != scale->matrix || in->foreign_full_range != scale->full_range) {
        scale->matrix = in->foreign_matrix;
        scale->full_range = in->foreign_full_range;
        dd_color_init(&scale->color, scale->matrix, scale->full_range);
    }
    return scale->color.is_jfif ? NULL : &scale->color;
}

static int run_swscale(struct dd_scale *scale, const struct conversion *conversion, const struct dd_picture *in,
                       const struct dd_picture *out)
{
    uint8_t *planes[4] = {0};

    if (!scale->context || memcmp(conversion, &scale->conversion, sizeof *conversion) != 0) {
        int error = make_context(scale, conversion);
        if (error)
            return error;
    }
    for (int i = 0; i < 4 && out->plane[i]; i++)
        planes[i] = dd_picture_writable(out, i);
    if (sws_scale(scale->context, in->plane, in->stride, 0, in->height, planes, out->stride) != out->height) {
        dd_log_error("a picture of %dx%d could not be scaled to %dx%d", in->width, in->height, out->width, out->height);
        return DD_ERROR_SYSTEM;
    }
    return 0;
}

int dd_scale_picture(struct dd_scale *scale, const struct dd_picture *in, const struct dd_picture *out)
{
    const struct dd_color *color = find_color(scale, in);
    struct packing packing;
    struct conversion conversion;

    if (out->format == DD_PICTURE_BGRX) {
        if (!find_packing(in, &packing) || in->width != out->width || in->height != out->height) {
            dd_log_error("a picture of %dx%d cannot be repacked as %dx%d", in->width, in->height, out->width, out->height);
            return DD_ERROR_INPUT;
        }
        repack(in, &packing, out);
        return 0;
    }
    /* conversions are compared with memcmp(), padding included */
    memset(&conversion, 0, sizeof conversion);
    conversion.in_width = in->width;
    conversion.in_height = in->height;
    conversion.in_format = dd_crop_mask_av_format(in);
    conversion.out_width = out->width;
    conversion.out_height = out->height;
    conversion.out_format = dd_crop_mask_av_format(out);

    bool same = conversion.in_format == conversion.out_format && in->width == out->width && in->height == out->height;
    int error = same ? 0 : run_swscale(scale, &conversion, in, out);
    if (error)
        return error;
    if (color)
        dd_color_convert(color, same ? in : out, out);
    else if (same)
        copy_planes(in, out);
    return 0;
}
