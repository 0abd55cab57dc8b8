#include "recv/serve/http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/mjpeg_writer.h"
#include "recv/serve/response.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/viewer.h"

enum {
    CONNECTION_BYTES = 256 * 1024, /* twice the block in which pictures go out; touched only as far as it is used */
    TIMEOUT_S = 30,                /* without a byte getting on */
    VIEWER_RETRY_S = 10,
    /* A viewer's browser holds one connection for the pictures and one for the freshness; some are for monitors, and for
     * those who are told that there are too many viewers. */
    CONNECTIONS_PER_VIEWER = 2,
    CONNECTIONS_SPARE = 256,
    FILES_SPARE = 64, /* what the process has open beside connections and rings */
};

struct dd_http_server {
    const struct dd_response_site *site;
    struct MHD_Daemon *daemon;
    char security_policy[DD_RECV_TEXT + 256];
};

/* ---- answers ---- */

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    if (value && *value && MHD_add_response_header(response, name, value) != MHD_YES)
        dd_log_error("no memory for the header field %s", name);
}

static void add_headers(const struct dd_http_server *http, struct MHD_Response *response, const struct dd_response *answer)
{
    char retry_after[16] = "";
    if (answer->retry_after_s)
        snprintf(retry_after, sizeof retry_after, "%u", answer->retry_after_s);
    add(response, "Content-Type", answer->pictures ? DD_MJPEG_WRITER_TYPE : answer->type);
    add(response, "ETag", answer->etag);
    add(response, "Last-Modified", answer->last_modified);
    add(response, "Location", answer->location);
    add(response, "Allow", answer->allow);
    add(response, "Retry-After", retry_after);
    add(response, "Cache-Control", "no-store");
    add(response, "Content-Security-Policy", http->security_policy);
    add(response, "X-Content-Type-Options", "nosniff");
    add(response, "Referrer-Policy", "no-referrer");
    add(response, "X-Accel-Buffering", "no"); /* a proxy that collects pictures first would delay them */
}

static void release_nothing(void *owner)
{
    (void)owner;
}

/* Takes what answer owns. NULL if there is no memory. */
static struct MHD_Response *make_fixed(const struct dd_response *answer)
{
    /* libmicrohttpd takes no pointer to const, and only reads. */
    union {
        const void *given;
        void *taken;
    } body = {.given = answer->body ? answer->body : ""};
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        answer->size, body.taken, answer->release ? answer->release : release_nothing, answer->owner);
    if (!response && answer->release)
        answer->release(answer->owner);
    return response;
}

/* answer becomes a refusal if there are too many viewers. */
static struct MHD_Response *make_pictures(const struct dd_http_server *http, struct dd_response *answer,
                                          struct MHD_Connection *connection)
{
    struct MHD_Response *response = NULL;
    const struct dd_broadcast_viewer wish = {.stream = answer->stream, .period_us = answer->period_us, .raw = answer->raw};
    int error = dd_viewer_open(http->site->hub, &wish, connection, &response);
    if (error != DD_ERROR_SPACE)
        return response;
    dd_response_set_text(answer, 503, "There are as many viewers as this site serves.\n");
    answer->retry_after_s = VIEWER_RETRY_S;
    return make_fixed(answer);
}

/* Takes what answer owns. */
static enum MHD_Result reply(const struct dd_http_server *http, struct MHD_Connection *connection, struct dd_response *answer)
{
    struct MHD_Response *response = answer->pictures ? make_pictures(http, answer, connection) : make_fixed(answer);
    if (!response) {
        dd_log_error("no memory for an answer");
        return MHD_NO; /* closes the connection */
    }
    add_headers(http, response, answer);
    enum MHD_Result result = MHD_queue_response(connection, answer->code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *owner, struct MHD_Connection *connection, const char *path, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request_state)
{
    const struct dd_http_server *http = owner;
    struct dd_response answer;
    static int seen;
    (void)version;
    (void)upload;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        dd_response_method_not_allowed(&answer);
        return reply(http, connection, &answer);
    }
    /* The first call is made before a body, which nobody needs, has come in; the answer belongs to the last one. */
    if (!*request_state || *upload_size) {
        *request_state = &seen;
        *upload_size = 0;
        return MHD_YES;
    }
    const struct dd_response_request request = {
        .path = path,
        .if_none_match = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "If-None-Match"),
        .fail = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "fail"),
        .fps = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "fps"),
        .raw = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "raw"),
    };
    dd_response_build(http->site, &request, &answer);
    return reply(http, connection, &answer);
}

/* ---- start and stop ---- */

/* libmicrohttpd's messages are mostly about clients that went away. */
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

/* Says who may frame the pages: embed_origins, as far as it can't be anything but origins in this header field. */
static void write_security_policy(struct dd_http_server *http, const char *embed_origins)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:/*[]";
    size_t size = sizeof http->security_policy;
    size_t n = (size_t)snprintf(http->security_policy, size,
                                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
                                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'");
    for (const char *at = embed_origins; *at;) {
        at += strspn(at, ", \t");
        size_t length = strcspn(at, ", \t");
        if (length && strspn(at, allowed) < length)
            dd_log_warning("embed_origins: \"%.*s\" is not an origin like https://example.com, and is left out", (int)length, at);
        else if (length && n + 1 + length < size)
            n += (size_t)snprintf(http->security_policy + n, size - n, " %.*s", (int)length, at);
        at += length;
    }
}

/* How many connections there can be: what max_viewers asks for, if the system's limit of open files admits it. */
static unsigned connection_limit(const struct dd_serve_config *config)
{
    rlim_t wanted = (rlim_t)config->max_viewers * CONNECTIONS_PER_VIEWER + CONNECTIONS_SPARE;
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

static struct MHD_Daemon *start_daemon(struct dd_http_server *http, int listen_fd)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = cpus > 1 ? (unsigned)cpus : 0; /* 0: no pool; a pool of one is not possible */
    unsigned limit = connection_limit(http->site->config);
    /* Each thread of a pool has its equal share, but takes what connections come to it. */
    if (threads && limit < threads)
        limit = threads;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, listen_fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)limit, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, NULL},
        {threads ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, handle,
                            http, MHD_OPTION_EXTERNAL_LOGGER, log_message, NULL, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

struct dd_http_server *dd_http_server_start(const struct dd_response_site *site, int listen_fd)
{
    struct dd_http_server *http = calloc(1, sizeof *http);
    if (!http) {
        dd_log_error("no memory for the HTTP server");
        return NULL;
    }
    http->site = site;
    write_security_policy(http, site->config->embed_origins);
    http->daemon = start_daemon(http, listen_fd);
    if (!http->daemon) {
        dd_log_error("the HTTP server does not start: %s", strerror(errno));
        free(http);
        return NULL;
    }
    return http;
}

void dd_http_server_stop(struct dd_http_server *http)
{
    if (!http)
        return;
    /* Gives the listening socket back, which libmicrohttpd would close, and the supervisor's other end of it shut down. */
    MHD_quiesce_daemon(http->daemon);
    /* It must not be stopped while a connection is suspended. */
    dd_broadcast_stop(http->site->hub);
    MHD_stop_daemon(http->daemon);
    free(http);
}
