/* What serve makes of a ring whose memory says anything: whoever writes it may have been taken over. A sanitizer sees what must
 * not be read. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/frame_ring.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/jpeg_codec.h"
#include "recv/serve/json_response.h"
#include "recv/serve/pages.h"
#include "recv/serve/response.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_picture.h"
#include "recv/stream_state.h"
#include "suite.h"

enum { ROUNDS = 2000, ROUNDS_SHORT = 100, CHANGES = 2, MAX_FRAME = 8000 };
/* of the ring's memory: a page of header, one of index, then the arena; as frame_ring.c has it */
enum { PAGE = 4096, ENTRIES = 4, ENTRY = 64, ARENA = 32 * 1024 };

static struct dd_serve_config *config;
static struct dd_frame_ring *writer;
static struct dd_broadcast *broadcast;
static struct dd_pages *pages;
static struct dd_response_site site;
static uint8_t *memory;
static size_t memory_size;
static int fd;
static atomic_uint suspended, resumed;
static uint64_t seed = 1;

static void suspend(void *owner)
{
    (void)owner;
    atomic_fetch_add(&suspended, 1);
}

static void resume(void *owner)
{
    (void)owner;
    atomic_fetch_add(&resumed, 1);
}

static const struct dd_broadcast_waiter waiter = {suspend, resume, NULL};

/* xorshift: the same in every run */
static uint64_t any(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void set_up(void)
{
    config = calloc(1, sizeof *config + sizeof config->streams[0]);
    config->stream_count = 1;
    config->max_viewers = 4;
    struct dd_serve_stream *stream = &config->streams[0];
    strcpy(stream->name, "cam");
    stream->ring = (struct dd_frame_ring_shape){.entries = ENTRIES, .arena_bytes = ARENA};
    stream->max_frame_bytes = MAX_FRAME;
    stream->stale_mark = true;
    stream->live_us = DD_CLOCK_US_PER_S;
    stream->stale_us = 10 * DD_CLOCK_US_PER_S;
    fd = dd_frame_ring_create("test", &stream->ring);
    memory_size = dd_frame_ring_memory(&stream->ring);
    memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert(memory != MAP_FAILED);
    writer = dd_frame_ring_open_writer(fd, &stream->ring, -1);
    broadcast = dd_broadcast_new(config, &fd);
    pages = dd_pages_new(config);
    site = (struct dd_response_site){
        .config = config, .broadcast = broadcast, .pages = pages, .json_cache = dd_json_response_cache_new(config->stream_count)};
    ck_assert(writer && broadcast && pages);
}

static void tear_down(void)
{
    static const struct timespec pause = {.tv_nsec = DD_CLOCK_US_PER_MS * 1000};
    dd_broadcast_stop(broadcast);
    for (int i = 0; i < 20000 && atomic_load(&resumed) < atomic_load(&suspended); i++)
        nanosleep(&pause, NULL);
    ck_assert_uint_eq(atomic_load(&resumed), atomic_load(&suspended));
    dd_json_response_cache_free(site.json_cache);
    dd_pages_free(pages);
    dd_broadcast_free(broadcast);
    dd_frame_ring_close(writer);
    munmap(memory, memory_size);
    close(fd);
    free(config);
}

/* A sound frame and its state, which is stale. */
static void commit(uint64_t number, const uint8_t *bytes, size_t size)
{
    const struct dd_stream_state state = {.heard_us = dd_clock_now_us(),
                                          .status_us = dd_clock_now_us(),
                                          .status = {.source = DD_WIRE_SOURCE_FAILED, .reason = DD_WIRE_REASON_BROKEN},
                                          .frame = number,
                                          .frame_captured_us = number};
    const struct dd_frame_ring_frame frame = {.number = number, .captured_us = number, .bytes = (uint32_t)size};
    dd_frame_ring_publish(writer, &state, sizeof state, false);
    memcpy(dd_frame_ring_reserve(writer, (uint32_t)size), bytes, size);
    dd_frame_ring_commit(writer, &frame);
}

/* Changes numbers of an entry of the index, or of the header and the state in it; and a byte of the pictures. */
static void spoil(void)
{
    static const uint64_t values[] = {0, 1, 3, 64, 255, MAX_FRAME, MAX_FRAME + 1, ARENA, 1 << 30, INT64_MAX, UINT64_MAX - 63};
    for (unsigned i = 0; i < CHANGES; i++) {
        size_t in_index =
            any() % ENTRIES * ENTRY + 8 + any() % (ENTRY - 8); /* a sequence is left alone: it would hide the rest */
        size_t at = (any() % 2 ? PAGE + in_index : any() % (PAGE / 4)) & ~(size_t)7;
        uint64_t value = any() % 8 ? values[any() % (sizeof values / sizeof *values)] : any();
        memcpy(memory + at + 4 * (any() % 4 == 0), &value, any() % 2 ? 4 : sizeof value);
    }
    memory[2 * PAGE + any() % ARENA] = (uint8_t)any();
}

static void ask(const char *path)
{
    struct dd_response response;
    dd_response_build(&site, &(struct dd_response_request){.path = path, .waiter = &waiter}, &response);
    if (response.suspended)
        return;
    ck_assert(response.code == 200 || response.code == 404 || response.code == 503);
    if (response.release)
        response.release(response.owner);
}

START_TEST(whatever_the_memory_says_serve_goes_on)
{
    static const char *const paths[] = {"/cam/snapshot.jpg", "/cam/frames", "/cam/frames/5.jpg", "/cam/freshness",
                                        "/freshness",        "/cam/stats",  "/healthz"};
    set_up();
    struct dd_jpeg_codec_picture *picture = dd_jpeg_codec_picture_new(160, 90);
    size_t size;
    uint8_t *bytes = dd_jpeg_codec_encode(picture, 80, &size);
    const struct dd_broadcast_subscription subscription = {.raw = true, .waiter = waiter};
    for (unsigned round = 0; round < (suite_is_short() ? ROUNDS_SHORT : ROUNDS); round++) {
        struct dd_broadcast_subscriber *subscriber;
        struct dd_shared_picture *shown;
        enum dd_freshness_level level;
        char path[64];
        commit(1 + round, bytes, size);
        spoil();
        dd_broadcast_watch(broadcast, dd_clock_now_us());
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
            ask(paths[i]);
        for (unsigned back = 0; back < ENTRIES && back <= round; back++) {
            snprintf(path, sizeof path, "/cam/frames/%u.jpg", 1 + round - back);
            ask(path);
        }
        ck_assert_int_eq(dd_broadcast_subscribe(broadcast, &subscription, &subscriber), 0);
        ck_assert_int_eq(dd_broadcast_next(subscriber, &shown, &level), 0);
        ck_assert(level >= DD_FRESHNESS_LIVE && level <= DD_FRESHNESS_STALE);
        ck_assert(!shown || dd_shared_picture_size(shown) <= MAX_FRAME);
        dd_shared_picture_unref(&shown);
        dd_broadcast_unsubscribe(subscriber);
    }
    dd_jpeg_codec_bytes_free(bytes);
    dd_jpeg_codec_picture_free(picture);
    tear_down();
}
END_TEST

SUITE("recv/serve/hostile_ring", whatever_the_memory_says_serve_goes_on)
