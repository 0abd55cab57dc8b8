/* The size of the words follows the picture's width, so that they stay legible when it is shown smaller. */
#include "recv/serve/stale_mark.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dd/base/log.h"
#include "dd/draw/bitmap_font.h"
#include "dd/draw/paint.h"
#include "recv/serve/jpeg_codec.h"
#include "recv/serve/shared_picture.h"

enum {
    MINUTE = 60,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    STEP = 5, /* of ages below a minute */
    WIDTH_PER_SCALE = 200,
    SCALE_SMALL = 2, /* the aim in small pictures: scale 1 is hard to read */
    LOW_HEIGHT = 32, /* below this height the band may cover all of the picture, else half */
};

/* Tried in this order until the JPEG is small enough. */
static const int qualities[] = {80, 50, 20, 1};

/* ---- words ---- */

/* Rounds down to steps of 5 s below a minute, then to minutes up to two hours, hours up to two days, and days. These are the
 * units of wording.js. 0 below the first step, and for NaN. */
static uint64_t round_age(double seconds)
{
    static const uint64_t age_max = UINT64_C(99999) * DAY;
    if (!(seconds >= (double)STEP))
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
    words.age_s = freshness->frame ? round_age(freshness->seconds) : 0;
    words.reason = freshness->reason;
    return words;
}

bool dd_stale_mark_words_equal(const struct dd_stale_mark_words *a, const struct dd_stale_mark_words *b)
{
    const char *a_reason = a->reason ? a->reason : "", *b_reason = b->reason ? b->reason : "";
    return a->level == b->level && a->age_s == b->age_s && strcmp(a_reason, b_reason) == 0;
}

/* The age in its unit, which is set to a static text. */
static uint64_t divide_age(uint64_t age_s, const char **unit)
{
    uint64_t one = age_s < MINUTE ? 1 : age_s < 2 * HOUR ? MINUTE : age_s < 2 * DAY ? HOUR : DAY;
    *unit = one == 1 ? "S" : one == MINUTE ? "MIN" : one == HOUR ? "H" : "DAYS";
    return age_s / one;
}

/* ---- layout ---- */

/* A layout in the making. */
struct draft {
    struct dd_stale_mark_layout *layout;
    int width, room; /* of the band: its width, and the height that it may have */
    int pad, side;   /* margins: above and below the words, and beside them */
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

/* Adds one of texts: the first that fits at the largest possible scale, from largest down to smallest. */
static bool add_one_of(struct draft *d, char (*texts)[DD_STALE_MARK_LINE_SIZE], size_t count, int largest, int smallest)
{
    for (int scale = largest; scale >= smallest; scale--)
        for (size_t i = 0; i < count; i++)
            if (add_line(d, texts[i], scale, d->layout->line_count ? 2 * scale : d->pad))
                return true;
    return false;
}

/* Adds all of text, wrapped at spaces, in lines_max lines at most; or nothing, and returns false. */
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

/* Adds the reason: in two lines if possible, and as large as possible. */
static void add_reason(struct draft *d, const char *reason, int scale)
{
    static const int lines_max[] = {2, DD_STALE_MARK_LINES};
    int largest = scale - scale / 3, smallest = scale / 2 > 1 ? scale / 2 : 1;
    for (size_t i = 0; i < 2; i++)
        for (int s = largest; s >= smallest; s--)
            if (add_wrapped(d, reason, s, lines_max[i]))
                return;
}

/* Adds the state with its age in one line, or in two. False if something does not fit; the state may have been added. */
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

void dd_stale_mark_layout_compute(const struct dd_stale_mark_words *words, int width, int height,
                                  struct dd_stale_mark_layout *layout)
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
    if (!layout->line_count) { /* too small for words: the colour alone must do */
        layout->band_height = height / 8 > 8 ? height / 8 : height < 8 ? height : 8;
        return;
    }
    if (words->reason)
        add_reason(&d, words->reason, scale);
    layout->band_height = d.bottom + d.pad;
}

/* ---- pixels ---- */

static void paint(const struct dd_paint_planes *planes, const struct dd_stale_mark_words *words)
{
    /* --stalled and --stale of style.css */
    const struct dd_paint_color stalled = dd_paint_color(0xf2, 0xb8, 0x4b), stale = dd_paint_color(0xf2, 0x68, 0x6a);
    const struct dd_paint_color color = words->level == DD_FRESHNESS_STALE ? stale : stalled;
    /* With halved chroma, fine lines would blur if their chroma differed from the band's. */
    const struct dd_paint_color fine = {.y = 0, .cb = color.cb, .cr = color.cr}, coarse = dd_paint_color(0x14, 0x10, 0x0a);
    int width = planes->width, height = planes->height;
    struct dd_stale_mark_layout l;
    dd_stale_mark_layout_compute(words, width, height, &l);
    dd_paint_rectangle(planes, 0, 0, width, l.band_height, color);
    dd_paint_rectangle(planes, 0, 0, l.border, height, color);
    dd_paint_rectangle(planes, width - l.border, 0, l.border, height, color);
    dd_paint_rectangle(planes, 0, height - l.border, width, l.border, color);
    for (int i = 0; i < l.line_count; i++)
        dd_paint_text(planes, l.lines[i].x, l.lines[i].y, l.lines[i].scale, l.lines[i].text,
                      l.lines[i].scale > SCALE_SMALL ? coarse : fine);
}

/* The pixels of picture; grey ones if it can't be decoded or is too large, in its size or proportions if those are known.
 * Returned-owned; NULL if there is no memory. */
static struct dd_jpeg_codec_picture *decode(const struct dd_shared_picture *picture)
{
    static const int unknown_width = 1280, unknown_height = 720;
    const uint8_t *bytes = dd_shared_picture_bytes(picture);
    size_t size = dd_shared_picture_size(picture);
    int width, height;
    struct dd_jpeg_codec_picture *decoded = dd_jpeg_codec_decode(bytes, size, DD_STALE_MARK_PIXELS_MAX);
    if (decoded)
        return decoded;
    if (dd_jpeg_codec_read_size(bytes, size, &width, &height) != 0) {
        width = unknown_width;
        height = unknown_height;
    }
    double pixels = (double)width * height;
    if (pixels > (double)DD_STALE_MARK_PIXELS_MAX) {
        double ratio = sqrt((double)DD_STALE_MARK_PIXELS_MAX / pixels);
        width = (int)fmax(1, width * ratio);
        height = (int)fmax(1, height * ratio);
    }
    return dd_jpeg_codec_picture_new(width, height);
}

struct dd_shared_picture *dd_stale_mark_apply(const struct dd_shared_picture *picture, const struct dd_stale_mark_words *words,
                                              size_t bytes_max)
{
    struct dd_shared_picture *marked = NULL;
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct dd_jpeg_codec_picture *decoded = decode(picture);
    if (!decoded)
        return NULL;
    paint(dd_jpeg_codec_picture_planes(decoded), words);
    for (size_t i = 0; i < sizeof qualities / sizeof *qualities && (!bytes || size > bytes_max); i++) {
        dd_jpeg_codec_bytes_free(bytes);
        bytes = dd_jpeg_codec_encode(decoded, qualities[i], &size);
        if (!bytes)
            break;
    }
    dd_jpeg_codec_picture_free(decoded);
    if (bytes)
        marked = dd_shared_picture_new(dd_shared_picture_number(picture), dd_shared_picture_captured_us(picture), bytes, size);
    dd_jpeg_codec_bytes_free(bytes);
    return marked;
}
