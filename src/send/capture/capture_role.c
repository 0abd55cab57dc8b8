/* The capture role. One loop for all sources: connect, fetch the next picture, bring it to size, put it into the ring, tell
 * the state; and when the source is lost, wait and begin again. */
#include "send/capture/capture_role.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/role.h"
#include "dd/base/wakeup.h"
#include "dd/link/wire.h"
#include "send/capture/media/ffmpeg_log.h"
#include "send/capture/pipeline/pipeline.h"
#include "send/capture/source.h"
#include "send/capture/source_table.h"
#include "send/picture.h"
#include "send/source_status.h"

enum {
    /* A sign of life comes every BEAT_EVERY_MS from all that waits, and promises the next within PROMISE_MS. While a source
     * opens, looking up a name may block for as long as the resolver's own time-outs take. */
    BEAT_EVERY_MS = 250,
    LOOK_EVERY_MS = 20,
    PROMISE_MS = 3000,
    LOOK_UP_MS = 40000,
    BACK_OFF_MIN_MS = 2000, /* the first wait is half of this to all of it */
    BACK_OFF_MAX_MS = 30000,
    CREDENTIALS_MIN_MS = 30000,         /* wrong passwords in quick succession lock accounts */
    SIZE_LOG_MS = 10000,                /* how often a new size is told */
    SETTLED_US = 5 * DD_CLOCK_US_PER_S, /* a connection that held as long starts the back-off afresh */
};

struct capture {
    struct dd_role *role;
    struct dd_capture_config *config;
    const struct dd_source_kind *kind;
    struct dd_frame_ring *ring;
    struct dd_pipeline *pipeline;
    struct dd_source_io io;
    void *source;   /* NULL while it is closed */
    bool connected; /* it can be asked for pictures */
    struct dd_source_status state;
    bool published;
    unsigned promise_ms;
    uint64_t beat_us; /* when the next sign of life is due */
    uint64_t look_us; /* when the role is asked again whether it is to stop */
    bool stopping;
    uint64_t due_us; /* when the next picture is; unused at interval 0 */
    uint64_t opened_us;
    unsigned failures;             /* since a connection last held */
    int shown_width, shown_height; /* of the picture last logged; 0: none since the source was opened */
    struct dd_log_limit size_log;
    char said[DD_SOURCE_MESSAGE_SIZE]; /* the trouble last logged; "" once pictures came */
};

/* ---- signs of life, and the state ---- */

static void beat(struct capture *c)
{
    uint64_t now_us = dd_clock_now_us();

    if (now_us < c->beat_us)
        return;
    c->beat_us = now_us + BEAT_EVERY_MS * DD_CLOCK_US_PER_MS;
    dd_role_beat(c->role, c->promise_ms);
    dd_frame_ring_beat(c->ring, now_us + c->promise_ms * UINT64_C(1000));
}

static void promise(struct capture *c, unsigned within_ms)
{
    c->promise_ms = within_ms;
    c->beat_us = 0;
    beat(c);
}

/* The sources' hook: sends the heartbeat. True once the role is to stop. */
static bool checkpoint(void *context)
{
    struct capture *c = context;
    uint64_t now_us = dd_clock_now_us();

    beat(c);
    /* libav asks several times for every packet: a look each time would be most of all system calls */
    if (!c->stopping && now_us >= c->look_us) {
        c->stopping = dd_role_stopping(c->role);
        c->look_us = now_us + LOOK_EVERY_MS * DD_CLOCK_US_PER_MS;
    }
    return c->stopping;
}

static void set_deadline(struct capture *c, uint64_t from_us)
{
    uint64_t now_us = dd_clock_now_us();

    c->io.deadline_us = (from_us > now_us ? from_us : now_us) + (uint64_t)c->config->options.timeout;
}

static void publish(struct capture *c, const struct dd_source_status *state)
{
    bool changed = !c->published || state->source != c->state.source || state->reason != c->state.reason;

    if (!changed && state->confirmed_us == c->state.confirmed_us && state->skipped == c->state.skipped)
        return;
    c->state = *state;
    c->published = true;
    dd_frame_ring_publish(c->ring, &c->state, sizeof c->state, changed);
}

static void set_state(struct capture *c, enum dd_wire_source source, unsigned reason)
{
    struct dd_source_status state = c->state;

    state.source = source;
    state.reason = reason;
    publish(c, &state);
}

/* ---- connecting, losing ---- */

static uint64_t random_below(uint64_t limit)
{
    uint64_t value;

    if (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        value = dd_clock_now_us();
    return value % limit;
}

/* Doubles from wait to wait; drawn at random, so that many streams don't knock at one recorder together. */
static unsigned back_off_ms(struct capture *c)
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

static int pause_ms(struct capture *c, unsigned wait_ms)
{
    c->io.deadline_us = UINT64_MAX;
    return dd_source_wait(&c->io, dd_clock_now_us() + wait_ms * UINT64_C(1000));
}

static void close_source(struct capture *c)
{
    c->kind->close(c->source);
    c->source = NULL;
    c->connected = false;
    c->shown_width = c->shown_height = 0;
}

/* The source failed with error: says so, if that is news, and waits until it may be tried again. 0 or DD_ERROR_STOPPED. */
static int fail(struct capture *c, int error)
{
    bool was_ok = c->state.source == DD_WIRE_SOURCE_OK;

    c->connected = false;
    if (!c->kind->again)
        close_source(c);
    if (error == DD_ERROR_STOPPED || dd_role_stopping(c->role))
        return DD_ERROR_STOPPED;
    if (error != DD_ERROR_SOURCE)
        dd_source_fail(&c->io, DD_WIRE_REASON_CAPTURE, "%s", dd_error_text(error));

    /* after a loss it is being connected again; failed is what an attempt did */
    set_state(c, was_ok ? DD_WIRE_SOURCE_CONNECTING : DD_WIRE_SOURCE_FAILED, c->io.reason);
    unsigned wait_ms = back_off_ms(c);
    if (strcmp(c->said, c->io.message) != 0)
        dd_log_warning("%s%s; trying again in %u s", was_ok ? "lost: " : "", c->io.message, (wait_ms + 500) / 1000);
    else
        dd_log_debug("still: %s; trying again in %u s", c->io.message, (wait_ms + 500) / 1000);
    snprintf(c->said, sizeof c->said, "%s", c->io.message);
    return pause_ms(c, wait_ms) == DD_ERROR_STOPPED ? DD_ERROR_STOPPED : 0;
}

static int connect_source(struct capture *c)
{
    if (c->state.source != DD_WIRE_SOURCE_FAILED && c->state.source != DD_WIRE_SOURCE_CONNECTING)
        set_state(c, DD_WIRE_SOURCE_CONNECTING, DD_WIRE_REASON_NONE);
    set_deadline(c, 0);
    promise(c, (unsigned)(c->config->options.timeout / DD_CLOCK_US_PER_MS) + LOOK_UP_MS);
    int error = c->source ? c->kind->again(c->source, &c->io) : c->kind->open(&c->source, &c->io);
    promise(c, PROMISE_MS);
    c->connected = !error;
    c->shown_width = c->shown_height = 0;
    c->opened_us = dd_clock_now_us();
    if (!error) /* a new connection shows at once that it is one, however long the interval */
        c->due_us = c->opened_us;
    return error;
}

/* ---- pictures ---- */

/* Brings picture through the pipeline into the ring's next place. */
static int store(struct capture *c, const struct dd_picture *picture)
{
    enum dd_picture_format format;
    struct dd_picture_layout layout;
    struct dd_picture out;
    uint8_t *bytes = NULL;
    uint64_t suppressed;
    int width, height;

    if (dd_pipeline_size(c->pipeline, picture, &format, &width, &height))
        return dd_source_fail(&c->io, DD_WIRE_REASON_UNSUITABLE, "its picture of %dx%d has nothing of crop %s", picture->width,
                              picture->height, c->config->options.crop);
    if (dd_picture_layout(format, width, height, &layout) == 0)
        bytes = dd_frame_ring_reserve(c->ring, (uint32_t)layout.bytes);
    if (!bytes)
        return dd_source_fail(&c->io, DD_WIRE_REASON_UNSUITABLE, "its picture of %dx%d cannot be sent as %dx%d", picture->width,
                              picture->height, width, height);
    dd_picture_over(&out, format, width, height, &layout, bytes);
    if (dd_pipeline_run(c->pipeline, picture, &out))
        return dd_source_fail(&c->io, DD_WIRE_REASON_UNSUITABLE, "its picture of %dx%d is of a kind that cannot be sent",
                              picture->width, picture->height);
    if (picture->width != c->shown_width || picture->height != c->shown_height) {
        if (!c->shown_width || dd_log_allowed(&c->size_log, &suppressed))
            dd_log_notice("%s: %dx%d, sent as %dx%d", c->shown_width ? "its picture is now another" : "connected", picture->width,
                          picture->height, width, height);
        c->shown_width = picture->width;
        c->shown_height = picture->height;
    }

    const struct dd_frame_ring_frame frame = {
        .captured_us = picture->captured_us,
        .bytes = (uint32_t)layout.bytes,
        .format = format,
        .width = (uint16_t)width,
        .height = (uint16_t)height,
    };
    struct dd_source_status state = c->state;
    state.source = DD_WIRE_SOURCE_OK;
    state.reason = DD_WIRE_REASON_NONE;
    state.confirmed_us = 0;
    publish(c, &state);
    dd_frame_ring_commit(c->ring, &frame);
    return 0;
}

/* The next picture's time: on the beat of the ones before, so that nothing drifts; what was missed is counted. */
static void advance(struct capture *c, uint64_t captured_us)
{
    uint64_t interval_us = (uint64_t)c->config->options.interval, now_us = dd_clock_now_us();

    if (interval_us == 0)
        return;
    if (c->kind->still && captured_us > c->due_us + interval_us)
        c->due_us = captured_us;
    c->due_us += interval_us;
    if (c->due_us + interval_us <= now_us) {
        struct dd_source_status state = c->state;
        state.skipped += (now_us - c->due_us) / interval_us;
        publish(c, &state);
        c->due_us = now_us;
    }
}

/* There was nothing new, so nothing was missed: it goes on at the same beat, or at once if that is past. */
static void skip_beat(struct capture *c)
{
    uint64_t now_us = dd_clock_now_us();

    if (c->due_us <= now_us)
        c->due_us += (uint64_t)c->config->options.interval;
    if (c->due_us < now_us)
        c->due_us = now_us;
}

/* One picture from the source into the ring. 0, or why the source has to be opened again, or DD_ERROR_STOPPED. */
static int deliver(struct capture *c)
{
    struct dd_picture picture = {0};
    uint64_t due_us = c->config->options.interval ? c->due_us : 0;

    set_deadline(c, due_us);
    int error = c->kind->next(c->source, &c->io, due_us, &picture);
    if (error == DD_ERROR_AGAIN) {
        /* it shows what it showed */
        struct dd_source_status state = c->state;
        state.confirmed_us = picture.captured_us ? picture.captured_us : dd_clock_now_us();
        publish(c, &state);
        if (!c->kind->still)
            skip_beat(c);
        return 0;
    }
    if (!error) {
        error = store(c, &picture);
        if (error) /* the source does not know: it is well */
            close_source(c);
    }
    if (error)
        return error;
    advance(c, picture.captured_us);
    c->said[0] = '\0';
    if (c->failures && dd_clock_now_us() > c->opened_us + SETTLED_US)
        c->failures = 0;
    beat(c);
    return 0;
}

static void run(struct capture *c)
{
    c->due_us = dd_clock_now_us();
    while (!checkpoint(c)) {
        int error = c->connected ? deliver(c) : connect_source(c);
        if (error && fail(c, error) == DD_ERROR_STOPPED)
            break;
    }
    close_source(c);
}

/* ---- the role ---- */

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
    c->promise_ms = PROMISE_MS;
    c->size_log.period_ms = SIZE_LOG_MS;
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
