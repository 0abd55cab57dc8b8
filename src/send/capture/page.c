#include "dd/send/capture/page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "dd/send/capture/intercept.h"
#include "dd/send/capture/login.h"
#include "dd/send/capture/pipe.h"
#include "dd/send/capture/refusal.h"
#include "dd/send/capture/setup.h"
#include "dd/send/capture/site.h"
#include "dd/send/capture/tab.h"
#include "dd/send/options.h"

enum {
    CLOSE_US = DD_CLOCK_US_PER_S,
    QUIET_US = 5 * DD_CLOCK_US_PER_S,     /* a page whose connections stay busy counts as quiet so long after its load */
    CHECK_US = 250 * DD_CLOCK_US_PER_MS,  /* between two looks at a page that is not yet right */
    EXPECT_US = 10 * DD_CLOCK_US_PER_S,   /* from quiet until it has to be right */
    ABSENT_US = 2 * DD_CLOCK_US_PER_S,    /* pages that draw themselves afresh are without their parts for a moment */
    LOGIN_US = 5 * DD_CLOCK_US_PER_S,     /* from submitting until the form has to be gone */
    DIALOG_US = 100 * DD_CLOCK_US_PER_MS, /* between two dialogs: a script that opens one after the other keeps nobody busy */
    PARTIAL_PERCENT = 80,                 /* of the time for a load, after which a page that lacks some part is shown */
    SCRIPT_SIZE = 4096,
};

struct dd_page {
    const struct dd_site *site;
    struct dd_tab tab;
    struct dd_intercept intercept;
    enum dd_page_state state;
    unsigned reason;
    char message[DD_SOURCE_MESSAGE_SIZE];

    uint64_t begun_us, deadline_us; /* of the load under way */
    unsigned document;
    unsigned setting_up;               /* commands for that which have no answer yet */
    bool navigating;                   /* there is no answer yet to the command that loads the page */
    bool content, loaded, almost_idle; /* of the document: parsed; with all its parts; and the network quiet */
    bool status_known, scrolled;
    uint64_t loaded_us, quiet_us; /* 0: not yet */
    bool missing;                 /* what is expected, when it was looked at last */
    bool checking;
    uint64_t check_us;     /* when it is looked at next */
    uint64_t absent_us;    /* since when it was not right; 0: it is */
    uint64_t submitted_us; /* when its log-in form was; 0: not since it was ready */
    bool dialog;           /* one is open */
    bool dialog_leaves;    /* and asks whether the page may be left */
    uint64_t dialog_us;    /* when the last one was closed */
    char *check;           /* expression; NULL: none */
};

/* ---- failing ---- */

static void fail(struct dd_page *p, unsigned reason, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void fail(struct dd_page *p, unsigned reason, const char *format, ...)
{
    va_list arguments;
    size_t length;

    if (p->state == DD_PAGE_FAILED)
        return;
    p->state = DD_PAGE_FAILED;
    p->reason = reason;
    length = (size_t)snprintf(p->message, sizeof p->message, "%s: ", p->site->name);
    va_start(arguments, format);
    vsnprintf(p->message + length, sizeof p->message - length, format, arguments);
    va_end(arguments);
}

int dd_page_tell(const struct dd_page *page, struct dd_source_io *io)
{
    return dd_source_fail(io, page->reason, "%s", page->message);
}

/* A command that has to work did not. True if it did. */
static bool is_fine(struct dd_page *p, const struct dd_pipe_answer *answer)
{
    if (!answer->error)
        return true;
    if (answer->error == DD_ERROR_TIMEOUT)
        fail(p, DD_WIRE_REASON_TIMEOUT, "the browser does not answer");
    else
        fail(p, DD_WIRE_REASON_UNSUITABLE, "the browser cannot show it as wanted: %.200s", answer->text);
    return false;
}

/* ---- the document ---- */

static void world_made(void *context, const struct dd_pipe_answer *answer);

/* Another document has come into the tab. Whether it may be shown has to be seen. */
static void begin_document(struct dd_page *p, const struct dd_json *frame)
{
    uint64_t now_us = dd_clock_now_us();
    struct dd_json *params = dd_json_new_object();

    if (!dd_tab_copy_id(p->tab.frame, dd_json_string(dd_json_member(frame, "id"))) ||
        !dd_tab_copy_id(p->tab.loader, dd_json_string(dd_json_member(frame, "loaderId"))))
        fail(p, DD_WIRE_REASON_BROKEN, "what the browser says cannot be understood");
    if (p->state == DD_PAGE_READY) {
        dd_log_debug("%s: goes to another document", p->site->name);
        p->state = DD_PAGE_LOADING;
        p->begun_us = now_us;
        p->deadline_us = now_us + p->tab.patience_us;
        dd_intercept_restart(&p->intercept);
    }
    p->document++;
    p->tab.world = 0;
    p->content = p->loaded = p->almost_idle = p->status_known = p->scrolled = p->checking = p->missing = false;
    p->loaded_us = p->quiet_us = p->check_us = p->absent_us = 0;
    dd_json_add_string(params, "frameId", p->tab.frame);
    dd_json_add_string(params, "worldName", DD_TAB_WORLD);
    dd_tab_send(&p->tab, "Page.createIsolatedWorld", params, world_made, p);
}

static void status_read(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_page *p = context;
    struct dd_refusal refusal;
    int status = (int)dd_json_number(dd_tab_value(answer));

    if (answer->error)
        return;
    p->status_known = true;
    if (dd_refusal_of_status(status, &refusal))
        fail(p, refusal.reason, "%s", refusal.text);
}

/* The status of the answer that the document came with is known to it itself. */
static void world_made(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_page *p = context;

    if (answer->error) /* it is already gone again: the next document has a world */
        return;
    p->tab.world = (int64_t)dd_json_number(dd_json_member(answer->result, "executionContextId"));
    dd_tab_evaluate(&p->tab, "(performance.getEntriesByType('navigation')[0] || {}).responseStatus || 0", status_read, p);
}

static void frame_navigated(struct dd_page *p, const struct dd_json *params)
{
    const struct dd_json *frame = dd_json_member(params, "frame");

    if (!frame || *dd_json_string(dd_json_member(frame, "parentId")))
        return;
    if (*dd_json_string(dd_json_member(frame, "unreachableUrl"))) {
        p->tab.loader[0] = '\0';
        if (!p->navigating) /* else the answer says why */
            fail(p, DD_WIRE_REASON_UNREACHABLE, "it went to an address that cannot be reached");
        return;
    }
    if (strncmp(dd_json_string(dd_json_member(frame, "url")), "about:", 6) != 0 || p->state == DD_PAGE_READY)
        begin_document(p, frame);
}

static void lifecycle(struct dd_page *p, const struct dd_json *params)
{
    const char *name = dd_json_string(dd_json_member(params, "name"));

    if (!p->tab.loader[0] || strcmp(dd_json_string(dd_json_member(params, "loaderId")), p->tab.loader) != 0 ||
        strcmp(dd_json_string(dd_json_member(params, "frameId")), p->tab.frame) != 0)
        return;
    p->content |= strcmp(name, "DOMContentLoaded") == 0;
    p->loaded |= strcmp(name, "load") == 0;
    p->almost_idle |= strcmp(name, "networkAlmostIdle") == 0 || strcmp(name, "networkIdle") == 0;
}

/* ---- opening ---- */

static void navigated(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_page *p = context;
    const char *error;
    struct dd_refusal refusal;

    p->navigating = false;
    if (!is_fine(p, answer))
        return;
    error = dd_json_string(dd_json_member(answer->result, "errorText"));
    if (dd_json_boolean(dd_json_member(answer->result, "isDownload")))
        fail(p, DD_WIRE_REASON_UNSUITABLE, "it is a file to be downloaded, not a page");
    else if (*error && strcmp(error, "net::ERR_ABORTED") != 0) { /* that is a page which went elsewhere at once */
        dd_refusal_of_error(error, &refusal);
        fail(p, refusal.reason, "%s", refusal.text);
    }
}

/* Loads the page once all that sets its tab up is done: the browser does not keep the order of commands. */
static void set_up(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_page *p = context;
    struct dd_json *params;

    if (!is_fine(p, answer) || --p->setting_up > 0)
        return;
    params = dd_json_new_object();
    dd_json_add_string(params, "url", p->site->url);
    p->navigating = true;
    dd_tab_send(&p->tab, "Page.navigate", params, navigated, p);
}

static void attached(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_page *p = context;

    if (!is_fine(p, answer))
        return;
    if (!dd_tab_copy_id(p->tab.session, dd_json_string(dd_json_member(answer->result, "sessionId")))) {
        fail(p, DD_WIRE_REASON_BROKEN, "what the browser says cannot be understood");
        return;
    }
    p->setting_up = dd_setup_tab(&p->tab, p->site, set_up, p) + 1;
    dd_intercept_start(&p->intercept, set_up, p);
}

static void created(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_page *p = context;
    struct dd_json *params;

    if (!is_fine(p, answer))
        return;
    if (!dd_tab_copy_id(p->tab.target, dd_json_string(dd_json_member(answer->result, "targetId")))) {
        fail(p, DD_WIRE_REASON_BROKEN, "what the browser says cannot be understood");
        return;
    }
    params = dd_json_new_object();
    dd_json_add_string(params, "targetId", p->tab.target);
    dd_json_add_boolean(params, "flatten", true);
    dd_tab_send(&p->tab, "Target.attachToTarget", params, attached, p);
}

/* Selectors that were checked to fit. */
static char *make_check(const struct dd_site *site)
{
    char form[6 * DD_SEND_SHORT * 2], expected[6 * DD_SEND_SHORT * 2], *script;

    if (!dd_login_is_set(site) && !*site->options->expect_selector)
        return NULL;
    script = malloc(SCRIPT_SIZE);
    if (!script || dd_tab_quote(site->options->login_password_selector, form, sizeof form) ||
        dd_tab_quote(site->options->expect_selector, expected, sizeof expected)) {
        free(script);
        return NULL;
    }
    /* a form that lies ready, but is not shown, is none */
    snprintf(script, SCRIPT_SIZE,
             "(() => { const form = %s, expected = %s, find = s => s && document.querySelector(s);"
             "if (find(form) && find(form).getClientRects().length) return 'form';"
             "return expected && !find(expected) ? 'missing' : 'right'; })()",
             form, expected);
    return script;
}

struct dd_page *dd_page_open(struct dd_pipe *pipe, const struct dd_site *site, uint64_t deadline_us)
{
    struct dd_page *p = calloc(1, sizeof *p);
    struct dd_json *params;

    if (p)
        p->check = make_check(site);
    if (!p || (!p->check && (dd_login_is_set(site) || *site->options->expect_selector))) {
        dd_log_error("no memory for the page");
        free(p);
        return NULL;
    }
    p->site = site;
    p->tab.pipe = pipe;
    p->tab.patience_us = (uint64_t)site->options->timeout;
    p->intercept = (struct dd_intercept){.site = site, .tab = &p->tab};
    p->begun_us = dd_clock_now_us();
    p->deadline_us = deadline_us;
    params = dd_json_new_object();
    dd_json_add_string(params, "url", "about:blank");
    dd_json_add_boolean(params, "newWindow", true); /* one that shares its window may count as hidden, and hardly draws */
    dd_json_add_integer(params, "width", (uint64_t)site->width);
    dd_json_add_integer(params, "height", (uint64_t)site->height);
    dd_tab_send(&p->tab, "Target.createTarget", params, created, p);
    return p;
}

void dd_page_close(struct dd_page *page)
{
    if (!page)
        return;
    dd_pipe_forget(page->tab.pipe, page);
    if (page->tab.target[0]) {
        struct dd_json *params = dd_json_new_object();
        page->tab.session[0] = '\0';
        dd_json_add_string(params, "targetId", page->tab.target);
        dd_tab_send(&page->tab, "Target.closeTarget", params, NULL, NULL);
    }
    free(page->check);
    free(page);
}

/* ---- dialogs ---- */

static void close_dialog(struct dd_page *p)
{
    struct dd_json *params = dd_json_new_object();

    dd_json_add_boolean(params, "accept", p->dialog_leaves);
    dd_tab_send(&p->tab, "Page.handleJavaScriptDialog", params, NULL, NULL);
    p->dialog = false;
    p->dialog_us = dd_clock_now_us();
}

static void dialog_opens(struct dd_page *p, const struct dd_json *params)
{
    p->dialog = true;
    p->dialog_leaves = strcmp(dd_json_string(dd_json_member(params, "type")), "beforeunload") == 0;
    dd_log_debug("%s: a dialog is dismissed", p->site->name);
}

/* ---- events ---- */

bool dd_page_event(struct dd_page *p, const struct dd_pipe_event *event)
{
    const char *method = event->method;

    if (strcmp(method, "Target.detachedFromTarget") == 0 && p->tab.session[0] &&
        strcmp(dd_json_string(dd_json_member(event->params, "sessionId")), p->tab.session) == 0) {
        fail(p, DD_WIRE_REASON_ENDED, "its tab is gone");
        return true;
    }
    if (strcmp(method, "Target.targetCrashed") == 0 && p->tab.target[0] &&
        strcmp(dd_json_string(dd_json_member(event->params, "targetId")), p->tab.target) == 0) {
        fail(p, DD_WIRE_REASON_ENDED, "its tab crashed");
        return true;
    }
    if (!p->tab.session[0] || strcmp(event->session, p->tab.session) != 0)
        return false;
    if (strcmp(method, "Page.lifecycleEvent") == 0)
        lifecycle(p, event->params);
    else if (strcmp(method, "Page.frameNavigated") == 0)
        frame_navigated(p, event->params);
    else if (strcmp(method, "Page.javascriptDialogOpening") == 0)
        dialog_opens(p, event->params);
    else if (!dd_intercept_event(&p->intercept, event))
        return false;
    return true;
}

/* ---- from loaded to ready ---- */

static void become_ready(struct dd_page *p)
{
    p->state = DD_PAGE_READY;
    p->submitted_us = p->absent_us = 0;
    dd_log_debug("%s: ready after %.1f s", p->site->name, (double)(dd_clock_now_us() - p->begun_us) / DD_CLOCK_US_PER_S);
}

static void scrolled(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_page *p = context;

    if (answer->error || p->state != DD_PAGE_LOADING)
        return;
    if (!dd_json_boolean(dd_tab_value(answer)))
        dd_log_warning("%s: there is nothing with scroll_to %s in it; it is shown from its top", p->site->name,
                       p->site->options->scroll_to);
    become_ready(p);
}

static void finish(struct dd_page *p)
{
    char quoted[6 * DD_SEND_SHORT * 2], script[sizeof quoted + 256];

    if (!*p->site->options->scroll_to || dd_tab_quote(p->site->options->scroll_to, quoted, sizeof quoted)) {
        become_ready(p);
        return;
    }
    if (p->scrolled)
        return;
    p->scrolled = true;
    snprintf(script, sizeof script,
             "(() => { const e = document.querySelector(%s); if (!e) return false;"
             "e.scrollIntoView({block: 'start', inline: 'start', behavior: 'instant'});"
             "return new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(true)))); })()",
             quoted);
    dd_tab_evaluate(&p->tab, script, scrolled, p);
}

static void submitted(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_page *p = context;
    const char *verdict = dd_json_string(dd_tab_value(answer));

    if (strcmp(verdict, "elsewhere") == 0)
        fail(p, DD_WIRE_REASON_CREDENTIALS,
             "its log-in form is, or leads, to another origin than source has: the password stays here; is source right?");
    else if (strcmp(verdict, "incomplete") == 0)
        p->submitted_us = 0; /* it may still be drawing itself */
    /* else it was, or the document went away because of it */
}

static void submit(struct dd_page *p)
{
    unsigned wait_s = dd_login_wait_s();
    char *script;

    if (wait_s) {
        fail(p, DD_WIRE_REASON_CREDENTIALS, "it asks to log in again; its form is filled in once a minute only");
        return;
    }
    script = dd_login_script(p->site);
    if (!script) {
        fail(p, DD_WIRE_REASON_CAPTURE, "no memory for logging in");
        return;
    }
    dd_log_info("%s: logging in", p->site->name);
    dd_login_count();
    p->submitted_us = dd_clock_now_us();
    dd_tab_evaluate(&p->tab, script, submitted, p);
    explicit_bzero(script, strlen(script));
    free(script);
}

static void fail_login(struct dd_page *p)
{
    fail(p, DD_WIRE_REASON_CREDENTIALS, "it still shows its log-in form: check username, password and the selectors");
}

static void fail_expected(struct dd_page *p)
{
    fail(p, DD_WIRE_REASON_UNEXPECTED, "there is nothing with expect_selector %s in it: is it logged out?",
         p->site->options->expect_selector);
}

/* What it shows is not what it should, while it loads: in time that may change. */
static void wait_for_right(struct dd_page *p, const char *verdict)
{
    uint64_t now_us = dd_clock_now_us();

    if (strcmp(verdict, "form") == 0 && !p->submitted_us)
        submit(p);
    else if (strcmp(verdict, "form") == 0 && now_us > p->submitted_us + LOGIN_US)
        fail_login(p);
    else if (strcmp(verdict, "missing") == 0 && now_us > p->quiet_us + EXPECT_US)
        fail_expected(p);
}

static void checked(void *context, const struct dd_pipe_answer *answer)
{
    struct dd_page *p = context;
    const char *verdict = dd_json_string(dd_tab_value(answer));

    p->checking = false;
    p->missing = strcmp(verdict, "missing") == 0;
    if (answer->error || p->state != DD_PAGE_LOADING) /* of a document that is gone */
        return;
    if (strcmp(verdict, "right") == 0)
        finish(p);
    else if (*verdict)
        wait_for_right(p, verdict);
    else
        fail(p, DD_WIRE_REASON_UNSUITABLE, "expect_selector or login_password_selector is not a CSS selector");
}

static void fail_timeout(struct dd_page *p)
{
    double seconds = (double)p->tab.patience_us / DD_CLOCK_US_PER_S;
    const char *what = !p->tab.session[0] ? "the browser does not open a tab"
                       : !p->document     ? "no answer from its server"
                       : !p->content      ? "it does not end loading"
                                          : "it is not quiet enough to be shown, or hangs";

    if (p->submitted_us)
        fail_login(p);
    else if (p->missing)
        fail_expected(p);
    else
        fail(p, DD_WIRE_REASON_TIMEOUT, "%s within %g s", what, seconds);
}

/* Of a page whose load goes on for ever, what there is of it is better than nothing. */
static void take_partial(struct dd_page *p, uint64_t now_us)
{
    if (p->loaded || !p->content || now_us < p->begun_us + (p->deadline_us - p->begun_us) * PARTIAL_PERCENT / 100)
        return;
    dd_log_warning("%s: it still loads after %.0f s; it is shown as it is", p->site->name,
                   (double)(now_us - p->begun_us) / DD_CLOCK_US_PER_S);
    p->loaded = p->almost_idle = true;
}

static void load(struct dd_page *p, uint64_t now_us)
{
    take_partial(p, now_us);
    if (!p->loaded || !p->status_known || p->navigating)
        return;
    if (!p->loaded_us)
        p->loaded_us = now_us;
    if (!p->quiet_us && (p->almost_idle || now_us >= p->loaded_us + QUIET_US))
        p->quiet_us = now_us;
    if (!p->quiet_us || p->checking || now_us < p->check_us)
        return;
    p->check_us = now_us + CHECK_US;
    if (p->check) {
        p->checking = true;
        dd_tab_evaluate(&p->tab, p->check, checked, p);
    } else {
        finish(p);
    }
}

void dd_page_turn(struct dd_page *p)
{
    uint64_t now_us = dd_clock_now_us();

    if (p->dialog && now_us >= p->dialog_us + DIALOG_US)
        close_dialog(p);
    if (p->state != DD_PAGE_LOADING)
        return;
    if (now_us >= p->deadline_us)
        fail_timeout(p);
    else
        load(p, now_us);
}

/* ---- what is known of it ---- */

enum dd_page_state dd_page_state(const struct dd_page *page)
{
    return page->state;
}

unsigned dd_page_document(const struct dd_page *page)
{
    return page->document;
}

const struct dd_tab *dd_page_tab(const struct dd_page *page)
{
    return &page->tab;
}

const char *dd_page_check(const struct dd_page *page)
{
    return page->check;
}

bool dd_page_checked(struct dd_page *p, const struct dd_pipe_answer *answer)
{
    const char *verdict = dd_json_string(dd_tab_value(answer));
    uint64_t now_us = dd_clock_now_us();

    if (answer->error || p->state != DD_PAGE_READY)
        return false;
    if (strcmp(verdict, "right") == 0) {
        p->absent_us = 0;
        return true;
    }
    if (!p->absent_us)
        p->absent_us = now_us;
    if (now_us >= p->absent_us + ABSENT_US || strcmp(verdict, "form") == 0) {
        /* the same document, which has to become right again as after a load */
        p->state = DD_PAGE_LOADING;
        p->begun_us = p->quiet_us = now_us;
        p->deadline_us = now_us + p->tab.patience_us;
    }
    return false;
}
