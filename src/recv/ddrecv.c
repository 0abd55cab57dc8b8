#include "recv/ddrecv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/boot_id.h"
#include "dd/base/daemon.h"
#include "dd/base/error.h"
#include "dd/base/fd.h"
#include "dd/base/log.h"
#include "dd/base/role.h"
#include "dd/base/supervisor.h"
#include "dd/base/wakeup.h"
#include "dd/link/frame_ring.h"
#include "recv/forget_session.h"
#include "recv/fsync_thread.h"
#include "recv/intake/intake_role.h"
#include "recv/options.h"
#include "recv/reset_delay.h"
#include "recv/role_config.h"
#include "recv/serve/serve_role.h"
#include "recv/session_store_set.h"
#include "recv/sockets.h"

enum { READY_MS = 20000 }; /* from the start of a role until it is ready */
enum { KIND_INTAKE = 0, KIND_SERVE = 1 };

/* All that outlives the roles. */
struct ddrecv {
    const struct dd_daemon_identity *identity;
    struct dd_recv_role_config prepared; /* of the roles that are started next; empty once they are */
    struct dd_recv_daemon options;       /* in use */
    int http_fd;                         /* -1: none */
    bool http_is_used;                   /* serve has had http_fd, which may therefore be in any state */
    int wait_fd, send_fd;                /* ends of the wake-up by which intake wakes serve; -1: none */
    struct dd_recv_role_config_port ports[DD_OPTIONS_STREAMS_MAX];
    int port_fds[DD_OPTIONS_STREAMS_MAX];
    size_t port_count;
    int ring_fds[DD_OPTIONS_STREAMS_MAX];
    size_t ring_count;
    struct dd_session_store_set stores, prepared_stores; /* in use; of the roles that are started next */
    struct dd_fsync_thread *fsync_thread;                /* of the stores; NULL: none */
    int intake_id, serve_id;                             /* of the roles; -1: not started */
};

/* ---- what outlives roles ---- */

/* The index of a port among count others; count: it is none of them. */
static size_t find_port(const struct dd_recv_role_config_port *port, const struct dd_recv_role_config_port *ports, size_t count)
{
    size_t i = 0;
    while (i < count && memcmp(port, &ports[i], sizeof *port))
        i++;
    return i;
}

/* A port whose address changes cannot be opened anew while the old socket has it. */
static int check_ports(const struct ddrecv *r)
{
    const struct dd_recv_role_config *config = &r->prepared;
    for (size_t i = 0; i < config->port_count; i++) {
        bool is_new = find_port(&config->ports[i], r->ports, r->port_count) == r->port_count;
        for (size_t j = 0; is_new && j < r->port_count; j++)
            if (config->ports[i].port == r->ports[j].port &&
                find_port(&r->ports[j], config->ports, config->port_count) == config->port_count) {
                dd_log_error("the udp_host and udp_interface of UDP port %u change only when ddrecv is started afresh",
                             r->ports[j].port);
                return DD_ERROR_INPUT;
            }
    }
    return 0;
}

/* Finds the sockets of the prepared configuration: those that are open already, and new ones. 0; or a negative enum dd_error,
 * logged, and nothing has changed. */
static int find_ports(const struct ddrecv *r, int fds[static DD_OPTIONS_STREAMS_MAX])
{
    const struct dd_recv_role_config *config = &r->prepared;
    bool opened[DD_OPTIONS_STREAMS_MAX] = {false};
    for (size_t i = 0; i < config->port_count; i++) {
        size_t j = find_port(&config->ports[i], r->ports, r->port_count);
        opened[i] = j == r->port_count;
        fds[i] = opened[i] ? -1 : r->port_fds[j];
        if (opened[i])
            fds[i] = dd_sockets_open_udp(&config->ports[i]);
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

/* Takes the sockets that find_ports() found into use, and closes those that are not among them. */
static void replace_ports(struct ddrecv *r, const int fds[static DD_OPTIONS_STREAMS_MAX])
{
    const struct dd_recv_role_config *config = &r->prepared;
    for (size_t j = 0; j < r->port_count; j++) {
        bool in_use = false;
        for (size_t i = 0; i < config->port_count; i++)
            in_use = in_use || fds[i] == r->port_fds[j];
        if (!in_use)
            close(r->port_fds[j]);
    }
    memcpy(r->ports, config->ports, sizeof r->ports);
    memcpy(r->port_fds, fds, config->port_count * sizeof *fds);
    r->port_count = config->port_count;
}

static int open_rings(struct ddrecv *r)
{
    for (size_t i = 0; i < r->prepared.stream_count; i++) {
        int fd = dd_frame_ring_create("dd-ring", &r->prepared.serve->streams[i].ring);
        if (fd < 0)
            return fd;
        r->ring_fds[r->ring_count++] = fd;
    }
    return 0;
}

static int start_fsync_thread(struct ddrecv *r)
{
    if (!r->identity->state_dir[0])
        return 0;
    r->fsync_thread = dd_fsync_thread_start(&r->stores);
    return r->fsync_thread ? 0 : DD_ERROR_SYSTEM;
}

/* Takes other stores into use. The roles that used the old ones have ended. */
static void replace_stores(struct ddrecv *r, const struct dd_session_store_set *stores)
{
    dd_fsync_thread_stop(r->fsync_thread);
    r->fsync_thread = NULL;
    dd_session_store_set_commit(&r->stores, stores);
}

/* serve has had the HTTP socket, may have been taken over, and is gone. */
static void renew_http(struct ddrecv *r)
{
    if (r->http_is_used)
        dd_sockets_renew_http(r->http_fd, &r->options, r->identity->exposed_user);
    r->http_is_used = false;
}

static void close_rings(struct ddrecv *r)
{
    for (size_t i = 0; i < r->ring_count; i++)
        dd_fd_close(&r->ring_fds[i]);
    r->ring_count = 0;
    dd_fd_close(&r->wait_fd);
    dd_fd_close(&r->send_fd);
}

/* ---- the roles ---- */

static int start_intake(struct ddrecv *r, struct dd_supervisor *supervisor)
{
    const struct dd_recv_role_config *config = &r->prepared;
    int fds[DD_ROLE_FDS_MAX];
    size_t count = DD_INTAKE_FD_SOCKETS;
    dd_boot_id_read(config->intake->boot_id);
    if (!r->identity->state_dir[0])
        config->intake->command[0] = '\0'; /* no other process finds the stores */
    fds[DD_INTAKE_FD_WAKE] = r->send_fd;
    for (size_t i = 0; i < r->port_count; i++)
        fds[count++] = r->port_fds[i];
    for (size_t i = 0; i < r->ring_count; i++)
        fds[count++] = r->ring_fds[i];
    for (size_t i = 0; i < r->stores.count; i++)
        fds[count++] = r->stores.rows[i].fd;
    const struct dd_supervisor_role role = {
        .boot = {.name = "intake", .kind = KIND_INTAKE, .config = config->intake, .config_size = config->intake_size},
        .fds = fds,
        .fd_count = count,
        .user = r->identity->user,
        .essential = true};
    r->intake_id = dd_supervisor_start(supervisor, &role);
    return r->intake_id < 0 ? r->intake_id : dd_supervisor_await(supervisor, r->intake_id, READY_MS);
}

/* intake has mapped the rings and sealed them: nobody else can map them for writing. */
static int check_seals(const struct ddrecv *r)
{
    for (size_t i = 0; i < r->ring_count; i++)
        if (!dd_frame_ring_is_sealed(r->ring_fds[i])) {
            dd_log_error("intake has not sealed a ring against serve");
            return DD_ERROR_SYSTEM;
        }
    return 0;
}

static int start_serve(struct ddrecv *r, struct dd_supervisor *supervisor)
{
    const struct dd_recv_role_config *config = &r->prepared;
    int fds[DD_ROLE_FDS_MAX];
    fds[DD_SERVE_FD_LISTEN] = r->http_fd;
    fds[DD_SERVE_FD_WAKE] = r->wait_fd;
    memcpy(fds + DD_SERVE_FD_RINGS, r->ring_fds, r->ring_count * sizeof *fds);
    r->http_is_used = true;
    const struct dd_supervisor_role role = {
        .boot = {.name = "serve", .kind = KIND_SERVE, .config = config->serve, .config_size = config->serve_size},
        .fds = fds,
        .fd_count = DD_SERVE_FD_RINGS + r->ring_count,
        .user = r->identity->exposed_user};
    r->serve_id = dd_supervisor_start(supervisor, &role);
    return r->serve_id < 0 ? r->serve_id : dd_supervisor_await(supervisor, r->serve_id, READY_MS);
}

/* ---- the command line ---- */

static bool run_command(struct dd_options *options, int *code)
{
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    if (daemon->forget_session[0])
        *code = dd_forget_session_run(options);
    else if (daemon->reset_delay[0])
        *code = dd_reset_delay_run(options);
    return daemon->forget_session[0] || daemon->reset_delay[0];
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

static void summarize(const void *context, const void *options, struct dd_daemon_summary *summary)
{
    const struct ddrecv *r = context;
    const struct dd_recv_daemon *daemon = options;
    const char *host = daemon->http_host;
    summary->stream_count = r->prepared.stream_count;
    summary->memory = r->prepared.memory;
    if (strncmp(host, "unix:", 5) == 0)
        snprintf(summary->place, sizeof summary->place, "%s", host);
    else
        snprintf(summary->place, sizeof summary->place, strchr(host, ':') ? "http://[%s]:%jd/" : "http://%s:%jd/", host,
                 (intmax_t)daemon->http_port);
}

static int set_up(void *context, const struct dd_daemon_identity *identity)
{
    struct ddrecv *r = context;
    r->identity = identity;
    return 0;
}

/* Finds the listening socket of new options: the one that is open already, if it fits them, or a new one, *opened. A descriptor
 * or a negative enum dd_error, logged. */
static int find_http(const struct ddrecv *r, const struct dd_recv_daemon *options, bool *opened)
{
    *opened = r->http_fd < 0 || !dd_sockets_same_http(&r->options, options);
    if (!*opened)
        return r->http_fd;
    if (r->http_fd >= 0 && dd_sockets_collide_http(&r->options, options)) {
        dd_log_error("http_host and http_socket_mode change only when ddrecv is started afresh");
        return DD_ERROR_INPUT;
    }
    return dd_sockets_open_http(options, r->identity->exposed_user);
}

/* Opens the sockets of the prepared configuration, and closes those that are of no use to it. 0; or a negative enum dd_error,
 * logged, and nothing has changed. */
static int open_sockets(struct ddrecv *r, const struct dd_recv_daemon *options)
{
    int fds[DD_OPTIONS_STREAMS_MAX];
    bool opened;
    int error = check_ports(r);
    if (error)
        return error;
    int http_fd = find_http(r, options, &opened);
    if (http_fd < 0)
        return http_fd;
    error = find_ports(r, fds);
    if (error) {
        if (opened)
            close(http_fd);
        return error;
    }
    replace_ports(r, fds);
    if (opened && r->http_fd >= 0)
        dd_sockets_close_http(r->http_fd, &r->options);
    r->http_fd = http_fd;
    r->http_is_used = r->http_is_used && !opened;
    return 0;
}

static int acquire(void *context, const void *options)
{
    struct ddrecv *r = context;
    const struct dd_daemon_identity *identity = r->identity;
    int error = dd_session_store_set_prepare(&r->stores, &r->prepared, identity->state_dir, !identity->state_dir_is_set,
                                             &r->prepared_stores);
    if (error)
        return error;
    error = open_sockets(r, options);
    if (error)
        dd_session_store_set_discard(&r->stores, &r->prepared_stores);
    return error;
}

static int start_roles(struct ddrecv *r, struct dd_supervisor *supervisor)
{
    int error = start_intake(r, supervisor);
    if (!error)
        error = check_seals(r);
    return error ? error : start_serve(r, supervisor);
}

/* Makes the rings, starts the roles and wipes what was prepared: from then on only intake has the keys. */
static int start(void *context, const void *options, struct dd_supervisor *supervisor)
{
    struct ddrecv *r = context;
    r->options = *(const struct dd_recv_daemon *)options;
    replace_stores(r, &r->prepared_stores);
    renew_http(r);
    /* a pipe, because serve is the less trusted one */
    int error = dd_wakeup_open_pipe(&r->wait_fd, &r->send_fd);
    if (!error)
        error = open_rings(r);
    if (!error)
        error = start_fsync_thread(r);
    if (!error)
        error = start_roles(r, supervisor);
    discard(r);
    return error;
}

static void stop(void *context, struct dd_supervisor *supervisor)
{
    struct ddrecv *r = context;
    const int ids[] = {r->serve_id, r->intake_id};
    dd_supervisor_end(supervisor, ids, sizeof ids / sizeof *ids);
    r->serve_id = r->intake_id = -1;
    close_rings(r);
}

/* A dead serve is started again after a second or more; meanwhile connections wait at the new socket. */
static void tick(void *context, const struct dd_supervisor *supervisor)
{
    struct ddrecv *r = context;
    dd_fsync_thread_check(r->fsync_thread);
    if (r->serve_id < 0)
        return;
    if (dd_supervisor_pid(supervisor, r->serve_id))
        r->http_is_used = true;
    else
        renew_http(r);
}

static void clean_up(void *context)
{
    static const struct dd_session_store_set nothing;
    struct ddrecv *r = context;
    replace_stores(r, &nothing);
    close_rings(r);
    for (size_t i = 0; i < r->port_count; i++)
        dd_fd_close(&r->port_fds[i]);
    if (r->http_fd >= 0)
        dd_sockets_close_http(r->http_fd, &r->options);
    r->http_fd = -1;
}

int dd_ddrecv_main(int argc, char **argv)
{
    static const struct dd_daemon daemon = {.schema = &dd_recv_options_schema,
                                            .exposed_user = "serve_user",
                                            .first_spare = 2,
                                            .without_state = DD_SESSION_STORE_SET_LOST_TEXT,
                                            .roles = {[KIND_INTAKE] = dd_intake_role_run, [KIND_SERVE] = dd_serve_role_run},
                                            .run_command = run_command,
                                            .prepare = prepare,
                                            .discard = discard,
                                            .summarize = summarize,
                                            .set_up = set_up,
                                            .acquire = acquire,
                                            .start = start,
                                            .stop = stop,
                                            .tick = tick,
                                            .clean_up = clean_up};
    static struct ddrecv r = {.http_fd = -1, .wait_fd = -1, .send_fd = -1, .intake_id = -1, .serve_id = -1};

    return dd_daemon_main(&daemon, &r, argc, argv);
}
