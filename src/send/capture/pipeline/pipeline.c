/* The picture chain. Each stage is a file of its own; here is their order, and the memory between them. */
#include "send/capture/pipeline/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "send/capture/pipeline/color.h"
#include "send/capture/pipeline/crop_mask.h"
#include "send/capture/pipeline/geometry.h"
#include "send/capture/pipeline/rotate.h"
#include "send/capture/pipeline/scale.h"
#include "send/capture/pipeline/text_overlay.h"
#include "send/options.h"

enum { LOG_PERIOD_MS = 10000 };

/* What of a picture decides on its fit. */
struct seen {
    int width, height, aspect_num, aspect_den;
};

struct dd_pipeline {
    const struct dd_send_stream *options; /* borrowed */
    enum dd_picture_format format;
    struct dd_geometry_request wish;
    int quarters;
    enum dd_rotate_flip flip;
    struct dd_rect_fraction mask[DD_RECT_MASK_MAX];
    size_t mask_count;
    struct dd_crop_mask_copy *masked;
    struct dd_scale *scale;
    struct seen seen; /* what fit is for; zeroes: nothing yet */
    struct dd_geometry_result fit;
    struct dd_log_limit cut_log; /* a source may change its size at every picture */
    uint8_t *upright;            /* a picture before it is turned */
    size_t upright_bytes;
};

/* Pixels that are turned or painted on are planar. Cameras send YCbCr: their rings have no room for RGB. */
static bool may_pass_rgb(const struct dd_send_stream *options)
{
    bool rgb = options->mode == DD_SEND_VNC || options->mode == DD_SEND_WEB;

    return rgb && !options->rotate && options->flip == DD_ROTATE_FLIP_NONE && !*options->overlay;
}

static enum dd_picture_format planar_format(const struct dd_send_stream *options)
{
    return dd_send_options_is_444(options) ? DD_PICTURE_I444 : DD_PICTURE_I420;
}

enum dd_picture_format dd_pipeline_largest_format(const struct dd_send_stream *options)
{
    return may_pass_rgb(options) ? DD_PICTURE_BGRX : planar_format(options);
}

static int read_options(struct dd_pipeline *c)
{
    const struct dd_send_stream *o = c->options;
    char why[256];

    if (dd_send_options_resolution(o->capture_resolution, &c->wish.limit_width, &c->wish.limit_height) ||
        (*o->crop && dd_rect_parse(o->crop, &c->wish.crop)) ||
        dd_rect_parse_mask(o->mask, c->mask, &c->mask_count, why, sizeof why)) {
        dd_log_error("capture_resolution, crop or mask is not valid");
        return DD_ERROR_INPUT;
    }
    c->format = planar_format(o);
    c->quarters = (int)o->rotate;
    c->flip = (enum dd_rotate_flip)o->flip;
    c->wish.fit = (enum dd_geometry_fit)o->fit;
    c->wish.sideways = c->quarters % 2 == 1;
    c->wish.resolution = strcmp(o->capture_resolution, "source") != 0;
    return 0;
}

struct dd_pipeline *dd_pipeline_new(const struct dd_send_stream *options)
{
    struct dd_pipeline *c = calloc(1, sizeof *c);

    if (!c) {
        dd_log_error("no memory for the picture chain");
        return NULL;
    }
    c->options = options;
    c->cut_log.period_ms = LOG_PERIOD_MS;
    if (read_options(c))
        goto fail0;
    c->scale = dd_scale_new();
    if (!c->scale)
        goto fail0;
    c->masked = dd_crop_mask_copy_new();
    if (!c->masked)
        goto fail1;
    return c;

fail1:
    dd_scale_free(c->scale);
fail0:
    free(c);
    return NULL;
}

void dd_pipeline_free(struct dd_pipeline *chain)
{
    if (!chain)
        return;
    dd_crop_mask_copy_free(chain->masked);
    dd_scale_free(chain->scale);
    free(chain->upright);
    free(chain);
}

static int fit(struct dd_pipeline *c, const struct dd_picture *in)
{
    const struct seen seen = {in->width, in->height, in->aspect_num, in->aspect_den};
    uint64_t suppressed;

    if (memcmp(&seen, &c->seen, sizeof seen) == 0)
        return 0;
    memset(&c->seen, 0, sizeof c->seen);
    int error = dd_geometry_compute(&c->wish, in->width, in->height, in->aspect_num, in->aspect_den, &c->fit);
    if (error)
        return error;
    if (c->fit.cut && dd_log_allowed(&c->cut_log, &suppressed))
        dd_log_warning("crop %s goes beyond the source's picture of %dx%d: what there is of it, %dx%d, is sent", c->options->crop,
                       in->width, in->height, c->fit.window.width, c->fit.window.height);
    c->seen = seen;
    return 0;
}

/* True if the pixels of in are sent to the encoder as RGB: libjpeg-turbo converts them to JFIF's colours faster than swscale. */
static bool is_passed(const struct dd_pipeline *c, const struct dd_picture *in)
{
    const struct dd_rect *window = &c->fit.window;

    return may_pass_rgb(c->options) && window->width == c->fit.width && window->height == c->fit.height &&
           dd_scale_can_repack(in);
}

int dd_pipeline_size(struct dd_pipeline *chain, const struct dd_picture *in, enum dd_picture_format *format, int *width,
                     int *height)
{
    int error = fit(chain, in);

    *format = !error && is_passed(chain, in) ? DD_PICTURE_BGRX : chain->format;
    *width = error ? 0 : chain->fit.width;
    *height = error ? 0 : chain->fit.height;
    return error;
}

/* The window of in, and in it what the mask hides black. */
static int cut_and_mask(struct dd_pipeline *c, const struct dd_picture *in, struct dd_picture *part)
{
    struct dd_rect window = c->fit.window, hidden[DD_RECT_MASK_MAX];
    size_t count = 0;

    if (dd_crop_mask_cut(in, &window, part)) {
        dd_log_error("the source's pictures are in a pixel format that cannot be cropped");
        return DD_ERROR_INPUT;
    }
    for (size_t i = 0; i < c->mask_count; i++) {
        /* fractions of the whole picture: what they hide stays hidden whatever crop and fit take of it */
        struct dd_rect area = dd_rect_of_fraction(&c->mask[i], in->width, in->height);
        area = dd_rect_intersect(&area, &window);
        if (!area.width)
            continue;
        area.x -= window.x;
        area.y -= window.y;
        hidden[count++] = area;
    }
    const struct dd_picture bare = *part;
    return count ? dd_crop_mask_mask(c->masked, &bare, hidden, count, part) : 0;
}

/* Memory for a picture that is still to be turned. */
static int make_upright(struct dd_pipeline *c, const struct dd_picture *out, struct dd_picture *upright)
{
    int width = c->wish.sideways ? out->height : out->width, height = c->wish.sideways ? out->width : out->height;
    struct dd_picture_layout layout;

    if (dd_picture_layout_own(out->format, width, height, &layout))
        return DD_ERROR_INPUT;
    if (layout.bytes > c->upright_bytes) {
        free(c->upright);
        c->upright = malloc(layout.bytes);
        c->upright_bytes = c->upright ? layout.bytes : 0;
    }
    if (!c->upright) {
        dd_log_error("no memory for turning a picture of %dx%d", width, height);
        return DD_ERROR_MEMORY;
    }
    dd_picture_over(upright, out->format, width, height, &layout, c->upright);
    return 0;
}

static void paint_overlay(const struct dd_pipeline *c, const struct dd_picture *in, const struct dd_picture *out)
{
    uint64_t now_us = dd_clock_now_us(), age_us = in->captured_us < now_us ? now_us - in->captured_us : 0;

    dd_text_overlay_paint(out, c->options->overlay, dd_clock_wall_us() - age_us);
}

int dd_pipeline_run(struct dd_pipeline *chain, const struct dd_picture *in, const struct dd_picture *out)
{
    bool turned = chain->quarters || chain->flip != DD_ROTATE_FLIP_NONE;
    struct dd_picture part, upright = *out;
    int error = fit(chain, in);

    if (!error)
        error = cut_and_mask(chain, in, &part);
    if (!error && turned)
        error = make_upright(chain, out, &upright);
    if (!error)
        error = dd_scale_picture(chain->scale, &part, &upright);
    if (error)
        return error;
    if (turned)
        dd_rotate_picture(&upright, chain->quarters, chain->flip, out);
    if (*chain->options->overlay)
        paint_overlay(chain, in, out);
    return 0;
}
