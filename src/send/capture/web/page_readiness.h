/* Whether a page that is loaded shows what it should: it logs in where it is asked to, waits for what is expected, scrolls to
 * where it is to be looked at; and later says of each picture whether it is still so. It waits for nothing. */
#ifndef DD_SEND_CAPTURE_WEB_PAGE_READINESS_H
#define DD_SEND_CAPTURE_WEB_PAGE_READINESS_H

#include <stdbool.h>
#include <stdint.h>

struct dd_page_ready;
struct dd_cdp_answer;
struct dd_web_options;
struct dd_cdp_target;

enum { DD_PAGE_READY_TEXT_SIZE = 384 };

enum dd_page_ready_verdict {
    DD_PAGE_READY_WAITING = 0,
    DD_PAGE_READY_YES = 1,
    DD_PAGE_READY_NO = 2, /* and will not become right: dd_page_ready_reason() */
};

/* Of a page's tab; both are borrowed. NULL, logged, without memory. Returned-owned. */
struct dd_page_ready *dd_page_ready_new(const struct dd_web_options *site, const struct dd_cdp_target *tab);
void dd_page_ready_free(struct dd_page_ready *judge);

/* Another document is in the tab. */
void dd_page_ready_restart(struct dd_page_ready *judge);
/* Does what is due with a document that is quiet since quiet_us. */
enum dd_page_ready_verdict dd_page_ready_step(struct dd_page_ready *judge, uint64_t now_us, uint64_t quiet_us);
/* Why it is wrong, or not right yet: a reason (enum dd_wire_reason; NONE: nothing is known) and a text, borrowed. */
unsigned dd_page_ready_reason(const struct dd_page_ready *judge, const char **text);

/* What to ask the tab (dd_cdp_target_evaluate()) after a picture was taken; borrowed; NULL: nothing. */
const char *dd_page_ready_expression(const struct dd_page_ready *judge);
/* The answer: WAITING if this picture is not to be sent, but the next may be; WRONG: it has to become right again first. */
enum dd_page_ready_verdict dd_page_ready_check_picture(struct dd_page_ready *judge, const struct dd_cdp_answer *answer);

#endif
