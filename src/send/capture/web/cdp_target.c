#include "send/capture/web/cdp_target.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "send/picture.h"

enum {
    SMALL_WIDTH = 64,
    SMALL_HEIGHT = 36,
    SCREENCAST_AGE_MAX_US = 2 * DD_CLOCK_US_PER_S,
};

void dd_cdp_target_send(const struct dd_cdp_target *target, const char *method, struct dd_json *params,
                        void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context)
{
    const struct dd_cdp_command command = {.session_id = target->session_id,
                                           .method = method,
                                           .params = params,
                                           .deadline_us = dd_clock_now_us() + target->command_timeout_us,
                                           .answered = answered,
                                           .context = context};
    int error = dd_cdp_send(target->cdp, &command);

    if (error && answered)
        answered(context, &(struct dd_cdp_answer){.error = error, .text = dd_error_text(error)});
}

void dd_cdp_target_evaluate(const struct dd_cdp_target *target, const char *expression,
                            void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context)
{
    struct dd_json *params;

    if (target->context_id <= 0) {
        answered(context, &(struct dd_cdp_answer){.error = DD_ERROR_GONE, .text = "the page is being changed"});
        return;
    }
    params = dd_json_new_object();
    dd_json_add_string(params, "expression", expression);
    dd_json_add_integer(params, "contextId", (uint64_t)target->context_id);
    dd_json_add_boolean(params, "returnByValue", true);
    dd_json_add_boolean(params, "awaitPromise", true);
    dd_cdp_target_send(target, "Runtime.evaluate", params, answered, context);
}

const struct dd_json *dd_cdp_target_value(const struct dd_cdp_answer *answer)
{
    if (answer->error || dd_json_member(answer->result, "exceptionDetails"))
        return NULL;
    return dd_json_member(dd_json_member(answer->result, "result"), "value");
}

void dd_cdp_target_screenshot(const struct dd_cdp_target *target, const struct dd_cdp_target_clip *clip,
                              void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context)
{
    struct dd_json *params = dd_json_new_object(), *area;

    /* PNG keeps text sharp, and the same pixels give the same bytes; optimised for speed it costs less than JPEG */
    dd_json_add_string(params, "format", "png");
    dd_json_add_boolean(params, "optimizeForSpeed", true);
    if (clip) {
        area = dd_json_add_object(params, "clip");
        dd_json_add_number(area, "x", clip->x, 3);
        dd_json_add_number(area, "y", clip->y, 3);
        dd_json_add_number(area, "width", clip->width, 3);
        dd_json_add_number(area, "height", clip->height, 3);
        dd_json_add_number(area, "scale", 1, 0);
        dd_json_add_boolean(params, "captureBeyondViewport", clip->beyond_viewport);
    }
    dd_cdp_target_send(target, "Page.captureScreenshot", params, answered, context);
}

void dd_cdp_target_start_screencast(const struct dd_cdp_target *target, bool small)
{
    struct dd_json *params = dd_json_new_object();

    dd_json_add_string(params, "format", small ? "jpeg" : "png");
    dd_json_add_integer(params, "quality", 1);
    dd_json_add_integer(params, "maxWidth", small ? SMALL_WIDTH : DD_PICTURE_WIDTH_MAX);
    dd_json_add_integer(params, "maxHeight", small ? SMALL_HEIGHT : DD_PICTURE_HEIGHT_MAX);
    dd_json_add_integer(params, "everyNthFrame", 1);
    dd_cdp_target_send(target, "Page.startScreencast", params, NULL, NULL);
}

void dd_cdp_target_stop_screencast(const struct dd_cdp_target *target)
{
    dd_cdp_target_send(target, "Page.stopScreencast", NULL, NULL, NULL);
}

void dd_cdp_target_acknowledge_frame(const struct dd_cdp_target *target, const struct dd_json *frame)
{
    struct dd_json *params = dd_json_new_object();
    int64_t number = dd_json_integer(dd_json_member(frame, "sessionId"));

    dd_json_add_integer(params, "sessionId", number > 0 ? (uint64_t)number : 0);
    dd_cdp_target_send(target, "Page.screencastFrameAck", params, NULL, NULL);
}

uint64_t dd_cdp_target_captured_us(const struct dd_json *params)
{
    double stamp = dd_json_number(dd_json_member(dd_json_member(params, "metadata"), "timestamp"));
    double age_us = (double)dd_clock_wall_us() - stamp * (double)DD_CLOCK_US_PER_S;
    uint64_t now_us = dd_clock_now_us();

    /* The browser stamps by the wall clock. If that is set back between the stamp and now, the frame counts as new, by less than
     * the time it took to get here; if it is set ahead, as older, or as of unknown age. A sleep and a pause make it as old as it
     * is. */
    if (!(age_us > 0))
        age_us = 0;
    if (age_us > (double)SCREENCAST_AGE_MAX_US)
        return 0;
    return now_us - (uint64_t)age_us - DD_CDP_TARGET_SCREENCAST_LAG_US;
}

/* Chromium 156 freezes only a hidden page. Focus emulation is the only way to make a page visible again; without a page in the
 * target it crashes Chromium. Measured: a page that took 0.4 of a core took 0.01 when frozen, and went on within 0.1 s. */
void dd_cdp_target_freeze(const struct dd_cdp_target *target, bool frozen)
{
    struct dd_json *focus = dd_json_new_object(), *state = dd_json_new_object();

    dd_json_add_boolean(focus, "enabled", !frozen);
    dd_json_add_string(state, "state", frozen ? "frozen" : "active");
    dd_cdp_target_send(target, "Emulation.setFocusEmulationEnabled", focus, NULL, NULL);
    dd_cdp_target_send(target, "Page.setWebLifecycleState", state, NULL, NULL);
}

bool dd_cdp_target_copy_id(char to[static DD_CDP_TARGET_ID_SIZE], const char *id)
{
    size_t length = 0;

    to[0] = '\0';
    while (length < DD_CDP_TARGET_ID_SIZE && (isalnum((unsigned char)id[length]) || (id[length] && strchr("-_.:", id[length]))))
        length++;
    if (length == 0 || length >= DD_CDP_TARGET_ID_SIZE || id[length])
        return false;
    memcpy(to, id, length + 1);
    return true;
}
