#include "recv/serve/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/mjpeg_writer.h"
#include "recv/serve/response.h"
#include "recv/serve/serve_memory.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/viewer.h"
#include "recv/serve/write_wait.h"

enum {
    UNIX_SEND_BUFFER = 16 * 1024, /* which the kernel doubles, and counts its own use of */
    VIEWER_RETRY_S = 10,
    FILES_SPARE = 64, /* open beside connections and rings */
};

struct dd_http_server {
    const struct dd_response_site *site;
    struct MHD_Daemon *daemon;
    char security_policy[DD_RECV_TEXT + 256];
};

/* ---- responses ---- */

static void add(struct MHD_Response *mhd_response, const char *name, const char *value)
{
    if (value && *value && MHD_add_response_header(mhd_response, name, value) != MHD_YES)
        dd_log_error("no memory for the header field %s", name);
}

static void add_header_fields(const struct dd_http_server *server, struct MHD_Response *mhd_response,
                              const struct dd_response *response)
{
    char retry_after[16] = "";
    if (response->retry_after_s)
        snprintf(retry_after, sizeof retry_after, "%u", response->retry_after_s);
    add(mhd_response, "Content-Type", response->pictures ? DD_MJPEG_WRITER_TYPE : response->type);
    add(mhd_response, "ETag", response->etag);
    add(mhd_response, "Last-Modified", response->last_modified);
    add(mhd_response, "Location", response->location);
    add(mhd_response, "Allow", response->allow);
    add(mhd_response, "Retry-After", retry_after);
    add(mhd_response, "X-Refusal", response->refusal);
    add(mhd_response, "Connection", response->close ? "close" : NULL);
    add(mhd_response, "Cache-Control", "no-store");
    add(mhd_response, "Content-Security-Policy", server->security_policy);
    add(mhd_response, "X-Content-Type-Options", "nosniff");
    add(mhd_response, "Referrer-Policy", "no-referrer");
    add(mhd_response, "X-Accel-Buffering", "no"); /* a proxy that buffers would delay the pictures */
}

static void release_nothing(void *owner)
{
    (void)owner;
}

/* Takes the body of response. NULL if there is no memory. */
static struct MHD_Response *create_fixed(const struct dd_response *response)
{
    /* libmicrohttpd takes no pointer to const, and only reads. */
    union {
        const void *given;
        void *taken;
    } body = {.given = response->body ? response->body : ""};
    struct MHD_Response *mhd_response = MHD_create_response_from_buffer_with_free_callback_cls(
        response->size, body.taken, response->release ? response->release : release_nothing, response->owner);
    if (!mhd_response && response->release)
        response->release(response->owner);
    return mhd_response;
}

/* An endless MJPEG for connection, whose *request_state becomes its viewer. With too many viewers, response becomes a refusal,
 * and the result is that. NULL if there is no memory. */
static struct MHD_Response *create_pictures(const struct dd_http_server *server, struct dd_response *response,
                                            struct MHD_Connection *connection, void **request_state)
{
    struct MHD_Response *mhd_response = NULL;
    struct dd_viewer *viewer = NULL;
    const struct dd_broadcast_subscription subscription = {
        .stream = response->stream, .period_us = response->period_us, .raw = response->raw, .once = response->once};
    int error = dd_viewer_open(server->site, &subscription, connection, &mhd_response, &viewer);
    if (!error)
        *request_state = viewer;
    if (error != DD_ERROR_SPACE)
        return mhd_response;
    dd_response_set_text(response, 503, "There are as many viewers as this site serves.\n");
    response->retry_after_s = VIEWER_RETRY_S;
    response->refusal = "too many viewers";
    return create_fixed(response);
}

/* Takes the body of response. *request_state becomes the viewer if it is of pictures. NULL if there is no memory. */
static struct MHD_Response *create(const struct dd_http_server *server, struct dd_response *response,
                                   struct MHD_Connection *connection, void **request_state)
{
    if (response->pictures)
        return create_pictures(server, response, connection, request_state);
    if (!response->picture)
        return create_fixed(response);
    struct dd_viewer *viewer = NULL;
    struct MHD_Response *mhd_response =
        dd_viewer_open_picture(server->site, response->stream, response->picture, connection, &viewer);
    if (mhd_response)
        *request_state = viewer;
    return mhd_response;
}

/* Sends response, and takes its body. *request_state becomes the viewer if it is of pictures. */
static enum MHD_Result reply(const struct dd_http_server *server, struct MHD_Connection *connection, struct dd_response *response,
                             void **request_state)
{
    struct MHD_Response *mhd_response = create(server, response, connection, request_state);
    if (!mhd_response) {
        dd_log_error("no memory for a response");
        return MHD_NO; /* closes the connection */
    }
    add_header_fields(server, mhd_response, response);
    enum MHD_Result result = MHD_queue_response(connection, response->code, mhd_response);
    if (result != MHD_YES)
        *request_state = NULL; /* the viewer ends with mhd_response */
    MHD_destroy_response(mhd_response);
    return result;
}

static void suspend(void *connection)
{
    MHD_suspend_connection(connection);
}

static void resume(void *connection)
{
    MHD_resume_connection(connection);
}

/* The state of a request is this before its response; then its viewer, if it is one for pictures. */
static char no_viewer;

/* What a request's header says of its body. */
struct framing {
    unsigned lengths; /* fields Content-Length */
    bool wrong;
};

static enum MHD_Result check_field(void *owner, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct framing *framing = owner;
    (void)kind;
    if (strcasecmp(name, "Content-Length") == 0)
        framing->wrong = framing->wrong || framing->lengths++ || !value || strcmp(value, "0") != 0;
    else if (strcasecmp(name, "Transfer-Encoding") == 0 || name[strcspn(name, " \t")])
        framing->wrong = true; /* the latter is no name; but a proxy may see one in it */
    return MHD_YES;
}

/* True if the request has a body, or could have one for a proxy that reads its header in another way. What follows would then be
 * a request to one side and a body to the other (RFC 9112, section 11.2). */
static bool may_have_body(struct MHD_Connection *connection)
{
    struct framing framing = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, check_field, &framing);
    return framing.wrong;
}

/* Paths are matched as they were sent: a proxy's rules for paths hold for the same text. */
static size_t unescape_nothing(void *owner, struct MHD_Connection *connection, char *text)
{
    (void)owner;
    (void)connection;
    return strlen(text);
}

static enum MHD_Result handle_request(void *owner, struct MHD_Connection *connection, const char *path, const char *method,
                                      const char *version, const char *upload, size_t *upload_size, void **request_state)
{
    const struct dd_http_server *server = owner;
    struct dd_response response;
    (void)version;
    (void)upload;
    (void)upload_size;
    if (may_have_body(connection)) {
        dd_response_refuse_body(&response);
        return reply(server, connection, &response, request_state);
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        dd_response_method_not_allowed(&response);
        return reply(server, connection, &response, request_state);
    }
    /* libmicrohttpd calls once when the header is read, and once at the end. It closes the connection after a response that is
     * queued in the first call. The second one is repeated when a connection that was suspended meanwhile is resumed. */
    if (!*request_state) {
        *request_state = &no_viewer;
        return MHD_YES;
    }
    const struct dd_broadcast_waiter waiter = {suspend, resume, connection};
    const struct dd_response_request request = {
        .path = path,
        .waiter = &waiter,
        .if_none_match = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match"),
        .fail = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "fail"),
        .fps = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "fps"),
        .raw = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "raw"),
        .before = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "before"),
        .limit = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "limit"),
        .repeat = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "repeat"),
    };
    dd_response_build(server->site, &request, &response);
    return response.suspended ? MHD_YES : reply(server, connection, &response, request_state);
}

static void request_ended(void *owner, struct MHD_Connection *connection, void **request_state,
                          enum MHD_RequestTerminationCode how)
{
    (void)owner;
    (void)connection;
    if (*request_state && *request_state != &no_viewer)
        dd_viewer_log_end(*request_state, how == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED);
    *request_state = NULL;
}

/* A Unix socket does not inherit the send buffer of the one that listens. Behind a proxy this buffer is the only queue on this
 * side, and pictures grow old in it. */
static void connection_changed(void *owner, struct MHD_Connection *connection, void **connection_state,
                               enum MHD_ConnectionNotificationCode what)
{
    int domain = 0, size = UNIX_SEND_BUFFER;
    socklen_t length = sizeof domain;
    (void)owner;
    (void)connection_state;
    if (what != MHD_CONNECTION_NOTIFY_STARTED)
        return;
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/* ---- start and stop ---- */

/* Logs libmicrohttpd's messages for debugging only: most are about clients that went away. */
__attribute__((format(printf, 2, 0))) static void log_message(void *owner, const char *format, va_list arguments)
{
    char text[512];
    (void)owner;
    if (dd_log_threshold() < DD_LOG_DEBUG)
        return;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = '\0';
    dd_log_debug("HTTP: %s", text);
}

/* Allows embed_origins to frame the pages. A word with characters that no origin has is left out: in this header field it could
 * be another directive. */
static void write_security_policy(struct dd_http_server *server, const char *embed_origins)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:/*[]";
    size_t size = sizeof server->security_policy;
    size_t n = (size_t)snprintf(server->security_policy, size,
                                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
                                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'");
    for (const char *at = embed_origins; *at;) {
        at += strspn(at, ", \t");
        size_t length = strcspn(at, ", \t");
        if (length && strspn(at, allowed) < length)
            dd_log_warning("embed_origins: \"%.*s\" is not an origin like https://example.com, and is left out", (int)length, at);
        else if (length && n + 1 + length < size)
            n += (size_t)snprintf(server->security_policy + n, size - n, " %.*s", (int)length, at);
        at += length;
    }
}

/* How many connections to accept: enough for max_viewers, or as many as the limit of open files allows (with a warning). */
static unsigned connection_limit(const struct dd_serve_config *config)
{
    rlim_t wanted = dd_serve_memory_connections(config->max_viewers);
    rlim_t others = config->stream_count + FILES_SPARE;
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return (unsigned)wanted;
    if (files.rlim_cur < wanted + others) {
        files.rlim_cur = wanted + others < files.rlim_max ? wanted + others : files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (files.rlim_cur >= wanted + others)
        return (unsigned)wanted;
    rlim_t possible = files.rlim_cur > others ? files.rlim_cur - others : 1;
    dd_log_warning("max_viewers is %u, but only %ju connections fit into the limit of open files (LimitNOFILE=)",
                   config->max_viewers, (uintmax_t)possible);
    return (unsigned)possible;
}

static struct MHD_Daemon *start_daemon(struct dd_http_server *server, int listen_fd)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = cpus > 1 ? (unsigned)cpus : 0; /* 0: no pool; a pool of one is not possible */
    unsigned limit = connection_limit(server->site->config);
    /* Each thread of the pool gets an equal share of the limit, which must not be 0. */
    if (threads && limit < threads)
        limit = threads;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, listen_fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)limit, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, DD_SERVE_MEMORY_REQUEST, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, DD_VIEWER_TIMEOUT_S, NULL},
        {threads ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
                            handle_request, server, MHD_OPTION_EXTERNAL_LOGGER, log_message, NULL, MHD_OPTION_NOTIFY_COMPLETED,
                            request_ended, NULL, MHD_OPTION_NOTIFY_CONNECTION, connection_changed, NULL,
                            MHD_OPTION_UNESCAPE_CALLBACK, unescape_nothing, NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

struct dd_http_server *dd_http_server_start(const struct dd_response_site *site, int listen_fd)
{
    struct dd_http_server *server = calloc(1, sizeof *server);
    if (!server) {
        dd_log_error("no memory for the HTTP server");
        return NULL;
    }
    server->site = site;
    write_security_policy(server, site->config->embed_origins);
    server->daemon = start_daemon(server, listen_fd);
    if (!server->daemon) {
        dd_log_error("the HTTP server does not start: %s", strerror(errno));
        free(server);
        return NULL;
    }
    return server;
}

void dd_http_server_stop(struct dd_http_server *server)
{
    if (!server)
        return;
    /* Takes the listening socket back: libmicrohttpd would shut it down, for the supervisor's copy of it as well. */
    MHD_quiesce_daemon(server->daemon);
    /* libmicrohttpd must not be stopped while a connection is suspended. */
    dd_broadcast_stop(server->site->broadcast);
    dd_write_wait_stop(server->site->write_wait);
    MHD_stop_daemon(server->daemon);
    free(server);
}
