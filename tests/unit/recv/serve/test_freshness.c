#include "recv/serve/freshness.h"

#include <stdio.h>
#include <string.h>

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
        .status = {.source = DD_WIRE_SOURCE_OK,
                   .interval_ms = 1000,
                   .frame = 7,
                   .captured_us = 5 * S,
                   .age_ms = 200,
                   .period_ms = 1000},
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
    ck_assert_str_eq(f.reason, "waiting for the sender");
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
    /* nor does one of another run that uses the same number */
    state.status.frame = 7;
    state.status.captured_us = 6 * S;
    ck_assert_double_eq_tol(evaluate(&state).seconds, 100.1, 1e-9);
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
    ck_assert_str_eq(f.reason, "sender silent: nothing arrives at its port");
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

/* ---- every reason, and the documents ---- */

/* A stream whose sender was heard once, and is silent since. */
static struct dd_stream_state silent(void)
{
    struct dd_stream_state state = good(10 * S);
    state.listening_us = NOW - 100 * S;
    state.heard_us = state.status_us = NOW - 9 * S;
    return state;
}

/* The same, with what is refused since. */
static struct dd_stream_state refused(enum dd_stream_refusal refusal)
{
    struct dd_stream_state state = silent();
    state.refused_us[refusal] = NOW - S;
    return state;
}

/* A state of which this is the reason. */
static struct dd_stream_state state_of(enum dd_freshness_reason reason)
{
    struct dd_stream_state state = silent();
    switch (reason) {
    case DD_FRESHNESS_REASON_OLD_SESSION:
        return refused(DD_STREAM_REFUSAL_OLD_SESSION);
    case DD_FRESHNESS_REASON_AHEAD:
        return refused(DD_STREAM_REFUSAL_AHEAD);
    case DD_FRESHNESS_REASON_REPLAYED:
        return refused(DD_STREAM_REFUSAL_REPLAYED);
    case DD_FRESHNESS_REASON_REPLACED_KEY:
        return refused(DD_STREAM_REFUSAL_REPLACED_KEY);
    case DD_FRESHNESS_REASON_OTHER_PORT:
        return refused(DD_STREAM_REFUSAL_OTHER_PORT);
    case DD_FRESHNESS_REASON_FORGED:
        return refused(DD_STREAM_REFUSAL_FORGED);
    case DD_FRESHNESS_REASON_OTHER_KEY:
        state.socket.heard_us = state.socket.unknown_key_us = NOW - S;
        return state;
    case DD_FRESHNESS_REASON_OTHER_TRAFFIC:
        state.socket.heard_us = state.socket.foreign_us = NOW - S;
        return state;
    case DD_FRESHNESS_REASON_OTHER_STREAMS:
        state.socket.heard_us = NOW - S;
        return state;
    case DD_FRESHNESS_REASON_NOTHING_ARRIVES:
        return state;
    case DD_FRESHNESS_REASON_WAITING:
        return (struct dd_stream_state){.listening_us = NOW - S, .socket.heard_us = NOW - S / 2};
    default:
        break;
    }
    state = good(S);
    switch (reason) {
    case DD_FRESHNESS_REASON_CLOCKS_DRIFT:
        state.delay_used_up = true;
        break;
    case DD_FRESHNESS_REASON_CLOCK_SET:
        state.delay_us = 31 * S;
        state.delay_of_other_boot = true;
        break;
    case DD_FRESHNESS_REASON_DELAYED:
        state.delay_us = 31 * S;
        break;
    case DD_FRESHNESS_REASON_NOT_UNDERSTOOD:
        state.refused_us[DD_STREAM_REFUSAL_MALFORMED] = NOW - S;
        state.status_us = 0;
        break;
    case DD_FRESHNESS_REASON_SOURCE:
        state.status.reason = DD_WIRE_REASON_CREDENTIALS;
        state.status.source = DD_WIRE_SOURCE_FAILED;
        break;
    case DD_FRESHNESS_REASON_SOURCE_STARTING:
        state.status.source = DD_WIRE_SOURCE_STARTING;
        break;
    case DD_FRESHNESS_REASON_SOURCE_CONNECTING:
        state.status.source = DD_WIRE_SOURCE_CONNECTING;
        break;
    case DD_FRESHNESS_REASON_SOURCE_FAILED:
        state.status.source = DD_WIRE_SOURCE_FAILED;
        break;
    case DD_FRESHNESS_REASON_NEWER_REFUSED:
        state.refused_us[DD_STREAM_REFUSAL_PICTURE] = NOW - S;
        state.newer_announced_us = NOW - 2 * S;
        break;
    case DD_FRESHNESS_REASON_NEWER_LOST:
        state.newer_announced_us = NOW - 2 * S;
        break;
    case DD_FRESHNESS_REASON_NO_NEW_PICTURE:
        state.frame_age_us = 60 * S;
        state.status.age_ms = 60000;
        break;
    case DD_FRESHNESS_REASON_NO_PICTURE:
        state.frame = state.status.frame = 0;
        break;
    default:
        break;
    }
    return state;
}

static const char *words_of(enum dd_freshness_reason reason)
{
    return reason == DD_FRESHNESS_REASON_SOURCE ? dd_wire_reason_text(DD_WIRE_REASON_CREDENTIALS)
                                                : dd_freshness_reason_text(reason);
}

START_TEST(each_cause_has_its_reason)
{
    for (enum dd_freshness_reason reason = DD_FRESHNESS_REASON_NONE; reason < DD_FRESHNESS_REASONS; reason++) {
        struct dd_stream_state state = state_of(reason);
        struct dd_freshness f = evaluate(&state);
        if (reason == DD_FRESHNESS_REASON_NONE) {
            ck_assert_ptr_null(f.reason);
            continue;
        }
        ck_assert_ptr_nonnull(f.reason);
        ck_assert_str_eq(f.reason, words_of(reason));
        ck_assert((f.sender == DD_FRESHNESS_SILENT) == (reason < DD_FRESHNESS_REASON_CLOCKS_DRIFT));
    }
}
END_TEST

/* What is known is said at once. The picture stays live as long as it is young enough. */
START_TEST(a_live_picture_has_the_reason_of_known_trouble)
{
    static const enum dd_freshness_reason known[] = {
        DD_FRESHNESS_REASON_OLD_SESSION,       DD_FRESHNESS_REASON_OTHER_PORT,   DD_FRESHNESS_REASON_NOTHING_ARRIVES,
        DD_FRESHNESS_REASON_NOT_UNDERSTOOD,    DD_FRESHNESS_REASON_SOURCE,       DD_FRESHNESS_REASON_SOURCE_STARTING,
        DD_FRESHNESS_REASON_SOURCE_CONNECTING, DD_FRESHNESS_REASON_SOURCE_FAILED};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct dd_stream_state state = state_of(known[i]);
        struct dd_freshness f = evaluate(&state);
        ck_assert_int_eq(f.level, DD_FRESHNESS_LIVE);
        ck_assert_str_eq(f.reason, words_of(known[i]));
    }
}
END_TEST

/* Whoever records datagrams can send them again: that must not make a healthy stream look troubled. */
START_TEST(refusals_beside_a_healthy_sender_are_no_trouble)
{
    struct dd_stream_state state = good(S);
    for (size_t i = 0; i < DD_STREAM_REFUSALS; i++)
        state.refused_us[i] = NOW;
    state.socket = (struct dd_socket_counters){.heard_us = NOW, .foreign_us = NOW, .unknown_key_us = NOW};
    struct dd_freshness f = evaluate(&state);
    ck_assert_int_eq(f.level, DD_FRESHNESS_LIVE);
    ck_assert_ptr_null(f.reason);
}
END_TEST

START_TEST(an_old_refusal_does_not_explain_a_silence)
{
    struct dd_stream_state state = refused(DD_STREAM_REFUSAL_OLD_SESSION);
    state.refused_us[DD_STREAM_REFUSAL_OLD_SESSION] = NOW - 5 * S;
    ck_assert_str_eq(evaluate(&state).reason, "sender silent: nothing arrives at its port");
    state.refused_us[DD_STREAM_REFUSAL_OLD_SESSION] = NOW - 5 * S + 1;
    ck_assert_str_eq(evaluate(&state).reason, "sessions refused as old");
}
END_TEST

/* The text between two headings of a document. free() it. */
static char *read_part(const char *path, const char *from, const char *to)
{
    static char text[1 << 17];
    char name[512];
    snprintf(name, sizeof name, "%s/%s", DD_SOURCE_DIR, path);
    FILE *file = fopen(name, "r");
    ck_assert_msg(file != NULL, "%s", name);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    char *begin = strstr(text, from), *end = begin ? strstr(begin + strlen(from), to) : NULL;
    ck_assert_msg(begin && end, "%s has no \"%s\" before \"%s\"", path, from, to);
    return strndup(begin, (size_t)(end - begin));
}

/* True if the table in text has a row with these words in backticks in its column: the first is 0. */
static bool has_row(const char *text, unsigned column, const char *words)
{
    char cell[128];
    snprintf(cell, sizeof cell, "`%s`", words);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        const char *at = line += *line == '\n';
        for (unsigned i = 0; i <= column && at && *at == '|'; i++)
            at = i < column ? strchr(at + 1, '|') : at;
        const char *end = at && *at == '|' ? strchr(at + 1, '|') : NULL;
        const char *found = end ? strstr(at, cell) : NULL;
        if (found && found < end)
            return true;
    }
    return false;
}

/* How many rows the first table in text has. */
static size_t count_rows(const char *text)
{
    size_t count = 0;
    for (const char *line = strstr(text, "\n|--"); line && (line = strchr(line + 1, '\n')) && line[1] == '|';)
        count++;
    return count;
}

/* Every reason has its row in the protocol, and no row is of a reason that is gone; and users find each of them explained. */
START_TEST(the_documents_have_every_reason)
{
    char *reasons = read_part("docs/protocol.md", "### Reasons\n", "\n#");
    char *sources = read_part("docs/protocol.md", "### STATUS\n", "\n## ");
    char *help = read_part("docs/troubleshooting.md", "# Troubleshooting\n", "\n## Checks");
    size_t count = 0;
    for (enum dd_freshness_reason reason = DD_FRESHNESS_REASON_NONE + 1; reason < DD_FRESHNESS_REASONS; reason++) {
        const char *words = dd_freshness_reason_text(reason);
        count++;
        if (!words) /* the row of all that the source states */
            continue;
        ck_assert_msg(has_row(reasons, 1, words), "docs/protocol.md: no reason \"%s\"", words);
        ck_assert_msg(has_row(help, 0, words), "docs/troubleshooting.md: no row \"%s\"", words);
    }
    ck_assert_uint_eq(count_rows(reasons), count);
    for (unsigned number = 1; number < 100; number++) {
        const char *words = dd_wire_reason_text(number);
        char row[128];
        snprintf(row, sizeof row, "| %s |\n", words);
        bool is_known = strcmp(words, dd_wire_reason_text(UINT16_MAX)) != 0;
        ck_assert_msg(!is_known || strstr(sources, row), "docs/protocol.md: STATUS has no reason \"%s\"", words);
        ck_assert_msg(has_row(help, 0, words), "docs/troubleshooting.md: no row \"%s\"", words);
    }
    free(help);
    free(sources);
    free(reasons);
}
END_TEST

SUITE("recv/serve/freshness", no_datagram_ever_arrived, a_new_picture_is_live, an_unchanged_picture_is_as_old_as_status_says,
      a_status_of_another_frame_does_not_count, levels_change_at_their_limits, a_lost_newer_picture_stalls,
      a_sender_is_silent_after_three_periods, a_delayed_path_is_not_live, the_reason_of_the_source_is_shown,
      before_the_first_picture, nonsense_makes_no_picture_young, each_cause_has_its_reason,
      a_live_picture_has_the_reason_of_known_trouble, refusals_beside_a_healthy_sender_are_no_trouble,
      an_old_refusal_does_not_explain_a_silence, the_documents_have_every_reason)
