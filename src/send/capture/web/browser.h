/* One headless Chromium: found, started in a private folder, spoken to through its debugging pipe, ended with all its
 * processes. It has no TCP port, and its sandbox stays on. */
#ifndef DD_SEND_CAPTURE_WEB_BROWSER_H
#define DD_SEND_CAPTURE_WEB_BROWSER_H

#include <stddef.h>
#include <stdint.h>

struct dd_browser;
struct dd_cdp;
struct dd_cdp_event;
struct dd_source_io;

struct dd_browser_config {
    void (*event)(void *context, const struct dd_cdp_event *event); /* as of dd_cdp_new() */
    void *context;
    int width, height; /* of its windows */
};

/* Starts it; whether it lives is seen by what it answers. 0; or DD_ERROR_SOURCE, told in io; or another negative enum dd_error,
 * logged. *browser is returned-owned: dd_browser_stop(). */
int dd_browser_start(struct dd_browser **browser, const struct dd_browser_config *config, struct dd_source_io *io);

/* Borrowed; NULL once it was asked to leave. */
struct dd_cdp *dd_browser_cdp(const struct dd_browser *browser);

/* Closes its pipe, upon which it ends by itself: so several can do so at the same time. */
void dd_browser_begin_stop(struct dd_browser *browser);

/* Leaves, ends all processes that do not end by themselves in a moment, and removes the folder. Well below a second. browser may
 * be NULL. */
void dd_browser_stop(struct dd_browser *browser);

/* Why it ended by itself, as far as it said so: its last words, in text, "" without any. */
void dd_browser_last_line(struct dd_browser *browser, char *text, size_t size);

/* Memory in bytes of all its processes (tree.h). */
uint64_t dd_browser_memory(const struct dd_browser *browser);

/* dd_clock_now_us() of its start. */
uint64_t dd_browser_started_us(const struct dd_browser *browser);

#endif
