/* The source "web": a page in a headless Chromium, open all the time. Here is when pages and browsers are loaded, given up and
 * replaced; how is in page.c and browser.c. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "dd/send/capture/browser.h"
#include "dd/send/capture/page.h"
#include "dd/send/capture/pipe.h"
#include "dd/send/capture/shots.h"
#include "dd/send/capture/site.h"
#include "dd/send/capture/tab.h"
#include "dd/send/options.h"
#include "dd/send/picture.h"

#include "dd/send/capture/source.h"

enum {
    LOADING_SLICE_MS = 50, /* what is being loaded has several waits of its own */
    SLICE_MS = 500,
    TARGETS_MAX = 32,
};

struct web;

/* A browser, and what it has opened. */
struct engine {
    struct web *web;
    struct dd_browser *browser; /* NULL: none */
    int error;                  /* of its pipe */
};

/* A page, and its pictures once it is ready. */
struct view {
    struct engine *engine;
    struct dd_page *page; /* NULL: none */
    struct dd_shots *shots;
};

struct web {
    struct dd_source_io *io;
    struct dd_site site;
    struct engine engines[2];
    struct view now;    /* what is shown */
    struct view coming; /* what is to be shown in its place */
};

/* ---- events ---- */

static bool takes(struct view *v, const struct engine *e, const struct dd_pipe_event *event)
{
    return v->page && v->engine == e && ((v->shots && dd_shots_event(v->shots, event)) || dd_page_event(v->page, event));
}

static void handle_event(void *context, const struct dd_pipe_event *event)
{
    struct engine *e = context;
    struct web *w = e->web;

    if (!takes(&w->now, e, event))
        takes(&w->coming, e, event);
}

/* ---- browsers ---- */

static void tell_browser(const struct engine *e, const char *method, struct dd_json *params)
{
    const struct dd_pipe_command command = {.session = "", .method = method, .params = params};

    dd_pipe_send(dd_browser_pipe(e->browser), &command);
}

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
    return 0;
}

static void close_view(struct view *v)
{
    dd_shots_free(v->shots);
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
}

/* ---- waiting ---- */

/* Lets everything go on that is under way, for one slice of time or until something happens. 0 or DD_ERROR_STOPPED. */
static int turn(struct web *w, uint64_t wake_us)
{
    bool loading = (w->now.page && dd_page_state(w->now.page) == DD_PAGE_LOADING) || w->coming.page;
    struct pollfd fds[5] = {{.fd = w->io->stop_fd, .events = POLLIN}};
    nfds_t count = 1;

    if (w->io->stopping(w->io->context))
        return DD_ERROR_STOPPED;
    for (int i = 0; i < 2; i++)
        if (w->engines[i].browser && !w->engines[i].error) {
            dd_pipe_poll(dd_browser_pipe(w->engines[i].browser), &fds[count]);
            count += 2;
        }
    poll(fds, count, dd_clock_wait_ms(dd_clock_now_us(), wake_us, loading ? LOADING_SLICE_MS : SLICE_MS));
    for (int i = 0; i < 2; i++)
        if (w->engines[i].browser && !w->engines[i].error)
            w->engines[i].error = dd_pipe_turn(dd_browser_pipe(w->engines[i].browser));
    if (w->now.page)
        dd_page_turn(w->now.page);
    if (w->coming.page)
        dd_page_turn(w->coming.page);
    return 0;
}

/* ---- pages ---- */

static int open_view(struct web *w, struct view *v, struct engine *e, uint64_t deadline_us)
{
    *v = (struct view){.engine = e, .page = dd_page_open(dd_browser_pipe(e->browser), &w->site, deadline_us)};
    return v->page ? 0 : DD_ERROR_MEMORY;
}

static int start_shots(struct web *w, struct view *v)
{
    if (!v->shots)
        v->shots = dd_shots_new(v->page, &w->site);
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
    return dd_page_state(v->page) == DD_PAGE_FAILED ? dd_page_tell(v->page, w->io) : 0;
}

/* The server or the network is the trouble, and the browser is good for another attempt. */
static bool is_browser_well(const struct web *w, int error)
{
    switch (w->io->reason) {
    case DD_WIRE_REASON_UNREACHABLE:
    case DD_WIRE_REASON_CREDENTIALS:
    case DD_WIRE_REASON_NOT_FOUND:
    case DD_WIRE_REASON_CERTIFICATE:
    case DD_WIRE_REASON_UNSUITABLE:
    case DD_WIRE_REASON_UNEXPECTED:
        return error == DD_ERROR_SOURCE;
    default:
        return false;
    }
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

/* ---- the source ---- */

static void web_close(void *state)
{
    struct web *w = state;

    if (!w)
        return;
    close_view(&w->coming);
    close_view(&w->now);
    for (int i = 0; i < 2; i++)
        if (w->engines[i].browser)
            dd_browser_leave(w->engines[i].browser);
    for (int i = 0; i < 2; i++)
        dd_browser_end(w->engines[i].browser);
    dd_site_wipe(&w->site);
    free(w);
}

static int web_again(void *state, struct dd_source_io *io)
{
    struct web *w = state;
    struct engine *e = w->engines[1].browser ? &w->engines[1] : &w->engines[0];
    int error = e->browser ? 0 : start_browser(e);

    if (!error)
        error = open_view(w, &w->now, e, io->deadline_us);
    while (!error && dd_page_state(w->now.page) != DD_PAGE_READY) {
        error = turn(w, io->deadline_us);
        if (!error)
            error = find_trouble(w, &w->now);
    }
    if (!error)
        error = start_shots(w, &w->now);
    return error ? give_up(w, error) : 0;
}

static int web_open(void **state, struct dd_source_io *io)
{
    char why[256];
    struct web *w = calloc(1, sizeof *w);

    *state = w;
    if (!w) {
        dd_log_error("no memory for the page");
        return DD_ERROR_MEMORY;
    }
    w->io = io;
    w->engines[0].web = w->engines[1].web = w;
    if (dd_site_read(&w->site, io->options, why, sizeof why))
        return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE, "the page: %s", why);
    return web_again(w, io);
}

static int web_next(void *state, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture)
{
    struct web *w = state;

    for (;;) {
        int news = DD_SHOTS_NOTHING, error = find_trouble(w, &w->now);
        if (!error && dd_page_state(w->now.page) == DD_PAGE_READY)
            news = dd_shots_next(w->now.shots, io, due_us, picture);
        if (news == DD_SHOTS_PICTURE)
            return 0;
        if (news == DD_SHOTS_SAME)
            return DD_ERROR_AGAIN;
        if (!error && news < 0)
            error = news;
        if (!error && dd_clock_now_us() >= io->deadline_us)
            error = dd_source_fail(io, DD_WIRE_REASON_TIMEOUT, "%s: it hangs: no picture within %g s", w->site.name,
                                   (double)io->options->timeout / DD_CLOCK_US_PER_S);
        if (!error)
            error = turn(w, dd_shots_wake_us(w->now.shots, due_us));
        if (error)
            return give_up(w, error);
    }
}

const struct dd_source_kind dd_source_web = {
    .name = "web",
    .open = web_open,
    .next = web_next,
    .again = web_again,
    .close = web_close,
};
