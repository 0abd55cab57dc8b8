/* One headless Chromium: finds it, starts it in a private profile directory, controls it through its debugging pipe
 * (--remote-debugging-pipe), and stops it with all its processes. It opens no TCP port, and its sandbox stays on.
 * Not thread-safe: for the thread of the web source. */
#ifndef DD_SEND_CAPTURE_WEB_BROWSER_H
#define DD_SEND_CAPTURE_WEB_BROWSER_H

#include <stddef.h>
#include <stdint.h>

struct dd_browser;
struct dd_cdp;
struct dd_cdp_event;
struct dd_source_io;

struct dd_browser_config {
    void (*event)(void *context, const struct dd_cdp_event *event); /* see struct dd_cdp_config */
    void *context;
    int width, height; /* of its windows, in pixels */
};

/* Starts a browser. Does not wait for it: dd_cdp_step() and the answers to commands show whether it lives. 0; DD_ERROR_SOURCE,
 * set with dd_source_fail(), if there is no such program or no certutil for ca_file; or another negative enum dd_error, logged.
 * *browser is returned-owned: dd_browser_stop(). NULL after an error. */
int dd_browser_start(struct dd_browser **browser, const struct dd_browser_config *config, struct dd_source_io *io);

/* Its debugging pipe. Borrowed until dd_browser_begin_stop(); NULL after that. */
struct dd_cdp *dd_browser_cdp(const struct dd_browser *browser);

/* Closes its debugging pipe. The browser then ends by itself, so several can end at the same time. */
void dd_browser_begin_stop(struct dd_browser *browser);

/* Closes the pipe, gives the browser a moment to end, kills the processes that are left, removes the profile directory and frees
 * browser. Takes less than a second. browser may be NULL. */
void dd_browser_stop(struct dd_browser *browser);

/* Copies the last line of the browser's standard error to text: it may say why the browser ended. "" if there is none. */
void dd_browser_last_line(struct dd_browser *browser, char *text, size_t size);

/* The memory of all its processes, in bytes: see dd_process_tree_memory(). */
uint64_t dd_browser_memory(const struct dd_browser *browser);

/* dd_clock_now_us() when it was started. */
uint64_t dd_browser_started_us(const struct dd_browser *browser);

#endif
