#include "send/capture/web/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/web/cdp.h"
#include "send/capture/web/cdp_target.h"
#include "send/capture/web/fetch_intercept.h"
#include "send/capture/web/load_error.h"
#include "send/capture/web/page_readiness.h"
#include "send/capture/web/page_script.h"
#include "send/capture/web/target_setup.h"
#include "send/capture/web/web_options.h"
#include "send/options.h"

enum {
    QUIET_MAX_US = 5 * DD_CLOCK_US_PER_S,          /* so long after its load a page counts as quiet though its network is busy */
    DIALOG_INTERVAL_US = 100 * DD_CLOCK_US_PER_MS, /* a script that opens one dialog after the other must not keep us busy */
    PARTIAL_LOAD_PERCENT = 80, /* of the time for a load; after it, a page is shown though some of its parts are missing */
};

struct dd_page {
    const struct dd_web_options *web_options;
    struct dd_cdp_target target;
    struct dd_fetch_intercept intercept;
    struct dd_page_readiness *readiness;
    enum dd_page_state state;
    unsigned reason;
    char message[DD_SOURCE_MESSAGE_SIZE];

    unsigned setup_pending; /* set-up commands without an answer yet */
    bool navigating;        /* Page.navigate has no answer yet */
    unsigned document;      /* counts the documents */
    uint64_t load_started_us, load_deadline_us;
    /* what has happened to the document */
    bool content_loaded; /* it was parsed */
    bool loaded;         /* its parts were loaded */
    bool almost_idle;    /* at most two requests are under way */
    bool status_known;   /* its HTTP status was read */
    uint64_t loaded_us;  /* when that was first noticed; 0: not yet */
    uint64_t quiet_us;   /* when it became quiet; 0: not yet */

    bool dialog_open;
    bool dialog_is_beforeunload;
    uint64_t dialog_closed_us; /* when the last one was closed */
};

/* ---- failures ---- */

static void fail(struct dd_page *p, unsigned reason, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void fail(struct dd_page *p, unsigned reason, const char *format, ...)
{
    va_list arguments;
    size_t length;

    if (p->state == DD_PAGE_FAILED)
        return;
    p->state = DD_PAGE_FAILED;
    p->reason = reason;
    length = (size_t)snprintf(p->message, sizeof p->message, "%s: ", p->web_options->name);
    va_start(arguments, format);
    vsnprintf(p->message + length, sizeof p->message - length, format, arguments);
    va_end(arguments);
}

int dd_page_report(const struct dd_page *page, struct dd_source_io *io)
{
    return dd_source_fail(io, page->reason, "%s", page->message);
}

/* Fails the page if a command failed that it cannot do without. True if the command succeeded. */
static bool require_success(struct dd_page *p, const struct dd_cdp_answer *answer)
{
    if (!answer->error)
        return true;
    if (answer->error == DD_ERROR_TIMEOUT)
        fail(p, DD_WIRE_REASON_TIMEOUT, "the browser does not answer");
    else
        fail(p, DD_WIRE_REASON_UNSUITABLE, "the browser cannot show it as wanted: %.200s", answer->text);
    return false;
}

/* Copies an identifier that the browser sent as a member of object, or fails the page. True if it was copied. */
static bool require_id(struct dd_page *p, char to[static DD_CDP_TARGET_ID_SIZE], const struct dd_json *object, const char *member)
{
    if (dd_cdp_target_copy_id(to, dd_json_string(dd_json_member(object, member))))
        return true;
    fail(p, DD_WIRE_REASON_BROKEN, "what the browser says cannot be understood");
    return false;
}

/* ---- the document ---- */

static void world_created(void *context, const struct dd_cdp_answer *answer);

/* A page that was ready has to become ready again, in the time that a command has. */
static void begin_load(struct dd_page *p)
{
    p->state = DD_PAGE_LOADING;
    p->load_started_us = dd_clock_now_us();
    p->load_deadline_us = p->load_started_us + p->target.command_timeout_us;
}

/* Another document is in the target. It is not ready, whatever the one before was. */
static void begin_document(struct dd_page *p, const struct dd_json *frame)
{
    struct dd_json *params = dd_json_new_object();

    if (require_id(p, p->target.frame_id, frame, "id"))
        require_id(p, p->target.loader_id, frame, "loaderId");
    if (p->state == DD_PAGE_READY) {
        dd_log_debug("%s: goes to another document", p->web_options->name);
        begin_load(p);
        dd_fetch_intercept_reset(&p->intercept);
    }
    p->document++;
    p->target.context_id = 0;
    p->content_loaded = p->loaded = p->almost_idle = p->status_known = false;
    p->loaded_us = p->quiet_us = 0;
    dd_page_readiness_reset(p->readiness);
    dd_json_add_string(params, "frameId", p->target.frame_id);
    dd_json_add_string(params, "worldName", DD_CDP_TARGET_WORLD);
    dd_cdp_target_send(&p->target, "Page.createIsolatedWorld", params, world_created, p);
}

static void status_answered(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page *p = context;
    struct dd_load_error load_error;
    int64_t status = dd_json_integer(dd_cdp_target_value(answer));

    if (answer->error)
        return;
    p->status_known = true;
    if (dd_load_error_from_http(status, &load_error))
        fail(p, load_error.reason, "%s", load_error.text);
}

static void world_created(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page *p = context;
    char *script;

    if (answer->error) /* the document is already gone; the next one gets a world of its own */
        return;
    p->target.context_id = dd_json_integer(dd_json_member(answer->result, "executionContextId"));
    script = dd_page_script_build("http_status.js", dd_json_new_array(), 0);
    if (script)
        dd_cdp_target_evaluate(&p->target, script, status_answered, p);
    else
        fail(p, DD_WIRE_REASON_CAPTURE, "there is no memory for its HTTP status");
    dd_page_script_free(script);
}

static void handle_frame_navigated(struct dd_page *p, const struct dd_json *params)
{
    const struct dd_json *frame = dd_json_member(params, "frame");

    if (!frame || *dd_json_string(dd_json_member(frame, "parentId")))
        return;
    if (*dd_json_string(dd_json_member(frame, "unreachableUrl"))) {
        p->target.loader_id[0] = '\0';
        if (!p->navigating) /* else the answer to Page.navigate says why */
            fail(p, DD_WIRE_REASON_UNREACHABLE, "it went to an address that cannot be reached");
        return;
    }
    if (strncmp(dd_json_string(dd_json_member(frame, "url")), "about:", 6) != 0)
        begin_document(p, frame);
    else if (p->document) /* before the first document it is the about:blank that every target begins with */
        fail(p, DD_WIRE_REASON_UNEXPECTED, "it went to an empty page");
}

/* Lifecycle events of other documents and frames come, too. */
static void handle_lifecycle_event(struct dd_page *p, const struct dd_json *params)
{
    const char *name = dd_json_string(dd_json_member(params, "name"));

    if (!p->target.loader_id[0] || strcmp(dd_json_string(dd_json_member(params, "loaderId")), p->target.loader_id) != 0 ||
        strcmp(dd_json_string(dd_json_member(params, "frameId")), p->target.frame_id) != 0)
        return;
    p->content_loaded |= strcmp(name, "DOMContentLoaded") == 0;
    p->loaded |= strcmp(name, "load") == 0;
    p->almost_idle |= strcmp(name, "networkAlmostIdle") == 0 || strcmp(name, "networkIdle") == 0;
}

/* ---- opening ---- */

static void navigate_answered(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page *p = context;
    const char *error;
    struct dd_load_error load_error;

    p->navigating = false;
    if (!require_success(p, answer))
        return;
    error = dd_json_string(dd_json_member(answer->result, "errorText"));
    if (dd_json_boolean(dd_json_member(answer->result, "isDownload")))
        fail(p, DD_WIRE_REASON_UNSUITABLE, "it is a file to be downloaded, not a page");
    else if (*error && strcmp(error, "net::ERR_ABORTED") != 0) { /* aborted: the page went elsewhere at once */
        dd_load_error_from_net(error, &load_error);
        fail(p, load_error.reason, "%s", load_error.text);
    }
}

/* Loads the page once all set-up commands are answered: the browser does not keep the order of commands. */
static void setup_answered(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page *p = context;
    struct dd_json *params;

    if (!require_success(p, answer) || --p->setup_pending > 0)
        return;
    params = dd_json_new_object();
    dd_json_add_string(params, "url", p->web_options->url);
    p->navigating = true;
    p->load_started_us = dd_clock_now_us();
    dd_cdp_target_send(&p->target, "Page.navigate", params, navigate_answered, p);
}

static void target_attached(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page *p = context;

    if (!require_success(p, answer) || !require_id(p, p->target.session_id, answer->result, "sessionId"))
        return;
    p->setup_pending = dd_target_setup_send(&p->target, p->web_options, setup_answered, p) + 1;
    dd_fetch_intercept_start(&p->intercept, setup_answered, p);
}

static void target_created(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page *p = context;
    struct dd_json *params;

    if (!require_success(p, answer) || !require_id(p, p->target.target_id, answer->result, "targetId"))
        return;
    params = dd_json_new_object();
    dd_json_add_string(params, "targetId", p->target.target_id);
    dd_json_add_boolean(params, "flatten", true);
    dd_cdp_target_send(&p->target, "Target.attachToTarget", params, target_attached, p);
}

struct dd_page *dd_page_open(struct dd_cdp *cdp, const struct dd_web_options *web_options, uint64_t deadline_us)
{
    struct dd_page *p = calloc(1, sizeof *p);
    struct dd_json *params;

    if (!p) {
        dd_log_error("no memory for the page");
        return NULL;
    }
    p->readiness = dd_page_readiness_new(web_options, &p->target);
    if (!p->readiness) {
        free(p);
        return NULL;
    }
    p->web_options = web_options;
    p->target.cdp = cdp;
    p->target.command_timeout_us = (uint64_t)web_options->options->timeout;
    p->intercept = (struct dd_fetch_intercept){.web_options = web_options, .target = &p->target};
    p->load_started_us = dd_clock_now_us();
    p->load_deadline_us = deadline_us;
    params = dd_json_new_object();
    dd_json_add_string(params, "url", "about:blank");
    dd_json_add_boolean(params, "newWindow", true); /* a target that shares its window may count as hidden, and hardly draws */
    dd_json_add_integer(params, "width", (uint64_t)web_options->width);
    dd_json_add_integer(params, "height", (uint64_t)web_options->height);
    dd_cdp_target_send(&p->target, "Target.createTarget", params, target_created, p);
    return p;
}

void dd_page_close(struct dd_page *page)
{
    if (!page)
        return;
    dd_cdp_forget(page->target.cdp, page);
    dd_page_readiness_free(page->readiness);
    if (page->target.target_id[0]) {
        struct dd_json *params = dd_json_new_object();
        page->target.session_id[0] = '\0';
        dd_json_add_string(params, "targetId", page->target.target_id);
        dd_cdp_target_send(&page->target, "Target.closeTarget", params, NULL, NULL);
    }
    free(page);
}

/* ---- dialogs ---- */

/* Dismisses a dialog. Only the question whether the page may be left gets a yes. */
static void close_dialog(struct dd_page *p)
{
    struct dd_json *params = dd_json_new_object();

    dd_json_add_boolean(params, "accept", p->dialog_is_beforeunload);
    dd_cdp_target_send(&p->target, "Page.handleJavaScriptDialog", params, NULL, NULL);
    p->dialog_open = false;
    p->dialog_closed_us = dd_clock_now_us();
}

static void handle_dialog_opening(struct dd_page *p, const struct dd_json *params)
{
    p->dialog_open = true;
    p->dialog_is_beforeunload = strcmp(dd_json_string(dd_json_member(params, "type")), "beforeunload") == 0;
    dd_log_debug("%s: a dialog is dismissed", p->web_options->name);
}

/* ---- events ---- */

bool dd_page_event(struct dd_page *p, const struct dd_cdp_event *event)
{
    const char *method = event->method;

    if (strcmp(method, "Target.detachedFromTarget") == 0 && p->target.session_id[0] &&
        strcmp(dd_json_string(dd_json_member(event->params, "sessionId")), p->target.session_id) == 0) {
        fail(p, DD_WIRE_REASON_ENDED, "its tab is gone");
        return true;
    }
    if (strcmp(method, "Target.targetCrashed") == 0 && p->target.target_id[0] &&
        strcmp(dd_json_string(dd_json_member(event->params, "targetId")), p->target.target_id) == 0) {
        fail(p, DD_WIRE_REASON_ENDED, "its tab crashed");
        return true;
    }
    if (!p->target.session_id[0] || strcmp(event->session_id, p->target.session_id) != 0)
        return false;
    if (strcmp(method, "Page.lifecycleEvent") == 0)
        handle_lifecycle_event(p, event->params);
    else if (strcmp(method, "Page.frameNavigated") == 0)
        handle_frame_navigated(p, event->params);
    else if (strcmp(method, "Page.javascriptDialogOpening") == 0)
        handle_dialog_opening(p, event->params);
    else if (!dd_fetch_intercept_event(&p->intercept, event))
        return false;
    return true;
}

/* ---- from loading to ready ---- */

static void become_ready(struct dd_page *p)
{
    p->state = DD_PAGE_READY;
    dd_log_debug("%s: ready after %.1f s", p->web_options->name, dd_clock_seconds(dd_clock_now_us() - p->load_started_us));
}

static void fail_not_ready(struct dd_page *p)
{
    const char *text;
    unsigned reason = dd_page_readiness_reason(p->readiness, &text);

    fail(p, reason, "%s", text);
}

static void fail_timeout(struct dd_page *p)
{
    double seconds = dd_clock_seconds(p->target.command_timeout_us);
    const char *what = !p->target.session_id[0] ? "the browser does not open a tab"
                       : !p->document           ? "no answer from its server"
                       : !p->content_loaded     ? "it does not end loading"
                                                : "it is not quiet enough to be shown, or hangs";

    const char *text;

    if (dd_page_readiness_reason(p->readiness, &text) != DD_WIRE_REASON_NONE)
        fail_not_ready(p);
    else
        fail(p, DD_WIRE_REASON_TIMEOUT, "%s within %g s", what, seconds);
}

/* A page that never ends loading counts as loaded after a while: some of it is better than nothing. */
static void accept_partial_load(struct dd_page *p, uint64_t now_us)
{
    if (p->loaded || !p->content_loaded ||
        now_us < p->load_started_us + (p->load_deadline_us - p->load_started_us) * PARTIAL_LOAD_PERCENT / 100)
        return;
    dd_log_warning("%s: it still loads after %.0f s; it is shown as it is", p->web_options->name,
                   dd_clock_seconds(now_us - p->load_started_us));
    p->loaded = p->almost_idle = true;
}

static void step_load(struct dd_page *p, uint64_t now_us)
{
    accept_partial_load(p, now_us);
    if (!p->loaded || !p->status_known || p->navigating)
        return;
    if (!p->loaded_us)
        p->loaded_us = now_us;
    if (!p->quiet_us && (p->almost_idle || now_us >= p->loaded_us + QUIET_MAX_US))
        p->quiet_us = now_us;
    if (!p->quiet_us)
        return;
    switch (dd_page_readiness_step(p->readiness, now_us, p->quiet_us)) {
    case DD_PAGE_READINESS_YES:
        become_ready(p);
        break;
    case DD_PAGE_READINESS_NO:
        fail_not_ready(p);
        break;
    case DD_PAGE_READINESS_WAITING:
        break;
    }
}

void dd_page_step(struct dd_page *p)
{
    uint64_t now_us = dd_clock_now_us();

    if (p->dialog_open && now_us >= p->dialog_closed_us + DIALOG_INTERVAL_US)
        close_dialog(p);
    if (p->state != DD_PAGE_LOADING)
        return;
    if (now_us >= p->load_deadline_us)
        fail_timeout(p);
    else
        step_load(p, now_us);
}

/* ---- asking about it ---- */

enum dd_page_state dd_page_state(const struct dd_page *page)
{
    return page->state;
}

unsigned dd_page_document(const struct dd_page *page)
{
    return page->document;
}

const struct dd_cdp_target *dd_page_target(const struct dd_page *page)
{
    return &page->target;
}

const char *dd_page_check_expression(const struct dd_page *page)
{
    return dd_page_readiness_expression(page->readiness);
}

bool dd_page_check_picture(struct dd_page *p, const struct dd_cdp_answer *answer)
{
    enum dd_page_readiness_result result = DD_PAGE_READINESS_WAITING;

    if (p->state == DD_PAGE_READY)
        result = dd_page_readiness_check_picture(p->readiness, answer);
    if (result == DD_PAGE_READINESS_NO) {
        /* the same document has to become ready again, as after a load */
        dd_page_readiness_reset(p->readiness);
        begin_load(p);
        p->quiet_us = p->load_started_us;
    }
    return result == DD_PAGE_READINESS_YES;
}
