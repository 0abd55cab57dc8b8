#include "recv/serve/api_json.h"

#include <string.h>
#include <unistd.h>

#include "dd/link/frame_ring.h"
#include "dd/link/wire.h"
#include "recv/serve/freshness.h"
#include "recv/serve/serve_role.h"
#include "recv/stream_state.h"
#include "suite.h"

static void check(char *text, const char *expected)
{
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, expected);
    free(text);
}

static const struct dd_freshness live = {
    .level = DD_FRESHNESS_LIVE,
    .sender = DD_FRESHNESS_ALIVE,
    .source = "ok",
    .frame = 1767268800123,
    .seconds = 0.80004,
    .seconds_since_frame = 0.8,
    .seconds_since_change = 42.1,
    .captured_us = 1767268800123000,
    .delay_seconds = 0.01,
};

#define LIVE_JSON                                                                                                                \
    "{\"state\":\"live\",\"status\":\"green\",\"seconds\":0.8,\"sender\":\"alive\",\"source\":\"ok\",\"reason\":null,"           \
    "\"frame\":1767268800123,\"captured_at\":\"2026-01-01T12:00:00.123Z\",\"seconds_since_frame\":0.8,"                          \
    "\"seconds_since_change\":42.1,\"delay_seconds\":0.01}"
#define NONE_JSON                                                                                                                \
    "{\"state\":\"stale\",\"status\":\"red\",\"seconds\":null,\"sender\":\"silent\",\"source\":\"unknown\","                     \
    "\"reason\":\"waiting for the sender\",\"frame\":null,\"captured_at\":null,\"seconds_since_frame\":null,"                    \
    "\"seconds_since_change\":null,\"delay_seconds\":null}"

START_TEST(freshness_of_a_live_stream)
{
    check(dd_api_json_freshness(&live), LIVE_JSON);
}
END_TEST

START_TEST(freshness_before_the_first_picture)
{
    struct dd_freshness f;
    dd_freshness_evaluate(NULL, &(struct dd_freshness_limits){.live_us = 1, .stale_us = 2}, 5, &f);
    check(dd_api_json_freshness(&f), NONE_JSON);
}
END_TEST

START_TEST(freshness_of_all)
{
    struct dd_serve_config *config = calloc(1, sizeof *config + 2 * sizeof config->streams[0]);
    struct dd_freshness list[2] = {live};
    dd_freshness_evaluate(NULL, &(struct dd_freshness_limits){.live_us = 1, .stale_us = 2}, 5, &list[1]);
    config->stream_count = 2;
    strcpy(config->streams[0].name, "lobby");
    strcpy(config->streams[1].name, "gate");
    check(dd_api_json_freshness_all(config, list), "{\"streams\":{\"lobby\":" LIVE_JSON ",\"gate\":" NONE_JSON "}}");
    free(config);
}
END_TEST

START_TEST(stats_name_every_counter)
{
    const struct dd_stream_state state = {
        .session = {.datagrams_sent = 1},
        .total = {.datagrams_sent = 1,
                  .datagrams_received = 2,
                  .datagrams_recovered = 3,
                  .datagrams_lost = 4,
                  .bytes_received = 9007199254740991,
                  .refused_session = 6,
                  .refused_replay = 7,
                  .refused_forged = 8,
                  .refused_malformed = 9,
                  .frames_complete = 10,
                  .frames_incomplete = 11,
                  .frames_late = 12,
                  .frames_bad = 13,
                  .frames_skipped = 14},
        .socket = {.refused_short = 15, .refused_version = 16, .refused_key = 17, .kernel_drops = 18, .share_drops = 19},
        .delay_rise_us = 1500000,
        .delay_rise_limit_us = 5000000,
    };
    check(dd_api_json_stats(&state, 19),
          "{\"session\":{\"datagrams_sent\":1,\"datagrams_received\":0,\"datagrams_recovered\":0,\"datagrams_lost\":0,"
          "\"bytes_received\":0,\"refused\":{\"session\":0,\"replay\":0,\"forged\":0,\"malformed\":0},\"frames_complete\":0,"
          "\"frames_incomplete\":0,\"frames_late\":0,\"frames_bad\":0,\"frames_skipped\":0},"
          "\"total\":{\"datagrams_sent\":1,\"datagrams_received\":2,\"datagrams_recovered\":3,\"datagrams_lost\":4,"
          "\"bytes_received\":9007199254740991,\"refused\":{\"session\":6,\"replay\":7,\"forged\":8,\"malformed\":9},"
          "\"frames_complete\":10,\"frames_incomplete\":11,\"frames_late\":12,\"frames_bad\":13,\"frames_skipped\":14},"
          "\"socket\":{\"refused\":{\"short\":15,\"version\":16,\"key\":17},\"kernel_drops\":18,\"share_drops\":19},"
          "\"delay\":{\"seconds\":null,\"drift_seconds\":1.5,\"drift_limit_seconds\":5},\"jpeg_quality\":null,\"viewers\":19}");
    struct dd_stream_state told = state;
    told.status_us = 1;
    told.status.jpeg_quality = 60;
    told.delay_us = 20000;
    char *text = dd_api_json_stats(&told, 0);
    ck_assert_ptr_nonnull(strstr(text, "\"delay\":{\"seconds\":0.02,"));
    ck_assert_ptr_nonnull(strstr(text, "\"jpeg_quality\":60,"));
    free(text);
}
END_TEST

START_TEST(frames_are_listed_oldest_first)
{
    const struct dd_frame_ring_shape shape = {.entries = 3, .arena_bytes = 64 * 1024};
    int fd = dd_frame_ring_create("test", &shape);
    ck_assert_int_ge(fd, 0);
    struct dd_frame_ring *writer = dd_frame_ring_open_writer(fd, &shape, -1);
    struct dd_frame_ring *reader = dd_frame_ring_open_reader(fd, &shape);
    ck_assert_ptr_nonnull(writer);
    ck_assert_ptr_nonnull(reader);
    const struct dd_api_json_page page = {.before = UINT64_MAX, .limit = DD_API_JSON_FRAMES_MAX, .max_bytes = 1000};
    check(dd_api_json_frames(reader, &page), "{\"frames\":[]}");
    for (uint32_t i = 1; i <= 4; i++) {
        uint32_t bytes = i == 3 ? 2000 : 10 * i; /* the third one is over what may be shown */
        struct dd_frame_ring_frame frame = {.number = i, .captured_us = i * UINT64_C(1000000), .bytes = bytes};
        memset(dd_frame_ring_reserve(writer, bytes), (int)i, bytes);
        dd_frame_ring_commit(writer, &frame);
    }
    check(dd_api_json_frames(reader, &page),
          "{\"frames\":[{\"frame\":2,\"captured_at\":\"1970-01-01T00:00:02.000Z\",\"bytes\":20},"
          "{\"frame\":4,\"captured_at\":\"1970-01-01T00:00:04.000Z\",\"bytes\":40}]}");
    dd_frame_ring_close(reader);
    dd_frame_ring_close(writer);
    close(fd);
}
END_TEST

/* The largest texts are within what a connection's memory is counted with. */
START_TEST(no_text_is_larger_than_its_bound)
{
    enum { STREAMS = 256, FRAMES = 600 };
    const struct dd_frame_ring_shape shape = {.entries = FRAMES, .arena_bytes = 1024 * 1024};
    const struct dd_api_json_page page = {.before = UINT64_MAX, .limit = DD_API_JSON_FRAMES_MAX, .max_bytes = UINT32_MAX};
    struct dd_serve_config *config = calloc(1, sizeof *config + STREAMS * sizeof config->streams[0]);
    struct dd_freshness *list = calloc(STREAMS, sizeof *list);
    config->stream_count = STREAMS;
    for (size_t i = 0; i < STREAMS; i++) {
        memset(config->streams[i].name, 'x', DD_OPTIONS_NAME_SIZE - 1);
        list[i] = (struct dd_freshness){.level = DD_FRESHNESS_STALLED,
                                        .sender = DD_FRESHNESS_DELAYED,
                                        .source = "connecting",
                                        .reason = "a reason of sixty-four characters, which is longer than the longest",
                                        .frame = DD_WIRE_FRAME_NUMBER_MAX,
                                        .seconds = 123456789.123,
                                        .seconds_since_frame = 123456789.123,
                                        .seconds_since_change = 123456789.123,
                                        .captured_us = 1767268800123000,
                                        .delay_seconds = 123456789.123};
    }
    char *text = dd_api_json_freshness_all(config, list);
    ck_assert_uint_lt(strlen(text), dd_api_json_size_max(STREAMS));
    free(text);
    int fd = dd_frame_ring_create("test", &shape);
    struct dd_frame_ring *writer = dd_frame_ring_open_writer(fd, &shape, -1), *reader = dd_frame_ring_open_reader(fd, &shape);
    for (uint64_t i = 0; i < FRAMES; i++) {
        const struct dd_frame_ring_frame frame = {
            .number = DD_WIRE_FRAME_NUMBER_MAX - FRAMES + i, .captured_us = 1767268800123000, .bytes = 1000};
        dd_frame_ring_reserve(writer, frame.bytes);
        dd_frame_ring_commit(writer, &frame);
    }
    text = dd_api_json_frames(reader, &page);
    ck_assert_uint_gt(strlen(text), 30000);
    ck_assert_uint_lt(strlen(text), dd_api_json_size_max(1));
    free(text);
    dd_frame_ring_close(reader);
    dd_frame_ring_close(writer);
    close(fd);
    free(list);
    free(config);
}
END_TEST

SUITE("recv/serve/api_json", freshness_of_a_live_stream, freshness_before_the_first_picture, freshness_of_all,
      stats_name_every_counter, frames_are_listed_oldest_first, no_text_is_larger_than_its_bound)
