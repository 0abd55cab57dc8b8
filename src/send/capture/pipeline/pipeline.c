/* The order of the pipeline's stages, and the memory between them. Each stage is a file of its own. */
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

/* Everything about a source's picture that its geometry depends on. */
struct source_shape {
    int width, height, aspect_num, aspect_den;
};

struct dd_pipeline {
    const struct dd_send_stream *options; /* borrowed */
    enum dd_picture_format planar_format;
    int quarter_turns;
    enum dd_rotate_flip flip;
    struct dd_rect_fraction mask[DD_RECT_MASK_MAX];
    size_t mask_count;
    struct dd_crop_mask_buffer *mask_buffer;
    struct dd_scale *scale;
    struct dd_geometry_request request;
    struct dd_geometry_result geometry; /* for shape */
    struct source_shape shape;          /* zeroes: none yet */
    struct dd_log_limit clipped_log;    /* a source may change its size with every picture */
    uint8_t *unrotated;                 /* memory for a picture that is still to be rotated */
    size_t unrotated_bytes;
};

/* RGB is neither rotated nor painted on. Cameras send YCbCr, so their rings have no room for RGB. */
static bool may_keep_rgb(const struct dd_send_stream *options)
{
    bool has_rgb = options->mode == DD_SEND_VNC || options->mode == DD_SEND_WEB;

    return has_rgb && !options->rotate && options->flip == DD_ROTATE_FLIP_NONE && !*options->overlay;
}

static enum dd_picture_format planar_format(const struct dd_send_stream *options)
{
    return dd_send_options_is_444(options) ? DD_PICTURE_I444 : DD_PICTURE_I420;
}

size_t dd_pipeline_max_bytes(const struct dd_send_stream *options)
{
    struct dd_picture_layout planar, rgb = {0};
    int width, height;

    if (dd_send_options_resolution(options->capture_resolution, &width, &height) ||
        dd_picture_layout(planar_format(options), width, height, &planar) ||
        (may_keep_rgb(options) && dd_picture_layout(DD_PICTURE_BGRX, width, height, &rgb)))
        return 0;
    /* rows are padded, so either may be the larger one */
    return planar.bytes > rgb.bytes ? planar.bytes : rgb.bytes;
}

static int read_options(struct dd_pipeline *pipeline)
{
    const struct dd_send_stream *options = pipeline->options;
    struct dd_geometry_request *request = &pipeline->request;
    char why[256];

    if (dd_send_options_resolution(options->capture_resolution, &request->limit_width, &request->limit_height) ||
        (*options->crop && dd_rect_parse(options->crop, &request->crop)) ||
        dd_rect_parse_mask(options->mask, pipeline->mask, &pipeline->mask_count, why, sizeof why)) {
        dd_log_error("capture_resolution, crop or mask is not valid");
        return DD_ERROR_INPUT;
    }
    pipeline->planar_format = planar_format(options);
    pipeline->quarter_turns = (int)options->rotate;
    pipeline->flip = (enum dd_rotate_flip)options->flip;
    request->fit = (enum dd_geometry_fit)options->fit;
    request->sideways = pipeline->quarter_turns % 2 == 1;
    request->has_resolution = strcmp(options->capture_resolution, "source") != 0;
    return 0;
}

struct dd_pipeline *dd_pipeline_new(const struct dd_send_stream *options)
{
    struct dd_pipeline *pipeline = calloc(1, sizeof *pipeline);

    if (!pipeline) {
        dd_log_error("no memory for the picture pipeline");
        return NULL;
    }
    pipeline->options = options;
    if (read_options(pipeline))
        goto fail0;
    pipeline->scale = dd_scale_new();
    if (!pipeline->scale)
        goto fail0;
    pipeline->mask_buffer = dd_crop_mask_buffer_new();
    if (!pipeline->mask_buffer)
        goto fail1;
    return pipeline;

fail1:
    dd_scale_free(pipeline->scale);
fail0:
    free(pipeline);
    return NULL;
}

void dd_pipeline_free(struct dd_pipeline *pipeline)
{
    if (!pipeline)
        return;
    dd_crop_mask_buffer_free(pipeline->mask_buffer);
    dd_scale_free(pipeline->scale);
    free(pipeline->unrotated);
    free(pipeline);
}

/* Makes geometry that of in. 0, or DD_ERROR_INPUT if crop leaves nothing of it. */
static int update_geometry(struct dd_pipeline *pipeline, const struct dd_picture *in)
{
    const struct source_shape shape = {in->width, in->height, in->aspect_num, in->aspect_den};
    struct dd_geometry_result *geometry = &pipeline->geometry;
    uint64_t suppressed;

    if (memcmp(&shape, &pipeline->shape, sizeof shape) == 0)
        return 0;
    memset(&pipeline->shape, 0, sizeof pipeline->shape);
    int error = dd_geometry_compute(&pipeline->request, in->width, in->height, in->aspect_num, in->aspect_den, geometry);
    if (error)
        return error;
    if (geometry->clipped && dd_log_allowed(&pipeline->clipped_log, &suppressed))
        dd_log_warning("crop %s goes beyond the source's picture of %dx%d: the part inside it, %dx%d, is sent",
                       pipeline->options->crop, in->width, in->height, geometry->window.width, geometry->window.height);
    pipeline->shape = shape;
    return 0;
}

/* True if in goes into the ring as RGB. libjpeg-turbo converts RGB to JFIF's colours faster than swscale. */
static bool keeps_rgb(const struct dd_pipeline *pipeline, const struct dd_picture *in)
{
    const struct dd_geometry_result *geometry = &pipeline->geometry;

    return may_keep_rgb(pipeline->options) && geometry->window.width == geometry->width &&
           geometry->window.height == geometry->height && dd_scale_can_repack(in);
}

int dd_pipeline_size(struct dd_pipeline *pipeline, const struct dd_picture *in, enum dd_picture_format *format, int *width,
                     int *height)
{
    int error = update_geometry(pipeline, in);

    *format = !error && keeps_rgb(pipeline, in) ? DD_PICTURE_BGRX : pipeline->planar_format;
    *width = error ? 0 : pipeline->geometry.width;
    *height = error ? 0 : pipeline->geometry.height;
    return error;
}

/* Makes part the window of in, with black in place of everything that the mask hides. */
static int crop_and_mask(struct dd_pipeline *pipeline, const struct dd_picture *in, struct dd_picture *part)
{
    struct dd_rect window = pipeline->geometry.window, hidden[DD_RECT_MASK_MAX];
    size_t count = 0;

    if (dd_crop_mask_crop(in, &window, part)) {
        dd_log_error("the source's pictures are in a pixel format that cannot be cropped");
        return DD_ERROR_INPUT;
    }
    for (size_t i = 0; i < pipeline->mask_count; i++) {
        /* The fractions are of the whole picture: a mask hides the same things whatever crop and fit leave of it. */
        struct dd_rect area = dd_rect_of_fraction(&pipeline->mask[i], in->width, in->height);
        area = dd_rect_intersect(&area, &window);
        if (!area.width)
            continue;
        area.x -= window.x;
        area.y -= window.y;
        hidden[count++] = area;
    }
    const struct dd_picture unmasked = *part;
    return count ? dd_crop_mask_blacken(pipeline->mask_buffer, &unmasked, hidden, count, part) : 0;
}

/* Gives unrotated memory of its own: for out before its rotation. */
static int allocate_unrotated(struct dd_pipeline *pipeline, const struct dd_picture *out, struct dd_picture *unrotated)
{
    bool sideways = pipeline->request.sideways;
    int width = sideways ? out->height : out->width, height = sideways ? out->width : out->height;
    struct dd_picture_layout layout;

    if (dd_picture_layout_own(out->format, width, height, &layout))
        return DD_ERROR_INPUT;
    if (layout.bytes > pipeline->unrotated_bytes) {
        free(pipeline->unrotated);
        pipeline->unrotated = malloc(layout.bytes);
        pipeline->unrotated_bytes = pipeline->unrotated ? layout.bytes : 0;
    }
    if (!pipeline->unrotated) {
        dd_log_error("no memory for rotating a picture of %dx%d", width, height);
        return DD_ERROR_MEMORY;
    }
    dd_picture_over(unrotated, out->format, width, height, &layout, pipeline->unrotated);
    return 0;
}

/* Paints the time at which in was captured. */
static void paint_overlay(const struct dd_pipeline *pipeline, const struct dd_picture *in, const struct dd_picture *out)
{
    uint64_t now_us = dd_clock_now_us(), age_us = in->captured_us < now_us ? now_us - in->captured_us : 0;

    dd_text_overlay_paint(out, pipeline->options->overlay, dd_clock_wall_us() - age_us);
}

int dd_pipeline_run(struct dd_pipeline *pipeline, const struct dd_picture *in, const struct dd_picture *out)
{
    bool rotates = pipeline->quarter_turns || pipeline->flip != DD_ROTATE_FLIP_NONE;
    struct dd_picture part, unrotated = *out;
    int error = update_geometry(pipeline, in);

    if (!error)
        error = crop_and_mask(pipeline, in, &part);
    if (!error && rotates)
        error = allocate_unrotated(pipeline, out, &unrotated);
    if (!error)
        error = dd_scale_picture(pipeline->scale, &part, &unrotated);
    if (error)
        return error;
    if (rotates)
        dd_rotate_picture(&unrotated, pipeline->quarter_turns, pipeline->flip, out);
    if (*pipeline->options->overlay)
        paint_overlay(pipeline, in, out);
    return 0;
}
