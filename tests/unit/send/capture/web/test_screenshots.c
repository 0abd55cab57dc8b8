/* Screenshots of a page in mode SCREENSHOT: at a long interval, or of an element. */
#include "send/capture/web/screenshots.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/json.h"
#include "page_fixture.h"

START_TEST(a_screenshot_waits_until_it_is_due_and_the_page_changed)
{
    fixture_set_options(2000);
    fixture_open();
    uint64_t due_us = fixture_in_ms(100);
    ck_assert_int_eq(fixture_next(due_us), DD_SCREENSHOTS_NOTHING);
    EXPECT_NO_COMMAND();
    ck_assert_uint_eq(dd_screenshots_wake_us(fixture.screenshots, due_us), due_us);
    fixture_pass_ms(100);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    ck_assert_str_eq(dd_json_string(fixture_param("format")), "jpeg");
    fixture_frame("small", 0);
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    due_us = fixture_in_ms(2000);
    ck_assert_int_eq(fixture_next(due_us), DD_SCREENSHOTS_NOTHING);
    EXPECT_NO_COMMAND();
    ck_assert_uint_eq(dd_screenshots_wake_us(fixture.screenshots, due_us), due_us);
    fixture_pass_ms(2000);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_answer_value("0");
    EXPECT_NEXT(DD_SCREENSHOTS_SAME);
    /* of changes, one word is enough until the next picture */
    fixture_frame("small", 0);
    EXPECT_COMMAND("Page.stopScreencast");
    fixture_frame("small", 0);
    EXPECT_NO_COMMAND();
    due_us = fixture_in_ms(2000);
    ck_assert_int_eq(fixture_next(due_us), DD_SCREENSHOTS_NOTHING);
    EXPECT_NO_COMMAND();
    ck_assert_uint_eq(dd_screenshots_wake_us(fixture.screenshots, due_us), due_us);
    fixture_pass_ms(2000);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    EXPECT_COMMAND_AFTER(500, "Page.captureScreenshot");
    fixture_answer_picture(fixture_dark);
    ck_assert_int_eq(fixture_next(fixture_in_ms(1)), DD_SCREENSHOTS_NOTHING);
    EXPECT_DARK();
    fixture_close();
}
END_TEST

START_TEST(a_change_during_one_calls_for_another)
{
    fixture_set_options(2000);
    fixture_open_to_screenshot();
    fixture_frame("small", 0);
    fixture_frame("other", 0);
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    fixture_pass_ms(2000);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_close();
}
END_TEST

START_TEST(the_silence_of_the_browser_is_trusted_for_30_s)
{
    fixture_set_options(2000);
    fixture_open_to_screenshot();
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    fixture_pass_ms(29999);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_answer_value("0");
    EXPECT_NEXT(DD_SCREENSHOTS_SAME);
    ck_assert_uint_eq(fixture_wake_us(), fixture_in_ms(1));
    fixture_pass_ms(1);
    ck_assert_int_eq(fixture_next(fixture_in_ms(1)), DD_SCREENSHOTS_NOTHING); /* it is not due */
    EXPECT_NO_COMMAND();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_close();
}
END_TEST

START_TEST(one_that_cannot_be_kept_is_taken_again_later)
{
    fixture_set_options(2000);
    fixture_open_to_screenshot();
    fixture.no_memory = true;
    fixture_answer_picture(fixture_white);
    fixture.no_memory = false;
    EXPECT_COMMAND_AFTER(200, "Page.captureScreenshot");
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    fixture_close();
}
END_TEST

START_TEST(a_page_is_frozen_between_pictures)
{
    fixture_set_options(5000);
    fixture.options.pause_browser = true;
    fixture_open_to_screenshot();
    ck_assert_int_eq(fixture_next(fixture_in_ms(5000)), DD_SCREENSHOTS_NOTHING); /* not while something is under way */
    EXPECT_NO_COMMAND();
    fixture_answer_picture(fixture_white);
    ck_assert_int_eq(fixture_next(fixture_in_ms(5000)), DD_SCREENSHOTS_NOTHING); /* nor before the picture was delivered */
    EXPECT_NO_COMMAND();
    EXPECT_WHITE();
    uint64_t due_us = fixture_in_ms(5000);
    ck_assert_int_eq(fixture_next(due_us), DD_SCREENSHOTS_NOTHING);
    EXPECT_COMMAND("Emulation.setFocusEmulationEnabled");
    EXPECT_COMMAND("Page.setWebLifecycleState");
    ck_assert_str_eq(dd_json_string(fixture_param("state")), "frozen");
    EXPECT_COMMAND("Page.stopScreencast");
    ck_assert_uint_eq(dd_screenshots_wake_us(fixture.screenshots, due_us), due_us - DD_CLOCK_US_PER_S);
    fixture_frame("small", 0);
    fixture_pass_ms(3999);
    ck_assert_int_eq(fixture_next(due_us), DD_SCREENSHOTS_NOTHING);
    EXPECT_NO_COMMAND();
    fixture_pass_ms(1);
    ck_assert_int_eq(fixture_next(due_us), DD_SCREENSHOTS_NOTHING);
    EXPECT_COMMAND("Emulation.setFocusEmulationEnabled");
    EXPECT_COMMAND("Page.setWebLifecycleState");
    ck_assert_str_eq(dd_json_string(fixture_param("state")), "active");
    EXPECT_NO_COMMAND();
    ck_assert_uint_eq(dd_screenshots_wake_us(fixture.screenshots, due_us), due_us);
    fixture_pass_ms(1000);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_close();
}
END_TEST

/* ---- elements ---- */

#define BOX(x, width) "[" #x ",0," #x ",0," #width ",1,800,600]"

/* As it is asked for before a picture, which may scroll the page, and after it. */
#define EXPECT_MEASUREMENT(before)                                                                                               \
    do {                                                                                                                         \
        EXPECT_COMMAND("Runtime.evaluate");                                                                                      \
        ck_assert(fixture_expression_has("[\"#e\"," #before "]"));                                                               \
    } while (0)

/* The element is being measured. */
static void open_to_measurement(int64_t interval_ms)
{
    fixture_set_options(interval_ms);
    snprintf(fixture.options.web_capture_element, sizeof fixture.options.web_capture_element, "#e");
    fixture_open();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    ck_assert_str_eq(dd_json_string(fixture_param("format")), "jpeg");
    fixture_frame("small", 0);
    EXPECT_MEASUREMENT(true);
    fixture_pass_ms(500);
}

START_TEST(an_element_is_cut_out_where_it_was_before_and_after)
{
    open_to_measurement(200);
    fixture_answer_value(BOX(1, 1));
    EXPECT_COMMAND("Page.captureScreenshot");
    ck_assert_ptr_null(fixture_param("clip"));
    fixture_answer_picture(fixture_white);
    EXPECT_MEASUREMENT(false);
    EXPECT_NOTHING();
    fixture_answer_value(BOX(1, 1));
    EXPECT_WHITE();
    ck_assert_int_eq(fixture.picture.width, 1);
    ck_assert_int_eq(fixture.picture.height, 1);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_answer_value("0");
    EXPECT_NEXT(DD_SCREENSHOTS_SAME);
    /* at short intervals the screencast goes on after a change */
    fixture_frame("small", 0);
    EXPECT_NO_COMMAND();
    EXPECT_NOTHING();
    EXPECT_MEASUREMENT(true);
    fixture_answer_value(BOX(1, 1));
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_answer_picture(fixture_dark);
    EXPECT_MEASUREMENT(false);
    /* it moved away: the picture is dropped, and another one taken at once */
    fixture_answer_value(BOX(0, 1));
    EXPECT_NOTHING();
    EXPECT_MEASUREMENT(true);
    fixture_answer_value(BOX(0, 1));
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_answer_picture(fixture_dark);
    EXPECT_MEASUREMENT(false);
    fixture_answer_value(BOX(0, 1));
    EXPECT_DARK();
    fixture_close();
}
END_TEST

START_TEST(an_element_that_cannot_be_measured_is_tried_again_later)
{
    open_to_measurement(2000);
    fixture_refuse();
    EXPECT_COMMAND_AFTER(200, "Runtime.evaluate");
    fixture_answer_value(BOX(0, 1));
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_answer_picture(fixture_dark);
    EXPECT_MEASUREMENT(false);
    fixture_refuse();
    EXPECT_COMMAND_AFTER(200, "Runtime.evaluate");
    fixture_close();
}
END_TEST

START_TEST(an_element_of_the_document_before_is_not_captured)
{
    open_to_measurement(2000);
    int64_t measurement = fixture.command_id;
    fixture_navigate("L2");
    fixture_answer_to(measurement, "{\"result\":{\"value\":" BOX(0, 1) "}}");
    EXPECT_NO_COMMAND();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_frame("small", 0);
    EXPECT_MEASUREMENT(true);
    measurement = fixture.command_id;
    fixture_navigate("L3");
    EXPECT_NOTHING();
    fixture_answer_to(measurement, "{\"result\":{\"value\":" BOX(0, 1) "}}");
    EXPECT_NO_COMMAND();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_close();
}
END_TEST

START_TEST(without_memory_nothing_beside_the_element_is_shown)
{
    open_to_measurement(2000);
    fixture_refuse();
    fixture.no_scripts = true;
    fixture_pass_ms(200);
    EXPECT_NOTHING(); /* it cannot be measured before a picture */
    EXPECT_NO_COMMAND();
    fixture.no_scripts = false;
    EXPECT_COMMAND_AFTER(200, "Runtime.evaluate");
    fixture_answer_value(BOX(0, 1));
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture.no_scripts = true;
    fixture_answer_picture(fixture_dark);
    fixture.no_scripts = false;
    EXPECT_COMMAND_AFTER(200, "Runtime.evaluate"); /* nor after it */
    fixture_close();
}
END_TEST

START_TEST(the_page_is_shown_where_there_is_no_element)
{
    open_to_measurement(2000);
    fixture_answer_value("null");
    EXPECT_COMMAND("Page.captureScreenshot");
    ck_assert_ptr_null(fixture_param("clip"));
    fixture_answer_picture(fixture_dark);
    EXPECT_DARK();
    ck_assert_int_eq(fixture.picture.width, 2);
    fixture_close();
}
END_TEST

/* A picture of an element that is larger than the viewport. */
static void take_clip(const char *data)
{
    fixture_answer_value(BOX(0, 900));
    EXPECT_COMMAND("Page.captureScreenshot");
    ck_assert_ptr_nonnull(fixture_param("clip"));
    fixture_answer_picture(data);
    EXPECT_MEASUREMENT(false);
    fixture_answer_value(BOX(0, 900));
}

START_TEST(an_element_beyond_the_viewport_is_taken_by_itself)
{
    open_to_measurement(200);
    take_clip(fixture_white);
    EXPECT_WHITE();
    ck_assert_int_eq(fixture.picture.width, 2); /* all of it, whatever its place is */
    /* that ended the screencast without a command. Nothing tells of changes now, so the next one is taken at once */
    EXPECT_NOTHING();
    EXPECT_MEASUREMENT(true);
    take_clip(fixture_white);
    EXPECT_WHITE();
    /* the same: now every two seconds */
    EXPECT_NOTHING();
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_answer_value("0");
    ck_assert_uint_eq(fixture_wake_us(), fixture_in_ms(2000));
    EXPECT_COMMAND_AFTER(2000, "Runtime.evaluate");
    take_clip(fixture_dark);
    EXPECT_DARK();
    EXPECT_NOTHING();
    EXPECT_MEASUREMENT(true);
    take_clip(fixture_dark);
    EXPECT_DARK();
    fixture_pass_ms(100);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_answer_value("0");
    EXPECT_NOTHING();
    EXPECT_NO_COMMAND();
    /* unless something changed */
    fixture_frame("small", 0);
    EXPECT_NOTHING();
    EXPECT_MEASUREMENT(true);
    take_clip(fixture_white);
    EXPECT_WHITE();
    fixture_close();
}
END_TEST

START_TEST(an_element_that_keeps_changing_is_taken_by_itself)
{
    open_to_measurement(200);
    for (int i = 0; i < 4; i++) { /* pictures that differ three times in a row */
        if (i) {
            fixture_frame("small", 0);
            EXPECT_NOTHING();
            EXPECT_MEASUREMENT(true);
        }
        fixture_answer_value(BOX(0, 2));
        EXPECT_COMMAND("Page.captureScreenshot");
        ck_assert_ptr_null(fixture_param("clip"));
        fixture_answer_picture(i % 2 ? fixture_dark : fixture_white);
        EXPECT_MEASUREMENT(false);
        fixture_answer_value(BOX(0, 2));
        EXPECT_NEXT(DD_SCREENSHOTS_PICTURE);
        fixture_pass_ms(200);
    }
    fixture_frame("small", 0);
    EXPECT_NOTHING();
    EXPECT_MEASUREMENT(true);
    fixture_answer_value(BOX(0, 2));
    EXPECT_COMMAND("Page.captureScreenshot");
    ck_assert_ptr_nonnull(fixture_param("clip"));
    fixture_answer_picture(fixture_white);
    EXPECT_MEASUREMENT(false);
    fixture_answer_value(BOX(0, 2));
    EXPECT_WHITE();
    EXPECT_NOTHING();
    EXPECT_MEASUREMENT(true);
    fixture_answer_value(BOX(0, 2));
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_answer_picture(fixture_white);
    EXPECT_MEASUREMENT(false);
    fixture_answer_value(BOX(0, 2));
    EXPECT_WHITE();
    /* the same twice: it is watched by a screencast again */
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_close();
}
END_TEST

/* What an element costs in a browser that answers each command after 10 ms. */
struct costs {
    uint64_t due_us;
    bool screencast;
    int64_t evaluation, capture; /* ids of the commands without an answer; 0: none */
    unsigned pictures, captures, clips, evaluations, screencasts;
};

static void answer_commands(struct costs *c, const char *data)
{
    int64_t evaluation = c->evaluation, capture = c->capture;
    c->evaluation = c->capture = 0;
    if (evaluation)
        fixture_answer_to(evaluation, "{\"result\":{\"value\":" BOX(0, 2) "}}");
    if (capture && c->screencast) /* the browser sends a frame for the screenshot, too */
        fixture_frame("small", 0);
    if (capture)
        fixture_answer_picture_to(capture, data);
}

static void read_commands(struct costs *c)
{
    for (const char *method = fixture_command(); *method; method = fixture_command()) {
        if (strcmp(method, "Page.startScreencast") == 0) {
            c->screencast = true;
            c->screencasts++;
            fixture_frame("small", 0);
        } else if (strcmp(method, "Page.captureScreenshot") == 0) {
            bool clip = fixture_param("clip") != NULL;
            c->capture = fixture.command_id;
            c->captures++;
            c->clips += clip;
            c->screencast &= !clip;
        } else {
            ck_assert_str_eq(method, "Runtime.evaluate");
            c->evaluation = fixture.command_id;
            c->evaluations++;
        }
    }
}

/* Lets ten seconds pass, and counts. Each picture of an element that changes differs from the one before. */
static void run_10_s(struct costs *c, bool changes)
{
    c->pictures = c->captures = c->clips = c->evaluations = c->screencasts = 0;
    for (uint64_t ms = 0; ms < 10000; ms += 10) {
        if (changes && c->screencast && ms % 50 == 0)
            fixture_frame("small", 0);
        answer_commands(c, changes && c->captures % 2 ? fixture_dark : fixture_white);
        int result = fixture_next(c->due_us);
        c->pictures += result == DD_SCREENSHOTS_PICTURE;
        if (result != DD_SCREENSHOTS_NOTHING)
            c->due_us += (uint64_t)fixture.options.interval;
        read_commands(c);
        fixture_pass_ms(10);
    }
}

START_TEST(an_element_costs_one_screenshot_for_each_picture)
{
    fixture_set_options(200);
    snprintf(fixture.options.web_capture_element, sizeof fixture.options.web_capture_element, "#e");
    fixture_open();
    struct costs costs = {.due_us = fixture.now_us};
    run_10_s(&costs, true);
    ck_assert_uint_ge(costs.pictures, 49);
    ck_assert_uint_le(costs.captures, costs.pictures + 1);
    ck_assert_uint_le(costs.captures - costs.clips, 4);           /* until it is known to keep changing */
    ck_assert_uint_le(costs.evaluations, 2 * costs.captures + 1); /* one before and one after each, and the next */
    ck_assert_uint_eq(costs.screencasts, 1);
    /* unchanged, it is watched by a screencast, and costs a probe every two seconds */
    run_10_s(&costs, false);
    ck_assert_uint_le(costs.captures, 3);
    ck_assert_uint_le(costs.evaluations, 2 * costs.captures + 5);
    ck_assert_uint_eq(costs.screencasts, 1);
    fixture_close();
}
END_TEST

SUITE("send/capture/web/screenshots", a_screenshot_waits_until_it_is_due_and_the_page_changed,
      a_change_during_one_calls_for_another, the_silence_of_the_browser_is_trusted_for_30_s,
      one_that_cannot_be_kept_is_taken_again_later, a_page_is_frozen_between_pictures,
      an_element_is_cut_out_where_it_was_before_and_after, an_element_that_cannot_be_measured_is_tried_again_later,
      an_element_of_the_document_before_is_not_captured, without_memory_nothing_beside_the_element_is_shown,
      the_page_is_shown_where_there_is_no_element, an_element_beyond_the_viewport_is_taken_by_itself,
      an_element_that_keeps_changing_is_taken_by_itself, an_element_costs_one_screenshot_for_each_picture)
