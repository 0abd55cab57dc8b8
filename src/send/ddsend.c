#include "send/ddsend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
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

static const struct dd_daemon ddsend;

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

struct sender {
    struct dd_supervisor *supervise;
    struct dd_send_daemon options;
    bool as_root;
    struct dd_privileges_user user, capture_user;
    char state_dir[PATH_MAX]; /* "": none */
    uint64_t epoch_us;
    int socket_ipv4, socket_ipv6; /* -1: none */
    int book_fd;
    struct dd_session_table *book;
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
static int find_socket(const struct sender *s, const struct dd_send_daemon *o, int family, bool needed, int *fd)
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
static int open_sockets(struct sender *s, const struct dd_send_daemon *options, const struct dd_send_role_config *plan)
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

static int open_book(struct sender *s)
{
    s->book_fd = memfd_create("dd-book", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (s->book_fd < 0 || ftruncate(s->book_fd, sizeof *s->book) < 0 ||
        fcntl(s->book_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        goto err0;
    s->book = mmap(NULL, sizeof *s->book, PROT_READ | PROT_WRITE, MAP_SHARED, s->book_fd, 0);
    if (s->book == MAP_FAILED)
        goto err0;
    return 0;

err0:
    dd_log_error("cannot make the book of sessions: %s", strerror(errno));
    s->book = NULL;
    return DD_ERROR_SYSTEM;
}

static int open_streams(struct sender *s, const struct dd_send_role_config *plan)
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
        stream->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        stream->ring_fd = dd_frame_ring_create("dd-ring", &plan->transmit->streams[i].ring);
        if (stream->wake_fd < 0 || stream->ring_fd < 0)
            return DD_ERROR_SYSTEM;
        if (s->state_dir[0])
            stream->saved_start_us = dd_send_session_store_load(s->state_dir, stream->key_id);
        plan->transmit->streams[i].last_start_us = stream->saved_start_us;
        s->book->start_us[i] = 0;
    }
    return 0;
}

static void close_streams(struct sender *s)
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
static void save_sessions(struct sender *s)
{
    for (size_t i = 0; i < s->stream_count && s->state_dir[0]; i++) {
        uint64_t start_us = s->book->start_us[i];
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

static int start_transmit(struct sender *s, const struct dd_send_role_config *plan)
{
    int fds[DD_ROLE_FDS_MAX];
    size_t count = 0;
    fds[count++] = s->book_fd;
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
    s->transmit_id = role.boot_fd < 0 ? role.boot_fd : dd_supervisor_start(s->supervise, &role);
    return s->transmit_id < 0 ? s->transmit_id : 0;
}

static int start_capture(struct sender *s, const struct dd_send_role_config *plan, size_t i)
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
    s->streams[i].capture_id = role.boot_fd < 0 ? role.boot_fd : dd_supervisor_start(s->supervise, &role);
    return s->streams[i].capture_id < 0 ? s->streams[i].capture_id : 0;
}

static int start_roles(struct sender *s, const struct dd_send_role_config *plan)
{
    int error = start_transmit(s, plan);
    for (size_t i = 0; i < s->stream_count && !error; i++)
        error = start_capture(s, plan, i);
    return error;
}

static void end_roles(struct sender *s)
{
    int ids[DD_OPTIONS_STREAMS_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < s->stream_count; i++)
        if (s->streams[i].capture_id >= 0)
            ids[count++] = s->streams[i].capture_id;
    if (s->transmit_id >= 0)
        ids[count++] = s->transmit_id;
    dd_supervisor_end(s->supervise, ids, count);
    for (size_t i = 0; i < s->stream_count; i++)
        s->streams[i].capture_id = -1;
    s->transmit_id = -1;
    save_sessions(s);
}

/* Empties a wake-up that a dead capture role may have filled to the brim: no wake-up of its successor would come through.
 * Nobody else reads it, so what polls readable does not block. */
static void empty_wake(const struct stream *stream)
{
    struct pollfd p = {.fd = stream->wake_fd, .events = POLLIN};
    uint64_t count;
    if (poll(&p, 1, 0) > 0 && read(stream->wake_fd, &count, sizeof count) < 0)
        dd_log_debug("%s: its wake-up cannot be emptied: %s", stream->name, strerror(errno));
}

/* Cleans up behind capture roles that have died, and lets transmit know, which tells the receiver meanwhile. */
static void notice_deaths(struct sender *s)
{
    uint64_t one = 1;
    for (size_t i = 0; i < s->stream_count; i++) {
        struct stream *stream = &s->streams[i];
        int pid = dd_supervisor_pid(s->supervise, stream->capture_id);
        if (stream->capture_pid && pid != stream->capture_pid) {
            dd_frame_ring_end_heartbeat(stream->ring_fd);
            empty_wake(stream);
            if (write(stream->wake_fd, &one, sizeof one) < 0)
                dd_log_debug("%s: transmit cannot be woken: %s", stream->name, strerror(errno));
        }
        stream->capture_pid = pid;
    }
}

static void tick(void *context)
{
    save_sessions(context);
    notice_deaths(context);
}

static void describe_plan(const struct dd_send_role_config *plan, char *text, size_t size)
{
    snprintf(text, size, "%zu stream%s; pictures take at most %.1f MiB of memory", plan->stream_count,
             plan->stream_count == 1 ? "" : "s", (double)plan->memory_bytes / (1024 * 1024));
}

/* Opens what is missing, starts the roles and wipes the plan: from then on only the roles know the secrets. */
static int start(struct sender *s, struct dd_send_role_config *plan)
{
    char text[128];
    plan->transmit->epoch_us = s->epoch_us;
    int error = open_streams(s, plan);
    if (!error)
        error = start_roles(s, plan);
    describe_plan(plan, text, sizeof text);
    dd_send_role_config_free(plan);
    if (!error)
        error = dd_supervisor_await(s->supervise, s->transmit_id, READY_MS);
    if (!error)
        dd_log_notice("%s", text);
    return error;
}

/* ---- the command line ---- */

static struct dd_send_role_config prepared;

static int prepare(struct dd_options *options)
{
    return dd_send_role_config_build(&prepared, options);
}

static void forget(void)
{
    dd_send_role_config_free(&prepared);
}

static void describe(void)
{
    char text[128];
    describe_plan(&prepared, text, sizeof text);
    puts(text);
}

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

static void refuse_reload(const struct sender *s)
{
    dd_daemon_open_log(&ddsend, s->options.debug, s->options.quiet);
    dd_log_warning("the new configuration is refused; going on with the old one");
}

/* Reads the configuration again; a wrong one leaves everything as it is. */
static int reload(struct sender *s, int argc, char **argv)
{
    if (!s->options.config[0]) {
        dd_log_warning("SIGHUP: there is no configuration file to read again (--config)");
        return 0;
    }
    struct dd_options *options = dd_daemon_read(&ddsend, argc, argv);
    if (!options) {
        refuse_reload(s);
        return 0;
    }
    const struct dd_send_daemon *daemon = dd_options_daemon(options);
    if (open_sockets(s, daemon, &prepared)) {
        forget();
        dd_options_free(options);
        refuse_reload(s);
        return 0;
    }
    end_roles(s);
    close_streams(s);
    if (strcmp(daemon->user, s->options.user) || strcmp(daemon->capture_user, s->options.capture_user) ||
        strcmp(daemon->state_dir, s->options.state_dir))
        dd_log_warning("user, capture_user and state_dir change only when ddsend is started afresh");
    s->options = *daemon;
    dd_options_free(options);
    int error = start(s, &prepared);
    if (!error)
        dd_log_notice("the new configuration is in use");
    return error;
}

static int find_users(struct sender *s)
{
    s->as_root = geteuid() == 0;
    if (!s->as_root)
        return 0;
    int error = dd_privileges_find_user(s->options.user, &s->user);
    return error ? error : dd_privileges_find_user(s->options.capture_user, &s->capture_user);
}

static int find_state_dir(struct sender *s)
{
    int error = dd_file_state_dir("ddsend", s->options.state_dir, s->state_dir, sizeof s->state_dir);
    if (!error || s->options.state_dir[0])
        return error;
    dd_log_warning("going on without it: should the clock be set back, ddrecv refuses this daemon until it catches up");
    s->state_dir[0] = '\0';
    return 0;
}

static int watch(struct sender *s, int argc, char **argv)
{
    for (;;) {
        enum dd_supervisor_event event = dd_supervisor_run(s->supervise, tick, s);
        if (event == DD_SUPERVISOR_STOP)
            return EXIT_SUCCESS;
        if (event == DD_SUPERVISOR_FAILED)
            return EXIT_FAILURE;
        int error = reload(s, argc, argv);
        if (error)
            return error == DD_ERROR_STOPPED ? EXIT_SUCCESS : EXIT_FAILURE;
        dd_supervisor_reloaded(s->supervise, "Running");
    }
}

static int run(struct dd_options *options, int argc, char **argv)
{
    struct sender s = {.socket_ipv4 = -1, .socket_ipv6 = -1, .book_fd = -1, .transmit_id = -1};
    int code = EXIT_FAILURE;
    s.options = *(const struct dd_send_daemon *)dd_options_daemon(options);
    s.epoch_us = dd_clock_wall_us() - dd_clock_now_us();
    dd_options_free(options);
    if (find_users(&s) == 0 && find_state_dir(&s) == 0 && open_book(&s) == 0)
        s.supervise = dd_supervisor_new("ddsend");
    if (s.supervise) {
        int error = open_sockets(&s, &s.options, &prepared);
        if (!error)
            error = start(&s, &prepared);
        code = error == 0 ? watch(&s, argc, argv) : error == DD_ERROR_STOPPED ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    forget();
    dd_supervisor_free(s.supervise);
    if (s.book)
        save_sessions(&s);
    close_streams(&s);
    close_fd(&s.socket_ipv4);
    close_fd(&s.socket_ipv6);
    if (s.book)
        munmap(s.book, sizeof *s.book);
    close_fd(&s.book_fd);
    if (code == EXIT_SUCCESS)
        dd_log_notice("stopped");
    return code;
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

static const struct dd_daemon ddsend = {.schema = &dd_send_options_schema,
                                        .run_role = run_role,
                                        .run_command = run_command,
                                        .prepare = prepare,
                                        .describe = describe,
                                        .forget = forget,
                                        .run = run};

int dd_ddsend_main(int argc, char **argv)
{
    return dd_daemon_main(&ddsend, argc, argv);
}
