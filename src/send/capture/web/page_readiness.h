/* Whether a page that is loaded shows what it should: it logs in where it is asked to, waits for what is expected, scrolls to
 * where it is to be looked at; and later says of each picture whether it is still so. It waits for nothing. */
#ifndef DD_SEND_CAPTURE_WEB_PAGE_READINESS_H
#define DD_SEND_CAPTURE_WEB_PAGE_READINESS_H

#include <stdbool.h>
#include <stdint.h>

struct dd_page_readiness;
struct dd_cdp_answer;
struct dd_web_options;
struct dd_cdp_target;

enum { DD_PAGE_READINESS_TEXT_SIZE = 384 };

enum dd_page_readiness_result {
    DD_PAGE_READINESS_WAITING = 0,
    DD_PAGE_READINESS_YES = 1,
    DD_PAGE_READINESS_NO = 2, /* and will not become right: dd_page_readiness_reason() */
};

/* Of a page's target; both are borrowed. NULL, logged, without memory. Returned-owned. */
struct dd_page_readiness *dd_page_readiness_new(const struct dd_web_options *web_options, const struct dd_cdp_target *target);
void dd_page_readiness_free(struct dd_page_readiness *readiness);

/* Another document is in the tab. */
void dd_page_readiness_reset(struct dd_page_readiness *readiness);
/* Does what is due with a document that is quiet since quiet_us. */
enum dd_page_readiness_result dd_page_readiness_step(struct dd_page_readiness *readiness, uint64_t now_us, uint64_t quiet_us);
/* Why it is wrong, or not right yet: a reason (enum dd_wire_reason; NONE: nothing is known) and a text, borrowed. */
unsigned dd_page_readiness_reason(const struct dd_page_readiness *readiness, const char **text);

/* What to ask the tab (dd_cdp_target_evaluate()) after a picture was taken; borrowed; NULL: nothing. */
const char *dd_page_readiness_expression(const struct dd_page_readiness *readiness);
/* The answer: WAITING if this picture is not to be sent, but the next may be; WRONG: it has to become right again first. */
enum dd_page_readiness_result dd_page_readiness_check_picture(struct dd_page_readiness *readiness,
                                                              const struct dd_cdp_answer *answer);

#endif
