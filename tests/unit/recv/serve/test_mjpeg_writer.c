#include "recv/serve/mjpeg_writer.h"

#include <string.h>

#include "recv/serve/shared_picture.h"
#include "suite.h"

#define BOUNDARY "--softdatadiode-picture\r\n"
#define HEAD(length, number, state)                                                                                              \
    "Content-Type: image/jpeg\r\nContent-Length: " length "\r\nX-Frame: " number                                                 \
    "\r\nX-Captured-At: 2026-01-01T12:00:00.123Z\r\nX-State: " state "\r\n\r\n"

static struct dd_shared_picture *picture_of(uint64_t number, const char *text)
{
    struct dd_shared_picture *picture = dd_shared_picture_new(number, 1767268800123000, (const uint8_t *)text, strlen(text));
    ck_assert_ptr_nonnull(picture);
    return picture;
}

/* Writes in blocks until idle; text gets a NUL. */
static void drain(struct dd_mjpeg_writer *writer, size_t block, char *text, size_t size)
{
    size_t n = 0;
    while (!dd_mjpeg_writer_idle(writer)) {
        ck_assert_uint_lt(n + block, size);
        size_t written = dd_mjpeg_writer_write(writer, text + n, block);
        ck_assert_uint_gt(written, 0);
        ck_assert_uint_le(written, block);
        n += written;
    }
    text[n] = '\0';
}

/* Writes a part with a picture of text, in blocks; text is replaced by what was written. */
static void write_part(struct dd_mjpeg_writer *writer, uint64_t number, const char *level, size_t block, char text[static 512])
{
    struct dd_shared_picture *picture = picture_of(number, text);
    dd_mjpeg_writer_begin(writer, picture, level);
    drain(writer, block, text, 512);
    dd_shared_picture_unref(&picture);
}

START_TEST(a_boundary_before_and_behind_each_picture)
{
    char text[512] = "ABCD";
    struct dd_mjpeg_writer *writer = dd_mjpeg_writer_new();
    ck_assert(dd_mjpeg_writer_idle(writer));
    write_part(writer, 41, "live", 400, text);
    ck_assert_str_eq(text, BOUNDARY HEAD("4", "41", "live") "ABCD\r\n" BOUNDARY);
    strcpy(text, "XY");
    write_part(writer, 42, "stalled", 400, text);
    ck_assert_str_eq(text, HEAD("2", "42", "stalled") "XY\r\n" BOUNDARY);
    dd_mjpeg_writer_free(writer);
}
END_TEST

START_TEST(one_write_takes_picture_and_boundary)
{
    char text[512];
    struct dd_mjpeg_writer *writer = dd_mjpeg_writer_new();
    struct dd_shared_picture *picture = picture_of(1, "ABCD");
    dd_mjpeg_writer_begin(writer, picture, "live");
    size_t n = dd_mjpeg_writer_write(writer, text, sizeof text);
    ck_assert(dd_mjpeg_writer_idle(writer));
    ck_assert_uint_eq(n, strlen(BOUNDARY HEAD("4", "1", "live") "ABCD\r\n" BOUNDARY));
    ck_assert_uint_eq(dd_mjpeg_writer_write(writer, text, sizeof text), 0);
    dd_shared_picture_unref(&picture);
    dd_mjpeg_writer_free(writer);
}
END_TEST

START_TEST(blocks_of_any_size_give_the_same)
{
    for (size_t block = 1; block < 160; block++) {
        char text[512] = "0123456789";
        struct dd_mjpeg_writer *writer = dd_mjpeg_writer_new();
        write_part(writer, 9007199254740991, "stale", block, text);
        ck_assert_str_eq(text, BOUNDARY HEAD("10", "9007199254740991", "stale") "0123456789\r\n" BOUNDARY);
        dd_mjpeg_writer_free(writer);
    }
}
END_TEST

START_TEST(signs_of_life_only_before_the_first_part)
{
    char text[512];
    struct dd_mjpeg_writer *writer = dd_mjpeg_writer_new();
    for (int i = 0; i < 2; i++) {
        ck_assert(dd_mjpeg_writer_begin_keepalive(writer));
        drain(writer, 1, text, sizeof text);
        ck_assert_str_eq(text, "\r\n");
    }
    strcpy(text, "A");
    write_part(writer, 1, "live", 64, text);
    ck_assert_str_eq(text, BOUNDARY HEAD("1", "1", "live") "A\r\n" BOUNDARY);
    ck_assert(!dd_mjpeg_writer_begin_keepalive(writer));
    ck_assert(dd_mjpeg_writer_idle(writer));
    dd_mjpeg_writer_free(writer);
}
END_TEST

SUITE("recv/serve/mjpeg_writer", a_boundary_before_and_behind_each_picture, one_write_takes_picture_and_boundary,
      blocks_of_any_size_give_the_same, signs_of_life_only_before_the_first_part)
