/* What makes a fresh tab one that nobody sits at: its size, time zone, style, and what its pages may not do. */
#ifndef DD_SEND_CAPTURE_WEB_TAB_SETUP_H
#define DD_SEND_CAPTURE_WEB_TAB_SETUP_H

struct dd_pipe_answer;
struct dd_site;
struct dd_tab;

/* Sends all commands; answered is called for each, also with errors, as dd_tab_send() says. Their number. */
unsigned dd_setup_tab(const struct dd_tab *tab, const struct dd_site *site,
                      void (*answered)(void *context, const struct dd_pipe_answer *answer), void *context);

#endif
