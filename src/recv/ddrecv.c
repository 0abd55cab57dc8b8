#include "recv/ddrecv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/daemon.h"
#include "dd/base/error.h"
#include "dd/base/file.h"
#include "dd/base/log.h"
#include "dd/base/privileges.h"
#include "dd/base/role.h"
#include "dd/base/supervisor.h"
#include "dd/base/wakeup.h"
#include "dd/link/frame_ring.h"
#include "recv/forget_session.h"
#include "recv/fsync_thread.h"
#include "recv/intake/intake_role.h"
#include "recv/intake/session_store.h"
#include "recv/options.h"
#include "recv/role_config.h"
#include "recv/serve/serve_role.h"
#include "recv/session_store_set.h"
#include "recv/sockets.h"

enum { READY_MS = 20000 };
enum { KIND_INTAKE = 1, KIND_SERVE = 2 };

/* All that outlives the roles. */
struct ddrecv {
    struct dd_recv_role_config prepared; /* what is to be started next */
    struct dd_recv_daemon options;
    bool as_root;
    struct dd_privileges_user user, serve_user;
    int http_fd;          /* -1: none */
    int wait_fd, send_fd; /* ends of the wake-up by which intake wakes serve; -1: none */
    struct dd_recv_role_config_port ports[DD_OPTIONS_STREAMS_MAX];
    int port_fds[DD_OPTIONS_STREAMS_MAX];
    size_t port_count;
    int ring_fds[DD_OPTIONS_STREAMS_MAX];
    size_t ring_count;
    char state_dir[DD_RECV_PATH];                      /* "": none */
    struct dd_session_store_set stores, wanted_stores; /* in use; of what is to be started next */
    struct dd_fsync_thread *fsync_thread;              /* of the stores; NULL: none */
    int intake_id, serve_id;                           /* roles; -1: not started */
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- what outlives roles ---- */

/* A port whose address changes cannot be opened anew while the old socket has it. */
static int check_ports(const struct ddrecv *r, const struct dd_recv_role_config *setup)
{
    for (size_t i = 0; i < setup->port_count; i++)
        for (size_t j = 0; j < r->port_count; j++)
            if (setup->ports[i].port == r->ports[j].port && memcmp(&setup->ports[i], &r->ports[j], sizeof r->ports[j])) {
                dd_log_error("the udp_host and udp_interface of UDP port %u change only when ddrecv is started afresh",
                             r->ports[j].port);
                return DD_ERROR_INPUT;
            }
    return 0;
}

/* Finds the sockets of setup: those that are open already, and new ones. 0; or a negative enum dd_error, logged, and
 * nothing has changed. */
static int find_ports(const struct ddrecv *r, const struct dd_recv_role_config *setup, int fds[static DD_OPTIONS_STREAMS_MAX])
{
    bool opened[DD_OPTIONS_STREAMS_MAX] = {false};
    for (size_t i = 0; i < setup->port_count; i++) {
        fds[i] = -1;
        for (size_t j = 0; j < r->port_count; j++)
            if (memcmp(&setup->ports[i], &r->ports[j], sizeof r->ports[j]) == 0)
                fds[i] = r->port_fds[j];
        opened[i] = fds[i] < 0;
        if (opened[i])
            fds[i] = dd_sockets_open_udp(&setup->ports[i]);
        if (fds[i] >= 0)
            continue;
        int error = fds[i];
        for (size_t k = 0; k < i; k++)
            if (opened[k])
                close(fds[k]);
        return error;
    }
    return 0;
}

/* Takes over what find_ports found, and closes what is of no use any more. */
static void keep_ports(struct ddrecv *r, const struct dd_recv_role_config *setup, const int fds[static DD_OPTIONS_STREAMS_MAX])
{
    for (size_t j = 0; j < r->port_count; j++) {
        bool kept = false;
        for (size_t i = 0; i < setup->port_count; i++)
            kept = kept || fds[i] == r->port_fds[j];
        if (!kept)
            close(r->port_fds[j]);
    }
    memcpy(r->ports, setup->ports, sizeof r->ports);
    memcpy(r->port_fds, fds, setup->port_count * sizeof *fds);
    r->port_count = setup->port_count;
}

static int open_rings(struct ddrecv *r, const struct dd_recv_role_config *setup)
{
    for (size_t i = 0; i < setup->stream_count; i++) {
        int fd = dd_frame_ring_create("dd-ring", &setup->serve->streams[i].ring);
        if (fd < 0)
            return fd;
        r->ring_fds[r->ring_count++] = fd;
    }
    return 0;
}

static int start_fsync_thread(struct ddrecv *r)
{
    int fds[DD_OPTIONS_STREAMS_MAX];
    if (!r->state_dir[0])
        return 0;
    for (size_t i = 0; i < r->stores.count; i++)
        fds[i] = r->stores.rows[i].fd;
    r->fsync_thread = dd_fsync_thread_start(fds, r->stores.count);
    return r->fsync_thread ? 0 : DD_ERROR_SYSTEM;
}

/* The roles that used the stores have ended. */
static void use_stores(struct ddrecv *r, const struct dd_session_store_set *wanted)
{
    dd_fsync_thread_stop(r->fsync_thread);
    r->fsync_thread = NULL;
    dd_session_store_set_commit(&r->stores, wanted);
}

static void close_rings(struct ddrecv *r)
{
    for (size_t i = 0; i < r->ring_count; i++)
        close_fd(&r->ring_fds[i]);
    r->ring_count = 0;
    close_fd(&r->wait_fd);
    close_fd(&r->send_fd);
}

/* ---- the roles ---- */

static int start_intake(struct ddrecv *r, const struct dd_recv_role_config *setup, struct dd_supervisor *supervisor)
{
    int fds[DD_ROLE_FDS_MAX];
    size_t count = 0;
    dd_recv_session_store_read_boot_id(setup->intake->boot_id);
    fds[count++] = r->send_fd;
    for (size_t i = 0; i < r->port_count; i++)
        fds[count++] = r->port_fds[i];
    for (size_t i = 0; i < r->ring_count; i++)
        fds[count++] = r->ring_fds[i];
    for (size_t i = 0; i < r->stores.count; i++)
        fds[count++] = r->stores.rows[i].fd;
    struct dd_role_boot boot = {
        .name = "intake", .kind = KIND_INTAKE, .config = setup->intake, .config_size = setup->intake_size};
    struct dd_supervisor_role role = {.name = boot.name,
                                      .boot_fd = dd_role_boot_open(&boot),
                                      .fds = fds,
                                      .fd_count = count,
                                      .user = r->as_root ? &r->user : NULL,
                                      .essential = true};
    r->intake_id = role.boot_fd < 0 ? role.boot_fd : dd_supervisor_start(supervisor, &role);
    return r->intake_id < 0 ? r->intake_id : dd_supervisor_await(supervisor, r->intake_id, READY_MS);
}

/* intake has mapped the rings by now: from here on nobody else can map them for writing. */
static int seal_rings(const struct ddrecv *r)
{
    for (size_t i = 0; i < r->ring_count; i++) {
        int error = dd_frame_ring_seal_future_writes(r->ring_fds[i]);
        if (error)
            return error;
    }
    return 0;
}

static int start_serve(struct ddrecv *r, const struct dd_recv_role_config *setup, struct dd_supervisor *supervisor)
{
    int fds[DD_ROLE_FDS_MAX];
    size_t count = 0;
    fds[count++] = r->http_fd;
    fds[count++] = r->wait_fd;
    for (size_t i = 0; i < r->ring_count; i++)
        fds[count++] = r->ring_fds[i];
    struct dd_role_boot boot = {.name = "serve", .kind = KIND_SERVE, .config = setup->serve, .config_size = setup->serve_size};
    struct dd_supervisor_role role = {.name = boot.name,
                                      .boot_fd = dd_role_boot_open(&boot),
                                      .fds = fds,
                                      .fd_count = count,
                                      .user = r->as_root ? &r->serve_user : NULL};
    r->serve_id = role.boot_fd < 0 ? role.boot_fd : dd_supervisor_start(supervisor, &role);
    return r->serve_id < 0 ? r->serve_id : dd_supervisor_await(supervisor, r->serve_id, READY_MS);
}

static void end_roles(struct ddrecv *r, struct dd_supervisor *supervisor)
{
    int ids[2];
    size_t count = 0;
    if (r->serve_id >= 0)
        ids[count++] = r->serve_id;
    if (r->intake_id >= 0)
        ids[count++] = r->intake_id;
    dd_supervisor_end(supervisor, ids, count);
    r->serve_id = r->intake_id = -1;
}

static void announce(const struct ddrecv *r, const struct dd_recv_role_config *setup)
{
    char place[DD_RECV_PATH + 32];
    bool ipv6 = strchr(r->options.http_host, ':') != NULL;
    if (strncmp(r->options.http_host, "unix:", 5) == 0)
        snprintf(place, sizeof place, "%s", r->options.http_host);
    else
        snprintf(place, sizeof place, ipv6 ? "http://[%s]:%jd/" : "http://%s:%jd/", r->options.http_host,
                 (intmax_t)r->options.http_port);
    dd_log_notice("%zu stream%s at %s; pictures take at most %.1f MiB of memory", setup->stream_count,
                  setup->stream_count == 1 ? "" : "s", place, (double)setup->memory_bytes / (1024 * 1024));
}

/* ---- the command line ---- */

static bool run_command(struct dd_options *options, int *code)
{
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    if (!daemon->forget_session[0])
        return false;
    *code = dd_forget_session_run(options);
    return true;
}

static int run_role(struct dd_role *role)
{
    switch (dd_role_kind(role)) {
    case KIND_INTAKE:
        return dd_intake_role_run(role);
    case KIND_SERVE:
        return dd_serve_role_run(role);
    default:
        return EXIT_FAILURE;
    }
}

/* ---- the daemon ---- */

static int prepare(void *context, struct dd_options *options)
{
    struct ddrecv *r = context;
    return dd_recv_role_config_build(&r->prepared, options);
}

static void discard(void *context)
{
    struct ddrecv *r = context;
    dd_recv_role_config_free(&r->prepared);
}

static void describe(const void *context)
{
    const struct ddrecv *r = context;
    printf("%zu stream%s; pictures take at most %.1f MiB of memory\n", r->prepared.stream_count,
           r->prepared.stream_count == 1 ? "" : "s", (double)r->prepared.memory_bytes / (1024 * 1024));
}

static int find_users(struct ddrecv *r)
{
    r->as_root = geteuid() == 0;
    if (!r->as_root)
        return 0;
    int error = dd_privileges_find_user(r->options.user, &r->user);
    return error ? error : dd_privileges_find_user(r->options.serve_user, &r->serve_user);
}

static int find_state_dir(struct ddrecv *r)
{
    int error = dd_file_state_dir("ddrecv", r->options.state_dir, r->state_dir, sizeof r->state_dir);
    if (!error || r->options.state_dir[0])
        return error;
    dd_log_warning("going on without it: after a restart, what somebody recorded before could be accepted once more");
    r->state_dir[0] = '\0';
    return 0;
}

static int set_up(void *context, const void *options)
{
    struct ddrecv *r = context;
    r->options = *(const struct dd_recv_daemon *)options;
    int error = find_users(r);
    return error ? error : find_state_dir(r);
}

static bool same_http(const struct dd_recv_daemon *a, const struct dd_recv_daemon *b)
{
    return strcmp(a->http_host, b->http_host) == 0 && a->http_port == b->http_port &&
           strcmp(a->http_socket_mode, b->http_socket_mode) == 0;
}

static int open_sockets(struct ddrecv *r, const struct dd_recv_daemon *options, const struct dd_recv_role_config *setup)
{
    int fds[DD_OPTIONS_STREAMS_MAX], http_fd = r->http_fd;
    bool other_http = http_fd < 0 || !same_http(&r->options, options);
    if (http_fd >= 0 && check_ports(r, setup))
        return DD_ERROR_INPUT;
    if (http_fd >= 0 && other_http && r->options.http_port == options->http_port) {
        dd_log_error("http_host and http_socket_mode change only when ddrecv is started afresh");
        return DD_ERROR_INPUT;
    }
    if (other_http)
        http_fd = dd_sockets_open_http(options, r->as_root ? &r->serve_user : NULL);
    if (http_fd < 0)
        return http_fd;
    int error = find_ports(r, setup, fds);
    if (error) {
        if (other_http)
            close(http_fd);
        return error;
    }
    keep_ports(r, setup, fds);
    if (other_http && r->http_fd >= 0) {
        close_fd(&r->http_fd);
        dd_sockets_unlink_http(&r->options);
    }
    r->http_fd = http_fd;
    return 0;
}

static int acquire(void *context, const void *options)
{
    struct ddrecv *r = context;
    bool lenient = !r->options.state_dir[0];
    int error = dd_session_store_set_prepare(&r->stores, &r->prepared, r->state_dir, lenient, &r->wanted_stores);
    if (error)
        return error;
    error = open_sockets(r, options, &r->prepared);
    if (error)
        dd_session_store_set_discard(&r->stores, &r->wanted_stores);
    return error;
}

static void use_options(struct ddrecv *r, const struct dd_recv_daemon *options)
{
    if (strcmp(options->user, r->options.user) || strcmp(options->serve_user, r->options.serve_user) ||
        strcmp(options->state_dir, r->options.state_dir))
        dd_log_warning("user, serve_user and state_dir change only when ddrecv is started afresh");
    r->options = *options;
}

/* Makes the rings, starts the roles and wipes what was prepared: from then on only intake knows the keys. */
static int start(void *context, const void *options, struct dd_supervisor *supervisor)
{
    struct ddrecv *r = context;
    use_options(r, options);
    use_stores(r, &r->wanted_stores);
    /* a pipe, because serve is the less trusted one */
    int error = dd_wakeup_open_pipe(&r->wait_fd, &r->send_fd);
    if (!error)
        error = open_rings(r, &r->prepared);
    if (!error)
        error = start_fsync_thread(r);
    if (!error)
        error = start_intake(r, &r->prepared, supervisor);
    if (!error)
        error = seal_rings(r);
    if (!error)
        error = start_serve(r, &r->prepared, supervisor);
    if (!error)
        announce(r, &r->prepared);
    discard(r);
    return error;
}

static void stop(void *context, struct dd_supervisor *supervisor)
{
    struct ddrecv *r = context;
    end_roles(r, supervisor);
    close_rings(r);
}

static void clean_up(void *context)
{
    static const struct dd_session_store_set nothing;
    struct ddrecv *r = context;
    use_stores(r, &nothing);
    close_rings(r);
    for (size_t i = 0; i < r->port_count; i++)
        close_fd(&r->port_fds[i]);
    if (r->http_fd >= 0)
        dd_sockets_unlink_http(&r->options);
    close_fd(&r->http_fd);
}

int dd_ddrecv_main(int argc, char **argv)
{
    static const struct dd_daemon daemon = {.schema = &dd_recv_options_schema,
                                            .run_role = run_role,
                                            .run_command = run_command,
                                            .prepare = prepare,
                                            .discard = discard,
                                            .describe = describe,
                                            .set_up = set_up,
                                            .acquire = acquire,
                                            .start = start,
                                            .stop = stop,
                                            .clean_up = clean_up};
    static struct ddrecv r = {.http_fd = -1, .wait_fd = -1, .send_fd = -1, .intake_id = -1, .serve_id = -1};

    return dd_daemon_main(&daemon, &r, argc, argv);
}
