/* How sources wait and fail, and the table of sources. */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "send/capture/rtsp/rtsp_source.h"
#include "send/capture/source.h"
#include "send/capture/source_table.h"
#include "send/options.h"
#include "suite.h"

enum { LONG_US = 20 * DD_CLOCK_US_PER_S, SOON_US = 30 * DD_CLOCK_US_PER_MS };

struct world {
    bool stopped;
    unsigned checkpoints;
    unsigned stop_after; /* stops after so many checkpoints; 0: never */
};

static bool checkpoint(void *context)
{
    struct world *world = context;

    world->checkpoints++;
    return world->stopped || (world->stop_after && world->checkpoints > world->stop_after);
}

static struct dd_source_io make_io(struct world *world)
{
    return (struct dd_source_io){
        .deadline_us = dd_clock_now_us() + LONG_US, .checkpoint = checkpoint, .context = world, .stop_fd = -1};
}

START_TEST(waits_until_due)
{
    struct world world = {0};
    struct dd_source_io io = make_io(&world);
    uint64_t due_us = dd_clock_now_us() + SOON_US;

    ck_assert_int_eq(dd_source_wait(&io, due_us), 0);
    ck_assert_uint_ge(dd_clock_now_us(), due_us);
    ck_assert_int_eq(dd_source_wait(&io, 0), 0);
    ck_assert_int_eq(dd_source_wait(&io, dd_clock_now_us()), 0);
}
END_TEST

START_TEST(waits_until_the_deadline)
{
    struct world world = {0};
    struct dd_source_io io = make_io(&world);

    io.deadline_us = dd_clock_now_us() + SOON_US;
    ck_assert(!dd_source_interrupted(&io));
    ck_assert_int_eq(dd_source_wait(&io, io.deadline_us + LONG_US), DD_ERROR_AGAIN);
    ck_assert_uint_ge(dd_clock_now_us(), io.deadline_us);
    ck_assert(dd_source_interrupted(&io));
    /* a due time at the deadline has come, too */
    ck_assert_int_eq(dd_source_wait(&io, io.deadline_us), 0);
}
END_TEST

START_TEST(waits_until_a_stop)
{
    struct world world = {.stopped = true};
    struct dd_source_io io = make_io(&world);

    ck_assert(dd_source_interrupted(&io));
    ck_assert_int_eq(dd_source_wait(&io, dd_clock_now_us() + LONG_US), DD_ERROR_STOPPED);
    ck_assert_int_eq(dd_source_wait(&io, 0), DD_ERROR_STOPPED);
    /* the checkpoint is called again and again during the wait */
    world = (struct world){.stop_after = 2};
    ck_assert_int_eq(dd_source_wait(&io, dd_clock_now_us() + LONG_US), DD_ERROR_STOPPED);
    ck_assert_uint_eq(world.checkpoints, 3);
}
END_TEST

START_TEST(a_stop_descriptor_ends_the_wait_at_once)
{
    struct world world = {.stop_after = 1};
    struct dd_source_io io = make_io(&world);
    uint64_t start_us = dd_clock_now_us();

    io.stop_fd = eventfd(1, EFD_CLOEXEC);
    ck_assert_int_ge(io.stop_fd, 0);
    ck_assert_int_eq(dd_source_wait(&io, start_us + LONG_US), DD_ERROR_STOPPED);
    ck_assert_uint_lt(dd_clock_now_us(), start_us + 400 * DD_CLOCK_US_PER_MS);
    close(io.stop_fd);
}
END_TEST

START_TEST(failures_have_reason_and_message)
{
    struct world world = {0};
    struct dd_source_io io = make_io(&world);
    char text[2 * DD_SOURCE_MESSAGE_SIZE];

    ck_assert_int_eq(dd_source_fail(&io, DD_WIRE_REASON_NOT_FOUND, "no %s", "such path"), DD_ERROR_SOURCE);
    ck_assert_uint_eq(io.reason, DD_WIRE_REASON_NOT_FOUND);
    ck_assert_str_eq(io.message, "no such path");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    dd_source_fail(&io, DD_WIRE_REASON_BROKEN, "%s", text);
    ck_assert_uint_eq(strlen(io.message), DD_SOURCE_MESSAGE_SIZE - 1);
}
END_TEST

START_TEST(the_table_finds_sources)
{
    ck_assert_str_eq(dd_source_table_find(DD_SEND_RTSP)->name, "rtsp");
    ck_assert_str_eq(dd_source_table_find(DD_SEND_TEST)->name, "test");
    ck_assert_ptr_null(dd_source_table_find(-1));
    ck_assert_ptr_null(dd_source_table_find(1000));
    /* close() takes NULL */
    dd_source_table_find(DD_SEND_RTSP)->close(NULL);
    dd_source_table_find(DD_SEND_TEST)->close(NULL);
}
END_TEST

/* URLs that the source refuses before it connects. */
START_TEST(rtsp_refuses_urls)
{
    static const struct {
        const char *source, *says;
    } rows[] = {
        {"", "valid URL"},
        {"cam/live", "valid URL"},
        {"rtsp://viewer:geheim@cam:99999/", "valid URL"},
        {"http://viewer:geheim@127.0.0.1/", "http://"},
        {"file:///etc/passwd", "valid URL"},
        {"file://geheim/etc/passwd", "file://"},
    };
    struct world world = {0};
    struct dd_source_io io = make_io(&world);
    struct dd_send_stream *options = calloc(1, sizeof *options);

    options->timeout = DD_CLOCK_US_PER_S;
    io.options = options;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *state = &world;
        strcpy(options->source, rows[i].source);
        ck_assert_int_eq(dd_rtsp_source.open(&state, &io), DD_ERROR_SOURCE);
        ck_assert_ptr_null(state);
        ck_assert_uint_eq(io.reason, DD_WIRE_REASON_UNSUITABLE);
        ck_assert_msg(strstr(io.message, rows[i].says), "%s: %s", rows[i].source, io.message);
        ck_assert_ptr_null(strstr(io.message, "geheim"));
    }
    /* with this password the URL is too long for libavformat, which would cut it off */
    strcpy(options->source, "rtsp://127.0.0.1/");
    memset(options->password, '/', 50);
    void *state;
    ck_assert_int_eq(dd_rtsp_source.open(&state, &io), DD_ERROR_SOURCE);
    ck_assert_uint_eq(io.reason, DD_WIRE_REASON_CREDENTIALS);
    ck_assert_ptr_null(strstr(io.message, "///"));
    free(options);
}
END_TEST

SUITE("send/capture/source", waits_until_due, waits_until_the_deadline, waits_until_a_stop,
      a_stop_descriptor_ends_the_wait_at_once, failures_have_reason_and_message, the_table_finds_sources, rtsp_refuses_urls)
