#include "send/ddsend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dd/base/boot_id.h"
#include "dd/base/clock.h"
#include "dd/base/daemon.h"
#include "dd/base/error.h"
#include "dd/base/fd.h"
#include "dd/base/log.h"
#include "dd/base/role.h"
#include "dd/base/supervisor.h"
#include "dd/base/wakeup.h"
#include "dd/link/boot_tag.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "send/capture/capture_role.h"
#include "send/key_lock.h"
#include "send/options.h"
#include "send/role_config.h"
#include "send/session_store.h"
#include "send/transmit/oneway_socket.h"
#include "send/transmit/transmit_role.h"
#include "send/vmgenid_watch.h"

enum {
    READY_MS = 20000, /* from the start of transmit until it is ready */
    OVERTAKE_LOG_MS = 60000,
    LOCK_MS = 2500, /* for a daemon before this one, which ends within 2 s, to give back its locks */
};
#define SAVE_AGAIN_US (UINT64_C(60) * DD_CLOCK_US_PER_S)
/* Between two looks for sessions of another daemon. By dd_clock_now_us(), as OVERTAKE_US: after a sleep both are over at once. */
#define LOOK_US DD_CLOCK_US_PER_S
/* Between two sessions that are begun because of another daemon's. ddrecv accepts the session before the newest for 5 s: so of
 * two daemons that go on neither is refused for longer. */
#define OVERTAKE_US (4 * DD_CLOCK_US_PER_S)
/* A session that starts further ahead of the clock is not believed: ddrecv refuses it, too. */
#define AHEAD_MAX_US (UINT64_C(86400) * DD_CLOCK_US_PER_S)
enum { KIND_TRANSMIT = 0, KIND_CAPTURE = 1 };

/* Of a stream: all that outlives its roles. */
struct stream {
    char name[DD_OPTIONS_NAME_SIZE];
    uint32_t key_id;
    uint64_t saved_start_us; /* the start of its newest session on disk */
    uint64_t save_again_us;  /* after a failure: dd_clock_now_us() of the next attempt */
    uint64_t file_version;   /* of its file when it was last read: dd_send_session_store_load_changed() */
    uint64_t other_start_us; /* of the newest session in it, perhaps of another daemon */
    uint64_t overtake_us;    /* dd_clock_now_us() from which a session may be begun because of that */
    int ring_fd, wake_fd;
    int capture_id;  /* of the role; -1: not started */
    int capture_pid; /* of its process at the last look */
};

/* All that outlives the roles. */
struct ddsend {
    const struct dd_daemon_identity *identity;
    struct dd_send_role_config prepared; /* of the roles that are started next; empty once they are */
    struct dd_send_daemon options;       /* in use */
    /* Wall clock less dd_clock_now_us(), at the start. A clock that is set later changes neither this nor times on the wire. */
    uint64_t epoch_us;
    uint32_t boot_tag;            /* dd_boot_tag_compute() */
    int socket_ipv4, socket_ipv6; /* -1: none */
    int sessions_fd;
    int vmgenid_fd;                    /* dd_vmgenid_watch_open() */
    struct dd_session_table *sessions; /* shared with transmit */
    struct stream *streams;
    size_t stream_count;
    struct dd_key_lock_set locks; /* of the streams' keys */
    uint64_t look_us;             /* dd_clock_now_us() of the next look for sessions of another daemon */
    struct dd_log_limit overtake_log, lost_events_log;
    int transmit_id; /* of the role; -1: not started */
};

/* ---- what outlives roles ---- */

static bool same_sockets(const struct dd_send_daemon *a, const struct dd_send_daemon *b)
{
    return strcmp(a->bind_address, b->bind_address) == 0 && strcmp(a->bind_interface, b->bind_interface) == 0 &&
           a->source_port == b->source_port && a->dscp == b->dscp && a->ttl == b->ttl;
}

/* Finds the socket of one family that new options need: the one that is open already, if it fits them, or a new one. *fd: -1 for
 * none. 0 or a negative enum dd_error, logged. */
static int find_socket(const struct ddsend *s, const struct dd_send_daemon *options, int family, bool needed, int *fd)
{
    struct dd_oneway_socket_config config = {.family = family,
                                             .bind_address = options->bind_address,
                                             .bind_interface = options->bind_interface,
                                             .source_port = (uint16_t)options->source_port,
                                             .dscp = (uint8_t)options->dscp,
                                             .ttl = (uint8_t)options->ttl};
    int old_fd = family == AF_INET ? s->socket_ipv4 : s->socket_ipv6;
    *fd = -1;
    if (!needed)
        return 0;
    *fd = old_fd >= 0 && same_sockets(&s->options, options) ? old_fd : dd_oneway_socket_open(&config);
    return *fd < 0 ? *fd : 0;
}

/* Takes the locks of the prepared streams. Those of the streams in use stay. */
static int take_locks(struct ddsend *s, unsigned wait_ms)
{
    const struct dd_send_role_config *config = &s->prepared;
    int error = 0;
    for (size_t i = 0; i < config->stream_count && !error; i++)
        error = dd_key_lock_take(&s->locks, config->key_ids[i], config->transmit->streams[i].name, wait_ms);
    return error;
}

/* Gives back the locks of all but the streams in use. */
static void keep_locks(struct ddsend *s)
{
    uint32_t key_ids[DD_OPTIONS_STREAMS_MAX];
    for (size_t i = 0; i < s->stream_count; i++)
        key_ids[i] = s->streams[i].key_id;
    dd_key_lock_keep(&s->locks, key_ids, s->stream_count);
}

static void swap_socket(int *fd, int new_fd)
{
    if (*fd != new_fd)
        dd_fd_close(fd);
    *fd = new_fd;
}

/* Opens the sockets of a new configuration while the old one is in use, so that the new one can still be refused. */
static int open_sockets(struct ddsend *s, const struct dd_send_daemon *options)
{
    const struct dd_transmit_config *transmit = s->prepared.transmit;
    int ipv4 = -1, ipv6 = -1;
    int error = find_socket(s, options, AF_INET, transmit->has_ipv4, &ipv4);
    if (!error)
        error = find_socket(s, options, AF_INET6, transmit->has_ipv6, &ipv6);
    if (error) {
        if (ipv4 != s->socket_ipv4)
            dd_fd_close(&ipv4);
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

static int open_stream(struct ddsend *s, struct stream *stream, struct dd_transmit_stream *config, uint32_t key_id)
{
    snprintf(stream->name, sizeof stream->name, "%s", config->name);
    stream->key_id = key_id;
    stream->capture_id = -1;
    stream->wake_fd = dd_wakeup_open();
    stream->ring_fd = dd_frame_ring_create("dd-ring", &config->ring);
    if (stream->wake_fd < 0 || stream->ring_fd < 0 || dd_frame_ring_forbid_seals(stream->ring_fd))
        return DD_ERROR_SYSTEM;
    if (s->identity->state_dir[0])
        stream->saved_start_us = dd_send_session_store_load(s->identity->state_dir, key_id);
    config->last_start_us = stream->saved_start_us;
    return 0;
}

static int open_streams(struct ddsend *s)
{
    struct dd_send_role_config *config = &s->prepared;
    int error = 0;
    s->streams = calloc(config->stream_count, sizeof *s->streams);
    if (!s->streams) {
        dd_log_error("out of memory");
        return DD_ERROR_MEMORY;
    }
    for (size_t i = 0; i < config->stream_count && !error; i++) {
        s->sessions->start_us[i] = s->sessions->other_start_us[i] = 0;
        s->stream_count++;
        error = open_stream(s, &s->streams[i], &config->transmit->streams[i], config->key_ids[i]);
    }
    return error;
}

static void close_streams(struct ddsend *s)
{
    for (size_t i = 0; i < s->stream_count; i++) {
        dd_fd_close(&s->streams[i].ring_fd);
        dd_fd_close(&s->streams[i].wake_fd);
    }
    free(s->streams);
    s->streams = NULL;
    s->stream_count = 0;
}

/* Saves the starts of new sessions, on behalf of transmit, which has no access to files. */
static void save_sessions(struct ddsend *s)
{
    const char *state_dir = s->identity->state_dir;
    for (size_t i = 0; i < s->stream_count && state_dir[0]; i++) {
        struct stream *stream = &s->streams[i];
        uint64_t start_us = s->sessions->start_us[i];
        if (start_us <= stream->saved_start_us || dd_clock_now_us() < stream->save_again_us)
            continue;
        if (dd_send_session_store_save(state_dir, stream->key_id, start_us) == 0)
            stream->saved_start_us = start_us;
        else
            stream->save_again_us = dd_clock_now_us() + SAVE_AGAIN_US;
    }
}

/* What was sealed before a snapshot must not be sealed again after it. */
static void look_for_resume(struct ddsend *s)
{
    uint64_t suppressed;
    enum dd_vmgenid_watch_news news = dd_vmgenid_watch_poll(s->vmgenid_fd);
    if (news == DD_VMGENID_WATCH_NONE)
        return;
    if (news == DD_VMGENID_WATCH_NEW_ID)
        dd_log_warning("this virtual machine was resumed from a snapshot, or is a clone: new sessions begin");
    else if (dd_log_allowed(&s->lost_events_log, &suppressed))
        dd_log_info(
            "the kernel had more device events than could be read, and one may have told that this machine was resumed from "
            "a snapshot: new sessions begin");
    s->sessions->resumes++;
}

/* Tells transmit of sessions of another daemon with the same key and the same state_dir, in another container or network
 * namespace, where there is no lock between them. Its next session is then newer: else ddrecv would refuse it from now on. */
static void look_for_newer_sessions(struct ddsend *s)
{
    const char *state_dir = s->identity->state_dir;
    uint64_t now_us = dd_clock_now_us(), suppressed;
    if (now_us < s->look_us || !state_dir[0])
        return;
    s->look_us = now_us + LOOK_US;
    for (size_t i = 0; i < s->stream_count; i++) {
        struct stream *stream = &s->streams[i];
        uint64_t start_us = dd_send_session_store_load_changed(state_dir, stream->key_id, &stream->file_version);
        if (start_us > stream->other_start_us && start_us < dd_clock_wall_us() + AHEAD_MAX_US)
            stream->other_start_us = start_us;
        if (stream->other_start_us <= s->sessions->start_us[i] || now_us < stream->overtake_us)
            continue;
        s->sessions->other_start_us[i] = stream->other_start_us;
        stream->overtake_us = now_us + OVERTAKE_US;
        if (dd_log_allowed(&s->overtake_log, &suppressed))
            dd_log_warning("%s: another ddsend with the same key and state_dir has begun a newer session: beginning one that is "
                           "newer still. Two senders with one key disturb each other: end one of them",
                           stream->name);
    }
}

/* ---- the roles ---- */

static int start_transmit(struct ddsend *s, struct dd_supervisor *supervisor)
{
    const struct dd_send_role_config *config = &s->prepared;
    int fds[DD_ROLE_FDS_MAX];
    size_t count = DD_TRANSMIT_FD_SOCKETS;
    fds[DD_TRANSMIT_FD_SESSIONS] = s->sessions_fd;
    if (config->transmit->has_ipv4)
        fds[count++] = s->socket_ipv4;
    if (config->transmit->has_ipv6)
        fds[count++] = s->socket_ipv6;
    for (size_t i = 0; i < s->stream_count; i++, count += DD_TRANSMIT_STREAM_FDS) {
        fds[count + DD_TRANSMIT_STREAM_FD_RING] = s->streams[i].ring_fd;
        fds[count + DD_TRANSMIT_STREAM_FD_WAKE] = s->streams[i].wake_fd;
    }
    const struct dd_supervisor_role role = {
        .boot = {.name = "transmit", .kind = KIND_TRANSMIT, .config = config->transmit, .config_size = config->transmit_size},
        .fds = fds,
        .fd_count = count,
        .user = s->identity->user,
        .essential = true};
    s->transmit_id = dd_supervisor_start(supervisor, &role);
    return s->transmit_id < 0 ? s->transmit_id : 0;
}

static int start_capture(struct ddsend *s, size_t i, struct dd_supervisor *supervisor)
{
    struct stream *stream = &s->streams[i];
    char name[DD_ROLE_NAME_SIZE];
    const int fds[DD_CAPTURE_FDS] = {[DD_CAPTURE_FD_RING] = stream->ring_fd, [DD_CAPTURE_FD_WAKE] = stream->wake_fd};
    snprintf(name, sizeof name, "capture %s", stream->name);
    const struct dd_supervisor_role role = {.boot = {.name = name,
                                                     .kind = KIND_CAPTURE,
                                                     .config = &s->prepared.captures[i],
                                                     .config_size = sizeof s->prepared.captures[i]},
                                            .fds = fds,
                                            .fd_count = DD_CAPTURE_FDS,
                                            .user = s->identity->exposed_user};
    stream->capture_id = dd_supervisor_start(supervisor, &role);
    return stream->capture_id < 0 ? stream->capture_id : 0;
}

static int start_roles(struct ddsend *s, struct dd_supervisor *supervisor)
{
    int error = start_transmit(s, supervisor);
    for (size_t i = 0; i < s->stream_count && !error; i++)
        error = start_capture(s, i, supervisor);
    return error;
}

static void end_roles(struct ddsend *s, struct dd_supervisor *supervisor)
{
    int ids[DD_OPTIONS_STREAMS_MAX + 1];
    for (size_t i = 0; i < s->stream_count; i++)
        ids[i] = s->streams[i].capture_id;
    ids[s->stream_count] = s->transmit_id;
    dd_supervisor_end(supervisor, ids, s->stream_count + 1);
    for (size_t i = 0; i < s->stream_count; i++)
        s->streams[i].capture_id = -1;
    s->transmit_id = -1;
    save_sessions(s);
}

/* Tells transmit which capture roles have died, so it tells the receiver at once. transmit looks at least every 250 ms. It is not
 * woken: what is left of a role that was taken over may hold the wake-up, and could make the supervisor wait. */
static void report_deaths(struct ddsend *s, const struct dd_supervisor *supervisor)
{
    for (size_t i = 0; i < s->stream_count; i++) {
        struct stream *stream = &s->streams[i];
        int pid = dd_supervisor_pid(supervisor, stream->capture_id);
        if (stream->capture_pid && pid != stream->capture_pid)
            s->sessions->capture_deaths[i]++;
        stream->capture_pid = pid;
    }
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

static void summarize(const void *context, const void *options, struct dd_daemon_summary *summary)
{
    const struct ddsend *s = context;
    (void)options;
    summary->stream_count = s->prepared.stream_count;
    summary->memory = s->prepared.memory;
}

static int set_up(void *context, const struct dd_daemon_identity *identity)
{
    struct ddsend *s = context;
    char boot_id[DD_BOOT_ID_SIZE];
    s->identity = identity;
    s->epoch_us = dd_clock_wall_us() - dd_clock_now_us();
    s->vmgenid_fd = dd_vmgenid_watch_open();
    s->overtake_log.period_ms = OVERTAKE_LOG_MS;
    dd_boot_id_read(boot_id);
    int error = dd_boot_tag_compute(boot_id, &s->boot_tag);
    if (!error)
        error = take_locks(s, LOCK_MS);
    return error ? error : open_session_table(s);
}

static int acquire(void *context, const void *options)
{
    struct ddsend *s = context;
    int error = take_locks(s, 0);
    if (!error)
        error = open_sockets(s, options);
    if (error)
        keep_locks(s);
    return error;
}

/* Opens what is missing, starts the roles, and wipes what was prepared: from then on only the roles have the secrets. */
static int start(void *context, const void *options, struct dd_supervisor *supervisor)
{
    struct ddsend *s = context;
    s->options = *(const struct dd_send_daemon *)options;
    s->prepared.transmit->epoch_us = s->epoch_us;
    s->prepared.transmit->boot_tag = s->boot_tag;
    dd_send_role_config_log(&s->prepared);
    int error = open_streams(s);
    keep_locks(s);
    if (!error)
        error = start_roles(s, supervisor);
    discard(s);
    return error ? error : dd_supervisor_await(supervisor, s->transmit_id, READY_MS);
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
    look_for_resume(s);
    save_sessions(s);
    look_for_newer_sessions(s);
    report_deaths(s, supervisor);
}

static void clean_up(void *context)
{
    struct ddsend *s = context;
    if (s->sessions)
        save_sessions(s);
    close_streams(s);
    dd_fd_close(&s->socket_ipv4);
    dd_fd_close(&s->socket_ipv6);
    if (s->sessions)
        munmap(s->sessions, sizeof *s->sessions);
    dd_fd_close(&s->sessions_fd);
    dd_fd_close(&s->vmgenid_fd);
    dd_key_lock_keep(&s->locks, NULL, 0);
}

int dd_ddsend_main(int argc, char **argv)
{
    static const struct dd_daemon daemon = {
        .schema = &dd_send_options_schema,
        .exposed_user = "capture_user",
        .first_spare = 0,
        .without_state = "should the clock be set back, ddrecv refuses this daemon "
                         "until it catches up",
        .roles = {[KIND_TRANSMIT] = dd_transmit_role_run, [KIND_CAPTURE] = dd_capture_role_run},
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
    struct ddsend s = {.socket_ipv4 = -1, .socket_ipv6 = -1, .sessions_fd = -1, .vmgenid_fd = -1, .transmit_id = -1};

    return dd_daemon_main(&daemon, &s, argc, argv);
}
