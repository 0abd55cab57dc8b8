/* Sets up a new target before its page is loaded: size and zoom, time zone, locale, colour scheme, style sheet. Uses CDP's
 * domains Emulation, Network and Page. */
#ifndef DD_SEND_CAPTURE_WEB_TARGET_SETUP_H
#define DD_SEND_CAPTURE_WEB_TARGET_SETUP_H

struct dd_cdp_answer;
struct dd_web_options;
struct dd_cdp_target;

/* Sends all commands and returns their number. answered is called once for each, as by dd_cdp_target_send(). */
unsigned dd_target_setup_send(const struct dd_cdp_target *target, const struct dd_web_options *web_options,
                              void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

#endif
