/* How one tab of a browser is spoken to: commands in its session, and scripts in a world of their own, which see the page's
 * document but none of its scripts' doings. */
#ifndef DD_SEND_CAPTURE_WEB_CDP_TARGET_H
#define DD_SEND_CAPTURE_WEB_CDP_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "send/capture/web/cdp.h"

struct dd_json;

enum { DD_CDP_TARGET_ID_SIZE = 64 };

#define DD_CDP_TARGET_WORLD "ddsend" /* name of the world of our scripts */

struct dd_cdp_target {
    struct dd_cdp *cdp; /* borrowed */
    char target_id[DD_CDP_TARGET_ID_SIZE], session_id[DD_CDP_TARGET_ID_SIZE], frame_id[DD_CDP_TARGET_ID_SIZE];
    char loader_id[DD_CDP_TARGET_ID_SIZE]; /* of the document that is shown */
    int64_t context_id;                    /* the context of our scripts in it; 0: none yet */
    uint64_t command_timeout_us;           /* for each command */
};

/* Sends a command with params (taken, may be NULL). answered (may be NULL) is always called once, unless the context is
 * forgotten before: with the error at once if the command cannot be sent. */
void dd_cdp_target_send(const struct dd_cdp_target *target, const char *method, struct dd_json *params,
                        void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

/* Runs an expression in the world of our scripts; a promise is awaited. The answer's error is DD_ERROR_GONE while there is no
 * world. */
void dd_cdp_target_evaluate(const struct dd_cdp_target *target, const char *expression,
                            void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

/* What an expression gave, by the answer to dd_cdp_target_evaluate(); NULL: it threw, or there is none. */
const struct dd_json *dd_cdp_target_value(const struct dd_cdp_answer *answer);

/* A part of the page, in its own pixels. */
struct dd_cdp_target_clip {
    double x, y, width, height; /* of the document */
    bool beyond_viewport;       /* the viewport */
};

/* Takes a picture, PNG: of the part, else (clip is NULL) of the viewport. The answer's "data" has it as base64. Chromium 156
 * sends no more pictures by itself once it took one of a part, until it is told to again. */
void dd_cdp_target_screenshot(const struct dd_cdp_target *target, const struct dd_cdp_target_clip *clip,
                              void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

/* From now on the browser sends a picture at once, and one of each change (events Page.screencastFrame): PNG of the viewport's
 * own size, or small is set: a JPEG of a few pixels, which tells that something changed. */
void dd_cdp_target_start_screencast(const struct dd_cdp_target *target, bool small);
void dd_cdp_target_stop_screencast(const struct dd_cdp_target *target);

/* When such a picture, the event's params, was captured, as dd_clock_now_us(): the browser stamps it by the wall clock once it
 * has it, which is after what it shows. 0: that is long ago, this process did not run meanwhile. */
uint64_t dd_cdp_target_captured_us(const struct dd_json *params);

/* Stops all that a loaded page does, or lets it go on. */
void dd_cdp_target_freeze(const struct dd_cdp_target *target, bool frozen);

/* Copies an identifier of the browser's. False, and "" is copied, if it is not plausible. */
bool dd_cdp_target_copy_id(char to[static DD_CDP_TARGET_ID_SIZE], const char *id);

#endif
