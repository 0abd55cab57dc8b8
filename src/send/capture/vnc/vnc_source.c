/* The source "vnc": a desktop, connected all the time, view only. Between pictures nothing is read that nobody would see: TCP
 * makes the server wait. When a picture is due, a probe brings what is seen to the present; on an idle desktop one a second
 * proves that the server lives and that nothing has changed. */
#include "send/capture/vnc/vnc_source.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/net/channel.h"
#include "send/capture/net/connect.h"
#include "send/capture/net/tls_proxy.h"
#include "send/capture/vnc/address.h"
#include "send/capture/vnc/framebuffer.h"
#include "send/capture/vnc/handshake.h"
#include "send/capture/worker.h"
#include "send/options.h"
#include "send/picture.h"

#include "send/capture/source.h"

enum {
    NAME_SIZE = 200,
    PROBE_US = DD_CLOCK_US_PER_S,        /* how often it is asked whether an idle desktop is still so */
    PROBES = 3,                          /* in a timeout, at least */
    SLICE_US = 250 * DD_CLOCK_US_PER_MS, /* of waits, for signs of life */
    LEFT_OVER = 16,                      /* messages at most that are read before a probe is sent */
};
/* Private memory of the role: the screen, as much again for what a decoder needs for all of it, and the rest. */
#define MEMORY_MAX ((rlim_t)3 * DD_VNC_FRAMEBUFFER_BYTES_MAX + 256 * 1024 * 1024)

struct vnc {
    struct dd_source_io *io;
    char name[NAME_SIZE];        /* for messages */
    struct dd_channel line;      /* until the log-in is through */
    struct dd_tls_proxy *tunnel; /* where there is TLS */
    int fd;                      /* the screen's */
    struct dd_vnc_framebuffer *screen;
    struct dd_worker *aside;
    bool done;           /* what the call aside came to */
    uint64_t heard_us;   /* when a message was last read to its end */
    uint64_t probed_us;  /* when the last probe that was answered went out, */
    uint64_t way_us;     /* and how long its answer took */
    uint64_t asked_us;   /* when the whole desktop was asked for */
    uint64_t current_us; /* what is seen is not older */
};

static uint64_t timeout_us(const struct vnc *v)
{
    return (uint64_t)v->io->options->timeout;
}

/* ---- errors ---- */

static int fail_timeout(struct vnc *v)
{
    if (v->io->checkpoint(v->io->context))
        return DD_ERROR_STOPPED;
    return dd_source_fail(v->io, DD_WIRE_REASON_TIMEOUT, "%s: %s within %g s", v->name,
                          dd_vnc_framebuffer_is_whole(v->screen) ? "no answer from the VNC server" : "no whole picture",
                          (double)timeout_us(v) / DD_CLOCK_US_PER_S);
}

static int fail_size(struct vnc *v, int width, int height)
{
    return dd_source_fail(v->io, DD_WIRE_REASON_UNSUITABLE,
                          "%s: its desktop of %dx%d cannot be watched: a side may have %d pixels, and all of it %d million",
                          v->name, width, height, DD_VNC_FRAMEBUFFER_SIDE_MAX, DD_VNC_FRAMEBUFFER_BYTES_MAX / 4 / 1000000);
}

static int fail_screen(struct vnc *v)
{
    int width, height;

    switch (dd_vnc_framebuffer_trouble(v->screen, &width, &height)) {
    case DD_VNC_FRAMEBUFFER_CLOSED:
        return dd_source_fail(v->io, DD_WIRE_REASON_ENDED, "%s: the VNC server closed the connection", v->name);
    case DD_VNC_FRAMEBUFFER_TOO_LARGE:
        return fail_size(v, width, height);
    case DD_VNC_FRAMEBUFFER_MEMORY:
        dd_log_error("%s: no memory for a desktop of %dx%d", v->name, width, height);
        return DD_ERROR_MEMORY;
    default:
        return dd_source_fail(v->io, DD_WIRE_REASON_BROKEN, "%s: what the VNC server sends cannot be read", v->name);
    }
}

/* ---- what libvncclient does, aside ---- */

static void run_probe(void *context)
{
    struct vnc *v = context;

    v->done = dd_vnc_framebuffer_probe(v->screen);
}

static void run_handle(void *context)
{
    struct vnc *v = context;

    v->done = dd_vnc_framebuffer_handle(v->screen);
}

static void interrupt(void *context)
{
    const struct vnc *v = context;

    dd_vnc_framebuffer_interrupt(v->screen);
}

static int run_aside(struct vnc *v, void (*run)(void *), uint64_t until_us)
{
    const struct dd_worker_call call = {.run = run, .interrupt = interrupt, .context = v};

    if (dd_worker_run(v->aside, &call, v->io, until_us))
        return fail_timeout(v);
    return v->done ? 0 : fail_screen(v);
}

static int handle(struct vnc *v, uint64_t until_us)
{
    uint64_t start_us = dd_clock_now_us();
    bool was_whole = dd_vnc_framebuffer_is_whole(v->screen);
    int error = run_aside(v, run_handle, until_us);

    v->heard_us = dd_clock_now_us();
    if (was_whole && !dd_vnc_framebuffer_is_whole(v->screen))
        v->asked_us = start_us; /* it has a new size */
    return error;
}

/* ---- opening ---- */

static void vnc_close(void *state)
{
    struct vnc *v = state;

    if (!v)
        return;
    dd_worker_free(v->aside);
    dd_vnc_framebuffer_free(v->screen);
    dd_tls_proxy_close(v->tunnel);
    dd_channel_close(&v->line);
    free(v);
}

static void warn_unchecked(const struct vnc *v)
{
    static bool is_said; /* a role has one server, and connects to it again and again */

    if (!is_said)
        dd_log_warning("%s: the VNC server's certificate is not checked: the connection is encrypted, but may lead to another; "
                       "set ca_file",
                       v->name);
    is_said = true;
}

static int connect_server(const struct dd_vnc_address *address, struct dd_source_io *io, int *fd)
{
    const struct dd_connect_peer peer = {.name = io->options->source,
                                         .kind = "VNC server",
                                         .service = "VNC service",
                                         .host = address->host,
                                         .port = address->port};
    struct addrinfo *addresses;
    int error = dd_connect_look_up(&peer, &addresses, io);

    if (error)
        return error;
    error = dd_connect_open(fd, &peer, addresses, io);
    freeaddrinfo(addresses);
    return error;
}

static int log_in(struct vnc *v, const char *host, struct dd_vnc_handshake_result *result)
{
    const struct dd_send_stream *options = v->io->options;
    const struct dd_vnc_handshake_config login = {
        .name = v->name,
        .host = host,
        .username = options->username,
        .password = options->password,
        .authorities = options->ca_pem,
        .anonymous_tls = options->tls_anonymous,
    };
    int error = dd_vnc_handshake_run(&v->line, &login, result);

    if (!error && result->certificate_unchecked)
        warn_unchecked(v);
    if (!error && !dd_vnc_framebuffer_fits(result->width, result->height))
        error = fail_size(v, result->width, result->height);
    return error;
}

/* A blocking socket without TLS, as libvncclient wants it: then it never comes to its select(), which knows only low
 * descriptors, nor to its own time-outs, which count in seconds. */
static int hand_over(struct vnc *v)
{
    int fd = v->line.fd, error = 0;
    struct dd_tls *tls = v->line.tls;

    v->line.fd = -1;
    v->line.tls = NULL;
    if (tls)
        error = dd_tls_proxy_wrap(&v->tunnel, fd, tls, &fd);
    else if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0) {
        dd_log_error("%s: %s", v->name, strerror(errno));
        v->line.fd = fd;
        error = DD_ERROR_SYSTEM;
    }
    v->fd = fd;
    return error;
}

static int start_screen(struct vnc *v, const struct dd_vnc_handshake_result *result)
{
    int error = hand_over(v);

    if (error)
        return error;
    v->screen = dd_vnc_framebuffer_new(v->fd, result->width, result->height);
    v->aside = v->screen ? dd_worker_new("libvncclient") : NULL;
    if (!v->aside)
        return DD_ERROR_MEMORY;
    v->probed_us = v->asked_us = v->current_us = v->heard_us = dd_clock_now_us();
    return run_aside(v, run_probe, UINT64_MAX);
}

int dd_vnc_source_start(void **state, struct dd_source_io *io, int fd, const char *host)
{
    struct vnc *v = calloc(1, sizeof *v);
    struct dd_vnc_handshake_result result;

    *state = NULL;
    if (!v) {
        close(fd);
        dd_log_error("no memory for a VNC connection");
        return DD_ERROR_MEMORY;
    }
    v->io = io;
    v->line = (struct dd_channel){.fd = fd, .io = io};
    snprintf(v->name, sizeof v->name, "%.*s", NAME_SIZE - 1, io->options->source);
    int error = log_in(v, host, &result);
    if (!error)
        error = start_screen(v, &result);
    if (error) {
        vnc_close(v);
        return error;
    }
    *state = v;
    return 0;
}

/* A server can have libvncclient take up to 2 GiB, by encodings that nobody asked for: it shall not be the whole machine that
 * runs out of memory for it. */
static void limit_memory(void)
{
#ifndef DD_SANITIZED
    struct rlimit limit;

    if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur > MEMORY_MAX) {
        limit.rlim_cur = MEMORY_MAX;
        setrlimit(RLIMIT_DATA, &limit);
    }
#endif
}

static int vnc_open(void **state, struct dd_source_io *io)
{
    struct dd_vnc_address address;
    int fd = -1, error;

    *state = NULL;
    limit_memory();
    if (dd_vnc_address_parse(&address, io->options->source, (int)io->options->vnc_display))
        return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE, "the source is not the address of a VNC server");
    error = connect_server(&address, io, &fd);
    return error ? error : dd_vnc_source_start(state, io, fd, address.host);
}

/* ---- pictures ---- */

/* True if there is something to read, or the end. */
static bool is_readable(const struct vnc *v)
{
    struct pollfd p = {.fd = v->fd, .events = POLLIN};

    return dd_vnc_framebuffer_has_read(v->screen) || poll(&p, 1, 0) > 0;
}

/* Waits for the server or until_us. events is 0 as long as nothing is to be read: then only the end of the connection ends the
 * wait early. Returns true if there is something of the server. */
static bool wait_server(const struct vnc *v, short events, uint64_t until_us)
{
    uint64_t now_us = dd_clock_now_us(), left_us = until_us > now_us ? until_us - now_us : 0;

    if (left_us > SLICE_US)
        left_us = SLICE_US;
    /* ppoll: poll's milliseconds would make pictures late */
    struct timespec slice = {.tv_nsec = (long)left_us * 1000};
    struct pollfd polls[] = {{.fd = v->fd, .events = (short)(events | POLLRDHUP)}, {.fd = v->io->stop_fd, .events = POLLIN}};
    return ppoll(polls, 2, &slice, NULL) > 0 && polls[0].revents;
}

/* Reads what is there, and asks and reads until there is nothing left that the server could have told before now. */
static int catch_up(struct vnc *v)
{
    uint64_t until_us = v->heard_us + timeout_us(v), least_us = dd_clock_now_us() + timeout_us(v) / PROBES;
    int error = 0;

    if (until_us < least_us) /* this process did not run for a while */
        until_us = least_us;
    /* the answer to a request of old; the next request then goes ahead of the probe */
    for (int i = 0; i < LEFT_OVER && !error && is_readable(v); i++)
        error = handle(v, until_us);
    uint64_t probed_us = dd_clock_now_us();
    if (!error)
        error = run_aside(v, run_probe, until_us);
    while (!error && !(dd_vnc_framebuffer_is_answered(v->screen) && dd_vnc_framebuffer_is_whole(v->screen))) {
        if (dd_source_interrupted(v->io) || dd_clock_now_us() >= until_us)
            return fail_timeout(v);
        if (dd_vnc_framebuffer_has_read(v->screen) || wait_server(v, POLLIN, until_us))
            error = handle(v, until_us);
    }
    v->probed_us = v->current_us = probed_us;
    v->way_us = dd_clock_now_us() - probed_us;
    return error;
}

/* When the next probe is due. As long as a change is known to wait for its time, it is only to show that the server lives. */
static uint64_t probe_due(const struct vnc *v, bool changed)
{
    uint64_t period_us = timeout_us(v) / PROBES;

    if (!changed && period_us > PROBE_US)
        period_us = PROBE_US;
    return v->probed_us + period_us;
}

/* Until due_us nothing is read but for probes. 0: it is due; DD_ERROR_AGAIN: it shows what it showed. */
static int wait_due(struct vnc *v, uint64_t due_us)
{
    for (;;) {
        uint64_t now_us = dd_clock_now_us();
        if (now_us >= due_us)
            return 0;
        if (v->io->checkpoint(v->io->context))
            return DD_ERROR_STOPPED;
        uint64_t probe_us = probe_due(v, dd_vnc_framebuffer_has_changed(v->screen) || is_readable(v));
        if (now_us >= probe_us) {
            int error = catch_up(v);
            if (error || !dd_vnc_framebuffer_has_changed(v->screen))
                return error ? error : DD_ERROR_AGAIN;
            continue;
        }
        if (wait_server(v, 0, probe_us < due_us ? probe_us : due_us))
            return dd_source_fail(v->io, DD_WIRE_REASON_ENDED, "%s: the VNC server closed the connection", v->name);
    }
}

/* What came at arrived_us was on its way no longer than the answer to a probe was; what made the desktop whole was asked for. */
static void note_change(struct vnc *v, bool was_whole, uint64_t arrived_us)
{
    uint64_t current_us = was_whole ? arrived_us - v->way_us : v->asked_us;

    if (!was_whole && !dd_vnc_framebuffer_is_whole(v->screen))
        return;
    if (!was_whole)
        v->way_us = arrived_us - v->asked_us;
    if (current_us > v->current_us)
        v->current_us = current_us;
}

/* It is due: waits for a change. 0: there is one; DD_ERROR_AGAIN as above. */
static int wait_change(struct vnc *v)
{
    while (!dd_vnc_framebuffer_has_changed(v->screen)) {
        bool whole = dd_vnc_framebuffer_is_whole(v->screen), late = is_readable(v);
        uint64_t now_us = dd_clock_now_us(), until_us = v->heard_us + timeout_us(v), probe_us = probe_due(v, false);
        if (dd_source_interrupted(v->io) || now_us >= until_us)
            return fail_timeout(v);
        if (!late && whole && now_us >= probe_us) {
            int error = catch_up(v);
            if (error || !dd_vnc_framebuffer_has_changed(v->screen))
                return error ? error : DD_ERROR_AGAIN;
            continue;
        }
        if (!late && !wait_server(v, POLLIN, whole ? probe_us : until_us))
            continue;
        /* what was there already may be as old as the request for it */
        uint64_t arrived_us = late ? v->heard_us : dd_clock_now_us();
        int error = handle(v, until_us);
        if (error)
            return error;
        note_change(v, whole, arrived_us);
    }
    return 0;
}

static int vnc_next(void *state, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture)
{
    struct vnc *v = state;
    int error;

    v->io = io;
    *picture = (struct dd_picture){0};
    error = wait_due(v, due_us);
    /* what waited meanwhile may be old */
    if (!error && due_us && dd_vnc_framebuffer_is_whole(v->screen) &&
        (dd_vnc_framebuffer_has_changed(v->screen) || is_readable(v)))
        error = catch_up(v);
    if (!error)
        error = wait_change(v);
    picture->captured_us = v->current_us;
    if (!error)
        dd_vnc_framebuffer_take(v->screen, picture);
    return error;
}

const struct dd_source_kind dd_vnc_source = {
    .name = "vnc",
    .still = true,
    .open = vnc_open,
    .next = vnc_next,
    .close = vnc_close,
};
