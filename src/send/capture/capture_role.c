/* One loop for all sources: connect, fetch the next picture, send it through the pipeline into the ring, publish the status. When
 * the source is lost, back off and connect again. */
#include "send/capture/capture_role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/role.h"
#include "dd/base/wakeup.h"
#include "dd/link/wire.h"
#include "send/capture/media/ffmpeg_log.h"
#include "send/capture/pipeline/pipeline.h"
#include "send/capture/source.h"
#include "send/capture/source_log.h"
#include "send/capture/source_table.h"
#include "send/picture.h"
#include "send/source_status.h"

enum {
    HEARTBEAT_EVERY_MS = 250, /* from everything that waits */
    HEARTBEAT_MS = 3000,      /* how long a heartbeat counts */
    LOOK_UP_MS = 40000,       /* longer while a source opens: looking up a name blocks until the resolver's time-outs */
    CHECK_STOP_EVERY_MS = 20,
    BACK_OFF_MIN_MS = 2000, /* the first wait is half of this to all of it */
    BACK_OFF_MAX_MS = 30000,
    CREDENTIALS_MIN_MS = 30000,           /* wrong passwords in quick succession lock accounts */
    AWAY_MAX_US = 20 * DD_CLOCK_US_PER_S, /* who was away longer opens its source again */
    CHECKPOINT_US = DD_CLOCK_US_PER_S,    /* sources call checkpoint() at least that often, except while they look a name up */
    SETTLED_US = 5 * DD_CLOCK_US_PER_S,   /* a connection that lasted this long resets the back-off */
};

struct capture {
    struct dd_role *role;
    struct dd_capture_config *config;
    const struct dd_source_kind *kind;
    struct dd_frame_ring *ring;
    struct dd_pipeline *pipeline;
    struct dd_source_io io;
    void *source;                   /* NULL while it is closed */
    bool connected;                 /* the source can be asked for pictures */
    bool must_reopen;               /* this role was away for long */
    struct dd_source_status status; /* as published last */
    bool published;                 /* false: there is none yet */
    unsigned heartbeat_ms;          /* how long the next heartbeat counts */
    uint64_t next_heartbeat_us;     /* dd_clock_now_us(), as all times here */
    uint64_t next_check_us;         /* of the role's stop descriptor */
    struct dd_clock_loop loop;      /* its turns are checkpoints */
    bool stopping;
    uint64_t due_us; /* of the next picture; unused at interval 0 */
    uint64_t opened_us;
    unsigned failures; /* since a connection last settled */
    struct dd_source_log log;
};

/* ---- heartbeat and status ---- */

static void beat(struct capture *c)
{
    uint64_t now_us = dd_clock_now_us();

    if (now_us < c->next_heartbeat_us)
        return;
    c->next_heartbeat_us = now_us + HEARTBEAT_EVERY_MS * DD_CLOCK_US_PER_MS;
    dd_role_beat(c->role, c->heartbeat_ms);
    dd_frame_ring_beat(c->ring, now_us + c->heartbeat_ms * UINT64_C(1000));
}

/* Sends a heartbeat at once. It and those that follow count for that long. */
static void set_heartbeat(struct capture *c, unsigned heartbeat_ms)
{
    c->heartbeat_ms = heartbeat_ms;
    c->next_heartbeat_us = 0;
    beat(c);
}

/* This role was away for late_us: stopped, or the machine slept. No picture was missed meanwhile that could have been taken. A
 * call under way gets as much longer. After a long pause connections are dead more often than not, and what they buffered is old:
 * the source is opened again. Back-off ends early; that does no harm. */
static void forgive(struct capture *c, uint64_t late_us)
{
    c->io.away_us += late_us;
    c->due_us += late_us;
    if (late_us >= AWAY_MAX_US)
        c->must_reopen = true;
    else if (c->io.deadline_us != UINT64_MAX)
        c->io.deadline_us += late_us;
}

/* The sources' hook: sends the heartbeat. True once the role is to stop. */
static bool checkpoint(void *context)
{
    struct capture *c = context;
    uint64_t now_us = dd_clock_now_us(), late_us = dd_clock_loop_late_us(&c->loop, now_us, CHECKPOINT_US);

    if (late_us)
        forgive(c, late_us);
    beat(c);
    /* libav asks several times per packet: a system call each time would be most of all system calls */
    if (!c->stopping && now_us >= c->next_check_us) {
        c->stopping = dd_role_stopping(c->role);
        c->next_check_us = now_us + CHECK_STOP_EVERY_MS * DD_CLOCK_US_PER_MS;
    }
    return c->stopping;
}

static void set_deadline(struct capture *c, uint64_t from_us)
{
    uint64_t now_us = dd_clock_now_us();

    c->io.deadline_us = (from_us > now_us ? from_us : now_us) + (uint64_t)c->config->options.timeout;
}

/* Publishes a status that differs from the last one. Wakes transmit only for a change of source or reason. */
static void publish(struct capture *c, const struct dd_source_status *status)
{
    bool changed = !c->published || status->source != c->status.source || status->reason != c->status.reason;

    if (!changed && status->confirmed_us == c->status.confirmed_us && status->skipped == c->status.skipped)
        return;
    c->status = *status;
    c->published = true;
    dd_frame_ring_publish(c->ring, &c->status, sizeof c->status, changed);
}

static void publish_source(struct capture *c, enum dd_wire_source source, unsigned reason)
{
    struct dd_source_status status = c->status;

    status.source = source;
    status.reason = reason;
    publish(c, &status);
}

/* ---- connecting, backing off ---- */

static uint64_t random_below(uint64_t limit)
{
    uint64_t value;

    if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        value = dd_clock_now_us();
    return value % limit;
}

/* The wait before the next attempt: doubles each time, and is random, so that many streams do not connect to one recorder at
 * once. */
static unsigned next_back_off_ms(struct capture *c)
{
    unsigned longest_ms = BACK_OFF_MAX_MS;

    if (c->failures < 4)
        longest_ms = (unsigned)BACK_OFF_MIN_MS << c->failures;
    c->failures++;
    unsigned wait_ms = longest_ms / 2 + (unsigned)random_below(longest_ms / 2 + 1);
    if (c->io.reason == DD_WIRE_REASON_CREDENTIALS)
        wait_ms = CREDENTIALS_MIN_MS + (unsigned)random_below(CREDENTIALS_MIN_MS / 2);
    return wait_ms;
}

static int back_off(struct capture *c, unsigned wait_ms)
{
    c->io.deadline_us = UINT64_MAX;
    return dd_source_wait(&c->io, dd_clock_now_us() + wait_ms * UINT64_C(1000));
}

static void close_source(struct capture *c)
{
    c->kind->close(c->source);
    c->source = NULL;
    c->connected = false;
    dd_source_log_disconnected(&c->log);
}

/* Handles an error of the source: logs it, and backs off. 0 or DD_ERROR_STOPPED. */
static int handle_failure(struct capture *c, int error)
{
    bool was_ok = c->status.source == DD_WIRE_SOURCE_OK;

    c->connected = false;
    if (!c->kind->reconnect)
        close_source(c);
    if (error == DD_ERROR_STOPPED || dd_role_stopping(c->role))
        return DD_ERROR_STOPPED;
    if (error == DD_ERROR_MEMORY)
        dd_source_fail(&c->io, DD_WIRE_REASON_UNSUITABLE, "it takes more memory than the %zu MiB that mode %s gets",
                       c->kind->memory_max >> 20, c->kind->name);
    else if (error != DD_ERROR_SOURCE)
        dd_source_fail(&c->io, DD_WIRE_REASON_CAPTURE, "%s", dd_error_text(error));

    /* after a loss the source is connecting again; only an attempt to connect makes it failed */
    publish_source(c, was_ok ? DD_WIRE_SOURCE_CONNECTING : DD_WIRE_SOURCE_FAILED, c->io.reason);
    unsigned wait_ms = next_back_off_ms(c);
    dd_source_log_failure(&c->log, c->io.message, was_ok, wait_ms);
    return back_off(c, wait_ms) == DD_ERROR_STOPPED ? DD_ERROR_STOPPED : 0;
}

static int connect_source(struct capture *c)
{
    if (c->status.source != DD_WIRE_SOURCE_FAILED && c->status.source != DD_WIRE_SOURCE_CONNECTING)
        publish_source(c, DD_WIRE_SOURCE_CONNECTING, DD_WIRE_REASON_NONE);
    set_deadline(c, 0);
    set_heartbeat(c, (unsigned)(c->config->options.timeout / DD_CLOCK_US_PER_MS) + LOOK_UP_MS);
    int error = c->source ? c->kind->reconnect(c->source, &c->io) : c->kind->open(&c->source, &c->io);
    set_heartbeat(c, HEARTBEAT_MS);
    c->must_reopen = false; /* looking a name up takes long, too */
    c->connected = !error;
    dd_source_log_disconnected(&c->log);
    c->opened_us = dd_clock_now_us();
    if (!error) /* the first picture of a connection does not wait for the interval */
        c->due_us = c->opened_us;
    return error;
}

/* Disconnects a source whose connection may be dead after a long pause, and is old in any case; or that ran into a time-out of
 * its own in a shorter one, which is no fault of it. */
static void disconnect(struct capture *c)
{
    c->must_reopen = false;
    if (!c->connected)
        return;
    dd_log_info("connecting again after a pause");
    c->connected = false;
    if (!c->kind->reconnect)
        close_source(c);
}

/* ---- pictures ---- */

/* Runs picture through the pipeline into the ring's next frame. *out is that frame, not committed. 0 or DD_ERROR_SOURCE. */
static int process(struct capture *c, const struct dd_picture *picture, struct dd_picture *out, uint32_t *size)
{
    enum dd_picture_format format;
    struct dd_picture_layout layout;
    uint8_t *bytes = NULL;
    int width, height;

    if (dd_pipeline_size(c->pipeline, picture, &format, &width, &height))
        return dd_source_fail(&c->io, DD_WIRE_REASON_UNSUITABLE, "its picture of %dx%d has nothing of crop %s", picture->width,
                              picture->height, c->config->options.crop);
    if (dd_picture_layout(format, width, height, &layout) == 0)
        bytes = dd_frame_ring_reserve(c->ring, (uint32_t)layout.bytes);
    if (!bytes)
        return dd_source_fail(&c->io, DD_WIRE_REASON_UNSUITABLE, "its picture of %dx%d cannot be sent as %dx%d", picture->width,
                              picture->height, width, height);
    dd_picture_over(out, format, width, height, &layout, bytes);
    *size = (uint32_t)layout.bytes;
    if (dd_pipeline_run(c->pipeline, picture, out))
        return dd_source_fail(&c->io, DD_WIRE_REASON_UNSUITABLE, "its picture of %dx%d is of a kind that cannot be sent",
                              picture->width, picture->height);
    return 0;
}

/* Puts picture, processed, into the ring. 0 or DD_ERROR_SOURCE. */
static int store(struct capture *c, const struct dd_picture *picture)
{
    struct dd_picture out;
    uint32_t size;
    int error = process(c, picture, &out, &size);

    if (error)
        return error;
    dd_source_log_picture(&c->log, picture, &out);
    const struct dd_frame_ring_frame frame = {
        .captured_us = picture->captured_us,
        .bytes = size,
        .format = out.format,
        .width = (uint16_t)out.width,
        .height = (uint16_t)out.height,
    };
    struct dd_source_status status = c->status;
    status.source = DD_WIRE_SOURCE_OK;
    status.reason = DD_WIRE_REASON_NONE;
    status.confirmed_us = 0;
    publish(c, &status);
    dd_frame_ring_commit(c->ring, &frame);
    return 0;
}

/* Sets the time of the next picture. Multiples of the interval do not drift. Pictures that were missed count as skipped. */
static void advance(struct capture *c, uint64_t captured_us)
{
    uint64_t interval_us = (uint64_t)c->config->options.interval, now_us = dd_clock_now_us();

    if (interval_us == 0)
        return;
    if (c->kind->delivers_changes && captured_us > c->due_us + interval_us)
        c->due_us = captured_us;
    c->due_us += interval_us;
    if (c->due_us + interval_us <= now_us) {
        struct dd_source_status status = c->status;
        status.skipped += (now_us - c->due_us) / interval_us;
        publish(c, &status);
        c->due_us = now_us;
    }
}

/* The source had no new picture, so none was missed: the next one is due an interval later, or at once if that is past. */
static void advance_without_picture(struct capture *c)
{
    uint64_t now_us = dd_clock_now_us();

    if (c->due_us <= now_us)
        c->due_us += (uint64_t)c->config->options.interval;
    if (c->due_us < now_us)
        c->due_us = now_us;
}

/* Brings one picture from the source into the ring. 0; DD_ERROR_STOPPED; or another error, and the source has to be opened again.
 */
static int deliver(struct capture *c)
{
    struct dd_picture picture = {0};
    uint64_t due_us = c->config->options.interval ? c->due_us : 0;

    set_deadline(c, due_us);
    uint64_t away_us = c->io.away_us;
    int error = c->kind->next(c->source, &c->io, due_us, &picture);
    if (dd_source_was_away(&c->io, away_us) && error && error != DD_ERROR_AGAIN && error != DD_ERROR_STOPPED)
        c->must_reopen = true;
    if (c->must_reopen) /* whatever it gave, it is of the time before the pause */
        return 0;
    if (error == DD_ERROR_AGAIN) {
        /* the source still shows its last picture */
        struct dd_source_status status = c->status;
        status.confirmed_us = picture.captured_us ? picture.captured_us : dd_clock_now_us();
        publish(c, &status);
        if (status.source == DD_WIRE_SOURCE_OK)
            dd_source_log_works(&c->log);
        if (!c->kind->delivers_changes)
            advance_without_picture(c);
        return 0;
    }
    if (!error) {
        error = store(c, &picture);
        if (error) /* the source itself works, and would not be closed */
            close_source(c);
    }
    if (error)
        return error;
    advance(c, picture.captured_us);
    dd_source_log_works(&c->log);
    if (c->failures && dd_clock_now_us() > c->opened_us + SETTLED_US)
        c->failures = 0;
    beat(c);
    return 0;
}

static void run(struct capture *c)
{
    c->due_us = dd_clock_now_us();
    while (!checkpoint(c)) {
        if (c->must_reopen)
            disconnect(c);
        int error = c->connected ? deliver(c) : connect_source(c);
        if (error && handle_failure(c, error) == DD_ERROR_STOPPED)
            break;
    }
    close_source(c);
}

/* ---- the role ---- */

/* A source can make the libraries that read it allocate gigabytes. Then this role runs out of memory, not the machine. */
static void limit_memory(size_t bytes)
{
#ifndef DD_SANITIZED /* a sanitizer maps terabytes */
    struct rlimit limit;

    if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur > bytes) {
        limit.rlim_cur = bytes;
        setrlimit(RLIMIT_DATA, &limit);
    }
#else
    (void)bytes;
#endif
}

static int prepare(struct capture *c, struct dd_role *role)
{
    const struct dd_send_stream *options = &c->config->options;

    dd_ffmpeg_log_install();
    c->role = role;
    c->kind = dd_source_table_find(options->mode);
    if (!c->kind) {
        dd_log_error("this build has no source for the stream's mode");
        return DD_ERROR_INPUT;
    }
    limit_memory(c->kind->memory_max);
    c->heartbeat_ms = HEARTBEAT_MS;
    c->io = (struct dd_source_io){.options = options, .checkpoint = checkpoint, .context = c, .stop_fd = dd_role_stop_fd(role)};
    return 0;
}

int dd_capture_role_run(struct dd_role *role)
{
    struct capture c = {0};
    size_t size = 0;
    int code = EXIT_FAILURE;

    c.config = dd_role_config(role, sizeof *c.config, &size);
    if (!c.config)
        goto done0;
    if (prepare(&c, role))
        goto done1;
    c.pipeline = dd_pipeline_new(&c.config->options);
    if (!c.pipeline)
        goto done1;
    dd_wakeup_reset(dd_role_fd(role, DD_CAPTURE_FD_WAKE));
    c.ring =
        dd_frame_ring_open_writer(dd_role_fd(role, DD_CAPTURE_FD_RING), &c.config->ring, dd_role_fd(role, DD_CAPTURE_FD_WAKE));
    if (!c.ring)
        goto done2;
    dd_role_ready(role);
    run(&c);
    code = EXIT_SUCCESS;

    dd_frame_ring_close(c.ring);
done2:
    dd_pipeline_free(c.pipeline);
done1:
    explicit_bzero(c.config, size);
    free(c.config);
done0:
    return code;
}
