/* Whether a page that is loaded shows what it should: it logs in where it is asked to, waits for what is expected, scrolls to
 * where it is to be looked at; and later says of each picture whether it is still so. It waits for nothing. */
#ifndef DD_SEND_CAPTURE_WEB_PAGE_READY_H
#define DD_SEND_CAPTURE_WEB_PAGE_READY_H

#include <stdbool.h>
#include <stdint.h>

struct dd_judge;
struct dd_pipe_answer;
struct dd_site;
struct dd_tab;

enum { DD_JUDGE_TEXT_SIZE = 384 };

enum dd_judge_verdict {
    DD_JUDGE_WAITING = 0,
    DD_JUDGE_RIGHT = 1,
    DD_JUDGE_WRONG = 2, /* and will not become right: dd_judge_why() */
};

/* Of a page's tab; both are borrowed. NULL, logged, without memory. Returned-owned. */
struct dd_judge *dd_judge_new(const struct dd_site *site, const struct dd_tab *tab);
void dd_judge_free(struct dd_judge *judge);

/* Another document is in the tab. */
void dd_judge_restart(struct dd_judge *judge);
/* Does what is due with a document that is quiet since quiet_us. */
enum dd_judge_verdict dd_judge_turn(struct dd_judge *judge, uint64_t now_us, uint64_t quiet_us);
/* Why it is wrong, or not right yet: a reason (enum dd_wire_reason; NONE: nothing is known) and a text, borrowed. */
unsigned dd_judge_why(const struct dd_judge *judge, const char **text);

/* What to ask the tab (dd_tab_evaluate()) after a picture was taken; borrowed; NULL: nothing. */
const char *dd_judge_question(const struct dd_judge *judge);
/* The answer: WAITING if this picture is not to be sent, but the next may be; WRONG: it has to become right again first. */
enum dd_judge_verdict dd_judge_picture(struct dd_judge *judge, const struct dd_pipe_answer *answer);

#endif
