/* Screenshots of a page in mode SCREENCAST: the whole page at a short interval. */
#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/link/wire.h"
#include "page_fixture.h"

START_TEST(begins_with_a_screenshot)
{
    fixture_set_options(100);
    fixture_open();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    ck_assert_str_eq(dd_json_string(fixture_param("format")), "png");
    ck_assert_uint_eq(fixture_wake_us(), fixture_in_ms(500));
    fixture_pass_ms(100);
    EXPECT_NOTHING();
    EXPECT_NO_COMMAND();
    fixture_frame(fixture_dark, 0);
    EXPECT_COMMAND("Page.captureScreenshot");
    ck_assert_ptr_null(fixture_param("clip"));
    ck_assert_uint_eq(fixture_wake_us(), UINT64_MAX);
    uint64_t asked_us = fixture.now_us;
    fixture_pass_ms(50);
    EXPECT_NOTHING();
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    ck_assert_uint_eq(fixture.picture.captured_us, asked_us);
    ck_assert_uint_eq(dd_screenshots_changed_us(fixture.screenshots), fixture.now_us);
    EXPECT_NO_COMMAND();
    fixture_close();
}
END_TEST

START_TEST(does_not_wait_long_for_the_first_frame)
{
    fixture_set_options(100);
    fixture_open();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    EXPECT_COMMAND_AFTER(500, "Page.captureScreenshot");
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    /* no frame tells whether the page changed since: it is not known to be as it was, and the screenshot is repeated */
    EXPECT_NOTHING();
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_answer_value("0");
    ck_assert_uint_eq(fixture_wake_us(), fixture_in_ms(500));
    EXPECT_COMMAND_AFTER(500, "Page.captureScreenshot");
    /* a late frame will do */
    fixture_frame(fixture_white, 0);
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    ck_assert_uint_eq(fixture_wake_us(), fixture_in_ms(1500));
    fixture_close();
}
END_TEST

START_TEST(frames_are_pictures_and_a_screenshot_follows_the_last)
{
    fixture_set_options(100);
    fixture_open_to_idle();
    fixture_pass_ms(1000);
    fixture_frame(fixture_dark, 0);
    ck_assert_int_eq(fixture_next(fixture_in_ms(1)), DD_SCREENSHOTS_NOTHING); /* it is not due */
    EXPECT_DARK();
    ck_assert_uint_eq(fixture.picture.captured_us, fixture.now_us - 200 * DD_CLOCK_US_PER_MS);
    uint64_t changed_us = fixture.now_us;
    fixture_pass_ms(400);
    fixture_frame(fixture_dark, 0);
    EXPECT_DARK();
    ck_assert_uint_eq(fixture_wake_us(), fixture_in_ms(500));
    fixture_pass_ms(499);
    EXPECT_NOTHING();
    EXPECT_NO_COMMAND();
    fixture_pass_ms(1);
    ck_assert_int_eq(fixture_next(fixture_in_ms(50)), DD_SCREENSHOTS_NOTHING); /* so that it is there when it is due */
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_frame(fixture_dark, 0); /* the browser sends one for the screenshot, too */
    fixture_answer_picture(fixture_dark);
    EXPECT_DARK();
    ck_assert_uint_eq(dd_screenshots_changed_us(fixture.screenshots), changed_us);
    fixture_pass_ms(99);
    EXPECT_NOTHING();
    EXPECT_NO_COMMAND();
    fixture_close();
}
END_TEST

START_TEST(two_frames_during_a_screenshot_are_a_change)
{
    fixture_set_options(100);
    fixture_open_to_screenshot();
    fixture_frame(fixture_dark, 0);
    fixture_frame(fixture_white, 0);
    fixture_answer_picture(fixture_dark);
    EXPECT_DARK();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_answer_value("0");
    EXPECT_COMMAND_AFTER(500, "Page.captureScreenshot");
    fixture_frame(fixture_white, 0); /* one is of the screenshot itself */
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    ck_assert_uint_gt(fixture_wake_us(), fixture_in_ms(500));
    fixture_close();
}
END_TEST

START_TEST(a_newer_frame_replaces_one_that_was_not_due)
{
    fixture_set_options(100);
    fixture_open_to_idle();
    fixture_pass_ms(1000);
    fixture_frame(fixture_dark, 0);
    fixture_pass_ms(10);
    fixture_frame(fixture_white, 0);
    uint64_t captured_us = fixture.now_us - 200 * DD_CLOCK_US_PER_MS;
    fixture_pass_ms(3000);
    ck_assert_int_eq(fixture_next(fixture_in_ms(1)), DD_SCREENSHOTS_NOTHING);
    EXPECT_NO_COMMAND(); /* nothing is begun before it was delivered */
    ck_assert_uint_eq(fixture_wake_us(), fixture.now_us);
    EXPECT_WHITE();
    ck_assert_uint_eq(fixture.picture.captured_us, captured_us);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_close();
}
END_TEST

START_TEST(a_frame_older_than_the_picture_only_tells_of_a_change)
{
    fixture_set_options(100);
    fixture_open_to_idle();
    fixture_frame(fixture_dark, 0); /* the browser made it when the screenshot was there */
    EXPECT_NOTHING();
    fixture_pass_ms(300);
    fixture_frame(fixture_dark, 300); /* the same, but it comes late */
    EXPECT_NOTHING();
    fixture_frame(fixture_dark, 0);
    EXPECT_DARK();
    fixture_frame(fixture_white, 100); /* made between the screenshot and the frame before */
    EXPECT_COMMAND_AFTER(500, "Page.captureScreenshot");
    fixture_close();
}
END_TEST

START_TEST(a_frame_made_right_after_a_screenshot_is_a_picture)
{
    fixture_set_options(100);
    fixture_open_to_idle();
    fixture_pass_ms(1);
    fixture_frame(fixture_dark, 0);
    EXPECT_DARK();
    ck_assert_uint_eq(dd_screenshots_changed_us(fixture.screenshots), fixture.now_us);
    /* so it is after each screenshot */
    EXPECT_COMMAND_AFTER(500, "Page.captureScreenshot");
    fixture_pass_ms(50);
    fixture_answer_picture(fixture_dark);
    EXPECT_DARK();
    fixture_pass_ms(1);
    fixture_frame(fixture_white, 0);
    EXPECT_WHITE();
    fixture_close();
}
END_TEST

START_TEST(a_page_that_answers_is_unchanged_to_when_it_was_asked)
{
    fixture_set_options(100);
    fixture_open_to_idle();
    ck_assert_uint_eq(fixture_wake_us(), fixture_in_ms(2000));
    EXPECT_COMMAND_AFTER(2000, "Runtime.evaluate");
    ck_assert_str_eq(dd_json_string(fixture_param("expression")), "0");
    ck_assert_uint_eq(fixture_wake_us(), UINT64_MAX);
    uint64_t asked_us = fixture.now_us;
    fixture_pass_ms(100);
    EXPECT_NOTHING();
    fixture_answer_value("0");
    EXPECT_NEXT(DD_SCREENSHOTS_SAME);
    ck_assert_uint_eq(fixture.picture.captured_us, asked_us);
    /* a frame that comes meanwhile is a picture, and the page is not unchanged */
    EXPECT_COMMAND_AFTER(2000, "Runtime.evaluate");
    fixture_frame(fixture_dark, 0);
    EXPECT_DARK();
    fixture_answer_value("0");
    EXPECT_NOTHING();
    EXPECT_NO_COMMAND();
    fixture_close();
    /* nor was the page of a frame that comes after the answer */
    fixture_set_options(100);
    fixture_open_to_idle();
    EXPECT_COMMAND_AFTER(2000, "Runtime.evaluate");
    fixture_answer_value("0");
    fixture_frame(fixture_dark, 0);
    EXPECT_DARK();
    EXPECT_NOTHING();
    fixture_close();
}
END_TEST

START_TEST(takes_a_screenshot_every_30_s_in_any_case)
{
    fixture_set_options(100);
    fixture_open_to_idle();
    for (int i = 0; i < 14; i++) {
        EXPECT_COMMAND_AFTER(2000, "Runtime.evaluate");
        fixture_answer_value("0");
        EXPECT_NEXT(DD_SCREENSHOTS_SAME);
    }
    EXPECT_COMMAND_AFTER(2000, "Page.captureScreenshot");
    fixture_close();
}
END_TEST

START_TEST(a_refused_command_is_sent_again_after_200_ms)
{
    fixture_set_options(100);
    fixture_open_to_screenshot();
    fixture_refuse();
    ck_assert_uint_eq(fixture_wake_us(), fixture_in_ms(200));
    EXPECT_COMMAND_AFTER(200, "Page.captureScreenshot");
    fixture_answer("{}"); /* without a picture */
    EXPECT_COMMAND_AFTER(200, "Page.captureScreenshot");
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_refuse();
    EXPECT_COMMAND_AFTER(200, "Runtime.evaluate");
    fixture_close();
}
END_TEST

START_TEST(a_page_that_does_not_answer_hangs)
{
    for (int i = 0; i < 2; i++) {
        fixture_set_options(100);
        fixture_open_to_idle();
        fixture_pass_ms(i ? 30000 : 2000);
        EXPECT_NOTHING();
        EXPECT_COMMAND(i ? "Page.captureScreenshot" : "Runtime.evaluate");
        fixture_pass_ms(29999);
        ck_assert_int_eq(dd_cdp_step(fixture.cdp), 0);
        EXPECT_NOTHING();
        fixture_pass_ms(1);
        ck_assert_int_eq(dd_cdp_step(fixture.cdp), 0);
        fixture_frame(fixture_dark, 0); /* what moves by itself is no answer */
        EXPECT_NEXT(DD_ERROR_SOURCE);
        ck_assert_uint_eq(fixture.io.reason, DD_WIRE_REASON_TIMEOUT);
        EXPECT_NEXT(DD_ERROR_SOURCE);
        EXPECT_NO_COMMAND();
        fixture_close();
    }
}
END_TEST

START_TEST(a_picture_that_cannot_be_decoded_fails)
{
    fixture_set_options(100);
    fixture_open_to_screenshot();
    fixture_answer_picture("AAAA");
    EXPECT_NEXT(DD_ERROR_SOURCE);
    ck_assert_uint_eq(fixture.io.reason, DD_WIRE_REASON_BROKEN);
    fixture_close();
}
END_TEST

/* An empty one, or one that there is no memory for. */
START_TEST(a_frame_that_cannot_be_kept_takes_the_one_before_with_it)
{
    for (int i = 0; i < 2; i++) {
        fixture_set_options(100);
        fixture_open_to_idle();
        fixture_pass_ms(1000);
        fixture_frame(fixture_dark, 0);
        fixture.no_memory = i;
        fixture_pass_ms(10);
        fixture_frame(i ? fixture_white : "", 0);
        fixture.no_memory = false;
        EXPECT_COMMAND_AFTER(200, "Page.captureScreenshot");
        fixture_answer_picture(fixture_white);
        EXPECT_WHITE();
        fixture_close();
    }
}
END_TEST

START_TEST(its_answers_are_forgotten_with_it)
{
    fixture_set_options(100);
    fixture_open_to_screenshot();
    dd_screenshots_free(fixture.screenshots);
    fixture.screenshots = NULL;
    fixture_answer_picture(fixture_white);
    fixture_pass_ms(30000);
    ck_assert_int_eq(dd_cdp_step(fixture.cdp), 0);
    fixture_close();
}
END_TEST

/* ---- documents ---- */

START_TEST(another_document_begins_afresh)
{
    fixture_set_options(100);
    fixture_open_to_idle();
    fixture_pass_ms(1000);
    fixture_frame(fixture_dark, 0); /* it is lost with its document */
    fixture_navigate("L2");
    fixture_pass_ms(10);
    fixture_frame(fixture_dark, 0);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_frame(fixture_white, 0);
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    fixture_close();
}
END_TEST

START_TEST(a_late_answer_is_not_of_the_next_document)
{
    fixture_set_options(100);
    fixture_open_to_screenshot();
    int64_t capture = fixture.command_id;
    fixture_navigate("L2");
    EXPECT_NOTHING(); /* nothing is begun before the answer */
    EXPECT_NO_COMMAND();
    fixture_answer_picture_to(capture, fixture_white);
    EXPECT_COMMAND_AFTER(200, "Page.startScreencast");
    /* the same, if the answer comes before the next call */
    fixture_frame(fixture_white, 0);
    EXPECT_COMMAND("Page.captureScreenshot");
    capture = fixture.command_id;
    fixture_navigate("L3");
    fixture_answer_picture_to(capture, fixture_white);
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    /* two documents later */
    fixture_frame(fixture_white, 0);
    EXPECT_COMMAND("Page.captureScreenshot");
    capture = fixture.command_id;
    fixture_navigate("L4");
    EXPECT_NOTHING();
    fixture_navigate("L5");
    EXPECT_NOTHING();
    fixture_answer_picture_to(capture, fixture_white);
    EXPECT_COMMAND_AFTER(200, "Page.startScreencast");
    /* a screenshot that was begun for the current document is delivered */
    fixture_frame(fixture_white, 0);
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_answer_picture(fixture_dark);
    EXPECT_DARK();
    fixture_close();
}
END_TEST

START_TEST(another_document_does_not_wait_for_the_first_frame)
{
    fixture_set_options(100);
    fixture_open();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_navigate("L2");
    /* the screencast ended with the document before, and is started again after the screenshot */
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_close();
}
END_TEST

START_TEST(a_sign_of_life_is_not_of_the_document_before)
{
    fixture_set_options(100);
    fixture_open_to_idle();
    EXPECT_COMMAND_AFTER(2000, "Runtime.evaluate");
    fixture_answer_value("0");
    fixture_navigate("L2");
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_frame(fixture_white, 0);
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_pass_ms(500);
    fixture_answer_picture(fixture_white);
    EXPECT_WHITE();
    /* nor is one that was asked for in the document before, and comes after the next began */
    EXPECT_NOTHING();
    EXPECT_COMMAND("Runtime.evaluate");
    int64_t probe = fixture.command_id;
    fixture_navigate("L3");
    EXPECT_NOTHING();
    fixture_answer_to(probe, "{\"result\":{\"value\":0}}");
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_close();
}
END_TEST

/* ---- pages that are checked ---- */

/* The first picture is there, and the page was asked whether it is the right one. */
static void open_to_check(void)
{
    fixture_set_options(100);
    fixture.options.expect_selector[0] = 'x';
    fixture_open_to_screenshot();
    fixture_answer_picture(fixture_white);
    EXPECT_COMMAND("Runtime.evaluate");
    ck_assert(fixture_expression_has("\"x\""));
}

START_TEST(a_picture_waits_for_its_check)
{
    open_to_check();
    EXPECT_NOTHING();
    ck_assert_uint_eq(fixture_wake_us(), UINT64_MAX);
    fixture_pass_ms(300);
    fixture_frame(fixture_dark, 0); /* another one than the page is asked about */
    EXPECT_NOTHING();
    EXPECT_NO_COMMAND();
    fixture_answer_value("\"right\"");
    EXPECT_WHITE();
    EXPECT_NOTHING();
    EXPECT_NO_COMMAND(); /* that was a sign of life, too */
    fixture_pass_ms(300);
    fixture_frame(fixture_dark, 0);
    EXPECT_COMMAND("Runtime.evaluate");
    EXPECT_NOTHING();
    fixture_answer_value("\"right\"");
    EXPECT_DARK();
    fixture_close();
}
END_TEST

START_TEST(a_picture_of_the_wrong_page_is_dropped)
{
    open_to_check();
    fixture_answer_value("\"missing\"");
    ck_assert_int_eq(dd_page_state(fixture.page), DD_PAGE_READY); /* for a moment that is normal */
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_answer_picture(fixture_dark);
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_refuse();
    EXPECT_COMMAND_AFTER(200, "Page.captureScreenshot");
    fixture_answer_picture(fixture_dark);
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_answer_value("\"form\"");
    ck_assert_int_eq(dd_page_state(fixture.page), DD_PAGE_LOADING);
    fixture_frame(fixture_dark, 0);
    EXPECT_NO_COMMAND();
    fixture_become_ready();
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_close();
}
END_TEST

START_TEST(a_page_that_turns_wrong_is_not_unchanged)
{
    open_to_check();
    fixture_answer_value("\"right\"");
    EXPECT_WHITE();
    EXPECT_COMMAND_AFTER(2000, "Runtime.evaluate");
    ck_assert(fixture_expression_has("\"x\""));
    fixture_frame(fixture_dark, 0); /* its page cannot be checked at the same time: another screenshot has to do */
    EXPECT_NO_COMMAND();
    fixture_answer_value("\"right\"");
    EXPECT_COMMAND_AFTER(500, "Page.captureScreenshot");
    fixture_answer_picture(fixture_white);
    EXPECT_COMMAND("Runtime.evaluate");
    fixture_answer_value("\"right\"");
    EXPECT_WHITE();
    EXPECT_COMMAND_AFTER(2000, "Runtime.evaluate");
    fixture_answer_value("\"missing\"");
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.captureScreenshot");
    fixture_close();
}
END_TEST

START_TEST(a_check_does_not_bring_back_the_document_before)
{
    open_to_check();
    int64_t check = fixture.command_id;
    fixture_navigate("L2");
    EXPECT_NOTHING();
    fixture_answer_to(check, "{\"result\":{\"value\":\"right\"}}");
    EXPECT_NOTHING();
    EXPECT_COMMAND("Page.startScreencast");
    fixture_close();
}
END_TEST

SUITE("send/capture/web/screencast", begins_with_a_screenshot, does_not_wait_long_for_the_first_frame,
      frames_are_pictures_and_a_screenshot_follows_the_last, two_frames_during_a_screenshot_are_a_change,
      a_newer_frame_replaces_one_that_was_not_due, a_frame_older_than_the_picture_only_tells_of_a_change,
      a_frame_made_right_after_a_screenshot_is_a_picture, a_page_that_answers_is_unchanged_to_when_it_was_asked,
      takes_a_screenshot_every_30_s_in_any_case, a_refused_command_is_sent_again_after_200_ms, a_page_that_does_not_answer_hangs,
      a_picture_that_cannot_be_decoded_fails, a_frame_that_cannot_be_kept_takes_the_one_before_with_it,
      its_answers_are_forgotten_with_it, another_document_begins_afresh, a_late_answer_is_not_of_the_next_document,
      another_document_does_not_wait_for_the_first_frame, a_sign_of_life_is_not_of_the_document_before,
      a_picture_waits_for_its_check, a_picture_of_the_wrong_page_is_dropped, a_page_that_turns_wrong_is_not_unchanged,
      a_check_does_not_bring_back_the_document_before)
