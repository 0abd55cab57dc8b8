/* One page in a target (a tab) of its own: it is opened, set up, loaded, and watched for what can go wrong. Nothing here waits:
 * dd_page_event(), dd_page_step() and answers of the browser move the page on. */
#ifndef DD_SEND_CAPTURE_WEB_PAGE_H
#define DD_SEND_CAPTURE_WEB_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "send/capture/source.h"

struct dd_page;
struct dd_cdp;
struct dd_cdp_answer;
struct dd_cdp_event;
struct dd_web_options;
struct dd_cdp_target;

enum dd_page_state {
    DD_PAGE_LOADING = 0, /* also when a page that was ready goes to another document by itself */
    DD_PAGE_READY = 1,   /* what it shows may be sent */
    DD_PAGE_FAILED = 2,  /* for good: it has to be closed */
};

/* Opens a page in a target of its own. cdp and web_options are borrowed for the page's life. By deadline_us, as
 * dd_clock_now_us(), it is ready or has failed. Returned-owned: dd_page_close(). NULL, logged, if memory is exhausted. */
struct dd_page *dd_page_open(struct dd_cdp *cdp, const struct dd_web_options *web_options, uint64_t deadline_us);
/* Closes the target, and frees. page may be NULL. */
void dd_page_close(struct dd_page *page);

/* Handles an event of the page's target. False: the event is another one, and was not handled. */
bool dd_page_event(struct dd_page *page, const struct dd_cdp_event *event);
/* Does what is due by now: takes a load on, or dismisses a dialog. To be called after each wait, so several times a second. */
void dd_page_step(struct dd_page *page);

enum dd_page_state dd_page_state(const struct dd_page *page);
/* Counts the page's documents. When it has changed, pictures taken before are of another document. */
unsigned dd_page_document(const struct dd_page *page);
/* The page's target; borrowed. Its identifiers are "" until the browser has told them. */
const struct dd_cdp_target *dd_page_target(const struct dd_page *page);

/* Tells io why a page has failed (reason and message). Returns DD_ERROR_SOURCE. */
int dd_page_report(const struct dd_page *page, struct dd_source_io *io);

/* Where a log-in form or expect_selector is configured, a page can turn into the wrong one at any time. So the page is asked
 * after each picture whether it is still the right one. The expression to evaluate for that, borrowed for the page's life; NULL:
 * nothing has to be asked. */
const char *dd_page_check_expression(const struct dd_page *page);
/* Takes the answer to this expression. True: the picture taken before may be sent. False: it may not. The page may then have
 * gone back to DD_PAGE_LOADING, until it is the right one again. */
bool dd_page_check_picture(struct dd_page *page, const struct dd_cdp_answer *answer);

#endif
