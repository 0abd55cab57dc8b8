#include "send/capture/source_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dd/base/clock.h"
#include "send/picture.h"

enum {
    SIZES = 10,   /* changes of size that are logged before gaps grow */
    CHANGES = 40, /* the same for connections, and for new messages of failures */
    OTHERS_SIZE = 64,
};
#define LASTING_US (60 * DD_CLOCK_US_PER_S)

/* As dd_log_allowed(). others becomes what the line says of those that had none. */
static bool is_allowed(struct dd_log_limit *limit, unsigned burst, char others[static OTHERS_SIZE])
{
    uint64_t suppressed;
    limit->burst = burst;
    bool allowed = dd_log_allowed(limit, &suppressed);
    others[0] = '\0';
    if (allowed && suppressed)
        snprintf(others, OTHERS_SIZE, " (%" PRIu64 " changes before it had no line)", suppressed);
    return allowed;
}

void dd_source_log_failure(struct dd_source_log *log, const char *message, bool was_ok, unsigned wait_ms)
{
    uint64_t now_us = dd_clock_now_us(), suppressed;
    unsigned wait_s = (wait_ms + 500) / 1000;
    char others[OTHERS_SIZE];
    bool is_new = strcmp(log->failure, message) != 0;
    if (is_new) {
        snprintf(log->failure, sizeof log->failure, "%s", message);
        log->failing_us = now_us;
        dd_log_end(&log->same_limit);
    }
    log->same_limit.event_us = now_us; /* however long an attempt takes, the failure lasts */
    bool is_repeated = dd_log_allowed(&log->same_limit, &suppressed) && !is_new;
    if (is_new && is_allowed(&log->change_limit, CHANGES, others))
        dd_log_warning("%s%s; trying again in %u s%s", was_ok ? "lost: " : "", message, wait_s, others);
    else if (is_repeated)
        dd_log_warning("for %.0f min: %s; trying again in %u s", dd_clock_seconds(now_us - log->failing_us) / 60, message,
                       wait_s);
}

void dd_source_log_disconnected(struct dd_source_log *log)
{
    log->width = log->height = 0;
    log->is_unlogged = false;
}

static void write_connected(const struct dd_source_log *log, const char *others)
{
    dd_log_notice("connected: %dx%d, sent as %dx%d%s", log->width, log->height, log->sent_width, log->sent_height, others);
}

void dd_source_log_picture(struct dd_source_log *log, const struct dd_picture *in, const struct dd_picture *out)
{
    char others[OTHERS_SIZE];
    bool is_first = !log->width;
    if (in->width == log->width && in->height == log->height)
        return;
    log->width = in->width;
    log->height = in->height;
    log->sent_width = out->width;
    log->sent_height = out->height;
    if (is_first) {
        log->connected_us = dd_clock_now_us();
        log->is_unlogged = !is_allowed(&log->change_limit, CHANGES, others);
        if (!log->is_unlogged)
            write_connected(log, others);
    } else if (is_allowed(&log->size_limit, SIZES, others)) {
        dd_log_notice("its picture is now another: %dx%d, sent as %dx%d%s", in->width, in->height, out->width, out->height,
                      others);
    }
}

void dd_source_log_works(struct dd_source_log *log)
{
    log->failure[0] = '\0';
    if (!log->is_unlogged || dd_clock_now_us() < log->connected_us + LASTING_US)
        return;
    log->is_unlogged = false;
    write_connected(log, "");
}
