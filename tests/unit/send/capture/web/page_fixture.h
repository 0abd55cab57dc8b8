/* A page with its screenshots, and a browser, a clock and a memory that do what the test says. tests/CMakeLists.txt links the
 * unit tests of web so that the functions __wrap_x() stand for x(). One page at a time. */
#ifndef DD_TESTS_UNIT_SEND_CAPTURE_WEB_PAGE_FIXTURE_H
#define DD_TESTS_UNIT_SEND_CAPTURE_WEB_PAGE_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "send/capture/source.h"
#include "send/capture/web/cdp.h"
#include "send/capture/web/page.h"
#include "send/capture/web/screenshots.h"
#include "send/options.h"
#include "send/picture.h"
#include "suite.h"

struct dd_json;

struct page_fixture {
    uint64_t now_us; /* what dd_clock_now_us() returns; 0: the real time */
    bool no_memory;  /* for a picture */
    bool no_scripts; /* nor for a script */
    struct dd_send_stream options;
    struct dd_source_io io;
    struct dd_cdp *cdp;
    struct dd_page *page;
    struct dd_screenshots *screenshots;
    struct dd_picture picture; /* of the last fixture_next() */
    struct dd_json *command;   /* what fixture_command() read last */
    int64_t command_id;
};

extern struct page_fixture fixture;

/* PNGs of 2x2 pixels, as base64 */
extern const char fixture_white[], fixture_dark[];

/* ---- life ---- */

/* Sets the options to a page of 800x600 with this interval. */
void fixture_set_options(int64_t interval_ms);
/* Opens the page, which becomes ready. Nothing was asked of its screenshots yet. */
void fixture_open(void);
/* The same, and brings a screenshot of the whole page under way, after a first frame that came 500 ms ago. */
void fixture_open_to_screenshot(void);
/* The same, and the picture was delivered, white; the page was asked whether it lives. Nothing is under way. */
void fixture_open_to_idle(void);
void fixture_close(void);
void fixture_pass_ms(uint64_t ms);
uint64_t fixture_in_ms(uint64_t ms);

/* ---- the browser ---- */

/* Reads the next command that was sent. Its method, borrowed; "": there is none. */
const char *fixture_command(void);
/* A parameter of that command; NULL: it has none. */
const struct dd_json *fixture_param(const char *name);
bool fixture_expression_has(const char *text);

/* Answer that command, or the one with this id. */
void fixture_answer(const char *result);
void fixture_answer_to(int64_t id, const char *result);
void fixture_answer_value(const char *value); /* of an expression, JSON */
void fixture_answer_picture(const char *data);
void fixture_answer_picture_to(int64_t id, const char *data);
void fixture_refuse(void);

/* Sends a frame of the screencast that the browser made age_ms ago, and expects its acknowledgement as the next command. The
 * frame counts as captured 200 ms before. */
void fixture_frame(const char *data, unsigned age_ms);

/* Another document comes into the target. */
void fixture_begin_document(const char *loader_id);
/* The same, and it becomes ready. */
void fixture_navigate(const char *loader_id);
/* Answers everything until the page is ready. */
void fixture_become_ready(void);

#define EXPECT_COMMAND(method) ck_assert_str_eq(fixture_command(), method)
#define EXPECT_NO_COMMAND() ck_assert_str_eq(fixture_command(), "")

/* ---- the code under test ---- */

int fixture_next(uint64_t due_us);
uint64_t fixture_wake_us(void); /* for a picture that is due now */

#define EXPECT_NEXT(result) ck_assert_int_eq(fixture_next(fixture.now_us), result)
#define EXPECT_NOTHING() EXPECT_NEXT(DD_SCREENSHOTS_NOTHING)
#define EXPECT_WHITE()                                                                                                           \
    do {                                                                                                                         \
        EXPECT_NEXT(DD_SCREENSHOTS_PICTURE);                                                                                     \
        ck_assert_uint_eq(fixture.picture.plane[0][0], 255);                                                                     \
    } while (0)
#define EXPECT_DARK()                                                                                                            \
    do {                                                                                                                         \
        EXPECT_NEXT(DD_SCREENSHOTS_PICTURE);                                                                                     \
        ck_assert_uint_lt(fixture.picture.plane[0][0], 255);                                                                     \
    } while (0)
/* No command is sent for ms - 1 milliseconds, and this one after ms. */
#define EXPECT_COMMAND_AFTER(ms, method)                                                                                         \
    do {                                                                                                                         \
        fixture_pass_ms((ms)-1);                                                                                                 \
        EXPECT_NOTHING();                                                                                                        \
        EXPECT_NO_COMMAND();                                                                                                     \
        fixture_pass_ms(1);                                                                                                      \
        EXPECT_NOTHING();                                                                                                        \
        EXPECT_COMMAND(method);                                                                                                  \
    } while (0)

#endif
