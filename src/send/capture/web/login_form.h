/* Log-in forms: a script finds the form, fills it in and submits it, on the page's own origin only, and at most once a minute.
 * The time of the last submission belongs to the process, which has one stream. Not thread-safe. */
#ifndef DD_SEND_CAPTURE_WEB_LOGIN_FORM_H
#define DD_SEND_CAPTURE_WEB_LOGIN_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_web_options;

enum { DD_LOGIN_FORM_INTERVAL_S = 60 }; /* servers lock accounts after several wrong passwords in quick succession */

/* True if the options name a log-in form (login_password_selector). */
bool dd_login_form_is_configured(const struct dd_web_options *web_options);

/* The seconds until this process may submit a form again; 0: now. */
unsigned dd_login_form_wait_s(void);
/* Records that a form is being submitted now; and takes that back when it turned out that it was not. */
void dd_login_form_record_submission(void);
void dd_login_form_cancel_submission(void);

/* The script that fills in the form and submits it; login_form.js says what it returns. It holds the password. Returned-owned:
 * dd_page_script_free(). NULL, logged, if memory is exhausted. */
char *dd_login_form_script(const struct dd_web_options *web_options);

#endif
