/* One target of a browser (CDP's word for a tab): sends it commands in its session, and runs scripts in an isolated world. They
 * see the page's document there, but nothing that the page's own scripts changed in their globals and prototypes. Uses CDP's
 * domains Runtime, Page and Emulation. Not thread-safe. */
#ifndef DD_SEND_CAPTURE_WEB_CDP_TARGET_H
#define DD_SEND_CAPTURE_WEB_CDP_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "send/capture/web/cdp.h"

struct dd_json;

enum { DD_CDP_TARGET_ID_SIZE = 64 };

#define DD_CDP_TARGET_WORLD "ddsend" /* CDP's worldName of our isolated world */

struct dd_cdp_target {
    struct dd_cdp *cdp; /* borrowed */
    char target_id[DD_CDP_TARGET_ID_SIZE], session_id[DD_CDP_TARGET_ID_SIZE], frame_id[DD_CDP_TARGET_ID_SIZE];
    char loader_id[DD_CDP_TARGET_ID_SIZE]; /* of the current document: each load has another */
    int64_t context_id;                    /* CDP's executionContextId of our isolated world in it; 0: none yet */
    uint64_t command_timeout_us;           /* until a command without an answer fails with DD_ERROR_TIMEOUT */
};

/* Sends a command with params (taken; may be NULL). answered (may be NULL) is called once, unless dd_cdp_forget() comes first. If
 * the command cannot be sent, it is called with the error before this returns. */
void dd_cdp_target_send(const struct dd_cdp_target *target, const char *method, struct dd_json *params,
                        void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

/* Evaluates a JavaScript expression in our isolated world (Runtime.evaluate), and waits for a promise. answered is called as by
 * dd_cdp_target_send(); with DD_ERROR_GONE, before this returns, while the target has no isolated world. */
void dd_cdp_target_evaluate(const struct dd_cdp_target *target, const char *expression,
                            void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

/* The value of an expression, from the answer to dd_cdp_target_evaluate(). Borrowed from the answer. NULL if it threw, or after
 * an error. */
const struct dd_json *dd_cdp_target_value(const struct dd_cdp_answer *answer);

/* A rectangle of the document, in CSS pixels. */
struct dd_cdp_target_clip {
    double x, y, width, height;
    bool beyond_viewport; /* it is not all within the viewport */
};

/* Takes a screenshot (Page.captureScreenshot) of the clip, or of the viewport if clip is NULL. The answer's "data" is a PNG in
 * base64. A screenshot of a clip ends the screencast in Chromium 156: start it again. */
void dd_cdp_target_screenshot(const struct dd_cdp_target *target, const struct dd_cdp_target_clip *clip,
                              void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

/* Starts the screencast: the browser sends an event Page.screencastFrame at once, and one after each change of the page. Its
 * picture is a PNG of the viewport's size; with small it is a tiny JPEG that only tells that something changed. */
void dd_cdp_target_start_screencast(const struct dd_cdp_target *target, bool small);
void dd_cdp_target_stop_screencast(const struct dd_cdp_target *target);

/* Acknowledges a frame of the screencast, the event's params: the browser sends no other one before. */
void dd_cdp_target_acknowledge_frame(const struct dd_cdp_target *target, const struct dd_json *frame);

/* The browser stamps a frame of the screencast when it has it: on a busy machine up to 130 ms after the page showed it. So a
 * frame counts as captured this long before its stamp. */
enum { DD_CDP_TARGET_SCREENCAST_LAG_US = 200000 };

/* When the picture of a Page.screencastFrame was captured, as dd_clock_now_us(), from the params of the event: its stamp minus
 * DD_CDP_TARGET_SCREENCAST_LAG_US. 0 if the stamp is more than two seconds old: this process did not run meanwhile. */
uint64_t dd_cdp_target_captured_us(const struct dd_json *params);

/* Freezes a loaded page, so that its timers and scripts stand still, or lets it go on (Page.setWebLifecycleState). */
void dd_cdp_target_freeze(const struct dd_cdp_target *target, bool frozen);

/* Copies an id that the browser gave. False if it is empty, too long, or has other characters than letters, digits and "-_.:"; to
 * is then "". */
bool dd_cdp_target_copy_id(char to[static DD_CDP_TARGET_ID_SIZE], const char *id);

#endif
