/* Cropping and masking in the pixel formats that decoders deliver. */
#include <string.h>

#include <libavutil/imgutils.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>

#include "dd/base/error.h"
#include "send/capture/pipeline/crop_mask.h"
#include "suite.h"

enum { WIDTH = 64, HEIGHT = 48 };

static const enum AVPixelFormat formats[] = {
    AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P,  AV_PIX_FMT_YUV444P, AV_PIX_FMT_YUV440P,  AV_PIX_FMT_YUV411P,
    AV_PIX_FMT_NV12,    AV_PIX_FMT_GRAY8,    AV_PIX_FMT_YUYV422, AV_PIX_FMT_BGR0,     AV_PIX_FMT_YUV420P10LE,
    AV_PIX_FMT_GBRP,    AV_PIX_FMT_GRAY10LE, AV_PIX_FMT_RGB24,   AV_PIX_FMT_YUVA420P,
};

/* A picture whose bytes are all value. */
static struct dd_picture make(enum AVPixelFormat format, uint8_t value, uint8_t **owned)
{
    struct dd_picture p = {.format = DD_PICTURE_FOREIGN, .foreign_format = format, .width = WIDTH, .height = HEIGHT};
    uint8_t *planes[4];
    int size = av_image_alloc(planes, p.stride, WIDTH, HEIGHT, format, 32);

    ck_assert_int_gt(size, 0);
    memset(planes[0], value, (size_t)size);
    for (int i = 0; i < 4; i++)
        p.plane[i] = planes[i];
    *owned = planes[0];
    return p;
}

/* A sample, as libavutil itself reads it. */
static unsigned sample(const struct dd_picture *p, int component, int x, int y)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(p->foreign_format);
    const AVComponentDescriptor *c = &d->comp[component];
    bool chroma = (component == 1 || component == 2) && !(d->flags & AV_PIX_FMT_FLAG_RGB);
    const uint8_t *at = p->plane[c->plane] + (chroma ? y >> d->log2_chroma_h : y) * p->stride[c->plane] +
                        (chroma ? x >> d->log2_chroma_w : x) * c->step + c->offset;

    return c->depth > 8 ? (unsigned)at[0] | (unsigned)at[1] << 8 : at[0];
}

/* The area is black. Outside it nothing has changed, except where pixels share chroma with it. */
static void check_masked(const struct dd_picture *picture, const struct dd_picture *masked, const struct dd_rect *area)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(picture->foreign_format);

    for (int c = 0; c < d->nb_components && c < 3; c++)
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++) {
                bool inside = x >= area->x && x < area->x + area->width && y >= area->y && y < area->y + area->height;
                bool near =
                    x >= area->x - 3 && x < area->x + area->width + 3 && y >= area->y - 1 && y < area->y + area->height + 1;
                unsigned now = sample(masked, c, x, y), before = sample(picture, c, x, y);
                /* a ck_assert for every pixel would take longer than the test */
                if (inside && now == before)
                    ck_abort_msg("%s: component %d shows at %d, %d", d->name, c, x, y);
                if (!inside && !near && now != before)
                    ck_abort_msg("%s: component %d is changed at %d, %d", d->name, c, x, y);
            }
}

START_TEST(masks)
{
    static const struct dd_rect areas[] = {{0, 0, 64, 48}, {10, 10, 5, 5}, {11, 13, 1, 1}, {63, 47, 1, 1}, {0, 20, 64, 3}};
    struct dd_crop_mask_buffer *copy = dd_crop_mask_buffer_new();

    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++)
        for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
            uint8_t *owned;
            struct dd_picture picture = make(formats[f], 0x5a, &owned), masked;
            ck_assert_int_eq(dd_crop_mask_blacken(copy, &picture, &areas[i], 1, &masked), 0);
            check_masked(&picture, &masked, &areas[i]);
            ck_assert_int_eq(picture.plane[0][0], 0x5a); /* the source's own memory is not written */
            av_free(owned);
        }
    dd_crop_mask_buffer_free(copy);
    dd_crop_mask_buffer_free(NULL);
}
END_TEST

START_TEST(refuses_what_it_cannot_mask)
{
    static const struct dd_rect area = {0, 0, 8, 8};
    struct dd_crop_mask_buffer *copy = dd_crop_mask_buffer_new();
    struct dd_picture p = {.format = DD_PICTURE_FOREIGN, .width = 64, .height = 48}, masked;
    static const int others[] = {AV_PIX_FMT_PAL8, AV_PIX_FMT_MONOWHITE, AV_PIX_FMT_VAAPI, -1};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        p.foreign_format = others[i];
        ck_assert_int_eq(dd_crop_mask_blacken(copy, &p, &area, 1, &masked), DD_ERROR_INPUT);
        ck_assert_ptr_null(masked.plane[0]);
    }
    dd_crop_mask_buffer_free(copy);
}
END_TEST

START_TEST(crops)
{
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
        const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(formats[f]);
        uint8_t *owned;
        struct dd_picture whole = make(formats[f], 0, &owned), part;
        struct dd_rect area = {13, 9, 21, 11};

        /* each byte of the first plane (luma, green, or whatever is in it) depends on its place */
        for (int i = 0; i < 4 && whole.plane[i]; i++)
            for (int y = 0; y < (i ? HEIGHT >> d->log2_chroma_h : HEIGHT); y++)
                for (int x = 0; x < whole.stride[i]; x++)
                    dd_picture_writable(&whole, i)[y * whole.stride[i] + x] = (uint8_t)(x * 3 + y * 5 + i);
        ck_assert_int_eq(dd_crop_mask_crop(&whole, &area, &part), 0);
        ck_assert_int_eq(area.x, 13 - 13 % (1 << d->log2_chroma_w));
        ck_assert_int_eq(area.y, 9 - 9 % (1 << d->log2_chroma_h));
        ck_assert_int_eq(part.width, 21);
        ck_assert_int_eq(part.height, 11);
        for (int c = 0; c < d->nb_components; c++)
            for (int y = 0; y < part.height; y++)
                for (int x = 0; x < part.width; x++)
                    ck_assert_msg(sample(&part, c, x, y) == sample(&whole, c, area.x + x, area.y + y),
                                  "%s: component %d at %d, %d", d->name, c, x, y);
        av_free(owned);
    }
}
END_TEST

START_TEST(leaves_the_whole_alone)
{
    struct dd_picture whole = {.format = DD_PICTURE_FOREIGN, .foreign_format = AV_PIX_FMT_PAL8, .width = 64, .height = 48}, part;
    struct dd_rect all = {0, 0, 64, 48}, some = {0, 0, 32, 48};

    ck_assert_int_eq(dd_crop_mask_crop(&whole, &all, &part), 0);
    ck_assert_int_eq(dd_crop_mask_crop(&whole, &some, &part), DD_ERROR_INPUT);
}
END_TEST

SUITE("send/capture/pipeline/crop_mask", masks, refuses_what_it_cannot_mask, crops, leaves_the_whole_alone)
