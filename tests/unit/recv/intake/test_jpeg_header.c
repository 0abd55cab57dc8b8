/* What ddsend's own encoder makes is accepted, and nothing else that encoders make: of each kind a JPEG is made with TurboJPEG,
 * or a good one is changed. */
#include "recv/intake/jpeg_header.h"

#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>

#include "dd/base/error.h"
#include "recv/serve/jpeg_codec.h"
#include "send/picture.h"
#include "send/transmit/jpeg_encoder.h"
#include "suite.h"

enum { WIDTH = 50, HEIGHT = 34, ROOM = 4 << 20, SOF0 = 0xc0, DHT = 0xc4, SOS = 0xda, DQT = 0xdb };
#define PIXELS_MAX ((size_t)DD_JPEG_HEADER_WIDTH_MAX * DD_JPEG_HEADER_HEIGHT_MAX)

struct jpeg {
    uint8_t bytes[ROOM];
    size_t size;
};

static struct jpeg made;
static uint16_t width, height;

static int check(const struct jpeg *jpeg)
{
    /* in memory of its own size, so that a sanitizer sees what reads beyond the end */
    uint8_t *copy = malloc(jpeg->size ? jpeg->size : 1);
    memcpy(copy, jpeg->bytes, jpeg->size);
    int error = dd_jpeg_header_read(copy, jpeg->size, &width, &height);
    free(copy);
    return error;
}

static void expect(const struct jpeg *jpeg, bool accepted, const char *what)
{
    int error = check(jpeg);
    ck_assert_msg(error == (accepted ? 0 : DD_ERROR_INPUT), "%s: %d", what, error);
    ck_assert_msg(accepted || (!width && !height), "%s: a size without a picture", what);
}

/* A decoder has to make the same of it as the check did. */
static void expect_decodes(const struct jpeg *jpeg, const char *what)
{
    int w = 0, h = 0;
    struct dd_jpeg_codec_picture *picture = dd_jpeg_codec_decode(jpeg->bytes, jpeg->size, PIXELS_MAX);
    ck_assert_msg(picture != NULL, "%s: accepted, and not decoded", what);
    dd_jpeg_codec_picture_free(picture);
    ck_assert_int_eq(dd_jpeg_codec_read_size(jpeg->bytes, jpeg->size, &w, &h), 0);
    ck_assert_msg(w == width && h == height, "%s: %dx%d is read as %dx%d", what, w, h, width, height);
}

/* ---- encoders ---- */

static void encode_as_ddsend(enum dd_picture_format format, enum dd_jpeg_encoder_subsampling subsampling, int quality, int w,
                             int h)
{
    struct dd_picture_layout layout;
    struct dd_picture picture;
    struct dd_jpeg_encoder *encoder = dd_jpeg_encoder_new();
    size_t room = dd_jpeg_encoder_bound(w, h, DD_JPEG_ENCODER_444) + dd_jpeg_encoder_bound(w, h, DD_JPEG_ENCODER_420);
    ck_assert_int_eq(dd_picture_layout(format, w, h, &layout), 0);
    uint8_t *pixels = malloc(layout.bytes), *jpeg = malloc(room);
    for (size_t i = 0; i < layout.bytes; i++)
        pixels[i] = (uint8_t)(w * h > 100000 ? i / 1000 : i * 2654435761U >> 24);
    dd_picture_over(&picture, format, w, h, &layout, pixels);
    made.size = dd_jpeg_encoder_encode(encoder, &picture, quality, subsampling, jpeg, room);
    ck_assert(made.size && made.size <= sizeof made.bytes);
    memcpy(made.bytes, jpeg, made.size);
    free(jpeg);
    free(pixels);
    dd_jpeg_encoder_free(encoder);
}

/* TurboJPEG takes some of its settings from the environment. */
static void encode(int format, int subsampling, int flags, const char *setting)
{
    static uint8_t pixels[WIDTH * HEIGHT * 4];
    unsigned char *jpeg = NULL;
    unsigned long size = 0;
    tjhandle handle = tjInitCompress();
    if (setting)
        setenv(setting, "1", 1);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 2654435761U >> 24);
    ck_assert_int_eq(tjCompress2(handle, pixels, WIDTH, 0, HEIGHT, format, &jpeg, &size, subsampling, 60, flags), 0);
    if (setting)
        unsetenv(setting);
    ck_assert_uint_le(size, sizeof made.bytes);
    memcpy(made.bytes, jpeg, size);
    made.size = size;
    tjFree(jpeg);
    tjDestroy(handle);
}

static void encode_good(void)
{
    encode(TJPF_RGB, TJSAMP_420, 0, NULL);
    expect(&made, true, "the JPEG to be changed");
}

/* ---- changes ---- */

/* The offset of segment number which with that marker. */
static size_t find(uint8_t marker, int which)
{
    for (size_t at = 2; at + 4 <= made.size; at += 2 + (size_t)(made.bytes[at + 2] << 8 | made.bytes[at + 3])) {
        if (made.bytes[at + 1] == marker && which-- == 0)
            return at;
        if (made.bytes[at + 1] == SOS)
            break;
    }
    return 0;
}

static size_t must_find(uint8_t marker, int which)
{
    size_t at = find(marker, which);
    ck_assert_uint_gt(at, 0);
    return at;
}

/* Puts size bytes in the place of gone ones. */
static void replace(size_t at, size_t gone, const void *bytes, size_t size)
{
    memmove(made.bytes + at + size, made.bytes + at + gone, made.size - at - gone);
    memcpy(made.bytes + at, bytes, size);
    made.size = made.size - gone + size;
}

static void remove_segment(size_t at)
{
    replace(at, 2 + (size_t)(made.bytes[at + 2] << 8 | made.bytes[at + 3]), "", 0);
}

static void repeat_segment(size_t at)
{
    uint8_t copy[512];
    size_t size = 2 + (size_t)(made.bytes[at + 2] << 8 | made.bytes[at + 3]);
    memcpy(copy, made.bytes + at, size);
    replace(at, 0, copy, size);
}

/* ---- tests ---- */

START_TEST(all_that_ddsend_makes_is_accepted)
{
    static const int sizes[][2] = {{1, 1}, {8, 8}, {17, 33}, {640, 360}, {4096, 16}, {16, 2304}, {4096, 2304}};
    static const int qualities[] = {0, 60, 100};
    static const struct {
        enum dd_picture_format format;
        enum dd_jpeg_encoder_subsampling subsampling;
    } kinds[] = {{DD_PICTURE_I420, DD_JPEG_ENCODER_420},
                 {DD_PICTURE_I444, DD_JPEG_ENCODER_444},
                 {DD_PICTURE_BGRX, DD_JPEG_ENCODER_420},
                 {DD_PICTURE_BGRX, DD_JPEG_ENCODER_444}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            for (size_t q = 0; q < sizeof qualities / sizeof *qualities; q++) {
                char what[64];
                if (sizes[i][0] * sizes[i][1] > 1000000 && (q || k > 1 || suite_is_short()))
                    continue;
                snprintf(what, sizeof what, "%dx%d, kind %zu, quality %d", sizes[i][0], sizes[i][1], k, qualities[q]);
                encode_as_ddsend(kinds[k].format, kinds[k].subsampling, qualities[q], sizes[i][0], sizes[i][1]);
                expect(&made, true, what);
                ck_assert_msg(width == sizes[i][0] && height == sizes[i][1], "%s is read as %ux%u", what, width, height);
                expect_decodes(&made, what);
            }
}
END_TEST

START_TEST(grey_and_optimised_tables_are_accepted)
{
    encode(TJPF_GRAY, TJSAMP_GRAY, 0, NULL);
    expect(&made, true, "grey");
    expect_decodes(&made, "grey");
    encode(TJPF_RGB, TJSAMP_444, 0, NULL);
    size_t plain = made.size;
    encode(TJPF_RGB, TJSAMP_444, 0, "TJ_OPTIMIZE");
    ck_assert_uint_lt(made.size, plain);
    expect(&made, true, "optimised tables");
    expect_decodes(&made, "optimised tables");
    encode(TJPF_GRAY, TJSAMP_GRAY, 0, "TJ_OPTIMIZE");
    expect(&made, true, "grey with optimised tables");
    expect_decodes(&made, "grey with optimised tables");
}
END_TEST

START_TEST(other_kinds_of_jpeg_are_refused)
{
    static const int others[] = {TJSAMP_422, TJSAMP_440, TJSAMP_411};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        encode(TJPF_RGB, others[i], 0, NULL);
        expect(&made, false, "another subsampling");
    }
    encode(TJPF_RGB, TJSAMP_420, TJFLAG_PROGRESSIVE, NULL);
    expect(&made, false, "progressive");
    encode(TJPF_GRAY, TJSAMP_GRAY, TJFLAG_PROGRESSIVE, NULL);
    expect(&made, false, "grey and progressive");
    encode(TJPF_CMYK, TJSAMP_444, 0, NULL);
    expect(&made, false, "CMYK");
    encode(TJPF_RGB, TJSAMP_420, 0, "TJ_ARITHMETIC");
    ck_assert_uint_gt(find(0xc9, 0), 0);
    expect(&made, false, "arithmetic coding");
    encode(TJPF_RGB, TJSAMP_420, 0, "TJ_RESTART");
    ck_assert_uint_gt(find(0xdd, 0), 0);
    expect(&made, false, "restart markers");
}
END_TEST

START_TEST(segments_of_others_are_refused)
{
    static const struct {
        const char *what, *bytes;
        size_t size;
    } list[] = {
        {"EXIF",
         "\xff\xe1\x00\x0a"
         "Exif\0\0II",
         12},
        {"a comment",
         "\xff\xfe\x00\x06"
         "made",
         8},
        {"Adobe's colours",
         "\xff\xee\x00\x0e"
         "Adobe\0\x64\0\0\0\0\0",
         16},
        {"an extension of JFIF",
         "\xff\xe0\x00\x08"
         "JFXX\0\x13",
         10},
        {"a restart interval", "\xff\xdd\x00\x04\x00\x01", 6},
        {"the number of lines", "\xff\xdc\x00\x04\x00\x08", 6},
        {"a fill byte", "\xff", 1},
        {"an empty segment", "\xff\xdb\x00\x02", 4},
        {"a segment shorter than its length", "\xff\xdb\x00\x01", 4},
        {"a segment beyond the end", "\xff\xdb\xff\xff", 4},
        {"a second start", "\xff\xd8", 2},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        encode_good();
        replace(must_find(DQT, 0), 0, list[i].bytes, list[i].size);
        expect(&made, false, list[i].what);
        encode_good();
        replace(2, 0, list[i].bytes, list[i].size);
        expect(&made, false, list[i].what);
        encode_good();
        replace(must_find(SOS, 0), 0, list[i].bytes, list[i].size);
        expect(&made, false, list[i].what);
    }
    encode_good();
    remove_segment(2);
    expect(&made, false, "no JFIF");
    encode_good();
    repeat_segment(2);
    expect(&made, false, "JFIF twice");
    encode_good();
    made.bytes[11] = 2;
    expect(&made, false, "another JFIF");
    encode_good(); /* a thumbnail of one pixel */
    made.bytes[5] = (uint8_t)(made.bytes[5] + 3);
    made.bytes[18] = made.bytes[19] = 1;
    replace(20, 0, "rgb", 3);
    expect(&made, false, "a thumbnail");
}
END_TEST

START_TEST(what_lacks_a_table_is_refused)
{
    for (int which = 0; which < 4; which++) {
        encode_good();
        remove_segment(must_find(DHT, which));
        expect(&made, false, "a Huffman table is missing");
    }
    for (int which = 0; which < 2; which++) {
        encode_good();
        remove_segment(must_find(DQT, which));
        expect(&made, false, "a quantiser is missing");
    }
    encode_good();
    remove_segment(must_find(SOF0, 0));
    expect(&made, false, "no frame header");
    encode_good();
    repeat_segment(must_find(SOF0, 0));
    expect(&made, false, "two frame headers");
    encode_good();
    made.size = must_find(SOS, 0);
    expect(&made, false, "no scan");
}
END_TEST

/* Bytes of the good JPEG, each with the values that are refused. */
START_TEST(headers_out_of_bounds_are_refused)
{
    static const struct {
        uint8_t marker;
        size_t offset; /* from the marker */
        uint8_t values[4];
        const char *what;
    } list[] = {
        {SOF0, 1, {0xc1, 0xc2, 0xc3, 0xc9}, "the kind of coding"},
        {SOF0, 4, {0, 7, 12, 16}, "bits of a sample"},
        {SOF0, 5, {0x09, 0x10, 0x80, 0xff}, "height above the limit"},
        {SOF0, 7, {0x11, 0x20, 0x80, 0xff}, "width above the limit"},
        {SOF0, 9, {0, 2, 4, 255}, "the number of components"},
        {SOF0, 10, {0, 2, 'R', 255}, "the first component"},
        {SOF0, 11, {0x21, 0x12, 0x41, 0x00}, "the sampling of luma"},
        {SOF0, 12, {2, 3, 4, 255}, "the quantiser of luma"},
        {SOF0, 14, {0x22, 0x21, 0x12, 0x00}, "the sampling of Cb"},
        {SOF0, 17, {0x22, 0x21, 0x12, 0x00}, "the sampling of Cr"},
        {SOS, 4, {0, 1, 2, 4}, "the components of the scan"},
        {SOS, 5, {0, 2, 3, 255}, "the first component of the scan"},
        {SOS, 6, {0x20, 0x02, 0x33, 0xff}, "the tables of a component"},
        {SOS, 11, {1, 2, 63, 255}, "the first coefficient"},
        {SOS, 12, {0, 5, 62, 64}, "the last coefficient"},
        {SOS, 13, {0x01, 0x10, 0x11, 0xff}, "successive approximation"},
        {DQT, 4, {4, 15, 0x10, 0x11}, "which quantiser"},
        {DQT, 5, {0, 0, 0, 0}, "a quantiser of 0"},
        {DQT, 68, {0, 0, 0, 0}, "the last quantiser of 0"},
        {DHT, 4, {2, 3, 0x12, 0x20}, "which Huffman table"},
        {DHT, 5, {2, 3, 128, 255}, "more codes than there are"},
        {DHT, 21, {12, 16, 128, 255}, "a symbol of DC"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        for (size_t k = 0; k < 4; k++) {
            encode_good();
            made.bytes[must_find(list[i].marker, 0) + list[i].offset] = list[i].values[k];
            expect(&made, false, list[i].what);
        }
    static const uint8_t ac[] = {0x0b, 0x1f, 0x10, 0xe0};
    for (size_t k = 0; k < sizeof ac; k++) {
        encode_good();
        made.bytes[must_find(DHT, 1) + 21] = ac[k];
        expect(&made, false, "a symbol of AC");
    }
    encode_good();
    memset(made.bytes + must_find(SOF0, 0) + 5, 0, 2);
    expect(&made, false, "no height");
    encode_good();
    memset(made.bytes + must_find(SOF0, 0) + 7, 0, 2);
    expect(&made, false, "no width");
}
END_TEST

START_TEST(only_one_whole_picture_is_accepted)
{
    struct jpeg *whole = malloc(sizeof *whole);
    encode_good();
    *whole = made;
    for (made.size = 0; made.size < whole->size; made.size++)
        expect(&made, false, "a part");
    made.bytes[made.size++] = 0;
    expect(&made, false, "a byte more");
    encode_good();
    *whole = made;
    replace(made.size, 0, whole->bytes, whole->size);
    expect(&made, false, "two pictures");
    static const uint8_t markers[] = {0xd0, 0xd7, 0xd8, 0xc4, 0xda, 0xd9, 0x01, 0xff};
    for (size_t i = 0; i < sizeof markers; i++) {
        encode_good();
        memcpy(made.bytes + made.size - 10, (uint8_t[]){0xff, markers[i]}, 2);
        expect(&made, false, "a marker within the data");
    }
    free(whole);
}
END_TEST

/* Any byte of the headers, changed: what is still accepted must still decode. */
START_TEST(what_is_accepted_can_be_decoded)
{
    static const uint8_t values[] = {0x00, 0x01, 0x03, 0x11, 0x22, 0x7f, 0x80, 0xff};
    unsigned accepted = 0, refused = 0;
    encode_good();
    size_t end = must_find(SOS, 0) + 14;
    for (size_t at = 0; at < end; at++)
        for (size_t k = 0; k < sizeof values; k++) {
            uint8_t before = made.bytes[at];
            made.bytes[at] = values[k];
            if (check(&made) == 0) {
                char what[32];
                snprintf(what, sizeof what, "byte %zu is %02x", at, values[k]);
                accepted++;
                if ((size_t)width * height < 100000)
                    expect_decodes(&made, what);
            } else {
                refused++;
            }
            made.bytes[at] = before;
        }
    ck_assert_uint_gt(accepted, 100);
    ck_assert_uint_gt(refused, 100);
}
END_TEST

SUITE("recv/intake/jpeg_header", all_that_ddsend_makes_is_accepted, grey_and_optimised_tables_are_accepted,
      other_kinds_of_jpeg_are_refused, segments_of_others_are_refused, what_lacks_a_table_is_refused,
      headers_out_of_bounds_are_refused, only_one_whole_picture_is_accepted, what_is_accepted_can_be_decoded)
