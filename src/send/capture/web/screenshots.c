#include "send/capture/web/screenshots.h"

#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/source.h"
#include "send/capture/web/captured_image.h"
#include "send/capture/web/cdp_target.h"
#include "send/capture/web/element_clip.h"
#include "send/capture/web/image_decoder.h"
#include "send/capture/web/page.h"
#include "send/capture/web/web_options.h"
#include "send/options.h"
#include "send/picture.h"
#include "send/rect.h"

enum {
    SHORT_INTERVAL_US = DD_CLOCK_US_PER_S,          /* shorter intervals are served by the screencast, where it can be */
    FIRST_FRAME_US = 500 * DD_CLOCK_US_PER_MS,      /* the longest wait for the screencast's first frame */
    SETTLED_US = 500 * DD_CLOCK_US_PER_MS,          /* after so long without a frame the page has come to rest */
    PROBE_US = 2 * DD_CLOCK_US_PER_S,               /* from one sign of life to the next probe */
    TRUST_US = 30 * DD_CLOCK_US_PER_S,              /* for so long, no frame is trusted to mean no change */
    TRUST_UNWATCHED_US = 2 * DD_CLOCK_US_PER_S,     /* the same, of an element that no screencast shows */
    RETRY_US = 200 * DD_CLOCK_US_PER_MS,            /* from a failure to the next attempt */
    FREEZE_INTERVAL_MIN_US = 5 * DD_CLOCK_US_PER_S, /* at shorter intervals freezing saves too little */
    THAW_US = DD_CLOCK_US_PER_S,                    /* before a picture, so that the page can catch up */
};

#define NEVER UINT64_MAX

enum mode { SCREENCAST, SCREENSHOT };

/* The header has the transitions. From MEASURING to PROBING, a command is under way. */
enum state { IDLE, AWAITING_FIRST_FRAME, MEASURING, CAPTURING, REMEASURING, CHECKING, PROBING, FROZEN, HUNG };

enum screencast {
    SCREENCAST_OFF,
    SCREENCAST_REQUESTED, /* no frame has come yet */
    SCREENCAST_RUNNING,
};

enum pending { PENDING_NONE, PENDING_UNCHECKED, PENDING_CHECKED };

/* An element is cut out of a screenshot of the viewport, if it did not move meanwhile. While it keeps changing it is captured by
 * itself, clipped, until two such pictures are the same: this costs a fraction, but ends the screencast. An element is always
 * captured by itself if it is beyond the viewport, or if the page does not leave it where it was scrolled to. No screencast
 * shows its changes then. */
struct dd_screenshots {
    struct dd_page *page;
    const struct dd_web_options *web_options;
    struct dd_image_decoder *decoder;
    enum mode mode;
    bool pauses; /* the page is frozen between pictures */

    enum state state;
    bool outdated; /* what is under way was begun for an earlier document: its answer is of no use */
    enum screencast screencast;
    unsigned document;              /* dd_page_document() of all that follows */
    unsigned frames_during_capture; /* frames that came in CAPTURING */
    struct dd_element_clip element; /* the whole page has no selector */

    enum pending pending_state; /* whether there is one, and whether it may be delivered */
    struct dd_captured_image pending, delivered;
    struct dd_picture picture; /* delivered, decoded */

    /* Of dd_clock_now_us(). After a sleep or a pause of this process all is due at once: the page is looked at anew before it
     * counts as unchanged. */
    uint64_t capture_us;     /* a screenshot is due from then on, since the page changed; NEVER: it did not change */
    uint64_t trust_until_us; /* a screenshot is due from then on in any case */
    uint64_t probe_us;       /* a probe is due from then on */
    uint64_t resume_us;      /* nothing is begun before; AWAITING_FIRST_FRAME ends then */
    uint64_t covered_us;     /* frames captured up to then, as dd_cdp_target_captured_us(), are older than the last picture */
    uint64_t unchanged_us;   /* when the page still showed the delivered picture, to be reported; 0: nothing to report */
    uint64_t changed_us;     /* when the delivered pixels changed last */
};

/* ---- creating, freeing ---- */

static bool is_whole_page(const struct dd_web_options *web_options)
{
    return !*web_options->options->web_capture_element || strcmp(web_options->options->web_capture_element, "body") == 0;
}

struct dd_screenshots *dd_screenshots_new(struct dd_page *page, const struct dd_web_options *web_options)
{
    struct dd_screenshots *s = calloc(1, sizeof *s);
    const struct dd_send_stream *options = web_options->options;
    bool whole = is_whole_page(web_options), short_interval = options->interval < SHORT_INTERVAL_US;

    if (!s) {
        dd_log_error("no memory for pictures of the page");
        return NULL;
    }
    s->page = page;
    s->web_options = web_options;
    /* frames of the screencast are not zoomed */
    s->mode = short_interval && whole && options->page_zoom == 1 ? SCREENCAST : SCREENSHOT;
    s->element = (struct dd_element_clip){
        .selector = whole ? NULL : options->web_capture_element, .zoom = options->page_zoom, .short_interval = short_interval};
    s->pauses = options->pause_browser && options->interval >= FREEZE_INTERVAL_MIN_US;
    s->changed_us = dd_clock_now_us();
    s->decoder = dd_image_decoder_new();
    if (s->decoder)
        return s;
    free(s);
    return NULL;
}

void dd_screenshots_free(struct dd_screenshots *s)
{
    if (!s)
        return;
    dd_cdp_forget(dd_page_target(s->page)->cdp, s);
    dd_image_decoder_free(s->decoder);
    dd_buffer_free(&s->pending.base64);
    dd_buffer_free(&s->delivered.base64);
    free(s);
}

/* ---- what every transition needs ---- */

/* The page has changed, or may have. A screenshot of it is due after delay_us. */
static void note_change(struct dd_screenshots *s, uint64_t delay_us)
{
    s->capture_us = dd_clock_now_us() + delay_us;
    dd_element_clip_invalidate(&s->element);
}

/* The picture under way is of no use; another one is due. */
static void drop(struct dd_screenshots *s)
{
    s->pending_state = PENDING_NONE;
    note_change(s, 0);
}

static void drop_and_retry_later(struct dd_screenshots *s)
{
    drop(s);
    s->resume_us = dd_clock_now_us() + RETRY_US;
}

/* True if the page is ready, with the document that the state is about. */
static bool is_current(const struct dd_screenshots *s)
{
    return dd_page_state(s->page) == DD_PAGE_READY && dd_page_document(s->page) == s->document;
}

/* Ends what was under way. True if the answer is of use. */
static bool finish(struct dd_screenshots *s, const struct dd_cdp_answer *answer)
{
    bool outdated = s->outdated;

    s->state = answer->error == DD_ERROR_TIMEOUT ? HUNG : IDLE;
    s->outdated = false;
    if (answer->error)
        s->resume_us = dd_clock_now_us() + RETRY_US;
    return !answer->error && !outdated && is_current(s);
}

/* ---- from a picture to one that may be delivered ---- */

static void checked(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_screenshots *s = context;

    s->probe_us = dd_clock_now_us() + PROBE_US;
    if (finish(s, answer) && dd_page_check_picture(s->page, answer))
        s->pending_state = PENDING_CHECKED;
    else
        drop(s);
}

static void begin_check(struct dd_screenshots *s)
{
    const char *expression = dd_page_check_expression(s->page);

    if (!expression) {
        s->pending_state = PENDING_CHECKED;
        return;
    }
    s->state = CHECKING;
    dd_cdp_target_evaluate(dd_page_target(s->page), expression, checked, s);
}

static void remeasured(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_screenshots *s = context;

    if (finish(s, answer) && dd_element_clip_verify(&s->element, answer))
        begin_check(s);
    else
        drop(s);
}

/* Keeps a picture, in place of one that is still pending, and begins what has to be known of it. */
static void keep_picture(struct dd_screenshots *s, const char *base64, uint64_t captured_us)
{
    int error = dd_buffer_assign(&s->pending.base64, base64, strlen(base64) + 1);

    if (error)
        dd_log_error("no memory for a page's picture of %zu bytes", strlen(base64));
    if (error || !*base64) {
        drop_and_retry_later(s);
        return;
    }
    s->pending.captured_us = captured_us;
    s->pending.crop = s->element.crop;
    s->pending.clipped = s->element.clipped;
    s->pending_state = PENDING_UNCHECKED;
    if (!s->element.verify) {
        begin_check(s);
        return;
    }
    s->state = REMEASURING;
    if (dd_element_clip_measure(&s->element, dd_page_target(s->page), false, remeasured, s)) {
        s->state = IDLE;
        drop_and_retry_later(s);
    }
}

/* ---- screenshots ---- */

static void captured(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_screenshots *s = context;
    uint64_t now_us = dd_clock_now_us();
    const char *data = dd_json_string(dd_json_member(answer->result, "data"));

    if (!finish(s, answer) || !*data) {
        drop_and_retry_later(s);
        return;
    }
    /* the browser sends one frame because of the screenshot itself */
    bool changed = s->screencast != SCREENCAST_RUNNING || s->frames_during_capture > 1;
    s->capture_us = !changed ? NEVER : s->mode == SCREENCAST ? now_us + SETTLED_US : now_us;
    s->trust_until_us = now_us + (s->element.beyond_viewport ? TRUST_UNWATCHED_US : TRUST_US);
    s->covered_us = now_us - DD_CDP_TARGET_SCREENCAST_LAG_US;
    keep_picture(s, data, answer->sent_us);
}

/* measurement tells where the element is; NULL: the whole page is to be captured. */
static void begin_capture(struct dd_screenshots *s, const struct dd_cdp_answer *measurement)
{
    struct dd_cdp_target_clip clip;
    bool clipped = dd_element_clip_plan(&s->element, measurement, &clip);

    if (clipped) /* it ends the screencast, without a command: dd_cdp_target_screenshot() */
        s->screencast = SCREENCAST_OFF;
    s->state = CAPTURING;
    s->frames_during_capture = 0;
    dd_cdp_target_screenshot(dd_page_target(s->page), clipped ? &clip : NULL, captured, s);
}

static void measured(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_screenshots *s = context;

    if (finish(s, answer))
        begin_capture(s, answer);
}

static void begin_screenshot(struct dd_screenshots *s)
{
    if (!s->element.selector) {
        begin_capture(s, NULL);
        return;
    }
    s->state = MEASURING;
    if (dd_element_clip_measure(&s->element, dd_page_target(s->page), true, measured, s)) {
        s->state = IDLE;
        drop_and_retry_later(s);
    }
}

/* ---- the screencast ---- */

static void start_screencast(struct dd_screenshots *s)
{
    dd_cdp_target_start_screencast(dd_page_target(s->page), s->mode == SCREENSHOT);
    s->screencast = SCREENCAST_REQUESTED;
    s->state = AWAITING_FIRST_FRAME;
    s->resume_us = dd_clock_now_us() + FIRST_FRAME_US;
}

static void stop_screencast(struct dd_screenshots *s)
{
    dd_cdp_target_stop_screencast(dd_page_target(s->page));
    s->screencast = SCREENCAST_OFF;
}

/* In SCREENCAST a frame is a picture. */
static void handle_frame(struct dd_screenshots *s, const struct dd_json *params)
{
    uint64_t captured_us = dd_cdp_target_captured_us(params);

    note_change(s, SETTLED_US);
    if (captured_us <= s->covered_us)
        return;
    s->covered_us = captured_us;
    /* to check a frame now would take a second command at a time: the screenshot that is due soon shows as much */
    if (s->state == IDLE || !dd_page_check_expression(s->page))
        keep_picture(s, dd_json_string(dd_json_member(params, "data")), captured_us);
}

/* In SCREENSHOT a frame tells that the page changed. At a long interval nothing else has to be known until the next picture. */
static void handle_change(struct dd_screenshots *s)
{
    note_change(s, 0);
    if (s->web_options->options->interval >= SHORT_INTERVAL_US)
        stop_screencast(s);
}

bool dd_screenshots_event(struct dd_screenshots *s, const struct dd_cdp_event *event)
{
    if (strcmp(event->method, "Page.screencastFrame") != 0 || strcmp(event->session_id, dd_page_target(s->page)->session_id) != 0)
        return false;
    dd_cdp_target_acknowledge_frame(dd_page_target(s->page), event->params);
    if (!is_current(s) || s->screencast == SCREENCAST_OFF) {
        note_change(s, 0); /* no other frame may tell of this change */
        return true;
    }
    s->screencast = SCREENCAST_RUNNING;
    if (s->state == AWAITING_FIRST_FRAME)
        begin_screenshot(s);
    else if (s->state == CAPTURING)
        s->frames_during_capture++;
    else if (s->mode == SCREENCAST)
        handle_frame(s, event->params);
    else
        handle_change(s);
    return true;
}

/* ---- signs of life ---- */

static void probed(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_screenshots *s = context;

    if (!finish(s, answer))
        return;
    s->probe_us = dd_clock_now_us() + PROBE_US;
    if (dd_page_check_expression(s->page) && !dd_page_check_picture(s->page, answer))
        note_change(s, 0);
    else if (s->delivered.base64.size && s->capture_us == NEVER)
        s->unchanged_us = answer->sent_us;
}

static void begin_probe(struct dd_screenshots *s)
{
    const char *expression = dd_page_check_expression(s->page);

    s->state = PROBING;
    dd_cdp_target_evaluate(dd_page_target(s->page), expression ? expression : "0", probed, s);
}

/* ---- frozen between pictures ---- */

static void set_frozen(struct dd_screenshots *s, bool frozen)
{
    dd_cdp_target_freeze(dd_page_target(s->page), frozen);
    s->state = frozen ? FROZEN : IDLE;
    note_change(s, 0);
    if (s->screencast != SCREENCAST_OFF)
        stop_screencast(s);
}

static void freeze_or_thaw(struct dd_screenshots *s, bool far)
{
    if (s->state == IDLE && far && s->pending_state == PENDING_NONE)
        set_frozen(s, true);
    else if (s->state == FROZEN && !far)
        set_frozen(s, false);
}

/* ---- delivering ---- */

static int deliver(struct dd_screenshots *s, struct dd_source_io *io, struct dd_picture *picture)
{
    const struct dd_rect viewport = {.width = s->web_options->width, .height = s->web_options->height};
    struct dd_captured_image image = s->pending;
    int error = 0;
    bool same = dd_captured_image_is_same(&image, &s->delivered);
    uint64_t soon_us = 2 * (uint64_t)s->web_options->options->interval + RETRY_US;

    dd_element_clip_observe(&s->element, s->delivered.clipped, image.clipped, same,
                            image.captured_us < s->delivered.captured_us + soon_us);
    if (!same) {
        error = dd_image_decoder_decode(s->decoder, (const char *)image.base64.bytes, &s->picture);
        s->changed_us = dd_clock_now_us();
    }
    if (!error)
        error = dd_captured_image_crop(&image, &viewport, &s->picture, picture);
    if (error == DD_ERROR_INPUT)
        return dd_source_fail(io, DD_WIRE_REASON_BROKEN, "%s: the browser's picture of it cannot be read", s->web_options->name);
    if (error)
        return error;
    s->pending = s->delivered; /* its memory is used again */
    s->delivered = image;
    s->pending_state = PENDING_NONE;
    s->unchanged_us = 0;
    picture->captured_us = image.captured_us;
    return DD_SCREENSHOTS_PICTURE;
}

/* ---- what is due ---- */

static void begin_document(struct dd_screenshots *s)
{
    s->document = dd_page_document(s->page);
    s->outdated = s->state >= MEASURING && s->state <= PROBING;
    s->screencast = SCREENCAST_OFF;
    dd_element_clip_reset(&s->element);
    drop(s);
    s->unchanged_us = s->probe_us = s->resume_us = 0;
}

static void begin_due(struct dd_screenshots *s, uint64_t now_us, uint64_t due_us)
{
    bool due = now_us >= due_us;
    bool wanted = s->mode == SCREENCAST || (due && !dd_element_clip_is_static(&s->element));
    bool capture = (wanted && now_us >= s->capture_us) || (due && now_us >= s->trust_until_us);
    bool unwatched = s->element.beyond_viewport || dd_element_clip_is_changing(&s->element);

    if (s->screencast == SCREENCAST_OFF && (s->mode == SCREENCAST || (capture && !unwatched)))
        start_screencast(s);
    else if (capture)
        begin_screenshot(s);
    else if (now_us >= s->probe_us && (s->mode == SCREENCAST || due))
        begin_probe(s);
}

int dd_screenshots_next(struct dd_screenshots *s, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture)
{
    uint64_t now_us = dd_clock_now_us();

    if (s->document != dd_page_document(s->page))
        begin_document(s);
    if (s->pauses)
        freeze_or_thaw(s, now_us + THAW_US < due_us);
    if (s->state == HUNG)
        return dd_source_fail(io, DD_WIRE_REASON_TIMEOUT, "%s: it hangs: no picture and no answer within %g s",
                              s->web_options->name, dd_clock_seconds((uint64_t)s->web_options->options->timeout));
    if (s->pending_state == PENDING_CHECKED && now_us >= due_us)
        return deliver(s, io, picture);
    if (s->unchanged_us) {
        *picture = (struct dd_picture){.captured_us = s->unchanged_us};
        s->unchanged_us = 0;
        return DD_SCREENSHOTS_SAME;
    }
    if (now_us < s->resume_us)
        return DD_SCREENSHOTS_NOTHING;
    if (s->state == AWAITING_FIRST_FRAME)
        begin_screenshot(s);
    else if (s->state == IDLE && s->pending_state == PENDING_NONE)
        begin_due(s, now_us, due_us);
    return DD_SCREENSHOTS_NOTHING;
}

static uint64_t min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t dd_screenshots_wake_us(const struct dd_screenshots *s, uint64_t due_us)
{
    bool changed = s->capture_us != NEVER && !dd_element_clip_is_static(&s->element);

    if (s->state == FROZEN)
        return due_us > THAW_US ? due_us - THAW_US : 0;
    if (s->state == AWAITING_FIRST_FRAME)
        return s->resume_us;
    if (s->state != IDLE)
        return NEVER;
    if (s->pending_state != PENDING_NONE)
        return max(due_us, s->resume_us);
    if (s->mode == SCREENCAST)
        return max(min(s->capture_us, s->probe_us), s->resume_us);
    return max(changed ? due_us : max(due_us, min(s->trust_until_us, s->probe_us)), s->resume_us);
}

uint64_t dd_screenshots_changed_us(const struct dd_screenshots *s)
{
    return s->changed_us;
}
