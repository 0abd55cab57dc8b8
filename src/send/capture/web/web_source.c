/* The source "web": a page in a headless Chromium, open all the time. Here is when pages and browsers are loaded, given up and
 * replaced; how is in page.c and browser.c. */
#include "send/capture/web/web_source.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/web/browser.h"
#include "send/capture/web/cdp.h"
#include "send/capture/web/cdp_target.h"
#include "send/capture/web/page.h"
#include "send/capture/web/screenshots.h"
#include "send/capture/web/web_options.h"
#include "send/options.h"
#include "send/picture.h"

#include "send/capture/source.h"

enum {
    RELOAD_AUTO_US = 300 * UINT64_C(1000000), /* a page whose pixels stay the same for so long may have lost its server */
    RELOAD_RETRY_US = 10 * DD_CLOCK_US_PER_S,
    RELOAD_ATTEMPTS = 3, /* until a page that cannot be loaded again counts as failed, though its old picture is there */
    WEAR_US = 5 * DD_CLOCK_US_PER_S,        /* between two looks at the browser's memory */
    WEAR_RETRY_US = 60 * UINT64_C(1000000), /* between two replacements: what leaks fast leaks again */
    AGE_MAX_US = 24 * 3600 * UINT64_C(1000000),
    LEAVING_US = DD_CLOCK_US_PER_S, /* a replaced browser ends in this time, while pictures go on */
    QUICK_US = DD_CLOCK_US_PER_S,   /* shorter intervals */
    LOADING_SLICE_MS = 50,          /* what is being loaded has several waits of its own */
    SLICE_MS = 500,
};

struct web;

/* A browser, and what it has opened. */
struct engine {
    struct web *web;
    struct dd_browser *browser; /* NULL: none */
    int error;                  /* of its pipe */
    uint64_t left_us;           /* when it was asked to leave; 0: it was not */
};

/* A page, and its pictures once it is ready. */
struct view {
    struct engine *engine;
    struct dd_page *page; /* NULL: none */
    struct dd_screenshots *shots;
};

struct web {
    struct dd_source_io *io;
    struct dd_web_options site;
    struct engine engines[2];
    struct view now;    /* what is shown */
    struct view coming; /* what is to be shown in its place, */
    uint64_t until_us;  /* if it can be by then */
    uint64_t shown_us;  /* since when now is shown */
    uint64_t reload_us; /* not to be loaded again before */
    unsigned reload_failures;
    uint64_t wear_us;    /* when memory and age are looked at next */
    uint64_t replace_us; /* not to be replaced before */
};

/* ---- events ---- */

static void tell_browser(const struct engine *e, const char *method, struct dd_json *params)
{
    const struct dd_cdp_command command = {.session = "", .method = method, .params = params};

    dd_cdp_send(dd_browser_cdp(e->browser), &command);
}

/* A window that a page opens: nobody would see it, and who knows what it does. */
static void close_window(struct engine *e, const struct dd_json *params)
{
    const struct dd_json *info = dd_json_member(params, "targetInfo");
    struct dd_json *answer;

    if (!*dd_json_string(dd_json_member(info, "openerId")) || strcmp(dd_json_string(dd_json_member(info, "type")), "page") != 0)
        return;
    dd_log_debug("%s: a window that it opens is closed", e->web->site.name);
    answer = dd_json_new_object();
    dd_json_add_string(answer, "targetId", dd_json_string(dd_json_member(info, "targetId")));
    tell_browser(e, "Target.closeTarget", answer);
}

static bool takes(struct view *v, const struct engine *e, const struct dd_cdp_event *event)
{
    return v->page && v->engine == e && ((v->shots && dd_screenshots_event(v->shots, event)) || dd_page_event(v->page, event));
}

static void handle_event(void *context, const struct dd_cdp_event *event)
{
    struct engine *e = context;
    struct web *w = e->web;

    if (!takes(&w->now, e, event) && !takes(&w->coming, e, event) && strcmp(event->method, "Target.targetCreated") == 0)
        close_window(e, event->params);
}

/* ---- browsers ---- */

static int start_browser(struct engine *e)
{
    const struct dd_browser_config config = {
        .event = handle_event, .context = e, .width = e->web->site.width, .height = e->web->site.height};
    struct dd_json *params;
    int error = dd_browser_start(&e->browser, &config, e->web->io);

    e->error = error;
    if (error)
        return error;
    params = dd_json_new_object();
    dd_json_add_string(params, "behavior", "deny");
    tell_browser(e, "Browser.setDownloadBehavior", params);
    params = dd_json_new_object();
    dd_json_add_boolean(params, "discover", true);
    tell_browser(e, "Target.setDiscoverTargets", params);
    return 0;
}

static void close_view(struct view *v)
{
    dd_screenshots_free(v->shots);
    dd_page_close(v->page);
    *v = (struct view){0};
}

static void end_browser(struct engine *e)
{
    struct web *w = e->web;

    if (w->now.engine == e)
        close_view(&w->now);
    if (w->coming.engine == e)
        close_view(&w->coming);
    dd_browser_end(e->browser);
    e->browser = NULL;
    e->left_us = 0;
}

static bool is_spoken_to(const struct engine *e)
{
    return e->browser && !e->error && !e->left_us;
}

/* ---- waiting ---- */

/* Lets everything go on that is under way, for one slice of time or until something happens. 0 or DD_ERROR_STOPPED. */
static int turn(struct web *w, uint64_t wake_us)
{
    bool loading = (w->now.page && dd_page_state(w->now.page) == DD_PAGE_LOADING) || w->coming.page;
    struct pollfd fds[5] = {{.fd = w->io->stop_fd, .events = POLLIN}};
    nfds_t count = 1;

    if (w->io->checkpoint(w->io->context))
        return DD_ERROR_STOPPED;
    for (int i = 0; i < 2; i++)
        if (is_spoken_to(&w->engines[i])) {
            dd_cdp_poll(dd_browser_cdp(w->engines[i].browser), &fds[count]);
            count += 2;
        }
    /* while it loads there is no picture to wake for */
    if (w->now.page && dd_page_state(w->now.page) != DD_PAGE_READY)
        wake_us = UINT64_MAX;
    poll(fds, count, dd_clock_wait_ms(dd_clock_now_us(), wake_us, loading ? LOADING_SLICE_MS : SLICE_MS));
    for (int i = 0; i < 2; i++)
        if (is_spoken_to(&w->engines[i]))
            w->engines[i].error = dd_cdp_step(dd_browser_cdp(w->engines[i].browser));
    if (w->now.page)
        dd_page_step(w->now.page);
    if (w->coming.page)
        dd_page_step(w->coming.page);
    return 0;
}

/* ---- pages ---- */

static int open_view(struct web *w, struct view *v, struct engine *e, uint64_t deadline_us)
{
    *v = (struct view){.engine = e, .page = dd_page_open(dd_browser_cdp(e->browser), &w->site, deadline_us)};
    return v->page ? 0 : DD_ERROR_MEMORY;
}

static int start_shots(struct web *w, struct view *v)
{
    if (!v->shots)
        v->shots = dd_screenshots_new(v->page, &w->site);
    return v->shots ? 0 : DD_ERROR_MEMORY;
}

/* Why a view's browser or page is of no use any more; 0: it is. */
static int find_trouble(struct web *w, struct view *v)
{
    char words[200];

    if (v->engine->error == DD_ERROR_MEMORY)
        return DD_ERROR_MEMORY;
    if (v->engine->error) {
        dd_browser_last_words(v->engine->browser, words, sizeof words);
        return dd_source_fail(w->io, v->engine->error == DD_ERROR_GONE ? DD_WIRE_REASON_ENDED : DD_WIRE_REASON_BROKEN,
                              v->engine->error == DD_ERROR_GONE ? "the browser ended%s%s%s"
                                                                : "what the browser says cannot be understood%s%s%s",
                              *words ? " (its last words: " : "", words, *words ? ")" : "");
    }
    return dd_page_state(v->page) == DD_PAGE_FAILED ? dd_page_report(v->page, w->io) : 0;
}

/* The server or the network is the trouble, and the browser is good for another attempt. */
static bool is_browser_well(const struct web *w, int error)
{
    return error == DD_ERROR_SOURCE && w->now.page && !w->now.engine->error && dd_page_state(w->now.page) == DD_PAGE_FAILED &&
           w->io->reason != DD_WIRE_REASON_TIMEOUT && w->io->reason != DD_WIRE_REASON_ENDED &&
           w->io->reason != DD_WIRE_REASON_UNSUITABLE; /* it refuses what every browser does */
}

/* Leaves nothing that goes on while capture waits: at most a browser without a page. Returns error. */
static int give_up(struct web *w, int error)
{
    struct engine *kept = is_browser_well(w, error) ? w->now.engine : NULL;

    close_view(&w->coming);
    close_view(&w->now);
    for (int i = 0; i < 2; i++)
        if (w->engines[i].browser && &w->engines[i] != kept)
            end_browser(&w->engines[i]);
    return error;
}

/* ---- loading again, replacing ---- */

/* When the page is to be loaded again; UINT64_MAX: never. */
static uint64_t reload_us(const struct web *w)
{
    const char *wanted = w->site.options->reload_interval;
    uint64_t changed_us = dd_screenshots_changed_us(w->now.shots), due_us;

    if (!*wanted || strcmp(wanted, "auto") == 0)
        due_us = (changed_us > w->shown_us ? changed_us : w->shown_us) + RELOAD_AUTO_US;
    else if (strtod(wanted, NULL) > 0)
        due_us = w->shown_us + (uint64_t)(strtod(wanted, NULL) * DD_CLOCK_US_PER_S);
    else
        return UINT64_MAX;
    return due_us > w->reload_us ? due_us : w->reload_us;
}

/* What is to come has come: it is shown from now on, and what was shown goes. */
static void take_over(struct web *w)
{
    struct engine *before = w->now.engine;

    close_view(&w->now);
    w->now = w->coming;
    w->coming = (struct view){0};
    w->shown_us = dd_clock_now_us();
    w->reload_failures = 0;
    dd_log_debug("%s: loaded again", w->site.name);
    if (before == w->now.engine)
        return;
    dd_log_info("the browser was replaced");
    dd_browser_leave(before->browser);
    before->left_us = w->shown_us;
}

/* The page could not be loaded once more. 0, or that this is why it cannot be shown any longer. */
static int handle_failed_coming(struct web *w, int error)
{
    struct engine *e = w->coming.engine;
    uint64_t now_us = dd_clock_now_us();

    if (e == w->now.engine)
        close_view(&w->coming);
    else
        end_browser(e);
    w->reload_us = now_us + RELOAD_RETRY_US;
    w->replace_us = now_us + WEAR_RETRY_US;
    /* wrong passwords in quick succession lock accounts: capture waits longer for these */
    if (error != DD_ERROR_SOURCE || w->io->reason == DD_WIRE_REASON_CREDENTIALS || ++w->reload_failures >= RELOAD_ATTEMPTS)
        return error;
    dd_log_warning("it cannot be loaded again: %s", w->io->message);
    return 0;
}

/* DD_SCREENSHOTS_PICTURE with its first picture, 0, or an error as next. */
static int watch_coming(struct web *w, struct dd_picture *picture)
{
    int news = DD_SCREENSHOTS_NOTHING, error = find_trouble(w, &w->coming);

    if (!error && dd_clock_now_us() >= w->until_us)
        error = dd_source_fail(w->io, DD_WIRE_REASON_TIMEOUT, "%s: loaded again, it has no picture", w->site.name);
    if (error)
        return handle_failed_coming(w, error);
    if (dd_page_state(w->coming.page) != DD_PAGE_READY)
        return 0;
    error = start_shots(w, &w->coming);
    /* where pictures are quick the one before goes on until there is one to follow; else it is there before the next is due */
    if (!error && w->site.options->interval < (int64_t)QUICK_US) {
        news = dd_screenshots_next(w->coming.shots, w->io, 0, picture);
        if (news == DD_SCREENSHOTS_NOTHING || news == DD_SCREENSHOTS_SAME)
            return 0;
        error = news < 0 ? news : 0;
    }
    if (error)
        return handle_failed_coming(w, error);
    take_over(w);
    return news;
}

static int load_again(struct web *w, struct engine *e)
{
    uint64_t now_us = dd_clock_now_us(), timeout_us = (uint64_t)w->site.options->timeout;

    w->until_us = now_us + 2 * timeout_us;
    return open_view(w, &w->coming, e, now_us + timeout_us);
}

/* Looks at what the browser takes, and starts another one when that is too much. */
static int fail_memory(struct web *w, uint64_t bytes)
{
    return dd_source_fail(w->io, DD_WIRE_REASON_CAPTURE,
                          "%s: the browser takes %ju MiB, twice of what browser_memory allows: does the page ever give back?",
                          w->site.name, (uintmax_t)(bytes >> 20));
}

static int watch_wear(struct web *w, uint64_t now_us)
{
    struct engine *e = w->now.engine, *other = e == &w->engines[0] ? &w->engines[1] : &w->engines[0];
    uint64_t limit = (uint64_t)w->site.options->browser_memory, bytes;
    bool old;

    if (now_us < w->wear_us)
        return 0;
    w->wear_us = now_us + WEAR_US;
    bytes = dd_browser_memory(e->browser);
    old = now_us > dd_browser_started_us(e->browser) + AGE_MAX_US;
    if (bytes > 2 * limit)
        return fail_memory(w, bytes);
    if ((!old && bytes <= limit) || w->coming.page || other->browser || now_us < w->replace_us)
        return 0;
    w->replace_us = now_us + WEAR_RETRY_US;
    dd_log_info("the browser takes %ju MiB, and is %.1f h old: another one takes its place", (uintmax_t)(bytes >> 20),
                (double)(now_us - dd_browser_started_us(e->browser)) / 3600e6);
    int error = start_browser(other);
    if (!error)
        error = load_again(w, other);
    if (error != DD_ERROR_SOURCE && error != DD_ERROR_SYSTEM)
        return error;
    /* the one that there is shows its page all the same */
    dd_log_warning("another browser cannot be started: %s", error == DD_ERROR_SOURCE ? w->io->message : "see above");
    end_browser(other);
    return 0;
}

/* What goes on beside the pictures. DD_SCREENSHOTS_PICTURE with one, 0, or why there can be no more. */
static int renew(struct web *w, struct dd_picture *picture)
{
    uint64_t now_us = dd_clock_now_us();
    int news = 0;

    for (int i = 0; i < 2; i++)
        if (w->engines[i].left_us && now_us > w->engines[i].left_us + LEAVING_US)
            end_browser(&w->engines[i]);
    if (w->coming.page)
        news = watch_coming(w, picture);
    else if (dd_page_state(w->now.page) == DD_PAGE_READY && now_us >= reload_us(w))
        news = load_again(w, w->now.engine);
    return news ? news : watch_wear(w, now_us);
}

/* ---- the source ---- */

static void web_close(void *state)
{
    struct web *w = state;

    if (!w)
        return;
    close_view(&w->coming);
    close_view(&w->now);
    for (int i = 0; i < 2; i++)
        if (w->engines[i].browser && !w->engines[i].left_us)
            dd_browser_leave(w->engines[i].browser);
    for (int i = 0; i < 2; i++)
        dd_browser_end(w->engines[i].browser);
    dd_web_options_wipe(&w->site);
    free(w);
}

/* A page can take all the memory that there is before it is ever ready. */
static int watch_loading(struct web *w, const struct engine *e)
{
    uint64_t now_us = dd_clock_now_us(), bytes;

    if (now_us < w->wear_us)
        return 0;
    w->wear_us = now_us + WEAR_US;
    bytes = dd_browser_memory(e->browser);
    return bytes > 2 * (uint64_t)w->site.options->browser_memory ? fail_memory(w, bytes) : 0;
}

static int web_again(void *state, struct dd_source_io *io)
{
    struct web *w = state;
    int error;

    /* whatever was before: nothing of it goes on */
    close_view(&w->coming);
    close_view(&w->now);
    for (int i = 0; i < 2; i++)
        if (w->engines[i].browser && (w->engines[i].left_us || w->engines[i].error))
            end_browser(&w->engines[i]);
    struct engine *e = w->engines[1].browser ? &w->engines[1] : &w->engines[0];
    if (e->browser && (e->error || dd_browser_memory(e->browser) > (uint64_t)io->options->browser_memory))
        end_browser(e);
    error = e->browser ? 0 : start_browser(e);
    if (!error)
        error = open_view(w, &w->now, e, io->deadline_us);
    while (!error && dd_page_state(w->now.page) != DD_PAGE_READY) {
        error = turn(w, io->deadline_us);
        if (!error)
            error = find_trouble(w, &w->now);
        if (!error)
            error = watch_loading(w, e);
    }
    if (!error)
        error = start_shots(w, &w->now);
    w->shown_us = dd_clock_now_us();
    w->wear_us = w->shown_us + WEAR_US;
    w->reload_us = w->replace_us = w->reload_failures = 0;
    return error ? give_up(w, error) : 0;
}

static int web_open(void **state, struct dd_source_io *io)
{
    char why[256];
    const char *fault;
    struct web *w = calloc(1, sizeof *w);

    *state = w;
    if (!w) {
        dd_log_error("no memory for the page");
        return DD_ERROR_MEMORY;
    }
    w->io = io;
    w->engines[0].web = w->engines[1].web = w;
    if (dd_web_options_parse(&w->site, io->options, &fault, why, sizeof why))
        return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE, "the page: %s", why);
    return web_again(w, io);
}

static int web_next(void *state, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture)
{
    struct web *w = state;

    for (;;) {
        int news = find_trouble(w, &w->now), error;
        if (!news)
            news = renew(w, picture);
        if (!news && dd_page_state(w->now.page) == DD_PAGE_READY)
            news = dd_screenshots_next(w->now.shots, io, due_us, picture);
        if (news == DD_SCREENSHOTS_PICTURE)
            return 0;
        if (news == DD_SCREENSHOTS_SAME)
            return DD_ERROR_AGAIN;
        error = news;
        if (!error && dd_clock_now_us() >= io->deadline_us)
            error = dd_source_fail(io, DD_WIRE_REASON_TIMEOUT, "%s: it hangs: no picture within %g s", w->site.name,
                                   (double)io->options->timeout / DD_CLOCK_US_PER_S);
        if (!error)
            error = turn(w, dd_screenshots_wake_us(w->now.shots, due_us));
        if (error)
            return give_up(w, error);
    }
}

const struct dd_source_kind dd_web_source = {
    .name = "web",
    .open = web_open,
    .next = web_next,
    .again = web_again,
    .close = web_close,
};
