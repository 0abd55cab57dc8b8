#include "recv/serve/freshness.h"

#include "recv/stream_state.h"
#include "suite.h"

#define S UINT64_C(1000000)
#define NOW (1000 * S)

static const struct dd_freshness_limits limits = {.live_us = 30 * S, .stale_us = 300 * S};

/* A frame that arrived frame_ago_us ago and was 100 ms old then, and a STATUS of half a second ago that names it. */
static struct dd_stream_state good(uint64_t frame_ago_us)
{
    return (struct dd_stream_state){
        .heard_us = NOW - S / 2,
        .status_us = NOW - S / 2,
        .status = {.source = DD_WIRE_SOURCE_OK, .interval_ms = 1000, .frame = 7, .age_ms = 200, .period_ms = 1000},
        .frame = 7,
        .frame_us = NOW - frame_ago_us,
        .frame_captured_us = 5 * S,
        .frame_age_us = S / 10,
        .delay_us = S / 20,
    };
}

static struct dd_freshness evaluate(const struct dd_stream_state *state)
{
    struct dd_freshness f;
    dd_freshness_evaluate(state, &limits, NOW, &f);
    return f;
}

START_TEST(no_datagram_ever_arrived)
{
    struct dd_freshness f = evaluate(NULL);
    ck_assert_int_eq(f.level, DD_FRESHNESS_STALE);
    ck_assert_int_eq(f.sender, DD_FRESHNESS_SILENT);
    ck_assert_str_eq(f.source, "unknown");
    ck_assert_str_eq(f.reason, "sender silent");
    ck_assert_uint_eq(f.frame, 0);
}
END_TEST

START_TEST(a_new_picture_is_live)
{
    struct dd_stream_state state = good(S / 5);
    struct dd_freshness f = evaluate(&state);
    ck_assert_int_eq(f.level, DD_FRESHNESS_LIVE);
    ck_assert_int_eq(f.sender, DD_FRESHNESS_ALIVE);
    ck_assert_str_eq(f.source, "ok");
    ck_assert_ptr_null(f.reason);
    ck_assert_uint_eq(f.frame, 7);
    ck_assert_uint_eq(f.captured_us, 5 * S);
    ck_assert_double_eq_tol(f.seconds, 0.3, 1e-9);
    ck_assert_double_eq_tol(f.seconds_since_frame, 0.2, 1e-9);
    ck_assert_double_eq_tol(f.delay_seconds, 0.05, 1e-9);
}
END_TEST

START_TEST(an_unchanged_picture_is_as_old_as_status_says)
{
    struct dd_stream_state state = good(100 * S);
    struct dd_freshness f = evaluate(&state);
    ck_assert_int_eq(f.level, DD_FRESHNESS_LIVE);
    ck_assert_double_eq_tol(f.seconds, 0.5 + 0.2 + 0.05, 1e-9);
    ck_assert_double_eq_tol(f.seconds_since_frame, 100, 1e-9);
}
END_TEST

START_TEST(a_status_of_another_frame_does_not_count)
{
    struct dd_stream_state state = good(100 * S);
    state.status.frame = 8;
    struct dd_freshness f = evaluate(&state);
    ck_assert_int_eq(f.level, DD_FRESHNESS_STALLED);
    ck_assert_double_eq_tol(f.seconds, 100.1, 1e-9);
    ck_assert_str_eq(f.reason, "source gives no new picture");
    /* an earlier STATUS that confirmed the frame still counts */
    state.confirmed_us = NOW - 2 * S;
    state.confirmed_age_us = S;
    f = evaluate(&state);
    ck_assert_int_eq(f.level, DD_FRESHNESS_LIVE);
    ck_assert_double_eq_tol(f.seconds, 3, 1e-9);
}
END_TEST

START_TEST(levels_change_at_their_limits)
{
    static const struct {
        uint64_t age_us;
        uint32_t interval_ms;
        enum dd_freshness_level level;
    } cases[] = {
        {30 * S - 1, 1000, DD_FRESHNESS_LIVE},     {30 * S, 1000, DD_FRESHNESS_STALLED},
        {300 * S - 1, 1000, DD_FRESHNESS_STALLED}, {300 * S, 1000, DD_FRESHNESS_STALE},
        {125 * S - 1, 60000, DD_FRESHNESS_LIVE},   {125 * S, 60000, DD_FRESHNESS_STALLED},
        {905 * S - 1, 450000, DD_FRESHNESS_LIVE},  {905 * S, 450000, DD_FRESHNESS_STALE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dd_stream_state state = good(cases[i].age_us);
        state.frame_age_us = 0;
        state.status.interval_ms = cases[i].interval_ms;
        state.status.frame = 6;
        ck_assert_msg(evaluate(&state).level == cases[i].level, "case %zu", i);
    }
}
END_TEST

START_TEST(a_lost_newer_picture_stalls)
{
    struct dd_stream_state state = good(S);
    state.newer_announced_us = NOW - 2 * S + 1;
    ck_assert_int_eq(evaluate(&state).level, DD_FRESHNESS_LIVE);
    state.newer_announced_us = NOW - 2 * S;
    struct dd_freshness f = evaluate(&state);
    ck_assert_int_eq(f.level, DD_FRESHNESS_STALLED);
    ck_assert_str_eq(f.reason, "newer picture lost");
}
END_TEST

START_TEST(a_sender_is_silent_after_three_periods)
{
    struct dd_stream_state state = good(S);
    state.heard_us = NOW - 5 * S + 1;
    ck_assert_int_eq(evaluate(&state).sender, DD_FRESHNESS_ALIVE);
    state.heard_us = NOW - 5 * S;
    struct dd_freshness f = evaluate(&state);
    ck_assert_int_eq(f.sender, DD_FRESHNESS_SILENT);
    ck_assert_str_eq(f.source, "unknown");
    ck_assert_int_eq(f.level, DD_FRESHNESS_LIVE);
    ck_assert_ptr_null(f.reason);
    state.status.period_ms = 4000;
    state.heard_us = NOW - 12 * S + 1;
    ck_assert_int_eq(evaluate(&state).sender, DD_FRESHNESS_ALIVE);
    state.heard_us = NOW - 12 * S;
    ck_assert_int_eq(evaluate(&state).sender, DD_FRESHNESS_SILENT);
}
END_TEST

START_TEST(a_delayed_path_is_not_live)
{
    struct dd_stream_state state = good(S);
    state.delay_us = 40 * S;
    state.frame_age_us = 40 * S;
    struct dd_freshness f = evaluate(&state);
    ck_assert_int_eq(f.sender, DD_FRESHNESS_DELAYED);
    ck_assert_int_eq(f.level, DD_FRESHNESS_STALLED);
    ck_assert_str_eq(f.reason, "sender delayed");
    ck_assert_double_eq_tol(f.seconds, 40.7, 1e-9);
}
END_TEST

START_TEST(the_reason_of_the_source_is_shown)
{
    static const struct {
        uint8_t source;
        uint16_t reason;
        const char *name, *words;
    } cases[] = {
        {DD_WIRE_SOURCE_STARTING, 0, "starting", "source starting"},
        {DD_WIRE_SOURCE_CONNECTING, 0, "connecting", "source connecting"},
        {DD_WIRE_SOURCE_FAILED, 0, "failed", "source failed"},
        {DD_WIRE_SOURCE_CONNECTING, DD_WIRE_REASON_CREDENTIALS, "connecting", NULL},
        {DD_WIRE_SOURCE_FAILED, DD_WIRE_REASON_UNREACHABLE, "failed", NULL},
        {DD_WIRE_SOURCE_OK, 0, "ok", "source gives no new picture"},
        {99, 0, "unknown", "source failed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dd_stream_state state = good(60 * S);
        state.status.source = cases[i].source;
        state.status.reason = cases[i].reason;
        state.status.age_ms = 60000;
        struct dd_freshness f = evaluate(&state);
        ck_assert_str_eq(f.source, cases[i].name);
        ck_assert_str_eq(f.reason, cases[i].words ? cases[i].words : dd_wire_reason_text(cases[i].reason));
    }
}
END_TEST

START_TEST(before_the_first_picture)
{
    struct dd_stream_state state = {
        .heard_us = NOW - 1, .status_us = NOW - 1, .status = {.source = DD_WIRE_SOURCE_OK, .period_ms = 1000}};
    struct dd_freshness f = evaluate(&state);
    ck_assert_int_eq(f.level, DD_FRESHNESS_STALE);
    ck_assert_str_eq(f.reason, "no picture yet");
    ck_assert_str_eq(f.source, "ok");
    ck_assert_uint_eq(f.frame, 0);
}
END_TEST

START_TEST(nonsense_makes_no_picture_young)
{
    struct dd_stream_state state = good(S);
    state.status.frame = 6;
    state.frame_age_us = UINT64_MAX;
    ck_assert_int_eq(evaluate(&state).level, DD_FRESHNESS_STALE);
    /* a time stamp ahead of now is age 0, not below */
    state = good(S);
    state.frame_us = state.status_us = state.heard_us = NOW + S;
    struct dd_freshness f = evaluate(&state);
    ck_assert_double_ge(f.seconds, 0);
    ck_assert_double_eq(f.seconds_since_frame, 0);
}
END_TEST

SUITE("recv/serve/freshness", no_datagram_ever_arrived, a_new_picture_is_live, an_unchanged_picture_is_as_old_as_status_says,
      a_status_of_another_frame_does_not_count, levels_change_at_their_limits, a_lost_newer_picture_stalls,
      a_sender_is_silent_after_three_periods, a_delayed_path_is_not_live, the_reason_of_the_source_is_shown,
      before_the_first_picture, nonsense_makes_no_picture_young)
