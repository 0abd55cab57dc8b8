/* The source "web": a page that stays open in a headless Chromium. This file decides when pages are loaded and reloaded, and when
 * browsers are started and replaced; page.c and browser.c know how. */
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
    RELOAD_RETRY_US = 10 * DD_CLOCK_US_PER_S,
    RELOAD_ATTEMPTS = 3,                   /* reloads that may fail in a row while the old page is still shown */
    CHECK_US = 5 * DD_CLOCK_US_PER_S,      /* between two checks of the browser's memory and age */
    STOPPING_US = DD_CLOCK_US_PER_S,       /* for a replaced browser to end by itself, while pictures go on */
    SHORT_INTERVAL_US = DD_CLOCK_US_PER_S, /* at shorter intervals a reload must not cost a picture */
    LOADING_SLICE_MS = 50,                 /* shorter: pages that load have deadlines of their own, and dialogs */
    SLICE_MS = 500,                        /* between two heartbeats */
};

/* In an enum of their own: the largest does not fit an int. */
enum {
    RELOAD_AUTO_US = 300 * UINT64_C(1000000),  /* a page that has not changed for so long may have lost its server */
    REPLACE_RETRY_US = 60 * UINT64_C(1000000), /* between two replacements: a page that leaks memory fast does so again */
    BROWSER_AGE_MAX_US = 24 * 3600 * UINT64_C(1000000),
};

/* The messages of two browsers in buffers that grow by doubling, what is decoded of one of them, and the rest. */
#define MEMORY_MAX ((size_t)8 * DD_CDP_MESSAGE_MAX + 256 * 1024 * 1024)

struct web;

/* One of the two browsers that there may be: the current one and its replacement. */
struct browser_slot {
    struct web *web;
    struct dd_browser *browser; /* NULL: none */
    int error;                  /* of dd_cdp_step() */
    uint64_t stopping_since_us; /* when dd_browser_begin_stop() was called; 0: it was not */
};

/* A page, and its screenshots once it is ready. */
struct view {
    struct browser_slot *slot;
    struct dd_page *page; /* NULL: none */
    struct dd_screenshots *screenshots;
};

struct web {
    struct dd_source_io *io;
    struct dd_web_options web_options;
    struct browser_slot slots[2];
    struct view current;     /* what is shown */
    struct view replacement; /* what is loaded to be shown next; its page is NULL: nothing */
    /* Times are dd_clock_now_us(). A sleep and a pause of this process count, so a reload may be due at once after them, and a
     * replacement may be given up, which is made again. */
    uint64_t replacement_deadline_us; /* the replacement has failed if it has no picture by then */
    uint64_t shown_since_us;          /* since when the current page is shown */
    uint64_t no_reload_before_us;
    unsigned reload_failures;          /* in a row */
    uint64_t check_us;                 /* when to check the browser's memory and age */
    uint64_t no_replacement_before_us; /* of the browser */
};

/* ---- events ---- */

static void send_to_browser(const struct browser_slot *slot, const char *method, struct dd_json *params)
{
    const struct dd_cdp_command command = {.session_id = "", .method = method, .params = params};

    dd_cdp_send(dd_browser_cdp(slot->browser), &command);
}

/* Closes a window that the page opened: it is not shown, so it would only cost memory and CPU. */
static void close_window(struct browser_slot *slot, const struct dd_json *params)
{
    const struct dd_json *info = dd_json_member(params, "targetInfo");
    struct dd_json *answer;

    if (!*dd_json_string(dd_json_member(info, "openerId")) || strcmp(dd_json_string(dd_json_member(info, "type")), "page") != 0)
        return;
    dd_log_debug("%s: a window that it opens is closed", slot->web->web_options.name);
    answer = dd_json_new_object();
    dd_json_add_string(answer, "targetId", dd_json_string(dd_json_member(info, "targetId")));
    send_to_browser(slot, "Target.closeTarget", answer);
}

static bool handle_view_event(struct view *v, const struct browser_slot *slot, const struct dd_cdp_event *event)
{
    return v->page && v->slot == slot &&
           ((v->screenshots && dd_screenshots_event(v->screenshots, event)) || dd_page_event(v->page, event));
}

static void handle_event(void *context, const struct dd_cdp_event *event)
{
    struct browser_slot *slot = context;
    struct web *w = slot->web;

    if (!handle_view_event(&w->current, slot, event) && !handle_view_event(&w->replacement, slot, event) &&
        strcmp(event->method, "Target.targetCreated") == 0)
        close_window(slot, event->params);
}

/* ---- browsers ---- */

static int start_browser(struct browser_slot *slot)
{
    const struct dd_browser_config config = {
        .event = handle_event, .context = slot, .width = slot->web->web_options.width, .height = slot->web->web_options.height};
    struct dd_json *params;
    int error = dd_browser_start(&slot->browser, &config, slot->web->io);

    slot->error = error;
    if (error)
        return error;
    params = dd_json_new_object();
    dd_json_add_string(params, "behavior", "deny");
    send_to_browser(slot, "Browser.setDownloadBehavior", params);
    params = dd_json_new_object();
    dd_json_add_boolean(params, "discover", true);
    send_to_browser(slot, "Target.setDiscoverTargets", params);
    return 0;
}

static void close_view(struct view *v)
{
    dd_screenshots_free(v->screenshots);
    dd_page_close(v->page);
    *v = (struct view){0};
}

static void stop_browser(struct browser_slot *slot)
{
    struct web *w = slot->web;

    if (w->current.slot == slot)
        close_view(&w->current);
    if (w->replacement.slot == slot)
        close_view(&w->replacement);
    dd_browser_stop(slot->browser);
    slot->browser = NULL;
    slot->stopping_since_us = 0;
}

static bool is_connected(const struct browser_slot *slot)
{
    return slot->browser && !slot->error && !slot->stopping_since_us;
}

/* ---- waiting ---- */

/* Sends the heartbeat, waits until wake_us, a slice of time or an event of a browser, and steps browsers and pages. 0 or
 * DD_ERROR_STOPPED. */
static int step_until(struct web *w, uint64_t wake_us)
{
    bool loading = (w->current.page && dd_page_state(w->current.page) == DD_PAGE_LOADING) || w->replacement.page;
    struct pollfd fds[5] = {{.fd = w->io->stop_fd, .events = POLLIN}};
    nfds_t count = 1;

    if (w->io->checkpoint(w->io->context))
        return DD_ERROR_STOPPED;
    for (int i = 0; i < 2; i++)
        if (is_connected(&w->slots[i])) {
            dd_cdp_poll(dd_browser_cdp(w->slots[i].browser), &fds[count]);
            count += 2;
        }
    /* while the page loads, no picture is due */
    if (w->current.page && dd_page_state(w->current.page) != DD_PAGE_READY)
        wake_us = UINT64_MAX;
    poll(fds, count, dd_clock_wait_ms(dd_clock_now_us(), wake_us, loading ? LOADING_SLICE_MS : SLICE_MS));
    for (int i = 0; i < 2; i++)
        if (is_connected(&w->slots[i]))
            w->slots[i].error = dd_cdp_step(dd_browser_cdp(w->slots[i].browser));
    if (w->current.page)
        dd_page_step(w->current.page);
    if (w->replacement.page)
        dd_page_step(w->replacement.page);
    return 0;
}

/* ---- pages ---- */

static int open_view(struct web *w, struct view *v, struct browser_slot *slot, uint64_t deadline_us)
{
    *v = (struct view){.slot = slot, .page = dd_page_open(dd_browser_cdp(slot->browser), &w->web_options, deadline_us)};
    return v->page ? 0 : DD_ERROR_MEMORY;
}

static int start_screenshots(struct web *w, struct view *v)
{
    if (!v->screenshots)
        v->screenshots = dd_screenshots_new(v->page, &w->web_options);
    return v->screenshots ? 0 : DD_ERROR_MEMORY;
}

/* Checks that a view's browser and page still work. 0; DD_ERROR_SOURCE, set with dd_source_fail(); or DD_ERROR_MEMORY. */
static int check_view(struct web *w, struct view *v)
{
    char last_line[200];

    if (v->slot->error == DD_ERROR_MEMORY)
        return DD_ERROR_MEMORY;
    if (v->slot->error) {
        dd_browser_last_line(v->slot->browser, last_line, sizeof last_line);
        return dd_source_fail(w->io, v->slot->error == DD_ERROR_GONE ? DD_WIRE_REASON_ENDED : DD_WIRE_REASON_BROKEN,
                              v->slot->error == DD_ERROR_GONE ? "the browser ended%s%s%s"
                                                              : "what the browser says cannot be understood%s%s%s",
                              *last_line ? " (its last words: " : "", last_line, *last_line ? ")" : "");
    }
    return dd_page_state(v->page) == DD_PAGE_FAILED ? dd_page_report(v->page, w->io) : 0;
}

/* True if the current page failed because of its server or the network, so that the browser can be used for the next attempt. */
static bool is_browser_reusable(const struct web *w, int error)
{
    return error == DD_ERROR_SOURCE && w->current.page && !w->current.slot->error &&
           dd_page_state(w->current.page) == DD_PAGE_FAILED && w->io->reason != DD_WIRE_REASON_TIMEOUT &&
           w->io->reason != DD_WIRE_REASON_ENDED &&
           w->io->reason != DD_WIRE_REASON_UNSUITABLE; /* among these: the browser refused a command */
}

/* Closes the pages and stops the browsers, except one that can be used again: nothing may go on while capture waits before the
 * next attempt. Returns error. */
static int give_up(struct web *w, int error)
{
    struct browser_slot *kept = is_browser_reusable(w, error) ? w->current.slot : NULL;

    close_view(&w->replacement);
    close_view(&w->current);
    for (int i = 0; i < 2; i++)
        if (w->slots[i].browser && &w->slots[i] != kept)
            stop_browser(&w->slots[i]);
    return error;
}

/* ---- reload, replacement of the browser ---- */

/* When the page is due for a reload; UINT64_MAX: never. */
static uint64_t next_reload_us(const struct web *w)
{
    const char *wanted = w->web_options.options->reload_interval;
    uint64_t changed_us = dd_screenshots_changed_us(w->current.screenshots), due_us;

    if (!*wanted || strcmp(wanted, "auto") == 0)
        due_us = (changed_us > w->shown_since_us ? changed_us : w->shown_since_us) + RELOAD_AUTO_US;
    else if (strtod(wanted, NULL) > 0)
        due_us = w->shown_since_us + (uint64_t)(strtod(wanted, NULL) * (double)DD_CLOCK_US_PER_S);
    else
        return UINT64_MAX;
    return due_us > w->no_reload_before_us ? due_us : w->no_reload_before_us;
}

/* Shows the replacement from now on. Closes the page before it, and begins to stop its browser if that is another one. */
static void show_replacement(struct web *w)
{
    struct browser_slot *before = w->current.slot;

    close_view(&w->current);
    w->current = w->replacement;
    w->replacement = (struct view){0};
    w->shown_since_us = dd_clock_now_us();
    w->reload_failures = 0;
    dd_log_debug("%s: loaded again", w->web_options.name);
    if (before == w->current.slot)
        return;
    dd_log_info("the browser was replaced");
    dd_browser_begin_stop(before->browser);
    before->stopping_since_us = w->shown_since_us;
}

/* Gives up the replacement. 0: the current page is still shown. Returns error if the page cannot be shown any longer. */
static int handle_failed_replacement(struct web *w, int error)
{
    struct browser_slot *slot = w->replacement.slot;
    uint64_t now_us = dd_clock_now_us();

    if (slot == w->current.slot)
        close_view(&w->replacement);
    else
        stop_browser(slot);
    w->no_reload_before_us = now_us + RELOAD_RETRY_US;
    w->no_replacement_before_us = now_us + REPLACE_RETRY_US;
    /* A refused password is reported at once: capture then waits longer, since several attempts in a row may lock the account. */
    if (error != DD_ERROR_SOURCE || w->io->reason == DD_WIRE_REASON_CREDENTIALS || ++w->reload_failures >= RELOAD_ATTEMPTS)
        return error;
    dd_log_warning("the page cannot be loaded again: %s", w->io->message);
    return 0;
}

/* Steps the replacement, and shows it once it is ready. DD_SCREENSHOTS_PICTURE with its first picture; 0; or an error as of
 * next(). */
static int step_replacement(struct web *w, struct dd_picture *picture)
{
    int result = DD_SCREENSHOTS_NOTHING, error = check_view(w, &w->replacement);

    if (!error && dd_clock_now_us() >= w->replacement_deadline_us)
        error = dd_source_fail(w->io, DD_WIRE_REASON_TIMEOUT, "%s: loaded again, it has no picture", w->web_options.name);
    if (error)
        return handle_failed_replacement(w, error);
    if (dd_page_state(w->replacement.page) != DD_PAGE_READY)
        return 0;
    error = start_screenshots(w, &w->replacement);
    /* At short intervals the current page is shown until the replacement has a picture. At others it has one before it is due. */
    if (!error && w->web_options.options->interval < SHORT_INTERVAL_US) {
        result = dd_screenshots_next(w->replacement.screenshots, w->io, 0, picture);
        if (result == DD_SCREENSHOTS_NOTHING || result == DD_SCREENSHOTS_SAME)
            return 0;
        error = result < 0 ? result : 0;
    }
    if (error)
        return handle_failed_replacement(w, error);
    show_replacement(w);
    return result;
}

static int load_replacement(struct web *w, struct browser_slot *slot)
{
    uint64_t now_us = dd_clock_now_us(), timeout_us = (uint64_t)w->web_options.options->timeout;

    w->replacement_deadline_us = now_us + 2 * timeout_us;
    return open_view(w, &w->replacement, slot, now_us + timeout_us);
}

static int fail_memory(struct web *w, uint64_t bytes)
{
    return dd_source_fail(w->io, DD_WIRE_REASON_CAPTURE,
                          "%s: the browser takes %ju MiB, more than twice browser_memory: does the page leak memory?",
                          w->web_options.name, (uintmax_t)(bytes >> 20));
}

/* Checks memory and age of the current browser, and starts its replacement if it takes too much or is too old. 0, or why the page
 * cannot be shown any longer. */
static int check_browser(struct web *w, uint64_t now_us)
{
    struct browser_slot *slot = w->current.slot, *other = slot == &w->slots[0] ? &w->slots[1] : &w->slots[0];
    uint64_t limit = (uint64_t)w->web_options.options->browser_memory, bytes;
    bool old;

    if (now_us < w->check_us)
        return 0;
    w->check_us = now_us + CHECK_US;
    bytes = dd_browser_memory(slot->browser);
    old = now_us > dd_browser_started_us(slot->browser) + BROWSER_AGE_MAX_US;
    if (bytes > 2 * limit)
        return fail_memory(w, bytes);
    if ((!old && bytes <= limit) || w->replacement.page || other->browser || now_us < w->no_replacement_before_us)
        return 0;
    w->no_replacement_before_us = now_us + REPLACE_RETRY_US;
    dd_log_info("the browser takes %ju MiB and is %.1f h old: another one replaces it", (uintmax_t)(bytes >> 20),
                (double)(now_us - dd_browser_started_us(slot->browser)) / 3600e6);
    int error = start_browser(other);
    if (!error)
        error = load_replacement(w, other);
    if (error != DD_ERROR_SOURCE && error != DD_ERROR_SYSTEM)
        return error;
    /* the current browser goes on */
    dd_log_warning("another browser cannot be started: %s", error == DD_ERROR_SOURCE ? w->io->message : "see above");
    stop_browser(other);
    return 0;
}

/* Does what is due beside taking pictures: reloads, replacements, checks. DD_SCREENSHOTS_PICTURE with a picture; 0; or an error
 * as of next(). */
static int maintain(struct web *w, struct dd_picture *picture)
{
    uint64_t now_us = dd_clock_now_us();
    int result = 0;

    for (int i = 0; i < 2; i++)
        if (w->slots[i].stopping_since_us && now_us > w->slots[i].stopping_since_us + STOPPING_US)
            stop_browser(&w->slots[i]);
    if (w->replacement.page)
        result = step_replacement(w, picture);
    else if (dd_page_state(w->current.page) == DD_PAGE_READY && now_us >= next_reload_us(w))
        result = load_replacement(w, w->current.slot);
    return result ? result : check_browser(w, now_us);
}

/* ---- the source ---- */

static void web_close(void *state)
{
    struct web *w = state;

    if (!w)
        return;
    close_view(&w->replacement);
    close_view(&w->current);
    for (int i = 0; i < 2; i++)
        if (w->slots[i].browser && !w->slots[i].stopping_since_us)
            dd_browser_begin_stop(w->slots[i].browser);
    for (int i = 0; i < 2; i++)
        dd_browser_stop(w->slots[i].browser);
    dd_web_options_wipe(&w->web_options);
    free(w);
}

/* Checks the browser's memory while the page loads: it may take all of the machine's before it is ever ready. */
static int check_memory(struct web *w, const struct browser_slot *slot)
{
    uint64_t now_us = dd_clock_now_us(), bytes;

    if (now_us < w->check_us)
        return 0;
    w->check_us = now_us + CHECK_US;
    bytes = dd_browser_memory(slot->browser);
    return bytes > 2 * (uint64_t)w->web_options.options->browser_memory ? fail_memory(w, bytes) : 0;
}

static int web_reconnect(void *state, struct dd_source_io *io)
{
    struct web *w = state;
    int error;

    /* an earlier attempt may have failed anywhere: begin without pages */
    close_view(&w->replacement);
    close_view(&w->current);
    for (int i = 0; i < 2; i++)
        if (w->slots[i].browser && (w->slots[i].stopping_since_us || w->slots[i].error))
            stop_browser(&w->slots[i]);
    struct browser_slot *slot = w->slots[1].browser ? &w->slots[1] : &w->slots[0];
    if (slot->browser && (slot->error || dd_browser_memory(slot->browser) > (uint64_t)io->options->browser_memory))
        stop_browser(slot);
    error = slot->browser ? 0 : start_browser(slot);
    if (!error)
        error = open_view(w, &w->current, slot, io->deadline_us);
    while (!error && dd_page_state(w->current.page) != DD_PAGE_READY) {
        error = step_until(w, io->deadline_us);
        if (!error)
            error = check_view(w, &w->current);
        if (!error)
            error = check_memory(w, slot);
    }
    if (!error)
        error = start_screenshots(w, &w->current);
    w->shown_since_us = dd_clock_now_us();
    w->check_us = w->shown_since_us + CHECK_US;
    w->no_reload_before_us = w->no_replacement_before_us = w->reload_failures = 0;
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
    w->slots[0].web = w->slots[1].web = w;
    if (dd_web_options_parse(&w->web_options, io->options, &fault, why, sizeof why))
        return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE, "the page: %s", why);
    return web_reconnect(w, io);
}

static int web_next(void *state, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture)
{
    struct web *w = state;

    for (;;) {
        int result = check_view(w, &w->current), error;
        if (!result)
            result = maintain(w, picture);
        if (!result && dd_page_state(w->current.page) == DD_PAGE_READY)
            result = dd_screenshots_next(w->current.screenshots, io, due_us, picture);
        if (result == DD_SCREENSHOTS_PICTURE)
            return 0;
        if (result == DD_SCREENSHOTS_SAME)
            return DD_ERROR_AGAIN;
        error = result;
        if (!error && dd_clock_now_us() >= io->deadline_us)
            error = dd_source_fail(io, DD_WIRE_REASON_TIMEOUT, "%s: it hangs: no picture within %g s", w->web_options.name,
                                   dd_clock_seconds((uint64_t)io->options->timeout));
        if (!error)
            error = step_until(w, dd_screenshots_wake_us(w->current.screenshots, due_us));
        if (error)
            return give_up(w, error);
    }
}

const struct dd_source_kind dd_web_source = {
    .name = "web",
    .memory_max = MEMORY_MAX,
    .open = web_open,
    .next = web_next,
    .reconnect = web_reconnect,
    .close = web_close,
};
