#include "send/transmit/encoder_pool.h"

#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/wakeup.h"
#include "dd/link/frame_ring.h"
#include "send/picture.h"
#include "send/transmit/jpeg_encoder.h"
#include "suite.h"

enum { WIDTH = 64, HEIGHT = 48 };

static struct dd_picture_layout layout;
static struct dd_frame_ring_shape shape;
static int ring_fd, wake_fd;
static struct dd_frame_ring *writer, *reader;
static struct dd_encoder_pool *encoders;

static void set_up(void)
{
    ck_assert_int_eq(dd_picture_layout(DD_PICTURE_I420, WIDTH, HEIGHT, &layout), 0);
    shape = (struct dd_frame_ring_shape){.entries = 3, .arena_bytes = 3 * layout.bytes};
    ring_fd = dd_frame_ring_create("test", &shape);
    writer = dd_frame_ring_open_writer(ring_fd, &shape, -1);
    reader = dd_frame_ring_open_reader(ring_fd, &shape);
    wake_fd = dd_wakeup_open();
    struct dd_encoder_pool_stream stream = {
        .ring = reader, .max_width = WIDTH, .max_height = HEIGHT, .max_bytes = layout.bytes, .quality = 60};
    encoders = dd_encoder_pool_start(&stream, 1, wake_fd);
    ck_assert_ptr_nonnull(encoders);
}

static void tear_down(void)
{
    dd_encoder_pool_stop(encoders);
    dd_frame_ring_close(writer);
    dd_frame_ring_close(reader);
    close(ring_fd);
    close(wake_fd);
}

static void write_grey(struct dd_frame_ring_frame frame, int grey)
{
    uint8_t *bytes = dd_frame_ring_reserve(writer, frame.bytes);
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, grey, frame.bytes);
    dd_frame_ring_commit(writer, &frame);
}

static void put_grey(struct dd_frame_ring_frame frame, int grey)
{
    write_grey(frame, grey);
    dd_encoder_pool_notify(encoders, 0);
}

static void put(struct dd_frame_ring_frame frame)
{
    put_grey(frame, 128);
}

static struct dd_frame_ring_frame valid_frame(void)
{
    return (struct dd_frame_ring_frame){
        .captured_us = 1000, .bytes = (uint32_t)layout.bytes, .format = DD_PICTURE_I420, .width = WIDTH, .height = HEIGHT};
}

/* A source that overtakes the encoder: it writes so many pictures while one is encoded, all of the ring and none of them told of.
 * The linker puts this in the place of the encoder (--wrap). */
static int overtaken_by;
static int (*overtaking_grey)(void); /* of the next picture that the source writes */

size_t __real_dd_jpeg_encoder_encode(struct dd_jpeg_encoder *e, const struct dd_picture *picture, int quality,
                                     enum dd_jpeg_encoder_subsampling subsampling, uint8_t *jpeg, size_t size);
size_t __wrap_dd_jpeg_encoder_encode(struct dd_jpeg_encoder *e, const struct dd_picture *picture, int quality,
                                     enum dd_jpeg_encoder_subsampling subsampling, uint8_t *jpeg, size_t size);

size_t __wrap_dd_jpeg_encoder_encode(struct dd_jpeg_encoder *e, const struct dd_picture *picture, int quality,
                                     enum dd_jpeg_encoder_subsampling subsampling, uint8_t *jpeg, size_t size)
{
    for (int i = 0; i < overtaken_by; i++)
        write_grey(valid_frame(), overtaking_grey());
    return __real_dd_jpeg_encoder_encode(e, picture, quality, subsampling, jpeg, size);
}

/* The grey of the ring's next picture, where each has another. */
static int next_grey(void)
{
    return 16 + (int)(dd_frame_ring_count(reader) * 7 % 220);
}

static int same_grey(void)
{
    return 128;
}

/* Checks that picture is the one that has next_grey(). */
static void check_grey(const struct dd_encoder_pool_picture *picture)
{
    uint8_t pixels[2 * WIDTH * HEIGHT], jpeg[65536];
    struct dd_picture grey;
    struct dd_jpeg_encoder *encoder = dd_jpeg_encoder_new();
    ck_assert_uint_le(layout.bytes, sizeof pixels);
    memset(pixels, 16 + (int)(picture->position * 7 % 220), sizeof pixels);
    dd_picture_over(&grey, DD_PICTURE_I420, WIDTH, HEIGHT, &layout, pixels);
    size_t size = __real_dd_jpeg_encoder_encode(encoder, &grey, 60, DD_JPEG_ENCODER_420, jpeg, sizeof jpeg);
    ck_assert_uint_eq(picture->size, size);
    ck_assert_mem_eq(picture->jpeg, jpeg, size);
    dd_jpeg_encoder_free(encoder);
}

static bool take_picture(struct dd_encoder_pool_picture *picture)
{
    struct pollfd p = {.fd = wake_fd, .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 10000), 1);
    return dd_encoder_pool_take(encoders, 0, picture);
}

START_TEST(encodes_a_picture)
{
    struct dd_encoder_pool_picture picture;
    set_up();
    put(valid_frame());
    ck_assert(take_picture(&picture));
    ck_assert_uint_eq(picture.width, WIDTH);
    ck_assert_uint_eq(picture.captured_us, 1000);
    ck_assert_uint_gt(picture.size, 100);
    ck_assert_uint_eq(picture.jpeg[0], 0xff);
    ck_assert_uint_eq(picture.jpeg[1], 0xd8);
    ck_assert(!dd_encoder_pool_take(encoders, 0, &picture));
    tear_down();
}
END_TEST

/* Otherwise a compromised capture could make one picture look live for ever. */
START_TEST(capture_times_in_the_future_become_now)
{
    struct dd_encoder_pool_picture picture;
    struct dd_frame_ring_frame frame;
    set_up();
    frame = valid_frame();
    frame.captured_us = UINT64_MAX / 2;
    put(frame);
    ck_assert(take_picture(&picture));
    ck_assert_uint_le(picture.captured_us, dd_clock_now_us());
    tear_down();
}
END_TEST

START_TEST(skips_invalid_frames)
{
    struct dd_encoder_pool_picture picture;
    struct dd_encoder_pool_counters counters;
    set_up();
    struct dd_frame_ring_frame wrong[4];
    for (size_t i = 0; i < 4; i++)
        wrong[i] = valid_frame();
    wrong[0].width = WIDTH + 2;
    wrong[1].format = 99;
    wrong[2].bytes -= 64;
    wrong[3].height = 0;
    for (size_t i = 0; i < 4; i++)
        put(wrong[i]);
    put(valid_frame());
    ck_assert(take_picture(&picture));
    ck_assert_uint_eq(picture.position, 4);
    dd_encoder_pool_read_counters(encoders, 0, &counters);
    ck_assert_uint_eq(counters.encoded, 1);
    ck_assert_uint_eq(counters.skipped, 4);
    tear_down();
}
END_TEST

static struct dd_encoder_pool_counters wait_for(uint64_t looked_at)
{
    struct dd_encoder_pool_counters c;
    do
        dd_encoder_pool_read_counters(encoders, 0, &c);
    while (c.encoded + c.same + c.skipped < looked_at);
    return c;
}

static void wait_picture(struct dd_encoder_pool_picture *picture)
{
    while (!dd_encoder_pool_take(encoders, 0, picture))
        usleep(100);
}

START_TEST(encodes_only_changes)
{
    struct dd_encoder_pool_picture picture;
    struct dd_encoder_pool_shown shown;
    struct dd_frame_ring_frame frame;
    set_up();
    ck_assert(!dd_encoder_pool_last_shown(encoders, 0, &shown));
    put(valid_frame());
    ck_assert(take_picture(&picture));
    ck_assert(dd_encoder_pool_last_shown(encoders, 0, &shown));
    ck_assert_uint_eq(shown.position, 0);
    ck_assert_uint_eq(shown.captured_us, 1000);
    for (uint64_t i = 1; i < 8; i++) { /* the same picture, more often than the ring has slots */
        frame = valid_frame();
        frame.captured_us = 1000 + i;
        put(frame);
        ck_assert_uint_eq(wait_for(i + 1).same, i);
        ck_assert(!dd_encoder_pool_take(encoders, 0, &picture));
        ck_assert(dd_encoder_pool_last_shown(encoders, 0, &shown));
        ck_assert_uint_eq(shown.position, i);
        ck_assert_uint_eq(shown.captured_us, 1000 + i);
    }
    put_grey(valid_frame(), 129);
    ck_assert_uint_eq(wait_for(9).encoded, 2);
    ck_assert(!dd_encoder_pool_last_shown(encoders, 0, &shown)); /* a newer picture has been encoded */
    ck_assert(dd_encoder_pool_take(encoders, 0, &picture));
    ck_assert_uint_eq(picture.position, 8);
    put(valid_frame()); /* the same as the first one: a change again */
    ck_assert_uint_eq(wait_for(10).encoded, 3);
    tear_down();
}
END_TEST

/* The counts of all streams are added up for the log: one that is made up must not make the sum wrap around. */
START_TEST(a_count_that_is_made_up_counts_for_little)
{
    struct dd_encoder_pool_counters c;
    set_up();
    uint64_t *header = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
    ck_assert_ptr_ne(header, MAP_FAILED);
    for (uint64_t count = UINT64_C(1) << 61; count > UINT64_C(1) << 58; count -= UINT64_C(1) << 58) {
        header[1] = count; /* alive_until_us is before it */
        dd_encoder_pool_notify(encoders, 0);
        dd_encoder_pool_read_counters(encoders, 0, &c);
    }
    while (c.skipped == 0)
        dd_encoder_pool_read_counters(encoders, 0, &c);
    ck_assert_uint_le(c.skipped, 8 * (UINT64_C(1) << 32));
    munmap(header, 4096);
    tear_down();
}
END_TEST

/* Reading in the ring it would lose every race, and no picture would ever come. */
START_TEST(a_source_that_overtakes_the_encoder_costs_one_picture)
{
    struct dd_encoder_pool_picture picture;
    set_up();
    overtaking_grey = next_grey;
    overtaken_by = 3;
    put_grey(valid_frame(), next_grey());
    ck_assert_uint_eq(wait_for(1).encoded, 0);
    for (uint64_t i = 1; i <= 20; i++) {
        uint64_t newest = dd_frame_ring_count(reader) - 1;
        dd_encoder_pool_notify(encoders, 0);
        wait_picture(&picture);
        ck_assert_uint_eq(picture.position, newest);
        check_grey(&picture);
    }
    /* once the encoder has kept up for a while it reads in the ring again, which costs less */
    overtaken_by = 0;
    for (int i = 0; i < 101; i++) {
        put_grey(valid_frame(), next_grey());
        wait_picture(&picture);
        check_grey(&picture);
    }
    struct dd_encoder_pool_counters before;
    dd_encoder_pool_read_counters(encoders, 0, &before);
    overtaken_by = 3;
    put_grey(valid_frame(), next_grey());
    ck_assert_uint_eq(wait_for(before.encoded + before.skipped + 1).encoded, before.encoded);
    overtaken_by = 0;
    tear_down();
}
END_TEST

START_TEST(a_picture_that_left_the_ring_is_still_known)
{
    struct dd_encoder_pool_picture picture;
    set_up();
    overtaking_grey = same_grey;
    overtaken_by = 3;
    put_grey(valid_frame(), 1);
    ck_assert_uint_eq(wait_for(1).encoded, 0);
    dd_encoder_pool_notify(encoders, 0);
    wait_picture(&picture);
    struct dd_encoder_pool_counters c;
    dd_encoder_pool_read_counters(encoders, 0, &c);
    dd_encoder_pool_notify(encoders, 0);
    ck_assert_uint_eq(wait_for(c.encoded + c.skipped + 1).same, 1);
    overtaken_by = 0;
    tear_down();
}
END_TEST

SUITE("send/transmit/encoder_pool", encodes_a_picture, capture_times_in_the_future_become_now, skips_invalid_frames,
      encodes_only_changes, a_count_that_is_made_up_counts_for_little, a_source_that_overtakes_the_encoder_costs_one_picture,
      a_picture_that_left_the_ring_is_still_known)
