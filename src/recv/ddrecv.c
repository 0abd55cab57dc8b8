#include "recv/ddrecv.h"

#include <errno.h>
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

static const struct dd_daemon ddrecv;

/* All that outlives the roles. */
struct receiver {
    struct dd_supervisor *supervise;
    struct dd_recv_daemon options;
    bool as_root;
    struct dd_privileges_user user, serve_user;
    int http_fd;               /* -1: none */
    int wake_read, wake_write; /* from intake to serve; -1: none */
    struct dd_recv_role_config_port ports[DD_OPTIONS_STREAMS_MAX];
    int port_fds[DD_OPTIONS_STREAMS_MAX];
    size_t port_count;
    int ring_fds[DD_OPTIONS_STREAMS_MAX];
    size_t ring_count;
    char state_dir[DD_RECV_PATH]; /* "": none */
    struct dd_session_store_set keeps;
    struct dd_fsync_thread *syncer; /* of the keeps; NULL: none */
    int intake_id, serve_id;        /* roles; -1: not started */
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- what outlives roles ---- */

/* A port whose address changes cannot be opened anew while the old socket has it. */
static int check_ports(const struct receiver *r, const struct dd_recv_role_config *setup)
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
static int find_ports(const struct receiver *r, const struct dd_recv_role_config *setup, int fds[static DD_OPTIONS_STREAMS_MAX])
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
static void keep_ports(struct receiver *r, const struct dd_recv_role_config *setup, const int fds[static DD_OPTIONS_STREAMS_MAX])
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

/* The wake-up is a pipe, not an eventfd: O_NONBLOCK of the writing end belongs to intake alone, so serve cannot make it wait. */
static int open_wake(struct receiver *r)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        dd_log_error("cannot make a pipe: %s", strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    r->wake_read = fds[0];
    r->wake_write = fds[1];
    return 0;
}

static int open_rings(struct receiver *r, const struct dd_recv_role_config *setup)
{
    for (size_t i = 0; i < setup->stream_count; i++) {
        int fd = dd_frame_ring_create("dd-ring", &setup->serve->streams[i].ring);
        if (fd < 0)
            return fd;
        r->ring_fds[r->ring_count++] = fd;
    }
    return 0;
}

static int start_syncer(struct receiver *r)
{
    int fds[DD_OPTIONS_STREAMS_MAX];
    if (!r->state_dir[0])
        return 0;
    for (size_t i = 0; i < r->keeps.count; i++)
        fds[i] = r->keeps.rows[i].fd;
    r->syncer = dd_fsync_thread_start(fds, r->keeps.count);
    return r->syncer ? 0 : DD_ERROR_SYSTEM;
}

/* The roles that used what is kept have ended. */
static void end_syncer(struct receiver *r, const struct dd_session_store_set *wanted)
{
    dd_fsync_thread_stop(r->syncer);
    r->syncer = NULL;
    dd_session_store_set_commit(&r->keeps, wanted);
}

static void close_rings(struct receiver *r)
{
    for (size_t i = 0; i < r->ring_count; i++)
        close_fd(&r->ring_fds[i]);
    r->ring_count = 0;
    close_fd(&r->wake_read);
    close_fd(&r->wake_write);
}

/* ---- the roles ---- */

static int start_intake(struct receiver *r, const struct dd_recv_role_config *setup)
{
    int fds[DD_ROLE_FDS_MAX];
    size_t count = 0;
    dd_recv_session_store_read_boot_id(setup->intake->boot_id);
    fds[count++] = r->wake_write;
    for (size_t i = 0; i < r->port_count; i++)
        fds[count++] = r->port_fds[i];
    for (size_t i = 0; i < r->ring_count; i++)
        fds[count++] = r->ring_fds[i];
    for (size_t i = 0; i < r->keeps.count; i++)
        fds[count++] = r->keeps.rows[i].fd;
    struct dd_role_boot boot = {
        .name = "intake", .kind = KIND_INTAKE, .config = setup->intake, .config_size = setup->intake_size};
    struct dd_supervisor_role role = {.name = boot.name,
                                      .boot_fd = dd_role_boot_open(&boot),
                                      .fds = fds,
                                      .fd_count = count,
                                      .user = r->as_root ? &r->user : NULL,
                                      .essential = true};
    r->intake_id = role.boot_fd < 0 ? role.boot_fd : dd_supervisor_start(r->supervise, &role);
    return r->intake_id < 0 ? r->intake_id : dd_supervisor_await(r->supervise, r->intake_id, READY_MS);
}

/* intake has mapped the rings by now: from here on nobody else can map them for writing. */
static int seal_rings(const struct receiver *r)
{
    for (size_t i = 0; i < r->ring_count; i++) {
        int error = dd_frame_ring_seal_future_writes(r->ring_fds[i]);
        if (error)
            return error;
    }
    return 0;
}

static int start_serve(struct receiver *r, const struct dd_recv_role_config *setup)
{
    int fds[DD_ROLE_FDS_MAX];
    size_t count = 0;
    fds[count++] = r->http_fd;
    fds[count++] = r->wake_read;
    for (size_t i = 0; i < r->ring_count; i++)
        fds[count++] = r->ring_fds[i];
    struct dd_role_boot boot = {.name = "serve", .kind = KIND_SERVE, .config = setup->serve, .config_size = setup->serve_size};
    struct dd_supervisor_role role = {.name = boot.name,
                                      .boot_fd = dd_role_boot_open(&boot),
                                      .fds = fds,
                                      .fd_count = count,
                                      .user = r->as_root ? &r->serve_user : NULL};
    r->serve_id = role.boot_fd < 0 ? role.boot_fd : dd_supervisor_start(r->supervise, &role);
    return r->serve_id < 0 ? r->serve_id : dd_supervisor_await(r->supervise, r->serve_id, READY_MS);
}

static void end_roles(struct receiver *r)
{
    int ids[2];
    size_t count = 0;
    if (r->serve_id >= 0)
        ids[count++] = r->serve_id;
    if (r->intake_id >= 0)
        ids[count++] = r->intake_id;
    dd_supervisor_end(r->supervise, ids, count);
    r->serve_id = r->intake_id = -1;
}

static void announce(const struct receiver *r, const struct dd_recv_role_config *setup)
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

/* Makes the rings, starts the roles and wipes setup: from then on only intake knows the keys. */
static int start(struct receiver *r, struct dd_recv_role_config *setup)
{
    int error = open_wake(r);
    if (!error)
        error = open_rings(r, setup);
    if (!error)
        error = start_syncer(r);
    if (!error)
        error = start_intake(r, setup);
    if (!error)
        error = seal_rings(r);
    if (!error)
        error = start_serve(r, setup);
    if (!error)
        announce(r, setup);
    dd_recv_role_config_free(setup);
    return error;
}

/* ---- the command line ---- */

static struct dd_recv_role_config prepared;

static int prepare(struct dd_options *options)
{
    return dd_recv_role_config_build(&prepared, options);
}

static void forget(void)
{
    dd_recv_role_config_free(&prepared);
}

static void describe(void)
{
    printf("%zu stream%s; pictures take at most %.1f MiB of memory\n", prepared.stream_count,
           prepared.stream_count == 1 ? "" : "s", (double)prepared.memory_bytes / (1024 * 1024));
}

static bool run_command(struct dd_options *options, int *code)
{
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    if (!daemon->forget_session[0])
        return false;
    *code = dd_forget_session_run(options);
    return true;
}

static bool same_http(const struct dd_recv_daemon *a, const struct dd_recv_daemon *b)
{
    return strcmp(a->http_host, b->http_host) == 0 && a->http_port == b->http_port &&
           strcmp(a->http_socket_mode, b->http_socket_mode) == 0;
}

static int open_sockets(struct receiver *r, const struct dd_recv_daemon *options, const struct dd_recv_role_config *setup)
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

/* Opens what a configuration needs that outlives the roles, before anything of the one before it ends, so that it can still be
 * refused. */
static int open_lasting(struct receiver *r, const struct dd_recv_daemon *options, const struct dd_recv_role_config *setup,
                        struct dd_session_store_set *keeps)
{
    int error = dd_session_store_set_prepare(&r->keeps, setup, r->state_dir, !r->options.state_dir[0], keeps);
    if (error)
        return error;
    error = open_sockets(r, options, setup);
    if (error)
        dd_session_store_set_discard(&r->keeps, keeps);
    return error;
}

static void refuse_reload(const struct receiver *r)
{
    dd_daemon_open_log(&ddrecv, r->options.debug, r->options.quiet);
    dd_log_warning("the new configuration is refused; going on with the old one");
}

/* Reads the configuration again; a wrong one leaves everything as it is. */
static int reload(struct receiver *r, int argc, char **argv)
{
    if (!r->options.config[0]) {
        dd_log_warning("SIGHUP: there is no configuration file to read again (--config)");
        return 0;
    }
    struct dd_options *options = dd_daemon_read(&ddrecv, argc, argv);
    if (!options) {
        refuse_reload(r);
        return 0;
    }
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    struct dd_session_store_set keeps;
    if (open_lasting(r, daemon, &prepared, &keeps)) {
        refuse_reload(r);
        forget();
        dd_options_free(options);
        return 0;
    }
    if (strcmp(daemon->user, r->options.user) || strcmp(daemon->serve_user, r->options.serve_user) ||
        strcmp(daemon->state_dir, r->options.state_dir))
        dd_log_warning("user, serve_user and state_dir change only when ddrecv is started afresh");
    end_roles(r);
    end_syncer(r, &keeps);
    close_rings(r);
    r->options = *daemon;
    dd_options_free(options);
    int error = start(r, &prepared);
    if (!error)
        dd_log_notice("the new configuration is in use");
    return error;
}

static int find_users(struct receiver *r)
{
    r->as_root = geteuid() == 0;
    if (!r->as_root)
        return 0;
    int error = dd_privileges_find_user(r->options.user, &r->user);
    return error ? error : dd_privileges_find_user(r->options.serve_user, &r->serve_user);
}

static int find_state_dir(struct receiver *r)
{
    int error = dd_file_state_dir("ddrecv", r->options.state_dir, r->state_dir, sizeof r->state_dir);
    if (!error || r->options.state_dir[0])
        return error;
    dd_log_warning("going on without it: after a restart, what somebody recorded before could be accepted once more");
    r->state_dir[0] = '\0';
    return 0;
}

static int watch(struct receiver *r, int argc, char **argv)
{
    for (;;) {
        enum dd_supervisor_event event = dd_supervisor_run(r->supervise, NULL, NULL);
        if (event == DD_SUPERVISOR_STOP)
            return EXIT_SUCCESS;
        if (event == DD_SUPERVISOR_FAILED)
            return EXIT_FAILURE;
        int error = reload(r, argc, argv);
        if (error)
            return error == DD_ERROR_STOPPED ? EXIT_SUCCESS : EXIT_FAILURE;
        dd_supervisor_reloaded(r->supervise, "Running");
    }
}

static int run(struct dd_options *options, int argc, char **argv)
{
    static const struct dd_session_store_set nothing;
    static struct dd_session_store_set keeps;
    static struct receiver r = {.http_fd = -1, .wake_read = -1, .wake_write = -1, .intake_id = -1, .serve_id = -1};
    int code = EXIT_FAILURE;
    r.options = *(const struct dd_recv_daemon *)dd_options_daemon(options);
    dd_options_free(options);
    if (find_users(&r) == 0 && find_state_dir(&r) == 0)
        r.supervise = dd_supervisor_new("ddrecv");
    if (r.supervise) {
        int error = open_lasting(&r, &r.options, &prepared, &keeps);
        if (!error) {
            dd_session_store_set_commit(&r.keeps, &keeps);
            error = start(&r, &prepared);
        }
        code = error == 0 ? watch(&r, argc, argv) : error == DD_ERROR_STOPPED ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    forget();
    dd_supervisor_free(r.supervise);
    end_syncer(&r, &nothing);
    close_rings(&r);
    for (size_t i = 0; i < r.port_count; i++)
        close_fd(&r.port_fds[i]);
    if (r.http_fd >= 0)
        dd_sockets_unlink_http(&r.options);
    close_fd(&r.http_fd);
    if (code == EXIT_SUCCESS)
        dd_log_notice("stopped");
    return code;
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

static const struct dd_daemon ddrecv = {.schema = &dd_recv_options_schema,
                                        .run_role = run_role,
                                        .run_command = run_command,
                                        .prepare = prepare,
                                        .describe = describe,
                                        .forget = forget,
                                        .run = run};

int dd_ddrecv_main(int argc, char **argv)
{
    return dd_daemon_main(&ddrecv, argc, argv);
}
