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

/* Of dd_clock_now_us(). A sleep and a pause of this process count: a page may be given up early then, and is loaded again. */
enum {
    CHECK_US = 250 * DD_CLOCK_US_PER_MS,       /* between two checks of a page that is not ready yet */
    EXPECT_US = 10 * DD_CLOCK_US_PER_S,        /* from quiet until expect_selector has to be there */
    MISSING_US = 2 * DD_CLOCK_US_PER_S,        /* a page that redraws itself may lack expect_selector for so long */
    LOGIN_US = 20 * DD_CLOCK_US_PER_S,         /* from the submission until the same document has to be without the form */
    LOGIN_REDIRECT_US = 5 * DD_CLOCK_US_PER_S, /* from the next document until it has to be without the form */
};

struct dd_page_readiness {
    const struct dd_web_options *web_options;
    const struct dd_cdp_target *target;
    char *expression; /* calls page_state.js; NULL: there is nothing to check */
    enum dd_page_readiness_result result;
    unsigned reason; /* enum dd_wire_reason: why result is NO, or still WAITING */
    char text[DD_PAGE_READINESS_TEXT_SIZE];
    bool checking;  /* the answer to expression is outstanding */
    bool scrolling; /* the answer to scroll_to.js is outstanding */
    uint64_t check_us, quiet_us;
    uint64_t wrong_since_us;   /* since when pictures show that the page is not right; 0: they do not */
    uint64_t submitted_us;     /* when the log-in form was submitted; 0: not since the page was ready */
    uint64_t next_document_us; /* when the first document after that was loaded; 0: not yet */
};

/* ---- opening, closing ---- */

static bool needs_check(const struct dd_web_options *web_options)
{
    return dd_login_form_is_configured(web_options) || *web_options->options->expect_selector;
}

static char *build_expression(const struct dd_web_options *web_options)
{
    struct dd_json *arguments = dd_json_new_array();

    dd_json_add_string(arguments, NULL, web_options->options->login_password_selector);
    dd_json_add_string(arguments, NULL, web_options->options->expect_selector);
    return dd_page_script_build("page_state.js", arguments, 2);
}

struct dd_page_readiness *dd_page_readiness_new(const struct dd_web_options *web_options, const struct dd_cdp_target *target)
{
    struct dd_page_readiness *r = calloc(1, sizeof *r);

    if (r && needs_check(web_options))
        r->expression = build_expression(web_options);
    if (!r || (needs_check(web_options) && !r->expression)) {
        dd_log_error("no memory for the page");
        free(r);
        return NULL;
    }
    r->web_options = web_options;
    r->target = target;
    return r;
}

void dd_page_readiness_free(struct dd_page_readiness *r)
{
    if (!r)
        return;
    dd_cdp_forget(r->target->cdp, r);
    dd_page_script_free(r->expression);
    free(r);
}

void dd_page_readiness_reset(struct dd_page_readiness *r)
{
    r->result = DD_PAGE_READINESS_WAITING;
    r->reason = DD_WIRE_REASON_NONE;
    r->checking = r->scrolling = false;
    r->check_us = r->wrong_since_us = 0;
    if (r->submitted_us && !r->next_document_us)
        r->next_document_us = dd_clock_now_us();
}

/* ---- results ---- */

static void set_reason(struct dd_page_readiness *r, unsigned reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void set_reason(struct dd_page_readiness *r, unsigned reason, const char *format, ...)
{
    va_list arguments;

    r->reason = reason;
    va_start(arguments, format);
    vsnprintf(r->text, sizeof r->text, format, arguments);
    va_end(arguments);
}

static void set_ready(struct dd_page_readiness *r)
{
    r->result = DD_PAGE_READINESS_YES;
    r->submitted_us = r->next_document_us = r->wrong_since_us = 0;
}

static void scrolled(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page_readiness *r = context;

    r->scrolling = false;
    if (answer->error)
        return;
    if (!dd_json_boolean(dd_cdp_target_value(answer)))
        dd_log_warning("nothing in the page matches scroll_to %s: it is shown from its top", r->web_options->options->scroll_to);
    set_ready(r);
}

static void scroll(struct dd_page_readiness *r)
{
    char *script = NULL;

    if (*r->web_options->options->scroll_to) {
        struct dd_json *arguments = dd_json_new_array();
        dd_json_add_string(arguments, NULL, r->web_options->options->scroll_to);
        script = dd_page_script_build("scroll_to.js", arguments, 1);
    }
    if (!script) {
        set_ready(r);
        return;
    }
    r->scrolling = true;
    dd_cdp_target_evaluate(r->target, script, scrolled, r);
    dd_page_script_free(script);
}

/* ---- logging in ---- */

static void submitted(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page_readiness *r = context;
    const char *word = dd_json_string(dd_cdp_target_value(answer));

    if (strcmp(word, "elsewhere") == 0 || strcmp(word, "incomplete") == 0)
        dd_login_form_cancel_submission();
    if (strcmp(word, "elsewhere") == 0) {
        set_reason(r, DD_WIRE_REASON_CREDENTIALS,
                   "its log-in form is on, or leads to, another origin than source: the password is not sent; is source right?");
        r->result = DD_PAGE_READINESS_NO;
    } else if (strcmp(word, "incomplete") == 0) {
        r->submitted_us = 0; /* the page may still be drawing the form */
    }
    /* any other answer: it was submitted, perhaps the document was left before it could say so */
}

static void submit(struct dd_page_readiness *r)
{
    unsigned wait_s = dd_login_form_wait_s();
    char *script = wait_s ? NULL : dd_login_form_script(r->web_options);

    if (!script) {
        /* Not a reason CREDENTIALS: no server refused the password, and capture may try again sooner than after a refusal. */
        if (wait_s)
            set_reason(r, DD_WIRE_REASON_UNEXPECTED,
                       "it asks to log in again less than a minute after the last log-in: the next one has to wait");
        else
            set_reason(r, DD_WIRE_REASON_CAPTURE, "there is no memory for logging in");
        r->result = DD_PAGE_READINESS_NO;
        return;
    }
    dd_log_info("%s: logging in", r->web_options->name);
    dd_login_form_record_submission();
    r->submitted_us = dd_clock_now_us();
    r->next_document_us = 0;
    dd_cdp_target_evaluate(r->target, script, submitted, r);
    dd_page_script_free(script);
}

/* ---- until the page is ready ---- */

static void handle_form(struct dd_page_readiness *r)
{
    if (!r->submitted_us)
        submit(r);
    if (r->result != DD_PAGE_READINESS_WAITING)
        return;
    set_reason(r, DD_WIRE_REASON_CREDENTIALS, "it still shows its log-in form: check username, password and the selectors");
    uint64_t until_us = r->next_document_us ? r->next_document_us + LOGIN_REDIRECT_US : r->submitted_us + LOGIN_US;
    if (r->submitted_us && dd_clock_now_us() > until_us)
        r->result = DD_PAGE_READINESS_NO;
}

static void answered(void *context, const struct dd_cdp_answer *answer)
{
    struct dd_page_readiness *r = context;
    const char *word = dd_json_string(dd_cdp_target_value(answer));

    r->checking = false;
    if (answer->error || r->result != DD_PAGE_READINESS_WAITING) /* the answer of an earlier document */
        return;
    if (strcmp(word, "right") == 0) {
        scroll(r);
    } else if (strcmp(word, "form") == 0) {
        handle_form(r);
    } else if (strcmp(word, "missing") == 0) {
        set_reason(r, DD_WIRE_REASON_UNEXPECTED, "nothing in it matches expect_selector %s: is it logged out?",
                   r->web_options->options->expect_selector);
        if (dd_clock_now_us() > r->quiet_us + EXPECT_US)
            r->result = DD_PAGE_READINESS_NO;
    } else {
        set_reason(r, DD_WIRE_REASON_UNSUITABLE, "expect_selector or login_password_selector is not a CSS selector");
        r->result = DD_PAGE_READINESS_NO;
    }
}

enum dd_page_readiness_result dd_page_readiness_step(struct dd_page_readiness *r, uint64_t now_us, uint64_t quiet_us)
{
    r->quiet_us = quiet_us;
    if (r->result != DD_PAGE_READINESS_WAITING || r->checking || r->scrolling || now_us < r->check_us)
        return r->result;
    r->check_us = now_us + CHECK_US;
    if (r->expression) {
        r->checking = true;
        dd_cdp_target_evaluate(r->target, r->expression, answered, r);
    } else {
        scroll(r);
    }
    return r->result;
}

unsigned dd_page_readiness_reason(const struct dd_page_readiness *r, const char **text)
{
    *text = r->text;
    return r->reason;
}

/* ---- checks of pictures ---- */

const char *dd_page_readiness_expression(const struct dd_page_readiness *r)
{
    return r->expression;
}

enum dd_page_readiness_result dd_page_readiness_check_picture(struct dd_page_readiness *r, const struct dd_cdp_answer *answer)
{
    const char *word = dd_json_string(dd_cdp_target_value(answer));
    uint64_t now_us = dd_clock_now_us();

    if (answer->error)
        return DD_PAGE_READINESS_WAITING;
    if (strcmp(word, "right") == 0) {
        r->wrong_since_us = 0;
        return DD_PAGE_READINESS_YES;
    }
    if (!r->wrong_since_us)
        r->wrong_since_us = now_us;
    return now_us >= r->wrong_since_us + MISSING_US || strcmp(word, "form") == 0 ? DD_PAGE_READINESS_NO
                                                                                 : DD_PAGE_READINESS_WAITING;
}
