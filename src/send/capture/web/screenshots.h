/* Pictures of a page: taken one at a time, or sent by the browser as the page moves. It waits for nothing. */
#ifndef DD_SEND_CAPTURE_WEB_SCREENSHOTS_H
#define DD_SEND_CAPTURE_WEB_SCREENSHOTS_H

#include <stdbool.h>
#include <stdint.h>

struct dd_page;
struct dd_picture;
struct dd_pipe_event;
struct dd_shots;
struct dd_site;
struct dd_source_io;

/* Of a page, which it borrows for its life, as the site. NULL, logged, without memory. Returned-owned. */
struct dd_shots *dd_shots_new(struct dd_page *page, const struct dd_site *site);
void dd_shots_free(struct dd_shots *shots);

/* Takes an event that is its own. False: it is not. */
bool dd_shots_event(struct dd_shots *shots, const struct dd_pipe_event *event);

enum dd_shots_news {
    DD_SHOTS_NOTHING = 0, /* wait */
    DD_SHOTS_PICTURE = 1,
    DD_SHOTS_SAME = 2, /* the page lives, and showed what it showed at picture->captured_us */
};

/* Of a page that is ready: does what is due, and says what there is that the page shows at or after due_us. *picture is borrowed
 * until the next call. An enum dd_shots_news; or DD_ERROR_SOURCE, told in io; or another negative enum dd_error. */
int dd_shots_next(struct dd_shots *shots, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture);

/* When it wants to be called again, if nothing happens before. */
uint64_t dd_shots_wake_us(const struct dd_shots *shots, uint64_t due_us);

/* dd_clock_now_us() when the pixels changed last. */
uint64_t dd_shots_changed_us(const struct dd_shots *shots);

#endif
