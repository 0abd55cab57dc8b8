#include "send/capture/web/login_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "send/capture/web/cdp_target.h"
#include "send/capture/web/web_options.h"
#include "send/options.h"

enum { QUOTED_SIZE = 8 * 1024, SCRIPT_SIZE = 5 * QUOTED_SIZE };

/* Filled in from a world of its own: there value is the browser's own setter, whatever a framework put over it in the page's
 * world; the framework learns of it by the events. The form must not lead elsewhere either. */
static const char script[] = "(() => {"
                             "const origin = %s;"
                             "if (location.origin !== origin) return 'elsewhere';" /* before anything of the page is called */
                             "const user = document.querySelector(%s), password = document.querySelector(%s),"
                             " submit = document.querySelector(%s);"
                             "if (!user || !password || !submit) return 'incomplete';"
                             "const form = password.form, leads = url => new URL(url || '', document.baseURI).origin;"
                             "if (form && leads(form.getAttribute('action')) !== origin) return 'elsewhere';"
                             "if (submit.hasAttribute('formaction') && leads(submit.getAttribute('formaction')) !== origin)"
                             " return 'elsewhere';"
                             "const fill = (field, value) => {"
                             " field.focus(); field.value = value;"
                             " field.dispatchEvent(new InputEvent('input', {bubbles: true, composed: true, data: value,"
                             " inputType: 'insertText'}));"
                             " field.dispatchEvent(new Event('change', {bubbles: true})); };"
                             "fill(user, %s); fill(password, %s); submit.click();"
                             "return 'submitted'; })()";

/* dd_clock_now_us() of the last one: it outlives pages and browsers; a process has one stream. */
static uint64_t submitted_us;

bool dd_login_form_is_configured(const struct dd_web_options *site)
{
    return site->options->login_password_selector[0];
}

unsigned dd_login_form_wait_s(void)
{
    uint64_t now_us = dd_clock_now_us(), next_us = submitted_us + DD_LOGIN_FORM_EVERY_S * (uint64_t)DD_CLOCK_US_PER_S;

    return submitted_us && next_us > now_us ? (unsigned)((next_us - now_us) / DD_CLOCK_US_PER_S) + 1 : 0;
}

void dd_login_form_count(void)
{
    submitted_us = dd_clock_now_us();
}

void dd_login_form_take_back(void)
{
    submitted_us = 0;
}

char *dd_login_form_script(const struct dd_web_options *site)
{
    const struct dd_send_stream *o = site->options;
    char origin[300];
    dd_origin_write(&site->origin, origin, sizeof origin);
    const char *const texts[6] = {origin,         o->login_user_selector, o->login_password_selector, o->login_submit_selector,
                                  site->username, site->password};
    char(*quoted)[QUOTED_SIZE] = calloc(6, sizeof *quoted), *text = malloc(SCRIPT_SIZE);
    bool complete = quoted && text;

    for (int i = 0; i < 6 && complete; i++)
        complete = dd_cdp_target_quote(texts[i], quoted[i], sizeof quoted[i]) == 0;
    if (complete)
        complete = snprintf(text, SCRIPT_SIZE, script, quoted[0], quoted[1], quoted[2], quoted[3], quoted[4], quoted[5]) <
                   (int)SCRIPT_SIZE;
    if (quoted)
        explicit_bzero(quoted, 6 * sizeof *quoted);
    free(quoted);
    if (complete)
        return text;
    if (text)
        explicit_bzero(text, SCRIPT_SIZE);
    free(text);
    return NULL;
}
