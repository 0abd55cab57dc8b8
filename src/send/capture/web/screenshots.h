/* Pictures of a page: taken one at a time, or sent by the browser as the page moves. It waits for nothing. */
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

/* Of a page, which it borrows for its life, as the site. NULL, logged, without memory. Returned-owned. */
struct dd_screenshots *dd_screenshots_new(struct dd_page *page, const struct dd_web_options *site);
void dd_screenshots_free(struct dd_screenshots *shots);

/* Takes an event that is its own. False: it is not. */
bool dd_screenshots_event(struct dd_screenshots *shots, const struct dd_cdp_event *event);

enum dd_screenshots_result {
    DD_SCREENSHOTS_NOTHING = 0, /* wait */
    DD_SCREENSHOTS_PICTURE = 1,
    DD_SCREENSHOTS_SAME = 2, /* the page lives, and showed what it showed at picture->captured_us */
};

/* Of a page that is ready: does what is due, and says what there is that the page shows at or after due_us. *picture is borrowed
 * until the next call. An enum dd_screenshots_result; or DD_ERROR_SOURCE, told in io; or another negative enum dd_error. */
int dd_screenshots_next(struct dd_screenshots *shots, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture);

/* When it wants to be called again, if nothing happens before. */
uint64_t dd_screenshots_wake_us(const struct dd_screenshots *shots, uint64_t due_us);

/* dd_clock_now_us() when the pixels changed last. */
uint64_t dd_screenshots_changed_us(const struct dd_screenshots *shots);

#endif
