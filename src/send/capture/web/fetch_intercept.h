/* Intercepts a page's requests with CDP's domain Fetch. Adds the stream's headers (headers_file) and answers HTTP authentication
 * with its user name and password: only towards the page's own origin (WHATWG HTML, "same origin"). Not thread-safe. */
#ifndef DD_SEND_CAPTURE_WEB_FETCH_INTERCEPT_H
#define DD_SEND_CAPTURE_WEB_FETCH_INTERCEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "send/capture/web/cdp_target.h"

struct dd_cdp_event;
struct dd_web_options;

enum { DD_FETCH_INTERCEPT_ANSWERED_MAX = 64 };

/* Set the first two members, and zero the others. */
struct dd_fetch_intercept {
    const struct dd_web_options *web_options; /* borrowed */
    const struct dd_cdp_target *target;       /* borrowed */
    bool credentials_refused;                 /* the server refused the password: not given again until the next load */
    /* The requests that got the password, in a ring. A second challenge for one of them means that it was refused. */
    char answered_ids[DD_FETCH_INTERCEPT_ANSWERED_MAX][DD_CDP_TARGET_ID_SIZE];
    size_t next_answered;
};

/* Sends Fetch.enable: from then on the browser pauses requests and asks. answered is called as by dd_cdp_target_send(). */
void dd_fetch_intercept_start(struct dd_fetch_intercept *intercept,
                              void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

/* Handles Fetch.requestPaused and Fetch.authRequired. False: it is another event. */
bool dd_fetch_intercept_event(struct dd_fetch_intercept *intercept, const struct dd_cdp_event *event);

/* A load begins: the password may be given again. */
void dd_fetch_intercept_reset(struct dd_fetch_intercept *intercept);

#endif
