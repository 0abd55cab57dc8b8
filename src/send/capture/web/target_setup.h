/* What makes a fresh tab one that nobody sits at: its size, time zone, style, and what its pages may not do. */
#ifndef DD_SEND_CAPTURE_WEB_TARGET_SETUP_H
#define DD_SEND_CAPTURE_WEB_TARGET_SETUP_H

struct dd_cdp_answer;
struct dd_web_options;
struct dd_cdp_target;

/* Sends all commands; answered is called for each, also with errors, as dd_cdp_target_send() says. Their number. */
unsigned dd_target_setup_send(const struct dd_cdp_target *target, const struct dd_web_options *web_options,
                              void (*answered)(void *context, const struct dd_cdp_answer *answer), void *context);

#endif
