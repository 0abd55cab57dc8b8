/* The test card: its colours, motion, rate and sizes. */
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/draw/bitmap_font.h"
#include "dd/link/wire.h"
#include "send/capture/testcard.h"
#include "send/options.h"
#include "send/picture.h"
#include "suite.h"

static bool never(void *context)
{
    (void)context;
    return false;
}

static struct dd_send_stream options;

static struct dd_source_io make_io(const char *resolution, int64_t interval_us, bool subsampled)
{
    memset(&options, 0, sizeof options);
    options.mode = DD_SEND_TEST;
    options.interval = interval_us;
    options.jpeg_subsampling = subsampled ? DD_SEND_SUBSAMPLING_420 : DD_SEND_SUBSAMPLING_AUTO;
    strcpy(options.capture_resolution, resolution);
    return (struct dd_source_io){
        .options = &options, .deadline_us = dd_clock_now_us() + 20 * DD_CLOCK_US_PER_S, .checkpoint = never, .stop_fd = -1};
}

START_TEST(has_every_size)
{
    static const struct {
        const char *resolution;
        int width, height;
    } rows[] = {{"1280x720", 1280, 720}, {"source", 1280, 720}, {"4096x2304", 4096, 2304}, {"16x16", 16, 16},
                {"17x2303", 17, 2303},   {"4095x17", 4095, 17}, {"161x91", 161, 91}};

    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        bool subsampled = i & 1;
        struct dd_source_io io = make_io(rows[i / 2].resolution, 1, subsampled);
        struct dd_picture picture;
        void *state;
        ck_assert_int_eq(dd_testcard.open(&state, &io), 0);
        for (int k = 0; k < 3; k++)
            ck_assert_int_eq(dd_testcard.next(state, &io, 0, &picture), 0);
        ck_assert_int_eq(picture.width, rows[i / 2].width);
        ck_assert_int_eq(picture.height, rows[i / 2].height);
        ck_assert_int_eq(picture.format, subsampled ? DD_PICTURE_I420 : DD_PICTURE_I444);
        dd_testcard.close(state);
    }
}
END_TEST

/* The first row has the eight colours, each in as many pixels, wherever the bars have moved to. */
START_TEST(shows_eight_bars)
{
    static const uint8_t yuv[8][3] = {{255, 128, 128}, {169, 32, 144}, {134, 160, 32}, {112, 65, 48},
                                      {79, 191, 208},  {57, 96, 224},  {22, 223, 112}, {0, 128, 128}};
    struct dd_source_io io = make_io("640x360", 1, false);
    struct dd_picture p;
    int count[8] = {0};
    void *state;

    ck_assert_int_eq(dd_testcard.open(&state, &io), 0);
    ck_assert_int_eq(dd_testcard.next(state, &io, 0, &p), 0);
    for (int x = 0; x < 640; x++)
        for (int i = 0; i < 8; i++)
            count[i] +=
                abs(p.plane[0][x] - yuv[i][0]) <= 1 && abs(p.plane[1][x] - yuv[i][1]) <= 1 && abs(p.plane[2][x] - yuv[i][2]) <= 1;
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(count[i], 80);
    dd_testcard.close(state);
}
END_TEST

START_TEST(moves)
{
    struct dd_source_io io = make_io("320x180", 1, true);
    struct dd_picture p;
    uint8_t *before = malloc(320 * 180);
    void *state;

    ck_assert_int_eq(dd_testcard.open(&state, &io), 0);
    ck_assert_int_eq(dd_testcard.next(state, &io, 0, &p), 0);
    for (int y = 0; y < 180; y++)
        memcpy(before + y * 320, p.plane[0] + y * p.stride[0], 320);
    uint64_t captured_us = p.captured_us;
    /* in 0.1 s the bars move by two pixels, the mark moves by more, and the number is another */
    ck_assert_int_eq(dd_testcard.next(state, &io, captured_us + 100 * DD_CLOCK_US_PER_MS, &p), 0);
    ck_assert_uint_ge(p.captured_us, captured_us + 100 * DD_CLOCK_US_PER_MS);
    static const int rows[] = {0, 180 * 65 / 100, 180 * 9 / 10};
    ck_assert(memcmp(before, p.plane[0], 320) != 0);
    ck_assert(memcmp(before + rows[1] * 320, p.plane[0] + rows[1] * p.stride[0], 320) != 0);
    int changed = 0;
    for (int y = 180 * 72 / 100; y < 180; y++)
        changed += memcmp(before + y * 320, p.plane[0] + y * p.stride[0], 320) != 0;
    ck_assert_int_gt(changed, 4);
    free(before);
    dd_testcard.close(state);
}
END_TEST

START_TEST(keeps_25_fps)
{
    enum { PERIODS = 10 };
    struct dd_source_io io = make_io("64x48", 0, true);
    struct dd_picture p;
    uint64_t first_us = 0, due_us;
    void *state;

    ck_assert_int_eq(dd_testcard.open(&state, &io), 0);
    for (int i = 0; i <= PERIODS; i++) {
        ck_assert_int_eq(dd_testcard.next(state, &io, 0, &p), 0);
        if (i == 0)
            first_us = p.captured_us;
    }
    /* never early; and delays do not add up */
    due_us = first_us + PERIODS * 40 * DD_CLOCK_US_PER_MS;
    ck_assert_uint_ge(p.captured_us + 40 * DD_CLOCK_US_PER_MS, due_us);
    ck_assert_uint_lt(p.captured_us, due_us + 2 * DD_CLOCK_US_PER_S);
    dd_testcard.close(state);
}
END_TEST

START_TEST(returns_at_the_deadline)
{
    struct dd_source_io io = make_io("64x48", DD_CLOCK_US_PER_S, true);
    struct dd_picture p;
    void *state;

    ck_assert_int_eq(dd_testcard.open(&state, &io), 0);
    io.deadline_us = dd_clock_now_us();
    ck_assert_int_eq(dd_testcard.next(state, &io, io.deadline_us + DD_CLOCK_US_PER_S, &p), DD_ERROR_AGAIN);
    dd_testcard.close(state);
}
END_TEST

START_TEST(refuses_sizes)
{
    struct dd_source_io io = make_io("5000x100", 0, true);
    void *state;

    ck_assert_int_eq(dd_testcard.open(&state, &io), DD_ERROR_SOURCE);
    ck_assert_ptr_null(state);
    ck_assert_uint_eq(io.reason, DD_WIRE_REASON_UNSUITABLE);
    ck_assert(io.message[0]);
}
END_TEST

START_TEST(painting_stays_within_the_picture)
{
    static const enum dd_picture_format formats[] = {DD_PICTURE_I420, DD_PICTURE_I444};

    for (size_t i = 0; i < 2; i++) {
        struct dd_picture_layout layout;
        struct dd_picture p;
        ck_assert_int_eq(dd_picture_layout(formats[i], 31, 17, &layout), 0);
        uint8_t *bytes = calloc(1, layout.bytes); /* on the heap: AddressSanitizer watches its ends */
        dd_picture_over(&p, formats[i], 31, 17, &layout, bytes);
        const struct dd_paint_planes planes = dd_picture_planes(&p);
        dd_paint_rectangle(&planes, -5, -5, 100, 100, dd_paint_color(0, 191, 0));
        ck_assert_int_eq(p.plane[0][16 * p.stride[0] + 30], 112);
        ck_assert_int_eq(p.plane[0][16 * p.stride[0] + 31], 0);
        dd_paint_rectangle(&planes, 31, 0, 5, 5, dd_paint_color(0, 0, 0));
        dd_paint_rectangle(&planes, 3, 3, 0, 5, dd_paint_color(0, 0, 0));
        ck_assert_int_eq(p.plane[0][3 * p.stride[0] + 3], 112);
        for (int y = -9; y < 20; y++)
            dd_paint_text(&planes, y * 2, y, 3, "8.:\xff~", dd_paint_color(255, 255, 255));
        free(bytes);
    }
    ck_assert_int_eq(dd_paint_text_width("", 4), 0);
    ck_assert_int_eq(dd_paint_text_width("12", 4), 44);
    ck_assert_ptr_eq(dd_bitmap_font_rows('a'), dd_bitmap_font_rows('A'));
    ck_assert_ptr_eq(dd_bitmap_font_rows('\x7f'), dd_bitmap_font_rows('\xff'));
    ck_assert(dd_bitmap_font_rows(' ')[3] == 0 && dd_bitmap_font_rows('1')[3] != 0);
}
END_TEST

SUITE("send/capture/testcard", has_every_size, shows_eight_bars, moves, keeps_25_fps, returns_at_the_deadline, refuses_sizes,
      painting_stays_within_the_picture)
