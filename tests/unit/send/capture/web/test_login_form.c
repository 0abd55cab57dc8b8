#include "send/capture/web/login_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "send/capture/web/page_script.h"
#include "send/capture/web/web_options.h"
#include "send/options.h"
#include "suite.h"

static struct dd_send_stream options;
static struct dd_web_options web_options;

static void set_up(void)
{
    char why[256];
    const char *fault;
    snprintf(options.source, sizeof options.source, "https://example.com/");
    snprintf(options.capture_resolution, sizeof options.capture_resolution, "source");
    snprintf(options.username, sizeof options.username, "joe");
    snprintf(options.password, sizeof options.password, "a\"b\\c'd%%s</script>\n");
    ck_assert_int_eq(dd_web_options_parse(&web_options, &options, &fault, why, sizeof why), 0);
}

START_TEST(a_password_selector_configures_a_form)
{
    set_up();
    ck_assert(!dd_login_form_is_configured(&web_options));
    snprintf(options.login_password_selector, sizeof options.login_password_selector, "#p");
    ck_assert(dd_login_form_is_configured(&web_options));
}
END_TEST

START_TEST(no_text_becomes_code_in_the_script)
{
    set_up();
    snprintf(options.login_user_selector, sizeof options.login_user_selector, "input[name=\"u\"]");
    char *script = dd_login_form_script(&web_options);
    ck_assert_ptr_nonnull(script);
    /* the script checks the origin before it looks for elements */
    const char *check = strstr(script, "if (location.origin !== origin)");
    ck_assert_ptr_nonnull(check);
    ck_assert(strstr(script, "querySelector(") > check);
    ck_assert_ptr_nonnull(strstr(script, "(...[\"https://example.com\",\"input[name=\\\"u\\\"]\","));
    ck_assert_ptr_nonnull(strstr(script, ",\"a\\\"b\\\\c'd%s</script>\\n\"])"));
    dd_page_script_free(script);
}
END_TEST

START_TEST(a_form_may_be_submitted_once_a_minute)
{
    ck_assert_uint_eq(dd_login_form_wait_s(), 0);
    dd_login_form_record_submission();
    ck_assert_uint_gt(dd_login_form_wait_s(), DD_LOGIN_FORM_INTERVAL_S - 5);
    ck_assert_uint_le(dd_login_form_wait_s(), DD_LOGIN_FORM_INTERVAL_S);
}
END_TEST

SUITE("send/capture/web/login_form", a_password_selector_configures_a_form, no_text_becomes_code_in_the_script,
      a_form_may_be_submitted_once_a_minute)
