/* The source "vnc": a desktop that stays connected, view only. Between pictures nothing is read, so TCP makes the server wait,
 * and what nobody would see is not decoded. When a picture is due, a probe brings the framebuffer up to date. On an idle desktop
 * one probe a second proves that the server is alive and that nothing has changed. */
#include "send/capture/vnc/vnc_source.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

enum {
    NAME_SIZE = 200,
    PROBE_PERIOD_US = DD_CLOCK_US_PER_S, /* on an idle desktop */
    PROBES_PER_TIMEOUT = 3,              /* at least */
    WAIT_US = 250 * DD_CLOCK_US_PER_MS,  /* of one wait at most, for the heartbeat */
    PENDING_MESSAGES_MAX = 16,           /* that are read before a probe is sent */
};
/* The framebuffer, as much again for libvncclient's decoders, and the rest. A server can make libvncclient want up to 2 GiB, with
 * encodings that were not asked for. */
#define MEMORY_MAX ((size_t)3 * DD_VNC_FRAMEBUFFER_BYTES_MAX + 256 * 1024 * 1024)

struct vnc {
    struct dd_source_io *io;
    char name[NAME_SIZE];           /* for messages */
    struct dd_channel channel;      /* for the handshake; then its socket goes to the framebuffer or the TLS proxy */
    struct dd_tls_proxy *tls_proxy; /* NULL without TLS */
    int fd;                         /* the framebuffer's */
    struct dd_vnc_framebuffer *framebuffer;
    struct dd_worker *worker;
    bool worker_succeeded; /* what its last call returned */
    /* Times are dd_clock_now_us(). After a pause of this process what comes may have waited: see wait_change(). A silent server
     * is given up after the stream's timeout, pauses included, but not before it had some time to answer a probe. */
    uint64_t received_us;      /* when a message was last read to its end */
    uint64_t probed_us;        /* when the last probe that is answered was sent */
    uint64_t round_trip_us;    /* how long its answer took */
    uint64_t requested_all_us; /* when the whole desktop was last requested */
    uint64_t current_us;       /* the framebuffer shows the desktop as it was then or later */
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
                          dd_vnc_framebuffer_is_whole(v->framebuffer) ? "no answer from the VNC server" : "no whole picture",
                          dd_clock_seconds(timeout_us(v)));
}

static int fail_size(struct vnc *v, int width, int height)
{
    return dd_source_fail(v->io, DD_WIRE_REASON_UNSUITABLE,
                          "%s: its desktop of %dx%d cannot be watched: a side may have %d pixels, and all of it %d million",
                          v->name, width, height, DD_VNC_FRAMEBUFFER_SIDE_MAX, DD_VNC_FRAMEBUFFER_BYTES_MAX / 4 / 1000000);
}

static int fail_framebuffer(struct vnc *v)
{
    int width, height;

    switch (dd_vnc_framebuffer_failure(v->framebuffer, &width, &height)) {
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

/* ---- libvncclient's blocking calls, on the worker thread ---- */

static void run_probe(void *context)
{
    struct vnc *v = context;

    v->worker_succeeded = dd_vnc_framebuffer_probe(v->framebuffer);
}

static void run_handle_message(void *context)
{
    struct vnc *v = context;

    v->worker_succeeded = dd_vnc_framebuffer_handle_message(v->framebuffer);
}

static void interrupt(void *context)
{
    const struct vnc *v = context;

    dd_vnc_framebuffer_interrupt(v->framebuffer);
}

static int run_on_worker(struct vnc *v, void (*run)(void *), uint64_t until_us)
{
    const struct dd_worker_call call = {.run = run, .interrupt = interrupt, .context = v};

    if (dd_worker_run(v->worker, &call, v->io, until_us))
        return fail_timeout(v);
    return v->worker_succeeded ? 0 : fail_framebuffer(v);
}

static int handle_message(struct vnc *v, uint64_t until_us)
{
    uint64_t start_us = dd_clock_now_us();
    bool was_whole = dd_vnc_framebuffer_is_whole(v->framebuffer);
    int error = run_on_worker(v, run_handle_message, until_us);

    v->received_us = dd_clock_now_us();
    if (was_whole && !dd_vnc_framebuffer_is_whole(v->framebuffer))
        v->requested_all_us = start_us; /* the desktop has a new size */
    return error;
}

/* ---- opening ---- */

static void vnc_close(void *state)
{
    struct vnc *v = state;

    if (!v)
        return;
    dd_worker_free(v->worker);
    dd_vnc_framebuffer_free(v->framebuffer);
    dd_tls_proxy_close(v->tls_proxy);
    dd_channel_close(&v->channel);
    free(v);
}

static void warn_of_unchecked_certificate(const struct vnc *v)
{
    static bool warned; /* a role has one server, and connects to it again and again */

    if (!warned)
        dd_log_warning("%s: the VNC server's certificate is not checked: the connection is encrypted, but may lead to another; "
                       "set ca_file",
                       v->name);
    warned = true;
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
    const struct dd_vnc_handshake_config config = {
        .name = v->name,
        .host = host,
        .username = options->username,
        .password = options->password,
        .authorities = options->ca_pem,
        .anonymous_tls = options->tls_anonymous,
    };
    int error = dd_vnc_handshake_run(&v->channel, &config, result);

    if (!error && result->certificate_unchecked)
        warn_of_unchecked_certificate(v);
    if (!error && !dd_vnc_framebuffer_fits(result->width, result->height))
        error = fail_size(v, result->width, result->height);
    return error;
}

/* Takes the socket out of the channel for libvncclient: blocking, and in clear, with the TLS proxy behind it if there is TLS. On
 * a blocking socket libvncclient uses neither its select(), which is limited to descriptors below 1024, nor its time-outs, which
 * count in seconds. */
static int detach_socket(struct vnc *v)
{
    int fd = v->channel.fd, error = 0;
    struct dd_tls *tls = v->channel.tls;

    v->channel.fd = -1;
    v->channel.tls = NULL;
    if (tls)
        error = dd_tls_proxy_wrap(&v->tls_proxy, fd, tls, &fd);
    else if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0) {
        dd_log_error("%s: %s", v->name, strerror(errno));
        v->channel.fd = fd;
        error = DD_ERROR_SYSTEM;
    }
    v->fd = fd;
    return error;
}

static int start_framebuffer(struct vnc *v, const struct dd_vnc_handshake_result *result)
{
    int error = detach_socket(v);

    if (error)
        return error;
    v->framebuffer = dd_vnc_framebuffer_new(v->fd, result->width, result->height);
    v->worker = v->framebuffer ? dd_worker_new("libvncclient") : NULL;
    if (!v->worker)
        return DD_ERROR_MEMORY;
    v->probed_us = v->requested_all_us = v->current_us = v->received_us = dd_clock_now_us();
    return run_on_worker(v, run_probe, UINT64_MAX);
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
    v->channel = (struct dd_channel){.fd = fd, .io = io};
    snprintf(v->name, sizeof v->name, "%.*s", NAME_SIZE - 1, io->options->source);
    int error = log_in(v, host, &result);
    if (!error)
        error = start_framebuffer(v, &result);
    if (error) {
        vnc_close(v);
        return error;
    }
    *state = v;
    return 0;
}

static int vnc_open(void **state, struct dd_source_io *io)
{
    struct dd_vnc_address address;
    int fd = -1, error;

    *state = NULL;
    if (dd_vnc_address_parse(&address, io->options->source, (int)io->options->vnc_display))
        return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE, "the source is not the address of a VNC server");
    error = connect_server(&address, io, &fd);
    return error ? error : dd_vnc_source_start(state, io, fd, address.host);
}

/* ---- pictures ---- */

/* True if there are bytes to read, or the end of the connection. */
static bool is_readable(const struct vnc *v)
{
    struct pollfd p = {.fd = v->fd, .events = POLLIN};

    return dd_vnc_framebuffer_has_buffered(v->framebuffer) || poll(&p, 1, 0) > 0;
}

/* Waits for events of the socket, WAIT_US and until_us at most. The end of the connection is always one; with events 0 it is the
 * only one. Returns true if there was an event. */
static bool wait_server(const struct vnc *v, short events, uint64_t until_us)
{
    uint64_t now_us = dd_clock_now_us(), left_us = until_us > now_us ? until_us - now_us : 0;

    if (left_us > WAIT_US)
        left_us = WAIT_US;
    /* ppoll, since milliseconds would make pictures late */
    struct timespec wait = {.tv_nsec = (long)left_us * 1000};
    struct pollfd polls[] = {{.fd = v->fd, .events = (short)(events | POLLRDHUP)}, {.fd = v->io->stop_fd, .events = POLLIN}};
    return ppoll(polls, 2, &wait, NULL) > 0 && polls[0].revents;
}

/* Sends a probe and reads until it is answered: the framebuffer then shows the desktop as it was when the probe was sent, or
 * later. */
static int catch_up(struct vnc *v)
{
    uint64_t until_us = v->received_us + timeout_us(v), least_us = dd_clock_now_us() + timeout_us(v) / PROBES_PER_TIMEOUT;
    int error = 0;

    if (until_us < least_us) /* this process was stopped for a while */
        until_us = least_us;
    /* Answers to earlier requests come first: reading one sends the next request, which has to go ahead of the probe. */
    for (int i = 0; i < PENDING_MESSAGES_MAX && !error && is_readable(v); i++)
        error = handle_message(v, until_us);
    uint64_t probed_us = dd_clock_now_us();
    if (!error)
        error = run_on_worker(v, run_probe, until_us);
    while (!error && !(dd_vnc_framebuffer_is_answered(v->framebuffer) && dd_vnc_framebuffer_is_whole(v->framebuffer))) {
        if (dd_source_interrupted(v->io) || dd_clock_now_us() >= until_us)
            return fail_timeout(v);
        if (dd_vnc_framebuffer_has_buffered(v->framebuffer) || wait_server(v, POLLIN, until_us))
            error = handle_message(v, until_us);
    }
    v->probed_us = v->current_us = probed_us;
    v->round_trip_us = dd_clock_now_us() - probed_us;
    return error;
}

/* When the next probe is due. While a change waits until a picture is due, a probe only proves that the server is alive. */
static uint64_t next_probe_us(const struct vnc *v, bool changed)
{
    uint64_t period_us = timeout_us(v) / PROBES_PER_TIMEOUT;

    if (!changed && period_us > PROBE_PERIOD_US)
        period_us = PROBE_PERIOD_US;
    return v->probed_us + period_us;
}

/* Waits until due_us, and reads nothing meanwhile but for probes. 0: a picture is due; DD_ERROR_AGAIN: a probe has found that
 * nothing has changed. */
static int wait_due(struct vnc *v, uint64_t due_us)
{
    for (;;) {
        uint64_t now_us = dd_clock_now_us();
        if (now_us >= due_us)
            return 0;
        if (v->io->checkpoint(v->io->context))
            return DD_ERROR_STOPPED;
        uint64_t probe_us = next_probe_us(v, dd_vnc_framebuffer_has_changed(v->framebuffer) || is_readable(v));
        if (now_us >= probe_us) {
            int error = catch_up(v);
            if (error || !dd_vnc_framebuffer_has_changed(v->framebuffer))
                return error ? error : DD_ERROR_AGAIN;
            continue;
        }
        if (wait_server(v, 0, probe_us < due_us ? probe_us : due_us))
            return dd_source_fail(v->io, DD_WIRE_REASON_ENDED, "%s: the VNC server closed the connection", v->name);
    }
}

/* A message that arrived at arrived_us has been handled: moves current_us on. The message took no longer than the answer to the
 * last probe. One that completes the picture answers the request for the whole desktop. */
static void advance_current(struct vnc *v, bool was_whole, uint64_t arrived_us)
{
    uint64_t current_us = was_whole ? arrived_us - v->round_trip_us : v->requested_all_us;

    if (!was_whole && !dd_vnc_framebuffer_is_whole(v->framebuffer))
        return;
    if (!was_whole)
        v->round_trip_us = arrived_us - v->requested_all_us;
    if (current_us > v->current_us)
        v->current_us = current_us;
}

/* A picture is due: waits for a change. 0: there is one; DD_ERROR_AGAIN as wait_due(). */
static int wait_change(struct vnc *v)
{
    while (!dd_vnc_framebuffer_has_changed(v->framebuffer)) {
        bool was_whole = dd_vnc_framebuffer_is_whole(v->framebuffer), was_readable = is_readable(v);
        uint64_t now_us = dd_clock_now_us(), until_us = v->received_us + timeout_us(v), probe_us = next_probe_us(v, false);
        if (dd_source_interrupted(v->io) || now_us >= until_us)
            return fail_timeout(v);
        uint64_t away_us = v->io->away_us;
        if (!was_readable && was_whole && now_us >= probe_us) {
            int error = catch_up(v);
            if (error || !dd_vnc_framebuffer_has_changed(v->framebuffer))
                return error ? error : DD_ERROR_AGAIN;
            continue;
        }
        if (!was_readable && !wait_server(v, POLLIN, was_whole ? probe_us : until_us))
            continue;
        /* a message that was there already, or came while this process was away, may have arrived any time since the last one was
         * read */
        bool has_waited = was_readable || dd_source_was_away(v->io, away_us);
        uint64_t arrived_us = has_waited ? v->received_us : dd_clock_now_us();
        int error = handle_message(v, until_us);
        if (error)
            return error;
        advance_current(v, was_whole, arrived_us);
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
    /* changes that waited meanwhile may be old */
    if (!error && due_us && dd_vnc_framebuffer_is_whole(v->framebuffer) &&
        (dd_vnc_framebuffer_has_changed(v->framebuffer) || is_readable(v)))
        error = catch_up(v);
    if (!error)
        error = wait_change(v);
    picture->captured_us = v->current_us;
    if (!error)
        dd_vnc_framebuffer_get_picture(v->framebuffer, picture);
    return error;
}

const struct dd_source_kind dd_vnc_source = {
    .name = "vnc",
    .delivers_changes = true,
    .memory_max = MEMORY_MAX,
    .open = vnc_open,
    .next = vnc_next,
    .close = vnc_close,
};
