#include "dd/send/capture/shots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "dd/send/capture/page.h"
#include "dd/send/capture/site.h"
#include "dd/send/capture/source.h"
#include "dd/send/capture/still.h"
#include "dd/send/capture/tab.h"
#include "dd/send/options.h"
#include "dd/send/picture.h"

enum {
    CAST_BELOW_US = DD_CLOCK_US_PER_S,     /* at shorter intervals the browser sends pictures as the page moves */
    CAST_LAG_US = 50 * DD_CLOCK_US_PER_MS, /* that the time stamp of such a picture is younger than what it shows, at most */
    CAST_AGE_MAX_US = 2 * DD_CLOCK_US_PER_S,
    SETTLED_US = 300 * DD_CLOCK_US_PER_MS, /* without another picture, the page stands still */
    PROBE_US = 2 * DD_CLOCK_US_PER_S,      /* between two questions whether it lives */
    RETRY_US = 200 * DD_CLOCK_US_PER_MS,
    SCRIPT_SIZE = 6 * DD_SEND_SHORT * 2 + 512,
};

/* base64 of a compressed picture */
struct shot {
    char *text;
    size_t length, capacity;
    uint64_t captured_us;
};

enum round { IDLE, MEASURING, SHOOTING, CHECKING, PROBING };

struct dd_shots {
    struct dd_page *page;
    const struct dd_site *site;
    struct dd_still *still;
    bool cast;                /* the browser sends pictures, */
    bool casting;             /* and was told to */
    unsigned document;        /* that all of this is about */
    enum round round;         /* what is under way; each ends with an answer */
    struct shot fresh, shown; /* not delivered yet; delivered last */
    bool there;               /* fresh is one */
    bool right;               /* and may be sent */
    bool alive;               /* the page answered, and nothing is new */
    bool hangs;               /* it did not */
    bool element_missing;     /* said */
    uint64_t settle_us;       /* when a last picture of what moved is due; 0: it was taken */
    uint64_t probe_us, retry_us, changed_us;
    struct dd_picture picture; /* of shown */
};

static void begin_round(struct dd_shots *s);

/* ---- shots ---- */

static int copy(struct shot *shot, const char *base64, uint64_t captured_us)
{
    size_t length = strlen(base64);

    if (length + 1 > shot->capacity) {
        free(shot->text);
        shot->capacity = length + length / 4 + 1;
        shot->text = malloc(shot->capacity);
        if (!shot->text) {
            *shot = (struct shot){0};
            dd_log_error("no memory for a page's picture of %zu bytes", length);
            return DD_ERROR_MEMORY;
        }
    }
    memcpy(shot->text, base64, length + 1);
    shot->length = length;
    shot->captured_us = captured_us;
    return 0;
}

static bool is_same(const struct shot *a, const struct shot *b)
{
    return a->length == b->length && b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* ---- opening, closing ---- */

static bool is_whole_page(const struct dd_site *site)
{
    return !*site->options->web_capture_element || strcmp(site->options->web_capture_element, "body") == 0;
}

struct dd_shots *dd_shots_new(struct dd_page *page, const struct dd_site *site)
{
    struct dd_shots *s = calloc(1, sizeof *s);

    if (!s) {
        dd_log_error("no memory for pictures of the page");
        return NULL;
    }
    s->page = page;
    s->site = site;
    s->cast = site->options->interval < CAST_BELOW_US && is_whole_page(site);
    s->changed_us = dd_clock_now_us();
    s->still = dd_still_new();
    if (s->still)
        return s;
    free(s);
    return NULL;
}

void dd_shots_free(struct dd_shots *s)
{
    if (!s)
        return;
    dd_pipe_forget(dd_page_tab(s->page)->pipe, s);
    dd_still_free(s->still);
    free(s->fresh.text);
    free(s->shown.text);
    free(s);
}

/* ---- one picture at a time ---- */

/* True if an answer is about the page as it is. */
static bool is_current(struct dd_shots *s, const struct dd_pipe_answer *answer)
{
    s->round = IDLE;
    if (answer->error == DD_ERROR_TIMEOUT)
        s->hangs = true;
    if (answer->error)
        s->retry_us = dd_clock_now_us() + RETRY_US;
    return !answer->error && dd_page_document(s->page) == s->document && dd_page_state(s->page) == DD_PAGE_READY;
}

static void checked(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_shots *s = context;

    if (!is_current(s, answer) || !dd_page_checked(s->page, answer))
        s->there = false;
    else
        s->right = true;
}

/* There is a fresh picture. Where the page has to be asked whether it is the right one, it is asked after it was taken. */
static void take(struct dd_shots *s, const char *base64, uint64_t captured_us)
{
    const char *check = dd_page_check(s->page);

    if (!*base64 || copy(&s->fresh, base64, captured_us))
        return;
    s->there = true;
    s->right = !check;
    if (check) {
        s->round = CHECKING;
        dd_tab_evaluate(dd_page_tab(s->page), check, checked, s);
    }
}

static void shot(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_shots *s = context;

    if (!is_current(s, answer))
        return;
    /* what the browser sent meanwhile is newer */
    if (!s->there || s->fresh.captured_us < answer->sent_us)
        take(s, dd_json_string(dd_json_member(answer->result, "data")), answer->sent_us);
}

/* clip: x, y, width and height in the page's pixels; beyond: it is not all in the viewport. */
static void shoot(struct dd_shots *s, const double *clip, bool beyond)
{
    static const char *const names[4] = {"x", "y", "width", "height"};
    struct dd_json *params = dd_json_new_object(), *area;

    /* PNG: text stays as it is, and what has not changed gives the same bytes; made for speed it costs less than JPEG */
    dd_json_add_string(params, "format", "png");
    dd_json_add_boolean(params, "optimizeForSpeed", true);
    if (clip) {
        area = dd_json_add_object(params, "clip");
        for (int i = 0; i < 4; i++)
            dd_json_add_number(area, names[i], clip[i], 3);
        dd_json_add_number(area, "scale", 1, 0);
        dd_json_add_boolean(params, "captureBeyondViewport", beyond);
    }
    s->round = SHOOTING;
    dd_tab_send(dd_page_tab(s->page), "Page.captureScreenshot", params, shot, s);
}

static void measured(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_shots *s = context;
    double clip[4] = {0},
           limits[2] = {DD_PICTURE_WIDTH_MAX / s->site->options->page_zoom, DD_PICTURE_HEIGHT_MAX / s->site->options->page_zoom};
    const struct dd_json *value = dd_tab_value(answer), *part = dd_json_first(value);
    bool inside;

    if (!is_current(s, answer))
        return;
    for (int i = 0; i < 4; i++, part = dd_json_next(part))
        clip[i] = dd_json_number(part);
    inside = dd_json_boolean(part);
    if (clip[2] < 1 || clip[3] < 1) {
        if (!s->element_missing)
            dd_log_warning("there is nothing to be seen of web_capture_element %s: the whole page is sent until there is",
                           s->site->options->web_capture_element);
        s->element_missing = true;
        shoot(s, NULL, false);
        return;
    }
    for (int i = 0; i < 2; i++)
        if (clip[2 + i] > limits[i])
            clip[2 + i] = limits[i];
    shoot(s, clip, !inside);
}

/* Where the element is now, in whole pixels of the document. */
static void measure(struct dd_shots *s)
{
    char quoted[6 * DD_SEND_SHORT * 2], script[SCRIPT_SIZE];

    if (dd_tab_quote(s->site->options->web_capture_element, quoted, sizeof quoted)) {
        shoot(s, NULL, false);
        return;
    }
    snprintf(script, sizeof script,
             "(() => { const e = document.querySelector(%s), r = e && e.getBoundingClientRect(); if (!r) return null;"
             "const x = Math.floor(r.left), y = Math.floor(r.top), w = Math.ceil(r.right) - x, h = Math.ceil(r.bottom) - y;"
             "return [x + scrollX, y + scrollY, w, h, x >= 0 && y >= 0 && x + w <= innerWidth && y + h <= innerHeight]; })()",
             quoted);
    s->round = MEASURING;
    dd_tab_evaluate(dd_page_tab(s->page), script, measured, s);
}

static void begin_round(struct dd_shots *s)
{
    if (is_whole_page(s->site))
        shoot(s, NULL, false);
    else
        measure(s);
}

/* ---- pictures as the page moves ---- */

/* When it was captured: the browser stamps it by the wall clock once it has it, which is after what it shows. */
static uint64_t captured_us(const struct dd_json *params)
{
    double stamp = dd_json_number(dd_json_member(dd_json_member(params, "metadata"), "timestamp"));
    double age_us = (double)dd_clock_wall_us() - stamp * DD_CLOCK_US_PER_S;
    uint64_t now_us = dd_clock_now_us();

    if (!(age_us > 0)) /* a clock that stepped */
        age_us = 0;
    if (age_us > CAST_AGE_MAX_US)
        age_us = CAST_AGE_MAX_US;
    return now_us - (uint64_t)age_us - CAST_LAG_US;
}

bool dd_shots_event(struct dd_shots *s, const struct dd_pipe_event *event)
{
    const struct dd_tab *tab = dd_page_tab(s->page);
    struct dd_json *params;

    if (strcmp(event->method, "Page.screencastFrame") != 0 || strcmp(event->session, tab->session) != 0)
        return false;
    params = dd_json_new_object();
    dd_json_add_integer(params, "sessionId", (uint64_t)dd_json_number(dd_json_member(event->params, "sessionId")));
    dd_tab_send(tab, "Page.screencastFrameAck", params, NULL, NULL);
    if (dd_page_state(s->page) != DD_PAGE_READY || dd_page_document(s->page) != s->document || !s->casting)
        return true;
    const char *data = dd_json_string(dd_json_member(event->params, "data"));
    /* The browser leaves out pictures when it is busy, the last one, too: so what it stands still at is taken again. */
    s->settle_us = dd_clock_now_us() + SETTLED_US;
    if (s->round == IDLE || (s->round != CHECKING && !dd_page_check(s->page)))
        take(s, data, captured_us(event->params));
    return true;
}

static void start_cast(struct dd_shots *s)
{
    struct dd_json *params = dd_json_new_object();

    dd_json_add_string(params, "format", "png");
    dd_json_add_integer(params, "maxWidth", DD_PICTURE_WIDTH_MAX);
    dd_json_add_integer(params, "maxHeight", DD_PICTURE_HEIGHT_MAX);
    dd_json_add_integer(params, "everyNthFrame", 1);
    dd_tab_send(dd_page_tab(s->page), "Page.startScreencast", params, NULL, NULL);
    s->casting = true;
    s->settle_us = dd_clock_now_us();
}

static void probed(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_shots *s = context;

    if (!is_current(s, answer))
        return;
    s->probe_us = dd_clock_now_us() + PROBE_US;
    s->alive = !dd_page_check(s->page) || dd_page_checked(s->page, answer);
}

static void probe(struct dd_shots *s)
{
    const char *check = dd_page_check(s->page);

    s->round = PROBING;
    dd_tab_evaluate(dd_page_tab(s->page), check ? check : "0", probed, s);
}

/* ---- what there is ---- */

static void begin_document(struct dd_shots *s)
{
    s->document = dd_page_document(s->page);
    s->there = s->alive = s->casting = false;
    s->element_missing = false;
    s->settle_us = s->probe_us = s->retry_us = 0;
}

static int deliver(struct dd_shots *s, struct dd_source_io *io, struct dd_picture *picture)
{
    struct shot shot = s->fresh;
    int error = 0;

    if (!is_same(&s->fresh, &s->shown)) {
        error = dd_still_decode(s->still, s->fresh.text, &s->picture);
        s->changed_us = dd_clock_now_us();
    }
    if (error == DD_ERROR_INPUT)
        return dd_source_fail(io, DD_WIRE_REASON_BROKEN, "%s: the browser's picture of it cannot be read", s->site->name);
    if (error)
        return error;
    s->fresh = s->shown;
    s->shown = shot;
    s->there = s->alive = false;
    s->probe_us = dd_clock_now_us() + PROBE_US;
    *picture = s->picture;
    picture->captured_us = shot.captured_us;
    if (is_whole_page(s->site) || s->element_missing) { /* see setup.c: set_size() */
        picture->width = picture->width < s->site->width ? picture->width : s->site->width;
        picture->height = picture->height < s->site->height ? picture->height : s->site->height;
    }
    return DD_SHOTS_PICTURE;
}

int dd_shots_next(struct dd_shots *s, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture)
{
    uint64_t now_us = dd_clock_now_us();

    if (s->document != dd_page_document(s->page))
        begin_document(s);
    if (s->hangs)
        return dd_source_fail(io, DD_WIRE_REASON_TIMEOUT, "%s: it hangs: no picture and no answer within %g s", s->site->name,
                              (double)s->site->options->timeout / DD_CLOCK_US_PER_S);
    if (s->there && s->right && now_us >= due_us)
        return deliver(s, io, picture);
    if (s->alive) {
        s->alive = false;
        return DD_SHOTS_SAME;
    }
    if (s->cast && !s->casting)
        start_cast(s);
    if (s->round != IDLE || s->there || now_us < s->retry_us)
        return DD_SHOTS_NOTHING;
    if (!s->cast && now_us >= due_us) {
        begin_round(s);
    } else if (s->cast && s->settle_us && now_us >= s->settle_us) {
        s->settle_us = 0;
        begin_round(s);
    } else if (s->cast && now_us >= s->probe_us) {
        probe(s);
    }
    return DD_SHOTS_NOTHING;
}

uint64_t dd_shots_wake_us(const struct dd_shots *s, uint64_t due_us)
{
    uint64_t wake_us = UINT64_MAX;

    if (s->round != IDLE)
        return wake_us;
    if (!s->cast || s->there)
        wake_us = due_us;
    else
        wake_us = s->settle_us && s->settle_us < s->probe_us ? s->settle_us : s->probe_us;
    return wake_us > s->retry_us ? wake_us : s->retry_us;
}

uint64_t dd_shots_changed_us(const struct dd_shots *s)
{
    return s->changed_us;
}
