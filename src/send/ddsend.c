#include "send/ddsend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/daemon.h"
#include "dd/base/error.h"
#include "dd/base/file.h"
#include "dd/base/log.h"
#include "dd/base/privileges.h"
#include "dd/base/role.h"
#include "dd/base/supervisor.h"
#include "dd/base/wakeup.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "send/capture/capture_role.h"
#include "send/options.h"
#include "send/role_config.h"
#include "send/session_store.h"
#include "send/transmit/oneway_socket.h"
#include "send/transmit/transmit_role.h"

enum { READY_MS = 20000 };
#define SAVE_AGAIN_US (UINT64_C(60) * DD_CLOCK_US_PER_S)
enum { KIND_TRANSMIT = 1, KIND_CAPTURE = 2 };

/* What a stream has in the supervisor: all that outlives its roles. */
struct stream {
    char name[DD_OPTIONS_NAME_SIZE];
    uint32_t key_id;
    uint64_t saved_start_us; /* on disk */
    uint64_t save_us;        /* dd_clock_now_us() until which it is not tried again, after a failure */
    int ring_fd, wake_fd;
    int capture_id;  /* role; -1: not started */
    int capture_pid; /* of its process, as last seen */
};

/* All that outlives the roles. */
struct ddsend {
    struct dd_send_role_config prepared; /* what is to be started next */
    struct dd_send_daemon options;
    bool as_root;
    struct dd_privileges_user user, capture_user;
    char state_dir[PATH_MAX]; /* "": none */
    uint64_t epoch_us;
    int socket_ipv4, socket_ipv6; /* -1: none */
    int sessions_fd;
    struct dd_session_table *sessions; /* shared with transmit */
    struct stream *streams;
    size_t stream_count;
    int transmit_id; /* role; -1: not started */
};

/* ---- what outlives roles ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool same_sockets(const struct dd_send_daemon *a, const struct dd_send_daemon *b)
{
    return strcmp(a->bind_address, b->bind_address) == 0 && strcmp(a->bind_interface, b->bind_interface) == 0 &&
           a->source_port == b->source_port && a->dscp == b->dscp && a->ttl == b->ttl;
}

/* The socket of one family that a configuration needs: the one that there is, where it is as it should be. *fd: -1 for
 * none. 0 or a negative enum dd_error, logged. */
static int find_socket(const struct ddsend *s, const struct dd_send_daemon *o, int family, bool needed, int *fd)
{
    struct dd_oneway_socket_config config = {.family = family,
                                             .bind_address = o->bind_address,
                                             .bind_interface = o->bind_interface,
                                             .source_port = (uint16_t)o->source_port,
                                             .dscp = (uint8_t)o->dscp,
                                             .ttl = (uint8_t)o->ttl};
    int old_fd = family == AF_INET ? s->socket_ipv4 : s->socket_ipv6;
    *fd = -1;
    if (!needed)
        return 0;
    *fd = old_fd >= 0 && same_sockets(&s->options, o) ? old_fd : dd_oneway_socket_open(&config);
    return *fd < 0 ? *fd : 0;
}

static void swap_socket(int *fd, int new_fd)
{
    if (*fd != new_fd)
        close_fd(fd);
    *fd = new_fd;
}

/* Opens the sockets of a configuration before anything of the one before it ends, so that it can still be refused. */
static int open_sockets(struct ddsend *s, const struct dd_send_daemon *options, const struct dd_send_role_config *plan)
{
    int ipv4 = -1, ipv6 = -1;
    int error = find_socket(s, options, AF_INET, plan->transmit->has_ipv4, &ipv4);
    if (!error)
        error = find_socket(s, options, AF_INET6, plan->transmit->has_ipv6, &ipv6);
    if (error) {
        if (ipv4 >= 0 && ipv4 != s->socket_ipv4)
            close(ipv4);
        return error;
    }
    swap_socket(&s->socket_ipv4, ipv4);
    swap_socket(&s->socket_ipv6, ipv6);
    return 0;
}

static int open_session_table(struct ddsend *s)
{
    s->sessions_fd = memfd_create("dd-sessions", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (s->sessions_fd < 0 || ftruncate(s->sessions_fd, sizeof *s->sessions) < 0 ||
        fcntl(s->sessions_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        goto err0;
    s->sessions = mmap(NULL, sizeof *s->sessions, PROT_READ | PROT_WRITE, MAP_SHARED, s->sessions_fd, 0);
    if (s->sessions == MAP_FAILED)
        goto err0;
    return 0;

err0:
    dd_log_error("cannot make the table of sessions: %s", strerror(errno));
    s->sessions = NULL;
    return DD_ERROR_SYSTEM;
}

static int open_streams(struct ddsend *s, const struct dd_send_role_config *plan)
{
    s->streams = calloc(plan->stream_count, sizeof *s->streams);
    if (!s->streams) {
        dd_log_error("out of memory");
        return DD_ERROR_MEMORY;
    }
    for (size_t i = 0; i < plan->stream_count; i++) {
        struct stream *stream = &s->streams[s->stream_count++];
        snprintf(stream->name, sizeof stream->name, "%s", plan->transmit->streams[i].name);
        stream->key_id = plan->key_ids[i];
        stream->capture_id = -1;
        stream->wake_fd = dd_wakeup_open();
        stream->ring_fd = dd_frame_ring_create("dd-ring", &plan->transmit->streams[i].ring);
        if (stream->wake_fd < 0 || stream->ring_fd < 0)
            return DD_ERROR_SYSTEM;
        if (s->state_dir[0])
            stream->saved_start_us = dd_send_session_store_load(s->state_dir, stream->key_id);
        plan->transmit->streams[i].last_start_us = stream->saved_start_us;
        s->sessions->start_us[i] = 0;
    }
    return 0;
}

static void close_streams(struct ddsend *s)
{
    for (size_t i = 0; i < s->stream_count; i++) {
        close_fd(&s->streams[i].ring_fd);
        close_fd(&s->streams[i].wake_fd);
    }
    free(s->streams);
    s->streams = NULL;
    s->stream_count = 0;
}

/* Keeps the starts of new sessions on disk, which transmit has no way to. */
static void save_sessions(struct ddsend *s)
{
    for (size_t i = 0; i < s->stream_count && s->state_dir[0]; i++) {
        uint64_t start_us = s->sessions->start_us[i];
        if (start_us <= s->streams[i].saved_start_us)
            continue;
        if (dd_clock_now_us() < s->streams[i].save_us)
            continue;
        if (dd_send_session_store_save(s->state_dir, s->streams[i].key_id, start_us) == 0)
            s->streams[i].saved_start_us = start_us;
        else
            s->streams[i].save_us = dd_clock_now_us() + SAVE_AGAIN_US;
    }
}

/* ---- the roles ---- */

static int start_transmit(struct ddsend *s, const struct dd_send_role_config *plan, struct dd_supervisor *supervisor)
{
    int fds[DD_ROLE_FDS_MAX];
    size_t count = 0;
    fds[count++] = s->sessions_fd;
    if (plan->transmit->has_ipv4)
        fds[count++] = s->socket_ipv4;
    if (plan->transmit->has_ipv6)
        fds[count++] = s->socket_ipv6;
    for (size_t i = 0; i < s->stream_count; i++) {
        fds[count++] = s->streams[i].ring_fd;
        fds[count++] = s->streams[i].wake_fd;
    }
    struct dd_role_boot boot = {
        .name = "transmit", .kind = KIND_TRANSMIT, .config = plan->transmit, .config_size = plan->transmit_size};
    struct dd_supervisor_role role = {.name = boot.name,
                                      .boot_fd = dd_role_boot_open(&boot),
                                      .fds = fds,
                                      .fd_count = count,
                                      .user = s->as_root ? &s->user : NULL,
                                      .essential = true};
    s->transmit_id = role.boot_fd < 0 ? role.boot_fd : dd_supervisor_start(supervisor, &role);
    return s->transmit_id < 0 ? s->transmit_id : 0;
}

static int start_capture(struct ddsend *s, const struct dd_send_role_config *plan, size_t i, struct dd_supervisor *supervisor)
{
    char name[DD_ROLE_NAME_SIZE];
    int fds[DD_CAPTURE_FDS];
    fds[DD_CAPTURE_FD_RING] = s->streams[i].ring_fd;
    fds[DD_CAPTURE_FD_WAKE] = s->streams[i].wake_fd;
    snprintf(name, sizeof name, "capture %s", s->streams[i].name);
    struct dd_role_boot boot = {
        .name = name, .kind = KIND_CAPTURE, .config = &plan->captures[i], .config_size = sizeof plan->captures[i]};
    struct dd_supervisor_role role = {.name = name,
                                      .boot_fd = dd_role_boot_open(&boot),
                                      .fds = fds,
                                      .fd_count = DD_CAPTURE_FDS,
                                      .user = s->as_root ? &s->capture_user : NULL};
    s->streams[i].capture_id = role.boot_fd < 0 ? role.boot_fd : dd_supervisor_start(supervisor, &role);
    return s->streams[i].capture_id < 0 ? s->streams[i].capture_id : 0;
}

static int start_roles(struct ddsend *s, const struct dd_send_role_config *plan, struct dd_supervisor *supervisor)
{
    int error = start_transmit(s, plan, supervisor);
    for (size_t i = 0; i < s->stream_count && !error; i++)
        error = start_capture(s, plan, i, supervisor);
    return error;
}

static void end_roles(struct ddsend *s, struct dd_supervisor *supervisor)
{
    int ids[DD_OPTIONS_STREAMS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < s->stream_count; i++)
        if (s->streams[i].capture_id >= 0)
            ids[count++] = s->streams[i].capture_id;
    if (s->transmit_id >= 0)
        ids[count++] = s->transmit_id;
    dd_supervisor_end(supervisor, ids, count);
    for (size_t i = 0; i < s->stream_count; i++)
        s->streams[i].capture_id = -1;
    s->transmit_id = -1;
    save_sessions(s);
}

/* Ends the heartbeats of capture roles that have died. transmit looks at them at least every 250 ms, and tells the receiver. It
 * is not woken: what is left of a role that was taken over may hold the wake-up, and could make the supervisor wait. */
static void end_dead_heartbeats(struct ddsend *s, const struct dd_supervisor *supervisor)
{
    for (size_t i = 0; i < s->stream_count; i++) {
        struct stream *stream = &s->streams[i];
        int pid = dd_supervisor_pid(supervisor, stream->capture_id);
        if (stream->capture_pid && pid != stream->capture_pid)
            dd_frame_ring_end_heartbeat(stream->ring_fd);
        stream->capture_pid = pid;
    }
}

static void describe_plan(const struct dd_send_role_config *plan, char *text, size_t size)
{
    snprintf(text, size, "%zu stream%s; pictures take at most %.1f MiB of memory", plan->stream_count,
             plan->stream_count == 1 ? "" : "s", (double)plan->memory_bytes / (1024 * 1024));
}

/* ---- the command line ---- */

static int print_key(void)
{
    char key[DD_KEY_TEXT_SIZE];
    int error = dd_key_generate(key);
    if (!error)
        printf("%s\n", key);
    explicit_bzero(key, sizeof key);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool run_command(struct dd_options *options, int *code)
{
    const struct dd_send_daemon *daemon = dd_options_daemon(options);
    if (daemon->generate_key) {
        *code = print_key();
    } else if (daemon->self_test) {
        dd_log_error("--self-test has no effect yet in this version");
        *code = DD_DAEMON_EXIT_USAGE;
    }
    return daemon->generate_key || daemon->self_test;
}

static int run_role(struct dd_role *role)
{
    switch (dd_role_kind(role)) {
    case KIND_TRANSMIT:
        return dd_transmit_role_run(role);
    case KIND_CAPTURE:
        return dd_capture_role_run(role);
    default:
        return EXIT_FAILURE;
    }
}

/* ---- the daemon ---- */

static int prepare(void *context, struct dd_options *options)
{
    struct ddsend *s = context;
    return dd_send_role_config_build(&s->prepared, options);
}

static void discard(void *context)
{
    struct ddsend *s = context;
    dd_send_role_config_free(&s->prepared);
}

static void describe(const void *context)
{
    const struct ddsend *s = context;
    char text[128];
    describe_plan(&s->prepared, text, sizeof text);
    puts(text);
}

static int find_users(struct ddsend *s)
{
    s->as_root = geteuid() == 0;
    if (!s->as_root)
        return 0;
    int error = dd_privileges_find_user(s->options.user, &s->user);
    return error ? error : dd_privileges_find_user(s->options.capture_user, &s->capture_user);
}

static int find_state_dir(struct ddsend *s)
{
    int error = dd_file_state_dir("ddsend", s->options.state_dir, s->state_dir, sizeof s->state_dir);
    if (!error || s->options.state_dir[0])
        return error;
    dd_log_warning("going on without it: should the clock be set back, ddrecv refuses this daemon until it catches up");
    s->state_dir[0] = '\0';
    return 0;
}

static int set_up(void *context, const void *options)
{
    struct ddsend *s = context;
    s->options = *(const struct dd_send_daemon *)options;
    s->epoch_us = dd_clock_wall_us() - dd_clock_now_us();
    int error = find_users(s);
    if (!error)
        error = find_state_dir(s);
    return error ? error : open_session_table(s);
}

static int acquire(void *context, const void *options)
{
    struct ddsend *s = context;
    return open_sockets(s, options, &s->prepared);
}

static void use_options(struct ddsend *s, const struct dd_send_daemon *options)
{
    if (strcmp(options->user, s->options.user) || strcmp(options->capture_user, s->options.capture_user) ||
        strcmp(options->state_dir, s->options.state_dir))
        dd_log_warning("user, capture_user and state_dir change only when ddsend is started afresh");
    s->options = *options;
}

/* Opens what is missing, starts the roles and wipes what was prepared: from then on only the roles know the secrets. */
static int start(void *context, const void *options, struct dd_supervisor *supervisor)
{
    struct ddsend *s = context;
    char text[128];
    use_options(s, options);
    s->prepared.transmit->epoch_us = s->epoch_us;
    int error = open_streams(s, &s->prepared);
    if (!error)
        error = start_roles(s, &s->prepared, supervisor);
    describe_plan(&s->prepared, text, sizeof text);
    discard(s);
    if (!error)
        error = dd_supervisor_await(supervisor, s->transmit_id, READY_MS);
    if (!error)
        dd_log_notice("%s", text);
    return error;
}

static void stop(void *context, struct dd_supervisor *supervisor)
{
    struct ddsend *s = context;
    end_roles(s, supervisor);
    close_streams(s);
}

static void tick(void *context, const struct dd_supervisor *supervisor)
{
    struct ddsend *s = context;
    save_sessions(s);
    end_dead_heartbeats(s, supervisor);
}

static void clean_up(void *context)
{
    struct ddsend *s = context;
    if (s->sessions)
        save_sessions(s);
    close_streams(s);
    close_fd(&s->socket_ipv4);
    close_fd(&s->socket_ipv6);
    if (s->sessions)
        munmap(s->sessions, sizeof *s->sessions);
    close_fd(&s->sessions_fd);
}

int dd_ddsend_main(int argc, char **argv)
{
    static const struct dd_daemon daemon = {.schema = &dd_send_options_schema,
                                            .run_role = run_role,
                                            .run_command = run_command,
                                            .prepare = prepare,
                                            .discard = discard,
                                            .describe = describe,
                                            .set_up = set_up,
                                            .acquire = acquire,
                                            .start = start,
                                            .stop = stop,
                                            .tick = tick,
                                            .clean_up = clean_up};
    struct ddsend s = {.socket_ipv4 = -1, .socket_ipv6 = -1, .sessions_fd = -1, .transmit_id = -1};

    return dd_daemon_main(&daemon, &s, argc, argv);
}
