/* Screenshots of a page, in one of two modes. Nothing here waits: answers and events of the browser move it on.
 *
 *   SCREENCAST  The whole page at an interval below 1 s. The frames of the browser's screencast are the pictures. A busy browser
 *               leaves frames out, so a screenshot follows once no frame has come for 500 ms.
 *   SCREENSHOT  All else. A screenshot is taken when it is due and the page has changed. A screencast of tiny frames tells of
 *               changes, so a page that stays as it is costs nothing.
 *
 * At most one thing is under way: this is the state. An answer that fails leads to IDLE, and the picture is dropped. One that
 * does not come in time leads to HUNG.
 *
 *   state                 waits for                               goes to
 *   IDLE                  the time at which something is due      AWAITING_FIRST_FRAME  a screencast is needed and off
 *                                                                 MEASURING             a screenshot of an element is due
 *                                                                 CAPTURING             a screenshot of the page is due
 *                                                                 PROBING               no sign of life for 2 s
 *                                                                 FROZEN                the next picture is far away
 *                         in SCREENCAST, a frame                  CHECKING              the page has to be checked
 *                                                                 IDLE                  with a picture
 *   AWAITING_FIRST_FRAME  the first frame, at most 500 ms         MEASURING, CAPTURING  as from IDLE
 *   MEASURING             where the element is                    CAPTURING
 *   CAPTURING             the screenshot                          REMEASURING           of an element
 *                                                                 CHECKING              the page has to be checked
 *                                                                 IDLE                  with a picture
 *   REMEASURING           where the element is afterwards         CHECKING, IDLE        as from CAPTURING, if it did not move
 *   CHECKING              whether it is still the right page      IDLE                  with a picture, if it is
 *   PROBING               whether the page answers                IDLE                  unchanged, if no change was noticed
 *   FROZEN                1 s before the next picture is due      IDLE
 *   HUNG                  nothing any more
 *
 * Another document in the target drops the picture and ends the screencast, but not what is under way: its answer is awaited. */
#ifndef DD_SEND_CAPTURE_WEB_SCREENSHOTS_H
#define DD_SEND_CAPTURE_WEB_SCREENSHOTS_H

#include <stdbool.h>
#include <stdint.h>

struct dd_page;
struct dd_picture;
struct dd_cdp_event;
struct dd_screenshots;
struct dd_web_options;
struct dd_source_io;

/* page and web_options are borrowed for its life. Returned-owned. NULL, logged, if memory is exhausted. */
struct dd_screenshots *dd_screenshots_new(struct dd_page *page, const struct dd_web_options *web_options);
/* Drops answers that are still to come. May be NULL. */
void dd_screenshots_free(struct dd_screenshots *screenshots);

/* Handles a frame of the page's screencast. False: the event is another one, and was not handled. */
bool dd_screenshots_event(struct dd_screenshots *screenshots, const struct dd_cdp_event *event);

enum dd_screenshots_result {
    DD_SCREENSHOTS_NOTHING = 0, /* wait */
    DD_SCREENSHOTS_PICTURE = 1, /* *picture is new, or due again */
    DD_SCREENSHOTS_SAME = 2,    /* at picture->captured_us the page lived, and showed the last picture */
};

/* Begins what is due, and delivers what there is. To be called while the page is ready (DD_PAGE_READY). No picture is delivered
 * before due_us, as dd_clock_now_us(). *picture is borrowed until the next call. Returns an enum dd_screenshots_result;
 * DD_ERROR_SOURCE, told in io, if the page hangs or a picture cannot be decoded; or another negative enum dd_error. */
int dd_screenshots_next(struct dd_screenshots *screenshots, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture);

/* When dd_screenshots_next() has something to do, as dd_clock_now_us(), if the browser sends nothing before; UINT64_MAX: it only
 * waits for the browser. */
uint64_t dd_screenshots_wake_us(const struct dd_screenshots *screenshots, uint64_t due_us);

/* dd_clock_now_us() when the pixels changed last. */
uint64_t dd_screenshots_changed_us(const struct dd_screenshots *screenshots);

#endif
