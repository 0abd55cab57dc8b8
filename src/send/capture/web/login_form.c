#include "send/capture/web/login_form.h"

#include "dd/base/clock.h"
#include "dd/base/json.h"
#include "send/capture/web/page_script.h"
#include "send/capture/web/web_options.h"
#include "send/options.h"

/* dd_clock_now_us() of the last submission; 0: none. The server's clock runs on in a sleep, so the sleep counts. It outlives
 * pages and browsers; a process has one stream. */
static uint64_t submitted_us;

bool dd_login_form_is_configured(const struct dd_web_options *web_options)
{
    return web_options->options->login_password_selector[0];
}

unsigned dd_login_form_wait_s(void)
{
    uint64_t now_us = dd_clock_now_us(), next_us = submitted_us + DD_LOGIN_FORM_INTERVAL_S * (uint64_t)DD_CLOCK_US_PER_S;

    return submitted_us && next_us > now_us ? (unsigned)((next_us - now_us) / DD_CLOCK_US_PER_S) + 1 : 0;
}

void dd_login_form_record_submission(void)
{
    submitted_us = dd_clock_now_us();
}

void dd_login_form_cancel_submission(void)
{
    submitted_us = 0;
}

char *dd_login_form_script(const struct dd_web_options *web_options)
{
    const struct dd_send_stream *o = web_options->options;
    struct dd_json *arguments = dd_json_new_array();
    char origin[300];

    dd_origin_write(&web_options->origin, origin, sizeof origin);
    dd_json_add_string(arguments, NULL, origin);
    dd_json_add_string(arguments, NULL, o->login_user_selector);
    dd_json_add_string(arguments, NULL, o->login_password_selector);
    dd_json_add_string(arguments, NULL, o->login_submit_selector);
    dd_json_add_string(arguments, NULL, web_options->username);
    dd_json_add_string(arguments, NULL, web_options->password);
    return dd_page_script_build("login_form.js", arguments, 6);
}
