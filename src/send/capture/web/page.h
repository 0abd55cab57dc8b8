/* One page in a tab of its own: opened, set up, loaded, watched for what can go wrong with it. It waits for nothing: what
 * happens comes in by dd_page_event() and dd_page_step(). */
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
    DD_PAGE_LOADING = 0, /* also when it goes to another document of its own accord */
    DD_PAGE_READY = 1,   /* what it shows may be sent */
    DD_PAGE_FAILED = 2,  /* for good: close it */
};

/* Opens a target; the site and the pipe are borrowed for the page's life. It is loaded, or has failed, by deadline_us. NULL,
 * logged, without memory. Returned-owned. */
struct dd_page *dd_page_open(struct dd_cdp *cdp, const struct dd_web_options *web_options, uint64_t deadline_us);
/* Closes its tab. */
void dd_page_close(struct dd_page *page);

/* Takes an event that is the page's. False: it is not. */
bool dd_page_event(struct dd_page *page, const struct dd_cdp_event *event);
/* What is due by now. */
void dd_page_step(struct dd_page *page);

enum dd_page_state dd_page_state(const struct dd_page *page);
/* Counts the documents that it has shown: with another number, pictures of the one before are of no use. */
unsigned dd_page_document(const struct dd_page *page);
/* The tab to take pictures of; borrowed. */
const struct dd_cdp_target *dd_page_target(const struct dd_page *page);

/* Why it failed: sets reason and message in io. Returns DD_ERROR_SOURCE. */
int dd_page_report(const struct dd_page *page, struct dd_source_io *io);

/* Some sites have to be asked whether what they show is right. The expression, borrowed; NULL: nothing to ask. */
const char *dd_page_check_expression(const struct dd_page *page);
/* Takes the answer to it, given after a picture was taken. True: the picture may be sent. False: not this one, nor any until the
 * page is ready again. */
bool dd_page_check_picture(struct dd_page *page, const struct dd_cdp_answer *answer);

#endif
