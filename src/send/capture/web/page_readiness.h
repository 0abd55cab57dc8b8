/* Whether a loaded page shows what it should. First submits the log-in form if the page shows one, waits for expect_selector and
 * scrolls to scroll_to. Later checks after each picture that the page still shows that. Never blocks. Not thread-safe. */
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
    DD_PAGE_READINESS_WAITING = 0, /* not yet */
    DD_PAGE_READINESS_YES = 1,
    DD_PAGE_READINESS_NO = 2, /* nor will it become ready: dd_page_readiness_reason() says why */
};

/* For the page in target; both are borrowed until dd_page_readiness_free(). Returned-owned. NULL, logged, if memory is exhausted.
 */
struct dd_page_readiness *dd_page_readiness_new(const struct dd_web_options *web_options, const struct dd_cdp_target *target);
/* readiness may be NULL. */
void dd_page_readiness_free(struct dd_page_readiness *readiness);

/* Another document was loaded into the target: begins again. */
void dd_page_readiness_reset(struct dd_page_readiness *readiness);
/* Does what is due with a document that has been quiet since quiet_us. Times are dd_clock_now_us(). */
enum dd_page_readiness_result dd_page_readiness_step(struct dd_page_readiness *readiness, uint64_t now_us, uint64_t quiet_us);
/* Why the page is not ready, or not yet: an enum dd_wire_reason (NONE: nothing is known) and a text, borrowed until the next
 * call. */
unsigned dd_page_readiness_reason(const struct dd_page_readiness *readiness, const char **text);

/* The expression to evaluate with dd_cdp_target_evaluate() after each picture. Borrowed. NULL: there is nothing to check. */
const char *dd_page_readiness_expression(const struct dd_page_readiness *readiness);
/* Takes the answer to that expression. YES: the picture may be sent. WAITING: this one may not, the next one may. NO: none may
 * until the page is ready again, as after a load. */
enum dd_page_readiness_result dd_page_readiness_check_picture(struct dd_page_readiness *readiness,
                                                              const struct dd_cdp_answer *answer);

#endif
