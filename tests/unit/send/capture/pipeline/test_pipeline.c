/* The whole pipeline: its stages come in the right order, and nothing that a mask hides is seen. */
#include <stdio.h>
#include <string.h>

#include <libavutil/pixfmt.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "send/capture/pipeline/pipeline.h"
#include "send/capture/pipeline/text_overlay.h"
#include "send/options.h"
#include "suite.h"

enum { WIDTH = 320, HEIGHT = 180, GREY = 90, SECRET = 255 };

struct bench {
    struct dd_send_stream options;
    struct dd_picture in, out;
    uint8_t *in_bytes, *out_bytes;
};

static void set_up(struct bench *b, enum dd_picture_format format, int width, int height)
{
    struct dd_picture_layout layout;

    *b = (struct bench){.options = {.mode = DD_SEND_RTSP}};
    strcpy(b->options.capture_resolution, "source");
    ck_assert_int_eq(dd_picture_layout_own(format, width, height, &layout), 0);
    b->in_bytes = malloc(layout.bytes);
    memset(b->in_bytes, 128, layout.bytes);
    memset(b->in_bytes, GREY, layout.plane_at[1]);
    dd_picture_over(&b->in, format, width, height, &layout, b->in_bytes);
}

static void run(struct bench *b)
{
    struct dd_pipeline *pipeline = dd_pipeline_new(&b->options);
    struct dd_picture_layout layout;
    enum dd_picture_format format;
    int width, height;

    ck_assert_ptr_nonnull(pipeline);
    ck_assert_int_eq(dd_pipeline_size(pipeline, &b->in, &format, &width, &height), 0);
    ck_assert_int_eq(dd_picture_layout(format, width, height, &layout), 0);
    free(b->out_bytes);
    b->out_bytes = malloc(layout.bytes);
    memset(b->out_bytes, 7, layout.bytes);
    dd_picture_over(&b->out, format, width, height, &layout, b->out_bytes);
    ck_assert_int_eq(dd_pipeline_run(pipeline, &b->in, &b->out), 0);
    dd_pipeline_free(pipeline);
}

static void tear_down(struct bench *b)
{
    free(b->in_bytes);
    free(b->out_bytes);
}

static void paint(const struct dd_picture *p, int x, int y, int width, int height, uint8_t value)
{
    for (int row = y; row < y + height; row++)
        memset(dd_picture_writable(p, 0) + row * p->stride[0] + x, value, (size_t)width);
}

static int luma(const struct dd_picture *p, int x, int y)
{
    return p->plane[0][y * p->stride[0] + x];
}

static void check_size(const struct bench *b, int width, int height)
{
    ck_assert_msg(b->out.width == width && b->out.height == height, "%dx%d", b->out.width, b->out.height);
}

START_TEST(changes_nothing_without_options)
{
    struct bench b;

    set_up(&b, DD_PICTURE_I420, WIDTH, HEIGHT);
    paint(&b.in, 10, 10, 5, 5, 200);
    run(&b);
    check_size(&b, WIDTH, HEIGHT);
    for (int y = 0; y < HEIGHT; y++)
        ck_assert_mem_eq(b.out.plane[0] + y * b.out.stride[0], b.in.plane[0] + y * b.in.stride[0], WIDTH);
    tear_down(&b);
}
END_TEST

/* A mask lies over something bright on grey. Whatever filters come after it, nothing gets brighter than grey. */
START_TEST(hides_before_it_filters)
{
    static const char *const resolutions[] = {"source", "160x90", "1280x720", "213x101", "64x36"};

    for (size_t i = 0; i < sizeof resolutions / sizeof *resolutions; i++)
        for (int variant = 0; variant < 8; variant++) {
            struct bench b;
            set_up(&b, variant & 1 ? DD_PICTURE_I444 : DD_PICTURE_I420, WIDTH, HEIGHT);
            snprintf(b.options.capture_resolution, sizeof b.options.capture_resolution, "%s", resolutions[i]);
            b.options.fit = variant & 2 ? 2 : 0;
            b.options.rotate = variant & 4 ? 1 : 0;
            paint(&b.in, 81, 46, 79, 44, SECRET);
            paint(&b.in, 0, 0, 2, 2, SECRET);
            /* the edges lie within pixels: all that they touch is hidden */
            strcpy(b.options.mask, "0.246875x0.24444+0.253125+0.255556, 0.005x0.01+0+0");
            run(&b);
            for (int y = 0; y < b.out.height; y++)
                for (int x = 0; x < b.out.width; x++)
                    if (luma(&b.out, x, y) > GREY + 20) /* bicubic rings a little */
                        ck_abort_msg("%s: %d at %d, %d", resolutions[i], luma(&b.out, x, y), x, y);
            tear_down(&b);
        }
}
END_TEST

START_TEST(crops_then_rotates)
{
    struct bench b;

    set_up(&b, DD_PICTURE_I420, WIDTH, HEIGHT);
    paint(&b.in, 100, 50, 10, 10, 250); /* at the crop's top left */
    strcpy(b.options.crop, "80x60+100+50");
    run(&b);
    check_size(&b, 80, 60);
    ck_assert_int_eq(luma(&b.out, 0, 0), 250);
    ck_assert_int_eq(luma(&b.out, 12, 12), GREY);

    b.options.rotate = 1;
    run(&b);
    check_size(&b, 60, 80);
    ck_assert_int_eq(luma(&b.out, 59, 0), 250);
    ck_assert_int_eq(luma(&b.out, 0, 0), GREY);

    b.options.flip = 1; /* after the rotation */
    run(&b);
    ck_assert_int_eq(luma(&b.out, 0, 0), 250);
    ck_assert_int_eq(luma(&b.out, 59, 0), GREY);

    /* the mask's fractions are of the whole picture: it hides the same place, whatever the crop */
    strcpy(b.options.mask, "0.03125x0.0556+0.3125+0.27778");
    b.options.rotate = b.options.flip = 0;
    run(&b);
    ck_assert_int_eq(luma(&b.out, 0, 0), 0);
    ck_assert_int_eq(luma(&b.out, 9, 9), 0);
    ck_assert_int_eq(luma(&b.out, 12, 12), GREY);
    tear_down(&b);
}
END_TEST

START_TEST(covers)
{
    struct bench b;

    set_up(&b, DD_PICTURE_I420, WIDTH, HEIGHT);
    paint(&b.in, 0, 0, 60, HEIGHT, 250);
    strcpy(b.options.capture_resolution, "100x100");
    b.options.fit = 1;
    run(&b);
    check_size(&b, 100, 100);
    for (int x = 0; x < 100; x++) /* columns 70 to 249 of the 320 are left */
        ck_assert_int_le(abs(luma(&b.out, x, 50) - GREY), 1);
    tear_down(&b);
}
END_TEST

START_TEST(rotates_the_largest)
{
    struct bench b;

    set_up(&b, DD_PICTURE_I420, DD_PICTURE_WIDTH_MAX, DD_PICTURE_HEIGHT_MAX);
    b.options.rotate = 3;
    run(&b);
    check_size(&b, 1296, 2304);
    tear_down(&b);
}
END_TEST

/* True if the picture shows the time wall_us at the lower left, and nothing else is painted on it. */
static bool shows_time(struct bench *b, uint64_t wall_us)
{
    struct bench expected;
    bool same = true;

    set_up(&expected, DD_PICTURE_I444, WIDTH, HEIGHT);
    dd_text_overlay_paint(&expected.in, b->options.overlay, wall_us);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            same = same && luma(&b->out, x, y) == luma(&expected.in, x, y);
    tear_down(&expected);
    return same;
}

/* The overlay is upright and whole, whatever happens to the picture, and shows the time of its capture. */
START_TEST(burns_in_the_time_of_capture)
{
    uint64_t wall_us = dd_clock_wall_us(), now_us = dd_clock_now_us(), age_us = now_us / 2;
    struct bench b;

    set_up(&b, DD_PICTURE_I444, WIDTH, HEIGHT);
    b.in.captured_us = now_us - age_us;
    b.options.rotate = 2;
    strcpy(b.options.overlay, "%j %H:%M:%S");
    run(&b);
    bool shown = false; /* the second may have changed between the readings of the two clocks */
    for (uint64_t second = 0; second < 10; second++)
        shown = shown || shows_time(&b, wall_us - age_us + second * DD_CLOCK_US_PER_S);
    ck_assert(shown);
    ck_assert(!shows_time(&b, wall_us));
    tear_down(&b);
}
END_TEST

START_TEST(follows_changes)
{
    static const int sizes[][2] = {{320, 180}, {640, 360}, {100, 100}, {320, 180}};
    struct dd_send_stream options = {.mode = DD_SEND_RTSP, .capture_resolution = "source", .crop = "64x48+80+20"};
    struct dd_pipeline *pipeline = dd_pipeline_new(&options);

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct dd_picture in = {.format = DD_PICTURE_I420, .width = sizes[i][0], .height = sizes[i][1]};
        enum dd_picture_format format;
        int width, height;
        ck_assert_int_eq(dd_pipeline_size(pipeline, &in, &format, &width, &height), 0);
        ck_assert_int_eq(width, sizes[i][0] == 100 ? 20 : 64);
    }
    struct dd_picture small = {.format = DD_PICTURE_I420, .width = 80, .height = 60};
    enum dd_picture_format format;
    int width, height;
    ck_assert_int_eq(dd_pipeline_size(pipeline, &small, &format, &width, &height), DD_ERROR_INPUT);
    dd_pipeline_free(pipeline);
    dd_pipeline_free(NULL);
}
END_TEST

/* The format in which a pipeline with these options sends a picture like in. */
static enum dd_picture_format format_of(const struct dd_send_stream *options, const struct dd_picture *in)
{
    struct dd_pipeline *pipeline = dd_pipeline_new(options);
    enum dd_picture_format format;
    int width, height;

    ck_assert_int_eq(dd_pipeline_size(pipeline, in, &format, &width, &height), 0);
    dd_pipeline_free(pipeline);
    return format;
}

static size_t bytes_of(enum dd_picture_format format, const char *resolution)
{
    struct dd_picture_layout layout;
    int width, height;

    ck_assert_int_eq(dd_send_options_resolution(resolution, &width, &height), 0);
    ck_assert_int_eq(dd_picture_layout(format, width, height, &layout), 0);
    return layout.bytes;
}

/* The pixels of a desktop or a page stay RGB unless they are scaled, rotated or painted on. */
START_TEST(keeps_rgb)
{
    static const struct {
        int64_t mode;
        const char *resolution, *overlay;
        int64_t rotate, flip;
        enum dd_picture_format expected, largest;
    } cases[] = {
        {DD_SEND_VNC, "source", "", 0, 0, DD_PICTURE_BGRX, DD_PICTURE_BGRX},
        {DD_SEND_WEB, "source", "", 0, 0, DD_PICTURE_BGRX, DD_PICTURE_BGRX},
        {DD_SEND_WEB, "320x320", "", 0, 0, DD_PICTURE_BGRX, DD_PICTURE_BGRX},
        {DD_SEND_WEB, "160x90", "", 0, 0, DD_PICTURE_I444, DD_PICTURE_BGRX},
        {DD_SEND_VNC, "160x90", "", 0, 0, DD_PICTURE_I444, DD_PICTURE_BGRX},
        {DD_SEND_WEB, "source", "%H", 0, 0, DD_PICTURE_I444, DD_PICTURE_I444},
        {DD_SEND_VNC, "source", "%H", 0, 0, DD_PICTURE_I444, DD_PICTURE_I444},
        {DD_SEND_WEB, "source", "", 1, 0, DD_PICTURE_I444, DD_PICTURE_I444},
        {DD_SEND_WEB, "source", "", 0, 2, DD_PICTURE_I444, DD_PICTURE_I444},
        {DD_SEND_TEST, "source", "", 0, 0, DD_PICTURE_I444, DD_PICTURE_I444},
        {DD_SEND_RTSP, "source", "", 0, 0, DD_PICTURE_I420, DD_PICTURE_I420},
    };
    static const int formats[] = {AV_PIX_FMT_RGB24, AV_PIX_FMT_RGBA, AV_PIX_FMT_BGR0};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dd_send_stream options = {.mode = cases[i].mode, .rotate = cases[i].rotate, .flip = cases[i].flip};
        struct dd_picture in = {.format = DD_PICTURE_BGRX, .width = WIDTH, .height = HEIGHT};
        strcpy(options.capture_resolution, cases[i].resolution);
        strcpy(options.overlay, cases[i].overlay);
        ck_assert_msg(dd_pipeline_max_bytes(&options) == bytes_of(cases[i].largest, cases[i].resolution), "case %zu", i);
        ck_assert_msg(format_of(&options, &in) == cases[i].expected, "case %zu", i);
        in.format = DD_PICTURE_FOREIGN;
        for (size_t k = 0; k < sizeof formats / sizeof *formats; k++) {
            in.foreign_format = formats[k];
            ck_assert_msg(format_of(&options, &in) == cases[i].expected, "case %zu, format %d", i, formats[k]);
        }
        /* a JPEG has YCbCr: never a detour over RGB */
        in.foreign_format = AV_PIX_FMT_YUV420P;
        ck_assert_int_ne(format_of(&options, &in), DD_PICTURE_BGRX);
    }
    struct dd_send_stream halved = {
        .mode = DD_SEND_WEB, .jpeg_subsampling = DD_SEND_SUBSAMPLING_420, .rotate = 1, .capture_resolution = "source"};
    ck_assert_uint_eq(dd_pipeline_max_bytes(&halved), bytes_of(DD_PICTURE_I420, "source"));
    halved.rotate = 0;
    ck_assert_uint_eq(dd_pipeline_max_bytes(&halved), bytes_of(DD_PICTURE_BGRX, "source"));
}
END_TEST

/* How many bytes the stream's picture takes for a source of this size. */
static size_t bytes_for(struct dd_pipeline *pipeline, int width, int height)
{
    const struct dd_picture in = {.format = DD_PICTURE_BGRX, .width = width, .height = height};
    enum dd_picture_format format;
    struct dd_picture_layout layout;
    int out_width, out_height;

    ck_assert_int_eq(dd_pipeline_size(pipeline, &in, &format, &out_width, &out_height), 0);
    ck_assert_int_eq(dd_picture_layout(format, out_width, out_height, &layout), 0);
    return layout.bytes;
}

/* Rows are padded to 32 bytes: in narrow pictures the three planes of I444 take more than BGRX. */
START_TEST(every_picture_has_room)
{
    static const int64_t modes[] = {DD_SEND_VNC, DD_SEND_WEB, DD_SEND_TEST, DD_SEND_RTSP};

    for (int width = 16; width <= 64; width++)
        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
            struct dd_send_stream options = {.mode = modes[i]};
            snprintf(options.capture_resolution, sizeof options.capture_resolution, "%dx32", width);
            struct dd_pipeline *pipeline = dd_pipeline_new(&options);
            ck_assert_ptr_nonnull(pipeline);
            size_t unchanged = bytes_for(pipeline, width & ~1, 32), scaled = bytes_for(pipeline, 3 * width, 3 * 32);
            size_t larger = unchanged > scaled ? unchanged : scaled, max = dd_pipeline_max_bytes(&options);
            ck_assert_msg(width % 2 ? max >= larger : max == larger, "mode %d, width %d: %zu bytes, not %zu", (int)modes[i],
                          width, max, larger);
            dd_pipeline_free(pipeline);
        }
    const struct dd_send_stream invalid = {.mode = DD_SEND_WEB, .capture_resolution = "16"};
    ck_assert_uint_eq(dd_pipeline_max_bytes(&invalid), 0);
}
END_TEST

/* The pixels of a page pass through crop and mask unchanged, as RGB. */
START_TEST(crops_and_masks_rgb)
{
    struct dd_picture_layout layout;
    struct dd_send_stream options = {
        .mode = DD_SEND_WEB, .capture_resolution = "source", .crop = "6x4+2+2", .mask = "0.5x1+0.5+0"};
    uint8_t rgb[6][30], out_bytes[4096];
    struct dd_picture out, in = {.format = DD_PICTURE_FOREIGN,
                                 .foreign_format = AV_PIX_FMT_RGB24,
                                 .width = 10,
                                 .height = 6,
                                 .plane = {rgb[0]},
                                 .stride = {sizeof rgb[0]}};

    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 30; x++)
            rgb[y][x] = (uint8_t)(30 * y + x + 1);
    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_BGRX, 6, 4, &layout), 0);
    ck_assert_uint_le(layout.bytes, sizeof out_bytes);
    dd_picture_over(&out, DD_PICTURE_BGRX, 6, 4, &layout, out_bytes);
    struct dd_pipeline *pipeline = dd_pipeline_new(&options);
    ck_assert_int_eq(format_of(&options, &in), DD_PICTURE_BGRX);
    ck_assert_int_eq(dd_pipeline_run(pipeline, &in, &out), 0);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 6; x++) {
            const uint8_t *from = &rgb[y + 2][3 * (x + 2)];
            const uint8_t shown[4] = {from[2], from[1], from[0], 0}, black[4] = {0};
            ck_assert_mem_eq(out.plane[0] + y * out.stride[0] + 4 * x, x < 3 ? shown : black, 4);
        }
    dd_pipeline_free(pipeline);
}
END_TEST

/* The same for a desktop. Its fourth byte may hold anything. */
START_TEST(clears_the_fourth_byte)
{
    struct bench b;
    struct dd_picture_layout layout;
    struct dd_send_stream options = {.mode = DD_SEND_VNC};

    set_up(&b, DD_PICTURE_BGRX, 10, 6);
    strcpy(options.capture_resolution, "source");
    strcpy(options.crop, "6x4+2+2");
    strcpy(options.mask, "0.5x1+0.5+0");
    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_BGRX, 6, 4, &layout), 0);
    b.out_bytes = malloc(layout.bytes);
    dd_picture_over(&b.out, DD_PICTURE_BGRX, 6, 4, &layout, b.out_bytes);
    for (int y = 0; y < 6; y++)
        for (int x = 0; x < 40; x++)
            b.in_bytes[y * b.in.stride[0] + x] = (uint8_t)(x % 4 == 3 ? 0xee : 10 * y + x);
    struct dd_pipeline *pipeline = dd_pipeline_new(&options);
    ck_assert_int_eq(dd_pipeline_run(pipeline, &b.in, &b.out), 0);
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 24; x++) {
            int shown = x % 4 == 3 || x / 4 >= 3 ? 0 : 10 * (y + 2) + x + 8;
            ck_assert_int_eq(b.out.plane[0][y * b.out.stride[0] + x], shown);
        }
    dd_pipeline_free(pipeline);
    free(b.in_bytes);
    free(b.out_bytes);
}
END_TEST

SUITE("send/capture/pipeline/pipeline", changes_nothing_without_options, keeps_rgb, crops_and_masks_rgb, clears_the_fourth_byte,
      hides_before_it_filters, crops_then_rotates, covers, rotates_the_largest, burns_in_the_time_of_capture, follows_changes,
      every_picture_has_room)
