#include "send/capture/web/screenshots.h"

#include <stdlib.h>
#include <string.h>

#include "dd/base/buffer.h"
#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/pipeline/crop_mask.h"
#include "send/capture/source.h"
#include "send/capture/web/cdp_target.h"
#include "send/capture/web/element_clip.h"
#include "send/capture/web/image_decoder.h"
#include "send/capture/web/page.h"
#include "send/capture/web/web_options.h"
#include "send/options.h"
#include "send/picture.h"
#include "send/rect.h"

enum {
    CAST_BELOW_US = DD_CLOCK_US_PER_S,     /* at shorter intervals the browser sends pictures as the page moves */
    SETTLED_US = 500 * DD_CLOCK_US_PER_MS, /* without another picture, the page stands still */
    PROBE_US = 2 * DD_CLOCK_US_PER_S,      /* between two questions whether it lives */
    VERIFY_US = 30 * DD_CLOCK_US_PER_S,    /* the browser's word that nothing changed is believed for so long */
    LOOK_US = 2 * DD_CLOCK_US_PER_S,       /* between two pictures of what it cannot watch, while they are the same */
    RETRY_US = 200 * DD_CLOCK_US_PER_MS,
    START_US = 500 * DD_CLOCK_US_PER_MS,   /* until the browser sends the first picture */
    PAUSE_FROM_US = 5 * DD_CLOCK_US_PER_S, /* shorter intervals are not worth it */
    THAW_US = DD_CLOCK_US_PER_S,           /* before a picture, for the page to catch up */
};

/* a picture as it came */
struct shot {
    struct dd_buffer base64; /* with its NUL; empty: none */
    uint64_t captured_us;
    struct dd_rect part; /* of it is sent; width 0: all that fits the viewport, */
    bool alone;          /* or all, since it is of the element and nothing else */
};

enum round { IDLE, STARTING, MEASURING, SHOOTING, LOCATING, CHECKING, PROBING };

/* Two ways. Cast: the browser sends each picture as the page moves; when it has come to rest, one is taken, since the browser
 * leaves out pictures when it is busy. Else pictures are taken when they are due; and so that a page which does not change costs
 * nothing, the browser sends small ones meanwhile that tell if it did.
 *
 * An element is cut out of such a picture, if it is still in its place then. While it moves it is taken alone, which costs a
 * fraction, but ends the watch, until two of its pictures are the same. One that the viewport cannot show, or where the page does
 * not leave it, is always taken alone; there is no watching it, so it is looked at every two seconds. */
struct dd_screenshots {
    struct dd_page *page;
    const struct dd_web_options *site;
    struct dd_image_decoder *still;
    bool cast;
    bool pauses;       /* the page is frozen between pictures, */
    bool frozen;       /* and is now */
    bool casting;      /* the browser was told to send pictures, */
    bool watching;     /* and has sent one */
    unsigned document; /* that all of this is about */
    enum round round;  /* what is under way; each ends with an answer */
    unsigned during;   /* pictures that the browser sent while one was taken */
    struct dd_element_clip element;
    struct shot fresh, shown; /* not delivered yet; delivered last */
    uint64_t seen_us;         /* the newest picture shows nothing of the page that came later */
    bool there;               /* fresh is one */
    bool right;               /* and may be sent */
    bool changed;             /* the page, since the last picture was taken */
    bool alive;               /* the page answered, and nothing is new: */
    uint64_t alive_us;        /* so it was when it was asked */
    bool hangs;               /* it did not */
    uint64_t settle_us;       /* when a last picture of what moved is due; 0: it was taken */
    uint64_t probe_us, verify_us, retry_us, changed_us;
    struct dd_picture picture; /* of shown */
};

static bool is_same(const struct shot *a, const struct shot *b)
{
    return a->base64.size && a->base64.size == b->base64.size && memcmp(a->base64.bytes, b->base64.bytes, a->base64.size) == 0 &&
           a->alone == b->alone && memcmp(&a->part, &b->part, sizeof a->part) == 0;
}

/* ---- opening, closing ---- */

static bool is_whole_page(const struct dd_web_options *site)
{
    return !*site->options->web_capture_element || strcmp(site->options->web_capture_element, "body") == 0;
}

struct dd_screenshots *dd_screenshots_new(struct dd_page *page, const struct dd_web_options *site)
{
    struct dd_screenshots *s = calloc(1, sizeof *s);
    bool quick = site->options->interval < CAST_BELOW_US;

    if (!s) {
        dd_log_error("no memory for pictures of the page");
        return NULL;
    }
    s->page = page;
    s->site = site;
    /* what the browser sends is not magnified */
    s->cast = quick && is_whole_page(site) && site->options->page_zoom == 1;
    s->element = (struct dd_element_clip){.selector = is_whole_page(site) ? NULL : site->options->web_capture_element,
                                          .zoom = site->options->page_zoom,
                                          .short_interval = quick};
    s->pauses = site->options->pause_browser && site->options->interval >= PAUSE_FROM_US;
    s->changed_us = dd_clock_now_us();
    s->still = dd_image_decoder_new();
    if (s->still)
        return s;
    free(s);
    return NULL;
}

void dd_screenshots_free(struct dd_screenshots *s)
{
    if (!s)
        return;
    dd_cdp_forget(dd_page_target(s->page)->cdp, s);
    dd_image_decoder_free(s->still);
    dd_buffer_free(&s->fresh.base64);
    dd_buffer_free(&s->shown.base64);
    free(s);
}

/* ---- one picture at a time ---- */

/* What was seen of the page may be over. */
static void doubt(struct dd_screenshots *s)
{
    s->changed = true;
    dd_element_clip_invalidate(&s->element);
    if (s->cast)
        s->settle_us = dd_clock_now_us();
}

/* True if an answer is about the page as it is. */
static bool is_current(struct dd_screenshots *s, const struct dd_cdp_answer *answer)
{
    s->round = IDLE;
    if (answer->error == DD_ERROR_TIMEOUT)
        s->hangs = true;
    if (answer->error)
        s->retry_us = dd_clock_now_us() + RETRY_US;
    return !answer->error && dd_page_document(s->page) == s->document && dd_page_state(s->page) == DD_PAGE_READY;
}

static void checked(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_screenshots *s = context;

    s->probe_us = dd_clock_now_us() + PROBE_US;
    s->right = is_current(s, answer) && dd_page_checked(s->page, answer);
    if (s->right)
        return;
    s->there = false;
    doubt(s);
}

/* Where the page has to be asked whether it is the right one, it is asked after the picture was taken. */
static void check(struct dd_screenshots *s)
{
    const char *question = dd_page_check(s->page);

    s->right = !question;
    if (question) {
        s->round = CHECKING;
        dd_cdp_target_evaluate(dd_page_target(s->page), question, checked, s);
    }
}

static void located(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_screenshots *s = context;

    if (is_current(s, answer) && dd_element_clip_verify(&s->element, answer)) {
        check(s);
        return;
    }
    s->there = false;
    doubt(s);
}

/* There is a fresh picture. */
static void take(struct dd_screenshots *s, const char *base64, uint64_t captured_us)
{
    int error = dd_buffer_assign(&s->fresh.base64, base64, strlen(base64) + 1);
    if (error)
        dd_log_error("no memory for a page's picture of %zu bytes", strlen(base64));
    if (error || !*base64) {
        doubt(s);
        return;
    }
    s->fresh.captured_us = captured_us;
    s->there = true;
    s->right = false;
    if (s->element.verify) {
        s->round = LOCATING;
        if (dd_element_clip_measure(&s->element, dd_page_target(s->page), false, located, s) == 0)
            return;
        s->round = IDLE;
    }
    check(s);
}

/* A picture that is taken makes the browser send one, too; any more are of changes that it may lack. */
static void shot(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_screenshots *s = context;
    uint64_t now_us = dd_clock_now_us();
    const char *data = dd_json_string(dd_json_member(answer->result, "data"));
    bool taken = is_current(s, answer) && *data;

    if (!taken) {
        doubt(s);
        s->retry_us = now_us + RETRY_US;
        return;
    }
    s->changed = !s->casting || !s->watching || s->during > 1;
    if (s->cast && s->changed)
        s->settle_us = now_us + SETTLED_US;
    s->verify_us = now_us + (s->element.beyond_viewport ? LOOK_US : VERIFY_US);
    s->fresh.part = s->element.crop;
    s->fresh.alone = s->element.clipped;
    s->seen_us = now_us;
    take(s, data, answer->sent_us);
}

/* By the answer where the element is; NULL: there is none to be asked for. */
static void shoot(struct dd_screenshots *s, const struct dd_cdp_answer *answer)
{
    struct dd_cdp_target_clip clip;
    bool alone = dd_element_clip_plan(&s->element, answer, &clip);

    s->casting = s->casting && !alone;
    s->round = SHOOTING;
    s->during = 0;
    dd_cdp_target_screenshot(dd_page_target(s->page), alone ? &clip : NULL, shot, s);
}

static void measured(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_screenshots *s = context;

    if (is_current(s, answer))
        shoot(s, answer);
}

static void begin_round(struct dd_screenshots *s)
{
    s->round = MEASURING;
    if (dd_element_clip_measure(&s->element, dd_page_target(s->page), true, measured, s))
        shoot(s, NULL);
}

/* ---- pictures as the page moves ---- */

static void start_cast(struct dd_screenshots *s)
{
    dd_cdp_target_start_screencast(dd_page_target(s->page), !s->cast);
    s->casting = true;
    s->watching = false;
    s->round = STARTING;
    s->retry_us = dd_clock_now_us() + START_US;
}

static void stop_cast(struct dd_screenshots *s)
{
    dd_cdp_target_stop_screencast(dd_page_target(s->page));
    s->casting = false;
}

/* The browser says that the page has changed. */
static void notice_change(struct dd_screenshots *s, const struct dd_json *params)
{
    if (s->cast) {
        s->settle_us = dd_clock_now_us() + SETTLED_US;
        uint64_t at_us = dd_cdp_target_captured_us(params);
        s->fresh.part = (struct dd_rect){0};
        s->fresh.alone = false;
        if (at_us <= s->seen_us) /* on its way while a picture was taken; the one that settle_us calls for has what it shows */
            return;
        s->seen_us = at_us;
        if (s->round == IDLE || (s->round != CHECKING && !dd_page_check(s->page)))
            take(s, dd_json_string(dd_json_member(params, "data")), at_us);
        return;
    }
    doubt(s);
    if (s->site->options->interval >= CAST_BELOW_US) /* that is all there is to know until the next picture */
        stop_cast(s);
}

bool dd_screenshots_event(struct dd_screenshots *s, const struct dd_cdp_event *event)
{
    const struct dd_cdp_target *target = dd_page_target(s->page);
    int64_t number = dd_json_integer(dd_json_member(event->params, "sessionId"));
    struct dd_json *params;

    if (strcmp(event->method, "Page.screencastFrame") != 0 || strcmp(event->session_id, target->session_id) != 0)
        return false;
    params = dd_json_new_object();
    dd_json_add_integer(params, "sessionId", number > 0 ? (uint64_t)number : 0);
    dd_cdp_target_send(target, "Page.screencastFrameAck", params, NULL, NULL);
    if (dd_page_state(s->page) != DD_PAGE_READY || dd_page_document(s->page) != s->document || !s->casting) {
        doubt(s); /* it may be the last change before the page is right again */
        return true;
    }
    s->watching = true;
    if (s->round == STARTING) {
        begin_round(s);
    } else if (s->round == SHOOTING) {
        s->during++;
    } else {
        notice_change(s, event->params);
    }
    return true;
}

static void probed(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_screenshots *s = context;

    if (!is_current(s, answer))
        return;
    s->probe_us = dd_clock_now_us() + PROBE_US;
    s->alive_us = answer->sent_us;
    /* only of what was seen to its end there can be no news */
    bool right = !dd_page_check(s->page) || dd_page_checked(s->page, answer);
    if (!right)
        doubt(s);
    s->alive = right && s->shown.base64.size > 0 && !(s->cast ? s->settle_us != 0 : s->changed);
}

static void probe(struct dd_screenshots *s)
{
    const char *check = dd_page_check(s->page);

    s->round = PROBING;
    dd_cdp_target_evaluate(dd_page_target(s->page), check ? check : "0", probed, s);
}

/* ---- frozen between pictures ---- */

static void freeze(struct dd_screenshots *s, bool frozen)
{
    dd_cdp_target_freeze(dd_page_target(s->page), frozen);
    s->frozen = frozen;
    doubt(s);
    if (s->casting)
        stop_cast(s);
}

/* ---- what there is ---- */

static void begin_document(struct dd_screenshots *s)
{
    s->document = dd_page_document(s->page);
    s->there = s->alive = s->casting = false;
    dd_element_clip_reset(&s->element);
    s->changed = true;
    s->settle_us = s->probe_us = s->retry_us = 0;
}

/* What of the decoded picture is sent. */
static int cut(const struct dd_screenshots *s, const struct shot *shot, struct dd_picture *picture)
{
    const struct dd_rect viewport = {.width = s->site->width, .height = s->site->height},
                         all = {.width = s->picture.width, .height = s->picture.height};
    /* an element beyond the viewport came alone, in its own shape */
    const struct dd_rect *part = &shot->part;
    struct dd_rect area = dd_rect_intersect(part->width ? part : shot->alone ? &all : &viewport, &all);

    return area.width ? dd_crop_mask_crop(&s->picture, &area, picture) : DD_ERROR_INPUT;
}

static int deliver(struct dd_screenshots *s, struct dd_source_io *io, struct dd_picture *picture)
{
    struct shot shot = s->fresh;
    int error = 0;
    bool same = is_same(&s->fresh, &s->shown);
    uint64_t soon_us = 2 * (uint64_t)s->site->options->interval + RETRY_US;

    dd_element_clip_observe(&s->element, s->shown.alone, shot.alone, same, shot.captured_us < s->shown.captured_us + soon_us);
    if (!same) {
        error = dd_image_decoder_decode(s->still, (const char *)s->fresh.base64.bytes, &s->picture);
        s->changed_us = dd_clock_now_us();
    }
    if (!error)
        error = cut(s, &shot, picture);
    if (error == DD_ERROR_INPUT)
        return dd_source_fail(io, DD_WIRE_REASON_BROKEN, "%s: the browser's picture of it cannot be read", s->site->name);
    if (error)
        return error;
    s->fresh = s->shown;
    s->shown = shot;
    s->there = s->alive = false;
    picture->captured_us = shot.captured_us;
    return DD_SCREENSHOTS_PICTURE;
}

/* Begins what is to be done now, where nothing is under way. */
static void work(struct dd_screenshots *s, uint64_t now_us, uint64_t due_us)
{
    bool changed = s->changed && !dd_element_clip_is_static(&s->element);
    bool wanted = s->cast ? s->settle_us && now_us >= s->settle_us : changed && now_us >= due_us;

    if (s->cast && !s->casting) {
        start_cast(s);
    } else if (wanted || (now_us >= s->verify_us && now_us >= due_us)) {
        s->settle_us = 0;
        if (s->casting || s->element.beyond_viewport || dd_element_clip_is_changing(&s->element))
            begin_round(s);
        else
            start_cast(s);
    } else if (now_us >= s->probe_us && (s->cast || now_us >= due_us)) {
        probe(s);
    }
}

int dd_screenshots_next(struct dd_screenshots *s, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture)
{
    uint64_t now_us = dd_clock_now_us();

    if (s->document != dd_page_document(s->page))
        begin_document(s);
    if (s->pauses && s->frozen != (now_us + THAW_US < due_us) && !s->there && s->round == IDLE)
        freeze(s, !s->frozen);
    if (s->frozen)
        return DD_SCREENSHOTS_NOTHING;
    if (s->hangs)
        return dd_source_fail(io, DD_WIRE_REASON_TIMEOUT, "%s: it hangs: no picture and no answer within %g s", s->site->name,
                              (double)s->site->options->timeout / DD_CLOCK_US_PER_S);
    if (s->there && s->right && now_us >= due_us)
        return deliver(s, io, picture);
    if (s->alive) {
        s->alive = false;
        *picture = (struct dd_picture){.captured_us = s->alive_us};
        return DD_SCREENSHOTS_SAME;
    }
    if (s->round == STARTING && now_us >= s->retry_us) /* it goes without */
        begin_round(s);
    if (s->round == IDLE && !s->there && now_us >= s->retry_us)
        work(s, now_us, due_us);
    return DD_SCREENSHOTS_NOTHING;
}

uint64_t dd_screenshots_wake_us(const struct dd_screenshots *s, uint64_t due_us)
{
    uint64_t wake_us = due_us, next_us = s->verify_us < s->probe_us ? s->verify_us : s->probe_us;

    if (s->frozen)
        return due_us > THAW_US ? due_us - THAW_US : 0;
    if (s->round == STARTING)
        return s->retry_us;
    if (s->round != IDLE)
        return UINT64_MAX;
    if (s->cast && !s->there)
        wake_us = s->settle_us && s->settle_us < s->probe_us ? s->settle_us : s->probe_us;
    else if (!s->there && (!s->changed || dd_element_clip_is_static(&s->element)) && wake_us < next_us)
        wake_us = next_us;
    return wake_us > s->retry_us ? wake_us : s->retry_us;
}

uint64_t dd_screenshots_changed_us(const struct dd_screenshots *s)
{
    return s->changed_us;
}
