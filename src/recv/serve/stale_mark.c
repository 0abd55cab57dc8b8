/* How large the words are follows from the picture's width, so that they stay legible where it is shown smaller than it is. */
#include "recv/serve/stale_mark.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dd/base/log.h"
#include "dd/draw/bitmap_font.h"
#include "dd/draw/paint.h"
#include "recv/jpeg_codec.h"
#include "recv/serve/shared_picture.h"

enum {
    MINUTE = 60,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    STEP = 5, /* seconds, as long as they are counted */
    WIDTH_PER_SCALE = 200,
    SCALE_SMALL = 2, /* of small pictures: one pixel per pixel of the font is hard to read */
    LOW_HEIGHT = 32, /* in a picture lower than this the band may take all of it, else half */
};

static const int qualities[] = {80, 50, 20, 1};

/* ---- what it says ---- */

/* As wording.js: seconds up to two minutes (here: to one), minutes up to two hours, hours up to two days. */
static uint64_t make_coarse(double seconds)
{
    static const uint64_t age_max = UINT64_C(99999) * DAY;
    if (!(seconds >= STEP))
        return 0;
    uint64_t s = seconds < (double)age_max ? (uint64_t)seconds : age_max;
    uint64_t step = s < MINUTE ? STEP : s < 2 * HOUR ? MINUTE : s < 2 * DAY ? HOUR : DAY;
    return s - s % step;
}

struct dd_stale_mark_words dd_stale_mark_words(const struct dd_freshness *freshness)
{
    struct dd_stale_mark_words words = {.level = freshness->level};
    if (words.level == DD_FRESHNESS_LIVE)
        return words;
    words.age_s = freshness->frame ? make_coarse(freshness->seconds) : 0;
    words.reason = freshness->reason;
    return words;
}

bool dd_stale_mark_says_the_same(const struct dd_stale_mark_words *a, const struct dd_stale_mark_words *b)
{
    const char *a_reason = a->reason ? a->reason : "", *b_reason = b->reason ? b->reason : "";
    return a->level == b->level && a->age_s == b->age_s && strcmp(a_reason, b_reason) == 0;
}

/* Numbers that people read at a glance; unit is static. */
static uint64_t divide_age(uint64_t age_s, const char **unit)
{
    uint64_t one = age_s < MINUTE ? 1 : age_s < 2 * HOUR ? MINUTE : age_s < 2 * DAY ? HOUR : DAY;
    *unit = one == 1 ? "S" : one == MINUTE ? "MIN" : one == HOUR ? "H" : "DAYS";
    return age_s / one;
}

/* ---- where it says it ---- */

/* The band while it grows. */
struct draft {
    struct dd_stale_mark_layout *layout;
    int width, room; /* what it may take */
    int pad, side;   /* above and below the words, and beside them */
    int bottom;      /* of the lines so far */
};

static bool fits(const struct draft *d, const char *text, int scale, int gap)
{
    return strlen(text) < DD_STALE_MARK_LINE_SIZE && dd_paint_text_width(text, scale) + 2 * d->side <= d->width &&
           d->bottom + gap + DD_BITMAP_FONT_HEIGHT * scale + d->pad <= d->room && d->layout->line_count < DD_STALE_MARK_LINES;
}

/* Adds a line if it fits. */
static bool add_line(struct draft *d, const char *text, int scale, int gap)
{
    if (!fits(d, text, scale, gap))
        return false;
    struct dd_stale_mark_line *line = &d->layout->lines[d->layout->line_count++];
    memcpy(line->text, text, strlen(text) + 1);
    line->scale = scale;
    line->x = (d->width - dd_paint_text_width(text, scale)) / 2;
    line->y = d->bottom + gap;
    d->bottom = line->y + DD_BITMAP_FONT_HEIGHT * scale;
    return true;
}

/* Adds the longest of texts that fits at the largest scale from largest down to smallest. */
static bool add_one_of(struct draft *d, char (*texts)[DD_STALE_MARK_LINE_SIZE], size_t count, int largest, int smallest)
{
    for (int scale = largest; scale >= smallest; scale--)
        for (size_t i = 0; i < count; i++)
            if (add_line(d, texts[i], scale, d->layout->line_count ? 2 * scale : d->pad))
                return true;
    return false;
}

/* Adds text in as many lines as it takes; none if it has no room in lines_max. */
static bool add_wrapped(struct draft *d, const char *text, int scale, int lines_max)
{
    const struct dd_stale_mark_layout before_layout = *d->layout;
    const struct draft before = *d;
    int columns = (d->width - 2 * d->side + scale) / (DD_BITMAP_FONT_ADVANCE * scale);
    for (; *text && lines_max > 0; lines_max--) {
        char line[DD_STALE_MARK_LINE_SIZE];
        int length = (int)strlen(text);
        if (length > columns)
            for (length = columns; length > 0 && text[length] != ' ';)
                length--;
        if (length <= 0 || length >= DD_STALE_MARK_LINE_SIZE)
            break;
        snprintf(line, sizeof line, "%.*s", length, text);
        if (!add_line(d, line, scale, 2 * scale))
            break;
        text += length + (text[length] == ' ');
    }
    if (!*text)
        return true;
    *d->layout = before_layout;
    *d = before;
    return false;
}

/* In few lines if possible, then as large as possible. */
static void add_reason(struct draft *d, const char *reason, int scale)
{
    static const int lines_max[] = {2, DD_STALE_MARK_LINES};
    int largest = scale - scale / 3, smallest = scale / 2 > 1 ? scale / 2 : 1;
    for (size_t i = 0; i < 2; i++)
        for (int s = largest; s >= smallest; s--)
            if (add_wrapped(d, reason, s, lines_max[i]))
                return;
}

/* The state with its age in one line, or in two. False if not even the state has room. */
static bool add_state(struct draft *d, const struct dd_stale_mark_words *words, int scale)
{
    const char *state = words->level == DD_FRESHNESS_STALE ? "STALE" : "STALLED";
    char together[4][DD_STALE_MARK_LINE_SIZE] = {""}, ages[3][DD_STALE_MARK_LINE_SIZE] = {""};
    if (!words->age_s)
        return add_line(d, state, scale, d->pad);
    const char *unit;
    uint64_t number = divide_age(words->age_s, &unit);
    snprintf(together[0], sizeof together[0], "%s, OVER %" PRIu64 " %s OLD", state, number, unit);
    snprintf(together[1], sizeof together[1], "%s %" PRIu64 " %s OLD", state, number, unit);
    snprintf(together[2], sizeof together[2], "%s %" PRIu64 " %s", state, number, unit);
    snprintf(together[3], sizeof together[3], "%s %" PRIu64 "%s", state, number, unit);
    if (add_one_of(d, together, 4, scale, scale))
        return true;
    snprintf(ages[0], sizeof ages[0], "OVER %" PRIu64 " %s OLD", number, unit);
    snprintf(ages[1], sizeof ages[1], "%" PRIu64 " %s OLD", number, unit);
    snprintf(ages[2], sizeof ages[2], "%" PRIu64 " %s", number, unit);
    return add_line(d, state, scale, d->pad) && add_one_of(d, ages, 3, scale, 1);
}

void dd_stale_mark_lay_out(const struct dd_stale_mark_words *words, int width, int height, struct dd_stale_mark_layout *layout)
{
    struct draft d;
    int scale = width / WIDTH_PER_SCALE > SCALE_SMALL ? width / WIDTH_PER_SCALE : SCALE_SMALL;
    for (;; scale--) {
        *layout = (struct dd_stale_mark_layout){0};
        d = (struct draft){.layout = layout, .width = width, .room = height < LOW_HEIGHT ? height : height / 2};
        d.pad = scale > 1 ? 2 * scale : 1;
        d.side = scale > 1 ? scale + 1 : 1;
        if (add_state(&d, words, scale) || scale == 1)
            break;
    }
    int side = width < height ? width : height;
    layout->border = scale < side / 16 ? scale : side / 16;
    if (!layout->line_count) { /* too small for words: the colour has to do */
        layout->band_height = height / 8 > 8 ? height / 8 : height < 8 ? height : 8;
        return;
    }
    if (words->reason)
        add_reason(&d, words->reason, scale);
    layout->band_height = d.bottom + d.pad;
}

/* ---- the pixels ---- */

static void paint(const struct dd_paint_planes *planes, const struct dd_stale_mark_words *words)
{
    /* those of style.css */
    const struct dd_paint_color stalled = dd_paint_color(0xf2, 0xb8, 0x4b), stale = dd_paint_color(0xf2, 0x68, 0x6a);
    const struct dd_paint_color color = words->level == DD_FRESHNESS_STALE ? stale : stalled;
    /* Where chroma is halved, fine lines of another chroma than what they are on would blur. */
    const struct dd_paint_color fine = {.y = 0, .cb = color.cb, .cr = color.cr}, coarse = dd_paint_color(0x14, 0x10, 0x0a);
    int width = planes->width, height = planes->height;
    struct dd_stale_mark_layout l;
    dd_stale_mark_lay_out(words, width, height, &l);
    dd_paint_planes_rectangle(planes, 0, 0, width, l.band_height, color);
    dd_paint_planes_rectangle(planes, 0, 0, l.border, height, color);
    dd_paint_planes_rectangle(planes, width - l.border, 0, l.border, height, color);
    dd_paint_planes_rectangle(planes, 0, height - l.border, width, l.border, color);
    for (int i = 0; i < l.line_count; i++)
        dd_paint_planes_text(planes, l.lines[i].x, l.lines[i].y, l.lines[i].scale, l.lines[i].text,
                             l.lines[i].scale > SCALE_SMALL ? coarse : fine);
}

/* frame's pixels, or grey in their place: in its size, if that is known and not too large. */
static struct dd_jpeg_codec_picture *decode(const struct dd_shared_picture *frame)
{
    static const int unknown_width = 1280, unknown_height = 720;
    int width = 0, height = 0;
    struct dd_jpeg_codec *jpeg = dd_jpeg_codec_new();
    if (!jpeg)
        return NULL;
    struct dd_jpeg_codec_picture *picture =
        dd_jpeg_codec_decode(jpeg, dd_shared_picture_bytes(frame), dd_shared_picture_size(frame), DD_STALE_MARK_PIXELS_MAX);
    if (!picture &&
        dd_jpeg_codec_check(jpeg, dd_shared_picture_bytes(frame), dd_shared_picture_size(frame), &width, &height) != 0) {
        width = unknown_width;
        height = unknown_height;
    }
    dd_jpeg_codec_free(jpeg);
    if (picture)
        return picture;
    double pixels = (double)width * height;
    if (pixels > DD_STALE_MARK_PIXELS_MAX) {
        double ratio = sqrt(DD_STALE_MARK_PIXELS_MAX / pixels);
        width = (int)fmax(1, width * ratio);
        height = (int)fmax(1, height * ratio);
    }
    return dd_jpeg_codec_picture_new(width, height);
}

struct dd_shared_picture *dd_stale_mark_apply(const struct dd_shared_picture *frame, const struct dd_stale_mark_words *words,
                                              size_t bytes_max)
{
    struct dd_shared_picture *marked = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct dd_jpeg_codec_picture *picture = decode(frame);
    if (!picture)
        return NULL;
    paint(dd_jpeg_codec_picture_planes(picture), words);
    for (size_t i = 0; i < sizeof qualities / sizeof *qualities && (!bytes || size > bytes_max); i++) {
        dd_jpeg_codec_bytes_free(bytes);
        bytes = dd_jpeg_codec_encode(picture, qualities[i], &size);
        if (!bytes)
            break;
    }
    dd_jpeg_codec_picture_free(picture);
    if (bytes)
        marked = dd_shared_picture_new(dd_shared_picture_number(frame), dd_shared_picture_captured_us(frame), bytes, size);
    dd_jpeg_codec_bytes_free(bytes);
    return marked;
}
