/* What the log of a capture role says of its source: that it is connected, lost, failing, and with which size of pictures. A
 * source that comes and goes all the time fills no log, but whatever lasts for a minute has its line: so the last one tells how
 * things are. Times are dd_clock_now_us(): a sleep of the machine counts, and clocks that are set do not. One owner, one thread.
 */
#ifndef DD_SEND_CAPTURE_SOURCE_LOG_H
#define DD_SEND_CAPTURE_SOURCE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/base/log.h"
#include "send/capture/source.h"

struct dd_picture;

/* All zero: nothing was logged yet. */
struct dd_source_log {
    int width, height;                    /* of the newest picture; 0: the connection has shown none */
    int sent_width, sent_height;          /* as which it was sent */
    uint64_t connected_us;                /* when the connection showed its first picture */
    bool is_unlogged;                     /* that had no line */
    char failure[DD_SOURCE_MESSAGE_SIZE]; /* the newest message; "" once pictures came */
    uint64_t failing_us;                  /* when it was new */
    struct dd_log_limit size_limit, change_limit, same_limit;
};

/* An attempt to connect, or, with was_ok, a connection has failed with this message; the next attempt is in wait_ms. */
void dd_source_log_failure(struct dd_source_log *log, const char *message, bool was_ok, unsigned wait_ms);

/* The connection has ended, or another begins: its first picture is logged. */
void dd_source_log_disconnected(struct dd_source_log *log);

/* The source has shown in, which is sent as out. Both are borrowed for this call. */
void dd_source_log_picture(struct dd_source_log *log, const struct dd_picture *in, const struct dd_picture *out);

/* The source works: its newest picture is sent, or still shown. */
void dd_source_log_works(struct dd_source_log *log);

#endif
