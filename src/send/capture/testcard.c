/* The source "test": colour bars that move sideways, a grey ramp that a mark sweeps over once a second, the time of day to the
 * millisecond, and the number of the picture. It is drawn in the format and size in which the stream is sent: so the pipeline
 * only copies it, unless it has a crop, a mask or the like to apply. */
#include "send/capture/testcard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/draw/bitmap_font.h"
#include "dd/link/wire.h"
#include "send/options.h"
#include "send/picture.h"

#include "send/capture/source.h"

enum {
    PERIOD_US = DD_CLOCK_US_PER_S / 25, /* at interval 0 */
    BARS = 8,
    BARS_PERIOD_US = 16 * DD_CLOCK_US_PER_S, /* until the bars are back where they were */
    /* where the areas begin, in hundredths of the height */
    RAMP_TOP = 62,
    PANEL_TOP = 71,
    FRAME_DIGITS = 7,
    FRAME_WRAP = 10000000,
    NATIVE_WIDTH = 1280, /* of capture_resolution "source" */
    NATIVE_HEIGHT = 720,
};

#define MEMORY_MAX ((size_t)192 * 1024 * 1024) /* a few of the largest pictures, and the rest */

struct testcard {
    struct dd_picture picture; /* its pixels are in bytes */
    uint8_t *bytes;
    uint8_t *bars[3]; /* for each plane two rows of bars in one: a row is copied from any place in the first half */
    uint8_t *ramp;    /* a row of luma */
    uint64_t number;  /* of the next picture, from 0 */
    uint64_t next_us; /* when the next picture is due at interval 0 */
};

/* ---- the picture ---- */

static int plane_width(const struct testcard *t, int plane)
{
    return plane > 0 && t->picture.format == DD_PICTURE_I420 ? (t->picture.width + 1) / 2 : t->picture.width;
}

static void fill_rows(struct testcard *t)
{
    /* EBU's 100/0/75/0 */
    static const uint8_t rgb[BARS][3] = {{255, 255, 255}, {191, 191, 0}, {0, 191, 191}, {0, 191, 0},
                                         {191, 0, 191},   {191, 0, 0},   {0, 0, 191},   {0, 0, 0}};

    for (int plane = 0; plane < 3; plane++) {
        int width = plane_width(t, plane);
        for (int x = 0; x < 2 * width; x++) {
            const uint8_t *bar = rgb[x % width * BARS / width];
            struct dd_paint_color color = dd_paint_color(bar[0], bar[1], bar[2]);
            t->bars[plane][x] = plane == 0 ? color.y : plane == 1 ? color.cb : color.cr;
        }
    }
    for (int x = 0; x < t->picture.width; x++)
        t->ramp[x] = (uint8_t)(t->picture.width > 1 ? x * 255 / (t->picture.width - 1) : 128);
}

static void draw_bars(struct testcard *t, int bottom, uint64_t time_us)
{
    int shift = (int)(time_us % BARS_PERIOD_US * (uint64_t)t->picture.width / BARS_PERIOD_US) & ~1;

    for (int plane = 0; plane < 3; plane++) {
        int width = plane_width(t, plane);
        bool halved = width != t->picture.width;
        const uint8_t *from = t->bars[plane] + (width - (halved ? shift / 2 : shift)) % width;
        uint8_t *rows = dd_picture_writable(&t->picture, plane);
        for (int y = 0; y < (halved ? (bottom + 1) / 2 : bottom); y++)
            memcpy(rows + (ptrdiff_t)y * t->picture.stride[plane], from, (size_t)width);
    }
}

static void draw_ramp(struct testcard *t, int top, int bottom, uint64_t time_us)
{
    struct dd_picture *p = &t->picture;
    const struct dd_paint_planes planes = dd_picture_planes(p);
    uint8_t *rows = planes.plane[0];
    int mark = p->width / 80 + 2;
    int x = (int)(time_us % DD_CLOCK_US_PER_S * (uint64_t)(p->width + mark) / DD_CLOCK_US_PER_S) - mark;

    dd_paint_rectangle(&planes, 0, top, p->width, bottom - top, dd_paint_color(0, 0, 0)); /* sets the chroma to grey */
    for (int y = top; y < bottom; y++)
        memcpy(rows + (ptrdiff_t)y * p->stride[0], t->ramp, (size_t)p->width);
    dd_paint_rectangle(&planes, x, top, mark, bottom - top, dd_paint_color(255, 64, 32));
}

/* A title on a dark rectangle, in the middle of the bars. */
static void draw_title(struct testcard *t, int bars_bottom)
{
    static const char title[] = "SOFT DATA DIODE";
    const struct dd_paint_planes planes = dd_picture_planes(&t->picture);
    int scale = t->picture.width * 45 / 100 / dd_paint_text_width(title, 1);
    int width = dd_paint_text_width(title, scale), height = DD_BITMAP_FONT_HEIGHT * scale, margin = 3 * scale;
    int x = (t->picture.width - width) / 2, y = (bars_bottom - height) / 2;

    if (scale < 1)
        return;
    dd_paint_rectangle(&planes, x - margin, y - margin, width + 2 * margin, height + 2 * margin, dd_paint_color(20, 24, 32));
    dd_paint_text(&planes, x, y, scale, title, dd_paint_color(255, 255, 255));
}

static void draw_panel(struct testcard *t, int top, uint64_t wall_us)
{
    const struct dd_paint_color white = dd_paint_color(255, 255, 255), grey = dd_paint_color(150, 160, 175);
    const struct dd_picture *p = &t->picture;
    const struct dd_paint_planes planes = dd_picture_planes(p);
    char iso[DD_CLOCK_ISO_SIZE], date[32], clock[16], frame[24], size[32];
    int height = p->height - top;

    dd_clock_iso(wall_us, iso); /* 2026-01-01T12:00:00.123Z */
    snprintf(clock, sizeof clock, "%.12s", iso + 11);
    snprintf(date, sizeof date, "%.10s UTC", iso);
    snprintf(frame, sizeof frame, "%0*llu", FRAME_DIGITS, (unsigned long long)(t->number % FRAME_WRAP));
    snprintf(size, sizeof size, "FRAME  %dX%d", p->width, p->height);
    dd_paint_rectangle(&planes, 0, top, p->width, height, dd_paint_color(20, 24, 32));

    /* clock and number in one row: two characters between them, half a character at either side */
    int cells = (int)(strlen(clock) + 3 + strlen(frame)) * DD_BITMAP_FONT_ADVANCE;
    int wide = p->width / cells, high = height / 2 / DD_BITMAP_FONT_HEIGHT;
    int scale = wide < high ? wide : high;
    if (scale < 1) /* a very small picture has only the clock, or not even that */
        scale = p->width >= dd_paint_text_width(clock, 1) && height >= DD_BITMAP_FONT_HEIGHT;
    int label = scale / 3, left = (p->width - cells * scale) / 2 + DD_BITMAP_FONT_ADVANCE / 2 * scale;
    if (p->width < cells)
        left = (p->width - dd_paint_text_width(clock, scale)) / 2;
    int right = left + (int)(strlen(clock) + 2) * DD_BITMAP_FONT_ADVANCE * scale;
    int gap = label * DD_BITMAP_FONT_HEIGHT;
    int y = top + (height - (DD_BITMAP_FONT_HEIGHT * (scale + label) + gap)) / 2;

    dd_paint_text(&planes, left, y, label, date, grey);
    dd_paint_text(&planes, left, y + DD_BITMAP_FONT_HEIGHT * label + gap, scale, clock, white);
    if (p->width < cells)
        return;
    dd_paint_text(&planes, right, y, label, size, grey);
    dd_paint_text(&planes, right, y + DD_BITMAP_FONT_HEIGHT * label + gap, scale, frame, dd_paint_color(255, 200, 60));
}

static void draw(struct testcard *t, uint64_t time_us, uint64_t wall_us)
{
    /* even numbers, so that no row of subsampled chroma belongs to two areas */
    int ramp_top = t->picture.height * RAMP_TOP / 100 & ~1, panel_top = t->picture.height * PANEL_TOP / 100 & ~1;

    draw_bars(t, ramp_top, time_us);
    draw_title(t, ramp_top);
    draw_ramp(t, ramp_top, panel_top, time_us);
    draw_panel(t, panel_top, wall_us);
}

/* ---- the source ---- */

static void testcard_close(void *state)
{
    struct testcard *t = state;

    if (!t)
        return;
    for (int i = 0; i < 3; i++)
        free(t->bars[i]);
    free(t->ramp);
    free(t->bytes);
    free(t);
}

static int allocate(struct testcard *t, enum dd_picture_format format, int width, int height, struct dd_source_io *io)
{
    struct dd_picture_layout layout;

    if (dd_picture_layout(format, width, height, &layout))
        return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE, "the test card can be %dx%d at most, not %dx%d",
                              DD_PICTURE_WIDTH_MAX, DD_PICTURE_HEIGHT_MAX, width, height);
    t->bytes = calloc(1, layout.bytes);
    t->ramp = malloc((size_t)width);
    bool complete = t->bytes && t->ramp;
    for (int i = 0; i < 3; i++) {
        t->bars[i] = malloc(2 * (size_t)width);
        complete = complete && t->bars[i];
    }
    if (!complete) {
        dd_log_error("no memory for a test card of %dx%d", width, height);
        return DD_ERROR_MEMORY;
    }
    dd_picture_over(&t->picture, format, width, height, &layout, t->bytes);
    fill_rows(t);
    return 0;
}

static int testcard_open(void **state, struct dd_source_io *io)
{
    const struct dd_send_stream *options = io->options;
    int width = NATIVE_WIDTH, height = NATIVE_HEIGHT, error;
    struct testcard *t;

    *state = NULL;
    if (strcmp(options->capture_resolution, "source") != 0 &&
        dd_send_options_resolution(options->capture_resolution, &width, &height))
        return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE, "capture_resolution %s is not WIDTHxHEIGHT",
                              options->capture_resolution);
    t = calloc(1, sizeof *t);
    if (!t) {
        dd_log_error("no memory for the test card");
        return DD_ERROR_MEMORY;
    }
    error = allocate(t, dd_send_options_is_444(options) ? DD_PICTURE_I444 : DD_PICTURE_I420, width, height, io);
    if (error) {
        testcard_close(t);
        return error;
    }
    t->next_us = dd_clock_now_us();
    *state = t;
    return 0;
}

static int testcard_next(void *state, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture)
{
    struct testcard *t = state;
    int error;

    if (io->options->interval == 0 && due_us < t->next_us)
        due_us = t->next_us;
    error = dd_source_wait(io, due_us);
    if (error)
        return error;

    uint64_t now_us = dd_clock_now_us();
    t->next_us += PERIOD_US;
    if (t->next_us + PERIOD_US < now_us) /* pictures that were missed are left out */
        t->next_us = now_us + PERIOD_US;
    draw(t, now_us, dd_clock_wall_us());
    t->number++;
    *picture = t->picture;
    picture->captured_us = now_us;
    return 0;
}

const struct dd_source_kind dd_testcard = {
    .name = "test",
    .memory_max = MEMORY_MAX,
    .open = testcard_open,
    .next = testcard_next,
    .close = testcard_close,
};
