#include "recv/serve/stale_mark.h"

#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>

#include "dd/base/clock.h"
#include "dd/draw/bitmap_font.h"
#include "dd/link/wire.h"
#include "recv/serve/shared_picture.h"
#include "suite.h"

enum { BYTES_MAX = 8 << 20 };

static const struct {
    int width, height;
} sizes[] = {{160, 90},  {160, 120}, {320, 240}, {640, 360}, {1280, 720}, {1920, 1080}, {4096, 2304},
             {4096, 16}, {16, 2304}, {16, 16},   {161, 91},  {1, 1},      {700, 40},    {120, 600}};
static const int samplings[] = {TJSAMP_420, TJSAMP_444, TJSAMP_GRAY};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const struct dd_stale_mark_words stalled = {
    .level = DD_FRESHNESS_STALLED, .age_s = 45, .reason = "source gives no new picture"};
static const struct dd_stale_mark_words stale = {
    .level = DD_FRESHNESS_STALE, .age_s = 7200, .reason = "wrong user name or password"};

/* A picture of noise, in low quality. */
static struct dd_shared_picture *make(int width, int height, int sampling)
{
    uint8_t *pixels = malloc((size_t)width * (size_t)height * 3);
    unsigned char *jpeg = NULL;
    unsigned long size = 0;
    uint32_t random = 1;
    for (size_t i = 0; i < (size_t)width * (size_t)height * 3; i++)
        pixels[i] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
    tjhandle handle = tjInitCompress();
    ck_assert_int_eq(tjCompress2(handle, pixels, width, 0, height, TJPF_RGB, &jpeg, &size, sampling, 30, 0), 0);
    struct dd_shared_picture *frame = dd_shared_picture_new(1767268800123, 1767268800123000, jpeg, size);
    tjFree(jpeg);
    tjDestroy(handle);
    free(pixels);
    return frame;
}

/* A decoded picture. */
struct seen {
    int width, height, sampling;
    uint8_t *rgb;
};

static struct seen look(const struct dd_shared_picture *frame)
{
    struct seen s;
    int colours;
    tjhandle handle = tjInitDecompress();
    ck_assert_int_eq(tjDecompressHeader3(handle, dd_shared_picture_bytes(frame), dd_shared_picture_size(frame), &s.width,
                                         &s.height, &s.sampling, &colours),
                     0);
    s.rgb = malloc((size_t)s.width * (size_t)s.height * 3);
    ck_assert_int_eq(tjDecompress2(handle, dd_shared_picture_bytes(frame), dd_shared_picture_size(frame), s.rgb, s.width, 0,
                                   s.height, TJPF_RGB, 0),
                     0);
    tjDestroy(handle);
    return s;
}

static const uint8_t *pixel(const struct seen *s, int x, int y)
{
    return s->rgb + 3 * ((size_t)y * (size_t)s->width + (size_t)x);
}

static double luma(const uint8_t *rgb)
{
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

/* Recognises the character in a cell: the glyph that its pixels are most similar to. */
static char read_character(const struct seen *s, int left, int top, int scale)
{
    static const char known[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ123456789, 0";
    double dark[DD_BITMAP_FONT_HEIGHT][DD_BITMAP_FONT_WIDTH], least = 1e9;
    char best = '?';
    for (int y = 0; y < DD_BITMAP_FONT_HEIGHT; y++)
        for (int x = 0; x < DD_BITMAP_FONT_WIDTH; x++) {
            double sum = 0;
            for (int i = 0; i < scale * scale; i++)
                sum += luma(pixel(s, left + x * scale + i % scale, top + y * scale + i / scale));
            dark[y][x] = sum / (scale * scale) < 90 ? 1 : 0; /* ink has 16, yellow 190, red 145 */
        }
    for (const char *c = known; *c; c++) {
        double distance = 0;
        for (int y = 0; y < DD_BITMAP_FONT_HEIGHT; y++)
            for (int x = 0; x < DD_BITMAP_FONT_WIDTH; x++)
                distance += dark[y][x] != (dd_bitmap_font_rows(*c)[y] >> (DD_BITMAP_FONT_WIDTH - 1 - x) & 1);
        if (distance < least) {
            least = distance;
            best = *c;
        }
    }
    return least <= 2 ? best : '?';
}

static void read_line(const struct seen *s, const struct dd_stale_mark_line *line, char *text)
{
    size_t n = strlen(line->text);
    for (size_t i = 0; i < n; i++)
        text[i] = read_character(s, line->x + (int)i * DD_BITMAP_FONT_ADVANCE * line->scale, line->y, line->scale);
    text[n] = '\0';
}

static bool is_color(const uint8_t *rgb, enum dd_freshness_level level)
{
    static const int expected[][3] = {[DD_FRESHNESS_STALLED] = {242, 184, 75}, [DD_FRESHNESS_STALE] = {242, 104, 106}};
    for (int i = 0; i < 3; i++)
        if (abs(rgb[i] - expected[level][i]) > 40)
            return false;
    return true;
}

/* Checks that all lines can be read, and the colour of the band and the border. */
static void check_mark(const struct seen *s, const struct dd_stale_mark_words *words, const char *what)
{
    struct dd_stale_mark_layout l;
    dd_stale_mark_layout_compute(words, s->width, s->height, &l);
    for (int i = 0; i < l.line_count; i++) {
        char text[DD_STALE_MARK_LINE_SIZE], wanted[DD_STALE_MARK_LINE_SIZE];
        read_line(s, &l.lines[i], text);
        size_t n = strlen(l.lines[i].text);
        for (size_t k = 0; k <= n; k++) /* the font's 0 and O are the same */
            wanted[k] = (char)(l.lines[i].text[k] >= 'a' ? l.lines[i].text[k] - 'a' + 'A' : l.lines[i].text[k]);
        for (size_t k = 0; k < n; k++)
            if (wanted[k] == '0')
                wanted[k] = 'O';
        ck_assert_msg(strcmp(text, wanted) == 0, "%s: \"%s\" reads \"%s\" at scale %d", what, wanted, text, l.lines[i].scale);
    }
    for (int x = 0; x < s->width; x += 1 + s->width / 50)
        ck_assert_msg(is_color(pixel(s, x, 0), words->level), "%s: the band's colour at %d", what, x);
    if (l.border > 1) {
        ck_assert_msg(is_color(pixel(s, 0, s->height / 2), words->level), "%s: the left border", what);
        ck_assert_msg(is_color(pixel(s, s->width - 1, s->height / 2), words->level), "%s: the right border", what);
        ck_assert_msg(is_color(pixel(s, s->width / 2, s->height - 1), words->level), "%s: the lower border", what);
    }
}

START_TEST(can_be_read_in_every_size_and_subsampling)
{
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t k = 0; k < COUNT(samplings); k++) {
            const struct dd_stale_mark_words *words = (i + k) % 2 ? &stalled : &stale;
            if (sizes[i].width > 2000 && k > 1 && sizes[i].height > 1000)
                continue; /* it takes long with sanitizers */
            if (suite_is_short() && sizes[i].width * sizes[i].height > 320 * 240)
                continue;
            char what[64];
            snprintf(what, sizeof what, "%dx%d, subsampling %d", sizes[i].width, sizes[i].height, samplings[k]);
            struct dd_shared_picture *frame = make(sizes[i].width, sizes[i].height, samplings[k]);
            struct dd_shared_picture *marked = dd_stale_mark_apply(frame, words, BYTES_MAX);
            ck_assert_ptr_nonnull(marked);
            ck_assert_uint_eq(dd_shared_picture_number(marked), dd_shared_picture_number(frame));
            ck_assert_uint_eq(dd_shared_picture_captured_us(marked), dd_shared_picture_captured_us(frame));
            struct seen seen = look(marked);
            ck_assert_int_eq(seen.width, sizes[i].width);
            ck_assert_int_eq(seen.height, sizes[i].height);
            ck_assert_int_eq(seen.sampling, samplings[k] == TJSAMP_GRAY ? TJSAMP_420 : samplings[k]);
            check_mark(&seen, words, what);
            free(seen.rgb);
            dd_shared_picture_unref(&marked);
            dd_shared_picture_unref(&frame);
        }
}
END_TEST

START_TEST(the_state_comes_first)
{
    static const struct {
        int width, height;
        const char *lines[4];
    } list[] = {
        {1280, 720, {"STALLED, OVER 45 S OLD", "source gives no new picture"}},
        {320, 240, {"STALLED, OVER 45 S OLD", "source gives no new", "picture"}},
        {160, 90, {"STALLED 45 S", "source gives no new", "picture"}},
        {110, 80, {"STALLED", "45 S OLD"}},
        {160, 40, {"STALLED, OVER 45 S OLD"}},
        {60, 60, {"STALLED", "45 S OLD"}},
        {4096, 16, {"STALLED, OVER 45 S OLD"}},
        {30, 400, {NULL}},
    };
    for (size_t i = 0; i < COUNT(list); i++) {
        struct dd_stale_mark_layout l;
        dd_stale_mark_layout_compute(&stalled, list[i].width, list[i].height, &l);
        for (int k = 0; k < 4; k++)
            ck_assert_msg((k < l.line_count) == (list[i].lines[k] != NULL), "%dx%d: %d lines", list[i].width, list[i].height,
                          l.line_count);
        for (int k = 0; k < 4 && list[i].lines[k]; k++)
            ck_assert_msg(strcmp(l.lines[k].text, list[i].lines[k]) == 0, "%dx%d: line %d is \"%s\"", list[i].width,
                          list[i].height, k, l.lines[k].text);
        ck_assert_int_gt(l.band_height, 0);
    }
}
END_TEST

START_TEST(all_reasons_have_glyphs_and_room)
{
    for (unsigned reason = 0; reason < 16 + DD_FRESHNESS_REASONS; reason++) {
        const char *text = reason < 16 ? dd_wire_reason_text(reason) : dd_freshness_reason_text(reason - 16);
        struct dd_stale_mark_words words = {.level = DD_FRESHNESS_STALLED, .age_s = 59 * 60, .reason = text ? text : ""};
        struct dd_stale_mark_layout l;
        for (const char *c = words.reason; *c; c++)
            ck_assert_msg(*c == ' ' || dd_bitmap_font_rows(*c) != dd_bitmap_font_rows('~'), "no glyph for %c", *c);
        dd_stale_mark_layout_compute(&words, 160, 90, &l);
        size_t length = 0;
        ck_assert_str_eq(l.lines[0].text, "STALLED 59MIN");
        for (int i = 1; i < l.line_count; i++)
            length += strlen(l.lines[i].text) + (i > 1);
        ck_assert_msg(length == strlen(words.reason), "no room for \"%s\"", words.reason);
    }
}
END_TEST

static void check_layout(const struct dd_stale_mark_words *words, int width, int height)
{
    struct dd_stale_mark_layout l;
    dd_stale_mark_layout_compute(words, width, height, &l);
    ck_assert(l.band_height > 0 && l.band_height <= height && l.border >= 0 && 2 * l.border <= width && 2 * l.border <= height);
    int bottom = 0;
    for (int i = 0; i < l.line_count; i++) {
        const struct dd_stale_mark_line *line = &l.lines[i];
        int right = line->x + ((int)strlen(line->text) * DD_BITMAP_FONT_ADVANCE - 1) * line->scale;
        ck_assert_msg(line->x > 0 && right < width && line->y > bottom && line->scale > 0, "%dx%d: %s", width, height,
                      line->text);
        bottom = line->y + DD_BITMAP_FONT_HEIGHT * line->scale;
        ck_assert_msg(bottom < l.band_height, "%dx%d: %s", width, height, line->text);
    }
    ck_assert(height < 32 || width < 160 || (l.line_count > 0 && 2 * l.band_height <= height));
}

START_TEST(never_leaves_the_picture)
{
    static const int heights[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 90, 300, 720, 2304, 65500};
    struct dd_stale_mark_words words = stale;
    for (int width = 1; width < 4200; width += 1 + width / (suite_is_short() ? 6 : 60))
        for (size_t k = 0; k < COUNT(heights); k++) {
            words.age_s = (uint64_t)width * (uint64_t)width * 30;
            check_layout(&words, width, heights[k]);
            check_layout(&stalled, width, heights[k]);
        }
    words.age_s = UINT64_MAX;
    words.reason = "averylongwordwithoutanyspacesthatdoesnotfitanywherewhateverthesizeofthepictureisandmore";
    check_layout(&words, 160, 90);
    check_layout(&words, 65500, 65500);
}
END_TEST

START_TEST(ages_are_coarse_lower_bounds)
{
    static const struct {
        double seconds;
        uint64_t age_s;
        const char *first;
    } list[] = {
        {0, 0, "STALLED"},
        {4.9, 0, "STALLED"},
        {5, 5, "STALLED, OVER 5 S OLD"},
        {59.9, 55, "STALLED, OVER 55 S OLD"},
        {119, 60, "STALLED, OVER 1 MIN OLD"},
        {7199, 119 * 60, "STALLED, OVER 119 MIN OLD"},
        {7200, 7200, "STALLED, OVER 2 H OLD"},
        {172799, 47 * 3600, "STALLED, OVER 47 H OLD"},
        {3 * 86400 + 5000, 3 * 86400, "STALLED, OVER 3 DAYS OLD"},
        {1e30, UINT64_C(99999) * 86400, "STALLED, OVER 99999 DAYS OLD"},
    };
    for (size_t i = 0; i < COUNT(list); i++) {
        struct dd_freshness f = {
            .level = DD_FRESHNESS_STALLED, .seconds = list[i].seconds, .frame = 1, .reason = "sender silent"};
        struct dd_stale_mark_words words = dd_stale_mark_words(&f);
        struct dd_stale_mark_layout l;
        ck_assert_uint_eq(words.age_s, list[i].age_s);
        dd_stale_mark_layout_compute(&words, 1280, 720, &l);
        ck_assert_str_eq(l.lines[0].text, list[i].first);
        ck_assert_str_eq(l.lines[1].text, "sender silent");
    }
    struct dd_freshness none = {.level = DD_FRESHNESS_STALE, .seconds = 1e9, .reason = "no picture yet"};
    ck_assert_uint_eq(dd_stale_mark_words(&none).age_s, 0);
}
END_TEST

START_TEST(leaves_the_rest_of_the_picture_as_it_is)
{
    struct dd_shared_picture *frame = make(640, 360, TJSAMP_420);
    struct dd_shared_picture *marked = dd_stale_mark_apply(frame, &stalled, BYTES_MAX);
    struct seen before = look(frame), after = look(marked);
    double difference = 0;
    for (int y = 200; y < 340; y++)
        for (int x = 32; x < 600; x++)
            difference += abs((int)luma(pixel(&before, x, y)) - (int)luma(pixel(&after, x, y)));
    ck_assert_double_lt(difference / (140 * 568), 12); /* noise is the worst case */
    free(before.rgb);
    free(after.rgb);
    dd_shared_picture_unref(&marked);
    dd_shared_picture_unref(&frame);
}
END_TEST

/* The last third of the bytes is missing, or changed. */
START_TEST(damaged_pictures_are_shown_as_far_as_they_decode)
{
    struct dd_shared_picture *whole = make(640, 360, TJSAMP_420);
    size_t size = dd_shared_picture_size(whole);
    for (int cut = 0; cut < 2; cut++) {
        uint8_t *bytes = malloc(size);
        memcpy(bytes, dd_shared_picture_bytes(whole), size);
        memset(bytes + size * 2 / 3, 0x5a, size / 3);
        struct dd_shared_picture *damaged = dd_shared_picture_new(1, 1, bytes, cut ? size * 2 / 3 : size);
        struct dd_shared_picture *marked = dd_stale_mark_apply(damaged, &stalled, BYTES_MAX);
        ck_assert_ptr_nonnull(marked);
        struct seen before = look(whole), after = look(marked);
        check_mark(&after, &stalled, "damaged");
        double difference = 0;
        for (int y = 120; y < 200; y++)
            for (int x = 32; x < 600; x++)
                difference += abs((int)luma(pixel(&before, x, y)) - (int)luma(pixel(&after, x, y)));
        ck_assert_double_lt(difference / (80 * 568), 12);
        free(before.rgb);
        free(after.rgb);
        free(bytes);
        dd_shared_picture_unref(&marked);
        dd_shared_picture_unref(&damaged);
    }
    dd_shared_picture_unref(&whole);
}
END_TEST

static void check_grey(const uint8_t *bytes, size_t size, int width, int height)
{
    struct dd_shared_picture *frame = dd_shared_picture_new(7, 8, bytes, size);
    struct dd_shared_picture *marked = dd_stale_mark_apply(frame, &stale, BYTES_MAX);
    ck_assert_ptr_nonnull(marked);
    ck_assert_uint_eq(dd_shared_picture_number(marked), 7);
    struct seen seen = look(marked);
    ck_assert_int_eq(seen.width, width);
    ck_assert_int_eq(seen.height, height);
    check_mark(&seen, &stale, "grey");
    const uint8_t *middle = pixel(&seen, width / 2, height * 3 / 4);
    for (int i = 0; i < 3; i++)
        ck_assert_int_le(abs(middle[i] - 128), 10);
    free(seen.rgb);
    dd_shared_picture_unref(&marked);
    dd_shared_picture_unref(&frame);
}

START_TEST(undecodable_pictures_are_marked_on_grey)
{
    uint8_t *pixels = calloc(64 * 48, 4), *bytes;
    unsigned char *jpeg = NULL;
    unsigned long size = 0;
    tjhandle handle = tjInitCompress();
    check_grey((const uint8_t *)"no JPEG", 7, 1280, 720);

    static const int others[] = {TJSAMP_422, TJSAMP_440, TJSAMP_411};
    for (size_t i = 0; i < COUNT(others); i++) {
        struct dd_shared_picture *other = make(161, 91, others[i]);
        check_grey(dd_shared_picture_bytes(other), dd_shared_picture_size(other), 161, 91);
        dd_shared_picture_unref(&other);
    }

    /* four inks */
    ck_assert_int_eq(tjCompress2(handle, pixels, 64, 0, 48, TJPF_CMYK, &jpeg, &size, TJSAMP_444, 80, 0), 0);
    check_grey(jpeg, size, 64, 48);
    tjFree(jpeg);
    tjDestroy(handle);
    free(pixels);

    /* red, green and blue, as Adobe's marker says in place of JFIF's */
    static const uint8_t adobe[] = {0xff, 0xd8, 0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0};
    enum { JFIF_END = 20 };
    struct dd_shared_picture *small = make(160, 90, TJSAMP_444);
    size_t rest = dd_shared_picture_size(small) - JFIF_END;
    bytes = malloc(sizeof adobe + rest);
    memcpy(bytes, adobe, sizeof adobe);
    memcpy(bytes + sizeof adobe, dd_shared_picture_bytes(small) + JFIF_END, rest);
    check_grey(bytes, sizeof adobe + rest, 160, 90);
    free(bytes);
    dd_shared_picture_unref(&small);

    /* only the header is as large as this */
    small = make(160, 90, TJSAMP_420);
    bytes = malloc(dd_shared_picture_size(small));
    memcpy(bytes, dd_shared_picture_bytes(small), dd_shared_picture_size(small));
    for (size_t i = 2; bytes[i] == 0xff; i += 2 + (size_t)(bytes[i + 2] << 8 | bytes[i + 3]))
        if (bytes[i + 1] == 0xc0)
            memset(bytes + i + 5, 0xf0, 4);
    check_grey(bytes, dd_shared_picture_size(small), 3072, 3072);
    free(bytes);
    dd_shared_picture_unref(&small);
}
END_TEST

START_TEST(keeps_to_the_limit_of_bytes)
{
    struct dd_shared_picture *frame = make(320, 180, TJSAMP_444);
    struct dd_shared_picture *large = dd_stale_mark_apply(frame, &stalled, BYTES_MAX);
    struct dd_shared_picture *bounded = dd_stale_mark_apply(frame, &stalled, dd_shared_picture_size(large) - 1);
    ck_assert_uint_lt(dd_shared_picture_size(bounded), dd_shared_picture_size(large));
    struct dd_shared_picture *least = dd_stale_mark_apply(frame, &stalled, 1);
    ck_assert_ptr_nonnull(least);
    ck_assert_uint_lt(dd_shared_picture_size(least), dd_shared_picture_size(bounded));
    dd_shared_picture_unref(&least);
    dd_shared_picture_unref(&bounded);
    dd_shared_picture_unref(&large);
    dd_shared_picture_unref(&frame);
}
END_TEST

SUITE("recv/serve/stale_mark", can_be_read_in_every_size_and_subsampling, the_state_comes_first, all_reasons_have_glyphs_and_room,
      never_leaves_the_picture, ages_are_coarse_lower_bounds, leaves_the_rest_of_the_picture_as_it_is,
      damaged_pictures_are_shown_as_far_as_they_decode, undecodable_pictures_are_marked_on_grey, keeps_to_the_limit_of_bytes)
