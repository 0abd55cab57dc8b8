#include "send/capture/web/page_readiness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/web/cdp.h"
#include "send/capture/web/cdp_target.h"
#include "send/capture/web/login_form.h"
#include "send/capture/web/page_script.h"
#include "send/capture/web/web_options.h"
#include "send/options.h"

enum {
    CHECK_US = 250 * DD_CLOCK_US_PER_MS, /* between two looks at a page that is not yet right */
    EXPECT_US = 10 * DD_CLOCK_US_PER_S,  /* from quiet until it has to be */
    ABSENT_US = 2 * DD_CLOCK_US_PER_S,   /* pages that draw themselves afresh are without their parts for a moment */
    LOGIN_US = 20 * DD_CLOCK_US_PER_S,   /* from submitting until the same document has to be without the form, */
    AFTER_US = 5 * DD_CLOCK_US_PER_S,    /* or the next one */
};

struct dd_page_ready {
    const struct dd_web_options *site;
    const struct dd_cdp_target *tab;
    char *question; /* NULL: there is nothing to ask */
    enum dd_page_ready_verdict verdict;
    unsigned reason; /* of WRONG, or of what is not right yet */
    char text[DD_PAGE_READY_TEXT_SIZE];
    bool asking; /* there is no answer yet */
    bool scrolling;
    uint64_t check_us, quiet_us;
    uint64_t absent_us;    /* since when it was not right in pictures; 0: it is */
    uint64_t submitted_us; /* when its log-in form was; 0: not since it was right */
    uint64_t followed_us;  /* when another document came after that; 0: none yet */
};

/* ---- opening, closing ---- */

static bool has_question(const struct dd_web_options *site)
{
    return dd_login_form_is_configured(site) || *site->options->expect_selector;
}

static char *make_question(const struct dd_web_options *site)
{
    struct dd_json *arguments = dd_json_new_array();

    dd_json_add_string(arguments, NULL, site->options->login_password_selector);
    dd_json_add_string(arguments, NULL, site->options->expect_selector);
    return dd_page_script_call("page_state.js", arguments, 2);
}

struct dd_page_ready *dd_page_ready_new(const struct dd_web_options *site, const struct dd_cdp_target *tab)
{
    struct dd_page_ready *j = calloc(1, sizeof *j);

    if (j && has_question(site))
        j->question = make_question(site);
    if (!j || (has_question(site) && !j->question)) {
        dd_log_error("no memory for the page");
        free(j);
        return NULL;
    }
    j->site = site;
    j->tab = tab;
    return j;
}

void dd_page_ready_free(struct dd_page_ready *j)
{
    if (!j)
        return;
    dd_cdp_forget(j->tab->pipe, j);
    dd_page_script_free(j->question);
    free(j);
}

void dd_page_ready_restart(struct dd_page_ready *j)
{
    j->verdict = DD_PAGE_READY_WAITING;
    j->reason = DD_WIRE_REASON_NONE;
    j->asking = j->scrolling = false;
    j->check_us = j->absent_us = 0;
    if (j->submitted_us && !j->followed_us)
        j->followed_us = dd_clock_now_us();
}

/* ---- verdicts ---- */

static void note(struct dd_page_ready *j, unsigned reason, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void note(struct dd_page_ready *j, unsigned reason, const char *format, ...)
{
    va_list arguments;

    j->reason = reason;
    va_start(arguments, format);
    vsnprintf(j->text, sizeof j->text, format, arguments);
    va_end(arguments);
}

static void be_right(struct dd_page_ready *j)
{
    j->verdict = DD_PAGE_READY_YES;
    j->submitted_us = j->followed_us = j->absent_us = 0;
}

static void scrolled(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page_ready *j = context;

    j->scrolling = false;
    if (answer->error)
        return;
    if (!dd_json_boolean(dd_cdp_target_value(answer)))
        dd_log_warning("there is nothing with scroll_to %s in the page: it is shown from its top", j->site->options->scroll_to);
    be_right(j);
}

static void scroll(struct dd_page_ready *j)
{
    char *script = NULL;

    if (*j->site->options->scroll_to) {
        struct dd_json *arguments = dd_json_new_array();
        dd_json_add_string(arguments, NULL, j->site->options->scroll_to);
        script = dd_page_script_call("scroll_to.js", arguments, 1);
    }
    if (!script) {
        be_right(j);
        return;
    }
    j->scrolling = true;
    dd_cdp_target_evaluate(j->tab, script, scrolled, j);
    dd_page_script_free(script);
}

/* ---- logging in ---- */

static void submitted(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page_ready *j = context;
    const char *word = dd_json_string(dd_cdp_target_value(answer));

    if (strcmp(word, "elsewhere") == 0 || strcmp(word, "incomplete") == 0)
        dd_login_form_take_back();
    if (strcmp(word, "elsewhere") == 0) {
        note(j, DD_WIRE_REASON_CREDENTIALS,
             "its log-in form is, or leads, to another origin than source has: the password stays here; is source right?");
        j->verdict = DD_PAGE_READY_NO;
    } else if (strcmp(word, "incomplete") == 0) {
        j->submitted_us = 0; /* it may still be drawing itself */
    }
    /* else it was, or the document went away because of it */
}

static void submit(struct dd_page_ready *j)
{
    unsigned wait_s = dd_login_form_wait_s();
    char *script = wait_s ? NULL : dd_login_form_script(j->site);

    if (!script) {
        /* nobody has refused the password: it is another page than it should be, and tried again sooner than that */
        if (wait_s)
            note(j, DD_WIRE_REASON_UNEXPECTED, "it asks to log in again, less than a minute after the last time; it has to wait");
        else
            note(j, DD_WIRE_REASON_CAPTURE, "there is no memory for logging in");
        j->verdict = DD_PAGE_READY_NO;
        return;
    }
    dd_log_info("%s: logging in", j->site->name);
    dd_login_form_count();
    j->submitted_us = dd_clock_now_us();
    j->followed_us = 0;
    dd_cdp_target_evaluate(j->tab, script, submitted, j);
    dd_page_script_free(script);
}

/* ---- until it is right ---- */

static void handle_form(struct dd_page_ready *j)
{
    if (!j->submitted_us)
        submit(j);
    if (j->verdict != DD_PAGE_READY_WAITING)
        return;
    note(j, DD_WIRE_REASON_CREDENTIALS, "it still shows its log-in form: check username, password and the selectors");
    uint64_t until_us = j->followed_us ? j->followed_us + AFTER_US : j->submitted_us + LOGIN_US;
    if (j->submitted_us && dd_clock_now_us() > until_us)
        j->verdict = DD_PAGE_READY_NO;
}

static void answered(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page_ready *j = context;
    const char *word = dd_json_string(dd_cdp_target_value(answer));

    j->asking = false;
    if (answer->error || j->verdict != DD_PAGE_READY_WAITING) /* of a document that is gone */
        return;
    if (strcmp(word, "right") == 0) {
        scroll(j);
    } else if (strcmp(word, "form") == 0) {
        handle_form(j);
    } else if (strcmp(word, "missing") == 0) {
        note(j, DD_WIRE_REASON_UNEXPECTED, "there is nothing with expect_selector %s in it: is it logged out?",
             j->site->options->expect_selector);
        if (dd_clock_now_us() > j->quiet_us + EXPECT_US)
            j->verdict = DD_PAGE_READY_NO;
    } else {
        note(j, DD_WIRE_REASON_UNSUITABLE, "expect_selector or login_password_selector is not a CSS selector");
        j->verdict = DD_PAGE_READY_NO;
    }
}

enum dd_page_ready_verdict dd_page_ready_step(struct dd_page_ready *j, uint64_t now_us, uint64_t quiet_us)
{
    j->quiet_us = quiet_us;
    if (j->verdict != DD_PAGE_READY_WAITING || j->asking || j->scrolling || now_us < j->check_us)
        return j->verdict;
    j->check_us = now_us + CHECK_US;
    if (j->question) {
        j->asking = true;
        dd_cdp_target_evaluate(j->tab, j->question, answered, j);
    } else {
        scroll(j);
    }
    return j->verdict;
}

unsigned dd_page_ready_reason(const struct dd_page_ready *judge, const char **text)
{
    *text = judge->text;
    return judge->reason;
}

/* ---- of pictures ---- */

const char *dd_page_ready_expression(const struct dd_page_ready *judge)
{
    return judge->question;
}

enum dd_page_ready_verdict dd_page_ready_check_picture(struct dd_page_ready *j, const struct dd_cdp_answer *answer)
{
    const char *word = dd_json_string(dd_cdp_target_value(answer));
    uint64_t now_us = dd_clock_now_us();

    if (answer->error)
        return DD_PAGE_READY_WAITING;
    if (strcmp(word, "right") == 0) {
        j->absent_us = 0;
        return DD_PAGE_READY_YES;
    }
    if (!j->absent_us)
        j->absent_us = now_us;
    return now_us >= j->absent_us + ABSENT_US || strcmp(word, "form") == 0 ? DD_PAGE_READY_NO : DD_PAGE_READY_WAITING;
}
