#include "recv/intake/stream_state_tracker.h"

#include "dd/base/clock.h"
#include "dd/link/reassembly.h"
#include "dd/link/wire.h"
#include "recv/intake/delay.h"
#include "recv/stream_state.h"
#include "suite.h"

enum { FIRST = 1, SECOND = 2, THIRD = 3 };
#define S UINT64_C(1000000)
#define HOUR (3600 * S)

static const struct dd_socket_counters no_socket;
static struct dd_delay delay = {.limit_us = 5 * S};
static struct dd_stream_state_tracker *tracker;

static void set_up(void)
{
    dd_delay_forget(&delay);
    tracker = dd_stream_state_tracker_new(&delay, S);
    ck_assert_ptr_nonnull(tracker);
    dd_stream_state_tracker_begin_session(tracker, FIRST);
}

static void tear_down(void)
{
    dd_stream_state_tracker_free(tracker);
    dd_stream_state_tracker_free(NULL);
}

static const struct dd_stream_state *state(void)
{
    return dd_stream_state_tracker_state(tracker);
}

/* Both clocks agree, and the path takes no time. */
static bool set_status(uint64_t session, uint64_t counter, uint64_t now_us, const struct dd_wire_status *like)
{
    struct dd_wire_status status = *like;
    status.sent_us = now_us;
    return dd_stream_state_tracker_set_status(
        tracker, &(struct dd_stream_state_tracker_status){
                     .status = &status, .session = session, .counter = counter, .heard_from_start = false, .now_us = now_us});
}

static bool name_frame(uint64_t session, uint64_t counter, uint64_t frame, uint64_t now_us)
{
    return set_status(session, counter, now_us, &(struct dd_wire_status){.frame = frame, .age_ms = 500});
}

static void set_frame(uint64_t session, uint64_t number, uint64_t now_us)
{
    dd_stream_state_tracker_set_frame(
        tracker, &(struct dd_reassembly_frame){.session = session, .number = number, .captured_us = now_us}, now_us);
}

START_TEST(an_older_session_counts_in_the_total_only)
{
    set_up();
    dd_stream_state_tracker_add_datagram(tracker, FIRST, 100, 3, S);
    dd_stream_state_tracker_begin_session(tracker, SECOND);
    dd_stream_state_tracker_add_datagram(tracker, FIRST, 10, 1, 2 * S);
    dd_stream_state_tracker_add_datagram(tracker, SECOND, 1, 2, 3 * S);
    dd_stream_state_tracker_add_sent(tracker, SECOND, 5);
    const struct dd_stream_state *s = state();
    ck_assert_uint_eq(s->total.datagrams_sent, 11);
    ck_assert_uint_eq(s->total.datagrams_received, 3);
    ck_assert_uint_eq(s->total.datagrams_lost, 8);
    ck_assert_uint_eq(s->total.bytes_received, 111);
    ck_assert_uint_eq(s->session.datagrams_sent, 7);
    ck_assert_uint_eq(s->session.datagrams_received, 1);
    ck_assert_uint_eq(s->session.datagrams_lost, 6);
    ck_assert_uint_eq(s->heard_us, 3 * S);
    tear_down();
}
END_TEST

START_TEST(each_kind_of_refusal_has_its_counter)
{
    set_up();
    for (int i = 0; i < 3; i++)
        dd_stream_state_tracker_count_refused(tracker, DD_UNSEAL_SESSION);
    for (int i = 0; i < 2; i++)
        dd_stream_state_tracker_count_refused(tracker, DD_UNSEAL_REPLAY);
    dd_stream_state_tracker_count_refused(tracker, DD_UNSEAL_FORGED);
    dd_stream_state_tracker_count_malformed(tracker, FIRST);
    dd_stream_state_tracker_count_bad_frame(tracker, FIRST);
    const struct dd_stream_state *s = state();
    ck_assert(s->session.refused_session == 3 && s->session.refused_replay == 2 && s->session.refused_forged == 1);
    ck_assert(s->session.refused_malformed == 1 && s->session.frames_bad == 1);
    ck_assert_mem_eq(&s->session, &s->total, sizeof s->total);
    tear_down();
}
END_TEST

START_TEST(reassembly_counters_are_added_once)
{
    struct dd_reassembly_counters counters = {.incomplete = 2, .late = 1, .recovered = 7};
    set_up();
    dd_stream_state_tracker_count_reassembly(tracker, FIRST, &counters);
    dd_stream_state_tracker_count_reassembly(tracker, FIRST, &counters);
    counters.incomplete = 5;
    dd_stream_state_tracker_count_reassembly(tracker, FIRST, &counters);
    ck_assert(state()->total.frames_incomplete == 5 && state()->total.frames_late == 1);
    ck_assert_uint_eq(state()->total.datagrams_recovered, 7);
    tear_down();
}
END_TEST

START_TEST(a_status_counts_if_it_is_newer)
{
    set_up();
    ck_assert(name_frame(FIRST, 5, 1, S));
    ck_assert(!name_frame(FIRST, 5, 2, S));
    ck_assert(!name_frame(FIRST, 4, 2, S));
    ck_assert(name_frame(FIRST, 6, 3, S));
    ck_assert(name_frame(SECOND, 0, 4, S));
    ck_assert(!name_frame(FIRST, 99, 5, S));
    ck_assert_uint_eq(state()->status.frame, 4);
    tear_down();
}
END_TEST

START_TEST(a_status_from_before_the_restart_is_old)
{
    set_up();
    dd_stream_state_tracker_restore(tracker, SECOND, 5);
    ck_assert(!name_frame(FIRST, 9, 1, S));
    ck_assert(!name_frame(SECOND, 5, 1, S));
    ck_assert(set_status(SECOND, 6, S, &(struct dd_wire_status){.frames_skipped = 50}));
    ck_assert_uint_eq(state()->total.frames_skipped, 0); /* the process before may have counted them */
    tear_down();
}
END_TEST

START_TEST(skipped_frames_count_from_the_first_status)
{
    set_up();
    set_status(FIRST, 1, S, &(struct dd_wire_status){.frames_skipped = 100}); /* before the receiver was there */
    ck_assert_uint_eq(state()->total.frames_skipped, 0);
    set_status(FIRST, 2, S, &(struct dd_wire_status){.frames_skipped = 103});
    set_status(FIRST, 3, S, &(struct dd_wire_status){.frames_skipped = 103});
    set_status(FIRST, 4, S, &(struct dd_wire_status){.frames_skipped = 90}); /* nonsense */
    ck_assert_uint_eq(state()->total.frames_skipped, 3);
    dd_stream_state_tracker_begin_session(tracker, SECOND);
    const struct dd_wire_status status = {.frames_skipped = 4, .sent_us = S};
    dd_stream_state_tracker_set_status(tracker, &(struct dd_stream_state_tracker_status){
                                                    .status = &status, .session = SECOND, .heard_from_start = true, .now_us = S});
    ck_assert_uint_eq(state()->session.frames_skipped, 4);
    ck_assert_uint_eq(state()->total.frames_skipped, 7);
    tear_down();
}
END_TEST

START_TEST(a_status_confirms_its_frame_whichever_comes_first)
{
    set_up();
    name_frame(FIRST, 1, 7, S);
    ck_assert_uint_eq(state()->newer_announced_us, S);
    name_frame(FIRST, 2, 7, 2 * S);
    ck_assert_uint_eq(state()->newer_announced_us, S); /* since when, not when last */
    set_frame(FIRST, 7, 3 * S);
    ck_assert_uint_eq(state()->newer_announced_us, 0);
    ck_assert_uint_eq(state()->confirmed_us, 2 * S);
    ck_assert_uint_eq(state()->confirmed_age_us, S / 2);
    name_frame(FIRST, 3, 7, 4 * S);
    ck_assert_uint_eq(state()->confirmed_us, 4 * S);
    name_frame(FIRST, 4, 8, 5 * S); /* says nothing new of frame 7 */
    ck_assert_uint_eq(state()->confirmed_us, 4 * S);
    ck_assert_uint_eq(state()->newer_announced_us, 5 * S);
    set_frame(FIRST, 9, 6 * S); /* not named yet */
    ck_assert_uint_eq(state()->confirmed_us, 0);
    ck_assert_uint_eq(state()->newer_announced_us, 0);
    tear_down();
}
END_TEST

START_TEST(the_frame_of_a_newer_session_is_newer)
{
    set_up();
    set_frame(FIRST, 7, S);
    name_frame(FIRST, 1, 7, S);
    name_frame(SECOND, 0, 7, 2 * S); /* by its number it is shown, but it may be another one */
    ck_assert_uint_eq(state()->newer_announced_us, 2 * S);
    ck_assert_uint_eq(state()->confirmed_us, S);
    const struct dd_reassembly_frame refresh = {.session = SECOND, .number = 7, .captured_us = S};
    ck_assert(dd_stream_state_tracker_is_shown(tracker, &refresh));
    dd_stream_state_tracker_set_frame(tracker, &refresh, 3 * S);
    ck_assert_uint_eq(state()->newer_announced_us, 0);
    ck_assert_uint_eq(state()->frame_us, S);
    ck_assert_uint_eq(state()->confirmed_us, 2 * S);
    ck_assert_uint_eq(state()->total.frames_complete, 1);
    /* another run, whose clock was set back */
    name_frame(THIRD, 0, 7, 4 * S);
    ck_assert_uint_eq(state()->confirmed_us, 2 * S);
    set_frame(THIRD, 7, 5 * S);
    ck_assert_uint_eq(state()->frame_us, 5 * S);
    ck_assert_uint_eq(state()->confirmed_us, 4 * S);
    ck_assert_uint_eq(state()->total.frames_complete, 2);
    tear_down();
}
END_TEST

START_TEST(a_status_of_an_older_session_confirms_nothing)
{
    set_up();
    set_frame(SECOND, 7, S);
    ck_assert(name_frame(FIRST, 1, 7, S));
    ck_assert_uint_eq(state()->confirmed_us, 0);
    ck_assert_uint_eq(state()->newer_announced_us, 0);
    tear_down();
}
END_TEST

START_TEST(a_delay_makes_frame_and_status_older)
{
    const struct dd_wire_status status = {.frame = 7, .age_ms = 500, .sent_us = 2 * S};
    set_up();
    name_frame(FIRST, 1, 6, S);
    dd_stream_state_tracker_set_frame(tracker, &(struct dd_reassembly_frame){.session = FIRST, .number = 7, .captured_us = 2 * S},
                                      4 * S);
    dd_stream_state_tracker_set_status(
        tracker, &(struct dd_stream_state_tracker_status){.status = &status, .session = FIRST, .counter = 2, .now_us = 5 * S});
    const struct dd_stream_state *s = state();
    ck_assert(s->frame_age_us <= 2 * S && s->frame_age_us > 2 * S - 1000); /* less the allowance for drift */
    ck_assert(s->delay_us <= 3 * S && s->delay_us > 3 * S - 1000);
    ck_assert_uint_eq(s->confirmed_age_us, s->delay_us + S / 2);
    tear_down();
}
END_TEST

/* A STATUS of a run whose clock was set: it says so by its epoch. */
static void set_clock(uint64_t session, uint64_t epoch_us, uint64_t now_us)
{
    const struct dd_wire_status status = {.sent_us = epoch_us + now_us, .epoch_us = epoch_us, .boot_tag = 1};
    dd_stream_state_tracker_set_status(
        tracker, &(struct dd_stream_state_tracker_status){.status = &status, .session = session, .now_us = now_us});
}

static void set_frame_captured(uint64_t session, uint64_t number, uint64_t captured_us, uint64_t now_us)
{
    dd_stream_state_tracker_set_frame(
        tracker, &(struct dd_reassembly_frame){.session = session, .number = number, .captured_us = captured_us}, now_us);
}

/* Until its STATUS has come, a session may be of a clock that was set. An attacker who lets no STATUS through gains nothing. */
START_TEST(a_frame_before_its_first_status_is_as_old_as_the_status_before)
{
    set_up();
    set_clock(FIRST, 100 * S, 10 * S);
    dd_stream_state_tracker_begin_session(tracker, SECOND);
    /* the clock was set an hour ahead: by the old one it would be captured in an hour */
    set_frame_captured(SECOND, 7, HOUR + 100 * S + 20 * S, 21 * S);
    ck_assert_uint_eq(state()->frame_age_us, 11 * S);
    set_frame_captured(SECOND, 8, HOUR + 100 * S + 20 * S, 60 * S);
    ck_assert_uint_eq(state()->frame_age_us, 50 * S);
    set_clock(SECOND, HOUR + 100 * S, 60 * S);
    ck_assert(state()->frame_age_us <= 40 * S && state()->frame_age_us > 39 * S);
    set_frame_captured(SECOND, 9, HOUR + 100 * S + 60 * S, 61 * S);
    ck_assert(state()->frame_age_us <= 1 * S && state()->frame_age_us > S - S / 100);
    tear_down();
}
END_TEST

/* The whole session was held back, and then all of it but its STATUS is let through. */
START_TEST(a_session_that_was_held_back_is_not_young)
{
    set_up();
    set_clock(FIRST, 100 * S, 10 * S);
    dd_stream_state_tracker_begin_session(tracker, SECOND);
    dd_stream_state_tracker_add_datagram(tracker, SECOND, 1, 1, HOUR);
    set_frame_captured(SECOND, 7, HOUR + 100 * S + 20 * S, HOUR);
    ck_assert_uint_eq(state()->frame_age_us, HOUR - 10 * S);
    tear_down();
}
END_TEST

/* A frame of the session before, after the first STATUS of the newest one: each counts by its own clock. */
START_TEST(a_frame_of_the_session_before_goes_by_its_own_clock)
{
    set_up();
    set_clock(FIRST, 2 * HOUR, 10 * S);
    dd_stream_state_tracker_begin_session(tracker, SECOND);
    set_clock(SECOND, HOUR, HOUR);
    set_frame_captured(FIRST, 7, 2 * HOUR + 20 * S, HOUR + 2 * S);
    ck_assert(state()->frame_age_us <= HOUR && state()->frame_age_us > HOUR - 20 * S);
    /* of the one before that nothing is known */
    dd_stream_state_tracker_begin_session(tracker, THIRD);
    set_clock(THIRD, 0, HOUR + 3 * S);
    set_frame_captured(FIRST, 8, 2 * HOUR + 20 * S, HOUR + 4 * S);
    ck_assert(state()->frame_age_us >= HOUR);
    tear_down();
}
END_TEST

/* The same after a restart of intake, in the same session. */
START_TEST(a_restart_does_not_make_a_frame_younger)
{
    set_up();
    set_clock(FIRST, 100 * S, 10 * S);
    dd_stream_state_tracker_free(tracker);
    tracker = dd_stream_state_tracker_new(&delay, S);
    dd_stream_state_tracker_restore(tracker, SECOND, 0);
    dd_stream_state_tracker_add_datagram(tracker, SECOND, 1, 1, 20 * S);
    set_frame_captured(SECOND, 7, HOUR + 100 * S + 20 * S, 60 * S);
    ck_assert_uint_eq(state()->frame_age_us, 59 * S); /* it has listened since 1 s */
    const struct dd_wire_status status = {.sent_us = HOUR + 160 * S, .epoch_us = HOUR + 100 * S, .boot_tag = 1};
    ck_assert(dd_stream_state_tracker_set_status(
        tracker, &(struct dd_stream_state_tracker_status){.status = &status, .session = SECOND, .counter = 9, .now_us = 61 * S}));
    ck_assert(state()->frame_age_us <= 40 * S && state()->frame_age_us > 39 * S);
    tear_down();
}
END_TEST

/* The clock was set back: by the old one the frame looks old, which its STATUS corrects. */
START_TEST(the_first_status_corrects_the_age_of_its_frame)
{
    set_up();
    set_clock(FIRST, HOUR, 10 * S);
    dd_stream_state_tracker_begin_session(tracker, SECOND);
    dd_stream_state_tracker_add_datagram(tracker, SECOND, 1, 1, 20 * S);
    set_frame_captured(SECOND, 7, 20 * S, 20 * S);
    ck_assert_uint_gt(state()->frame_age_us, 3599 * S);
    set_clock(SECOND, 0, 21 * S);
    ck_assert_uint_eq(state()->frame_age_us, 0);
    ck_assert(!state()->delay_of_other_boot && !state()->delay_used_up);
    tear_down();
}
END_TEST

START_TEST(says_why_the_delay_is_long)
{
    set_up();
    set_clock(FIRST, 0, 10 * S);
    ck_assert_uint_eq(state()->delay_rise_limit_us, 5 * S);
    /* another boot, and its clock is a minute behind */
    struct dd_wire_status status = {.sent_us = 0, .boot_tag = 2};
    struct dd_stream_state_tracker_status arrived = {.status = &status, .session = FIRST, .counter = 1, .now_us = 60 * S};
    dd_stream_state_tracker_set_status(tracker, &arrived);
    ck_assert(state()->delay_of_other_boot && !state()->delay_used_up && state()->delay_us > 59 * S);
    /* a day later 100 ppm have used up the rise */
    status = (struct dd_wire_status){.sent_us = 86400 * UINT64_C(1000000), .boot_tag = 1};
    arrived.counter = 2;
    arrived.now_us = status.sent_us + 6 * S;
    dd_stream_state_tracker_set_status(tracker, &arrived);
    ck_assert(!state()->delay_of_other_boot && state()->delay_used_up);
    ck_assert_uint_eq(state()->delay_us, 1 * S);
    ck_assert_uint_eq(state()->delay_rise_us, 5 * S);
    tear_down();
}
END_TEST

START_TEST(only_changes_are_returned)
{
    const struct dd_socket_counters dropped = {.kernel_drops = 1};
    set_up();
    ck_assert_ptr_nonnull(dd_stream_state_tracker_changes(tracker, &no_socket));
    ck_assert_ptr_null(dd_stream_state_tracker_changes(tracker, &no_socket));
    const struct dd_stream_state *s = dd_stream_state_tracker_changes(tracker, &dropped);
    ck_assert_ptr_nonnull(s);
    ck_assert_uint_eq(s->socket.kernel_drops, 1);
    ck_assert_ptr_null(dd_stream_state_tracker_changes(tracker, &dropped));
    dd_stream_state_tracker_count_reassembly(tracker, FIRST, &(struct dd_reassembly_counters){0});
    ck_assert_ptr_null(dd_stream_state_tracker_changes(tracker, &dropped));
    dd_stream_state_tracker_count_refused(tracker, DD_UNSEAL_FORGED);
    ck_assert_ptr_nonnull(dd_stream_state_tracker_changes(tracker, &dropped));
    name_frame(FIRST, 1, 7, S);
    ck_assert_ptr_nonnull(dd_stream_state_tracker_changes(tracker, &dropped));
    set_frame(FIRST, 7, S);
    ck_assert_ptr_nonnull(dd_stream_state_tracker_changes(tracker, &dropped));
    tear_down();
}
END_TEST

SUITE("recv/intake/stream_state_tracker", an_older_session_counts_in_the_total_only, each_kind_of_refusal_has_its_counter,
      reassembly_counters_are_added_once, a_status_counts_if_it_is_newer, a_status_from_before_the_restart_is_old,
      skipped_frames_count_from_the_first_status, a_status_confirms_its_frame_whichever_comes_first,
      the_frame_of_a_newer_session_is_newer, a_status_of_an_older_session_confirms_nothing, a_delay_makes_frame_and_status_older,
      a_frame_before_its_first_status_is_as_old_as_the_status_before, a_session_that_was_held_back_is_not_young,
      a_frame_of_the_session_before_goes_by_its_own_clock, the_first_status_corrects_the_age_of_its_frame,
      a_restart_does_not_make_a_frame_younger, says_why_the_delay_is_long, only_changes_are_returned)
