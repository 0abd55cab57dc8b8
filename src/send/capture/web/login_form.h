/* Log-in forms: found, filled in and submitted by a script, on the page's own origin only and at most once a minute. */
#ifndef DD_SEND_CAPTURE_WEB_LOGIN_FORM_H
#define DD_SEND_CAPTURE_WEB_LOGIN_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_web_options;

enum { DD_LOGIN_FORM_INTERVAL_S = 60 }; /* wrong passwords in quick succession lock accounts */

/* True if the site has a log-in form. */
bool dd_login_form_is_configured(const struct dd_web_options *web_options);

/* The seconds until a form may be submitted again, by this process; 0: now. */
unsigned dd_login_form_wait_s(void);
/* Counts one that is being submitted; and takes that back, when it turned out that it was not. */
void dd_login_form_record_submission(void);
void dd_login_form_cancel_submission(void);

/* The script that fills in the form and submits it (login_form.js says what it gives). It holds the password. Returned-owned:
 * dd_page_script_free(). NULL, logged, if memory is exhausted. */
char *dd_login_form_script(const struct dd_web_options *web_options);

#endif
