/* A page's requests, looked at on their way: the site's headers are put in, and its password is given, to the site's own origin
 * and nobody else. */
#ifndef DD_SEND_CAPTURE_WEB_FETCH_INTERCEPT_H
#define DD_SEND_CAPTURE_WEB_FETCH_INTERCEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "send/capture/web/cdp_target.h"

struct dd_cdp_event;
struct dd_web_options;

enum { DD_FETCH_INTERCEPT_ANSWERED_MAX = 64 };

struct dd_fetch_intercept {
    const struct dd_web_options *web_options; /* borrowed */
    const struct dd_cdp_target *target;       /* borrowed */
    bool credentials_refused;                 /* the password is not taken: it is not given again until the next load */
    /* challenges that got it: a second one for the same request is a refusal; the oldest are forgotten */
    char answered_ids[DD_FETCH_INTERCEPT_ANSWERED_MAX][DD_CDP_TARGET_ID_SIZE];
    size_t next_answered;
};

/* Sends what makes the browser ask; answered as dd_cdp_target_send(). */
void dd_fetch_intercept_start(struct dd_fetch_intercept *intercept,
                              void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

/* Takes an event of the domain Fetch. False: it is another one. */
bool dd_fetch_intercept_event(struct dd_fetch_intercept *intercept, const struct dd_cdp_event *event);

/* A load begins: the password may be tried again. */
void dd_fetch_intercept_reset(struct dd_fetch_intercept *intercept);

#endif
