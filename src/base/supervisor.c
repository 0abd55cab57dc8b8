#include "dd/base/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/log_relay.h"
#include "base/role_process.h"
#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/fd.h"
#include "dd/base/log.h"
#include "dd/base/role.h"

enum {
    TICK_MS = 250,
    START_MS = 30000,       /* until the first heartbeat of a role */
    SUSPECT_MS = 1000,      /* so long before the time of a heartbeat is up, it is looked whether the role gets a CPU */
    STARVED_MAX_MS = 30000, /* a role without a CPU is not forgiven for longer */
    BACKOFF_MIN_MS = 1000,
    BACKOFF_MAX_MS = 30000,
    BACKOFF_RESET_MS = 60000, /* a role that lived this long starts again with the shortest back-off */
    STOP_MS = 1200,           /* from SIGTERM to SIGKILL */
    KILL_MS = 500,            /* from SIGKILL to giving up on reaping */
    ROLES_MAX = 260,
};

struct process {
    bool used, essential;
    struct dd_role_process role;
    bool hung;   /* killed because its heartbeat stopped; already logged */
    bool ending; /* was asked to stop */
    /* Times are dd_clock_now_us(). A sleep of the machine and a stopped supervisor shorten back-offs, which does no harm, and
     * lengthen a life. */
    uint64_t started_us, restart_us;
    uint64_t backoff_ms;
    uint64_t forgiven_until_us; /* a heartbeat that should have come before is forgiven: nobody was there to see it */
    bool is_suspect;            /* its heartbeat is late */
    struct dd_role_process_starvation starvation; /* since that was noticed */
};

struct dd_supervisor {
    const char *program;
    int signal_fd;
    struct process roles[ROLES_MAX];
    size_t role_count;
    uint64_t watchdog_us, watchdog_next_us; /* 0: systemd asked for none */
    struct dd_clock_loop loop;
    uint64_t late_us; /* by how much turns were late, in sum */
    struct dd_log_limit late_log;
    bool stop, reload, failed;
    bool ready_sent;
};

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A role needs three descriptors per stream, and briefly twice as many. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

struct dd_supervisor *dd_supervisor_new(const char *program)
{
    struct dd_supervisor *s = calloc(1, sizeof *s);
    if (!s) {
        dd_log_error("out of memory");
        return NULL;
    }
    s->program = program;
    raise_descriptor_limit();
    s->signal_fd = open_signals();
    if (s->signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        dd_log_error("cannot set the supervisor up: %s", strerror(errno));
        goto err0;
    }
    if (sd_watchdog_enabled(0, &s->watchdog_us) <= 0)
        s->watchdog_us = 0;
    return s;

err0:
    dd_fd_close(&s->signal_fd);
    free(s);
    return NULL;
}

static int spawn(struct dd_supervisor *s, struct process *p)
{
    uint64_t now = dd_clock_now_us();
    p->hung = p->is_suspect = false;
    p->forgiven_until_us = 0; /* was of a heartbeat of the process before: a role that was taken over can have given any */
    p->started_us = now;
    p->restart_us = 0;
    return dd_role_process_start(&p->role, s->program, now + (uint64_t)START_MS * DD_CLOCK_US_PER_MS);
}

static void forget(struct process *p)
{
    dd_role_process_close(&p->role);
    memset(p, 0, sizeof *p);
}

static struct process *find_free(struct dd_supervisor *s)
{
    for (size_t i = 0; i < s->role_count; i++)
        if (!s->roles[i].used)
            return &s->roles[i];
    return s->role_count < ROLES_MAX ? &s->roles[s->role_count++] : NULL;
}

int dd_supervisor_start(struct dd_supervisor *s, const struct dd_supervisor_role *role)
{
    if (s->stop)
        return DD_ERROR_STOPPED;
    struct process *p = find_free(s);
    if (!p || role->fd_count > DD_ROLE_FDS_MAX) {
        dd_log_error("too many roles or descriptors for %s", role->boot.name);
        return DD_ERROR_SPACE;
    }
    int error = dd_role_process_open(&p->role, role);
    if (!error) {
        error = spawn(s, p);
        if (error)
            forget(p);
    }
    if (error)
        return error;
    p->used = true;
    p->essential = role->essential;
    if (p->essential)
        dd_fd_close(&p->role.boot_fd);
    return (int)(p - s->roles);
}

/* Jitter: roles that died together do not restart together. */
static uint64_t add_jitter(uint64_t ms)
{
    uint8_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = 0;
    return ms + ms * random / 1024;
}

static void describe_death(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "ended with exit code %d", WEXITSTATUS(status));
}

static void handle_death(struct dd_supervisor *s, struct process *p, int status)
{
    uint64_t now = dd_clock_now_us();
    char how[96];
    p->role.pid = 0;
    dd_log_relay_close(p->role.log);
    describe_death(status, how, sizeof how);
    if (p->ending) {
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            dd_log_warning("%s %s", p->role.name, how);
        return;
    }
    if (p->essential) {
        dd_log_error("%s %s; nothing works without it: ending, for the service manager to start all afresh", p->role.name, how);
        s->failed = true;
        return;
    }
    if (!p->backoff_ms || now - p->started_us > (uint64_t)BACKOFF_RESET_MS * DD_CLOCK_US_PER_MS)
        p->backoff_ms = BACKOFF_MIN_MS;
    uint64_t wait_ms = add_jitter(p->backoff_ms);
    p->restart_us = now + wait_ms * DD_CLOCK_US_PER_MS;
    p->backoff_ms = p->backoff_ms * 2 < BACKOFF_MAX_MS ? p->backoff_ms * 2 : BACKOFF_MAX_MS;
    dd_log_warning("%s %s; starting it again in %.1f s", p->role.name, how, (double)wait_ms / 1000);
}

static struct process *find_pid(struct dd_supervisor *s, pid_t pid)
{
    for (size_t i = 0; i < s->role_count; i++)
        if (s->roles[i].used && s->roles[i].role.pid == pid)
            return &s->roles[i];
    return NULL;
}

/* Roles reap their own children. So a child here that is not a role is an orphan of a dead one. */
static void kill_orphans(struct dd_supervisor *s)
{
    char path[64], text[8192];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return;
    text[size] = '\0';
    char *end = text;
    for (long pid = strtol(text, &end, 10); pid > 0; pid = strtol(end, &end, 10))
        if (!find_pid(s, (pid_t)pid))
            kill((pid_t)pid, SIGKILL);
}

static void reap(struct dd_supervisor *s)
{
    int status;
    pid_t pid;
    bool died = false;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct process *p = find_pid(s, pid);
        if (p)
            handle_death(s, p, status);
        died = true;
    }
    if (died)
        kill_orphans(s);
}

static void read_signals(struct dd_supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            s->reload = true;
        else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            s->stop = true;
    }
    reap(s);
}

/* Begins a turn. If it comes late, the roles may have been away as well: their heartbeats get as much longer. */
static void begin_turn(struct dd_supervisor *s)
{
    uint64_t now = dd_clock_now_us(), suppressed;
    uint64_t late_us = dd_clock_loop_late_us(&s->loop, now, (uint64_t)TICK_MS * DD_CLOCK_US_PER_MS);
    if (!late_us)
        return;
    s->late_us += late_us;
    for (size_t i = 0; i < s->role_count; i++) {
        struct process *p = &s->roles[i];
        if (!p->used)
            continue;
        uint64_t alive_until_us = p->role.pulse->alive_until_us;
        p->forgiven_until_us = late_us + (alive_until_us > p->forgiven_until_us ? alive_until_us : p->forgiven_until_us);
    }
    if (dd_log_allowed(&s->late_log, &suppressed))
        dd_log_notice("this machine, or this process, stood still for %.1f s", dd_clock_seconds(late_us));
}

/* The time of the last turn, without the time that the supervisor was away: for its own waits. */
static uint64_t awake_ms(const struct dd_supervisor *s)
{
    return (s->loop.turn_us - s->late_us) / DD_CLOCK_US_PER_MS;
}

/* True if the role's heartbeat has stopped, though it could have come: the role got a CPU, and was not away with the supervisor.
 */
static bool is_hung(struct process *p, uint64_t now)
{
    uint64_t deadline = p->role.pulse->alive_until_us; /* read once: the role can write anything */
    bool was_suspect = p->is_suspect;
    if (deadline < p->forgiven_until_us)
        deadline = p->forgiven_until_us;
    p->is_suspect = now + (uint64_t)SUSPECT_MS * DD_CLOCK_US_PER_MS > deadline;
    if (!p->is_suspect)
        return false;
    if (!was_suspect)
        dd_role_process_watch_cpu(&p->role, &p->starvation, now);
    uint64_t starved_us = dd_role_process_starved_us(&p->role, &p->starvation, now);
    if (starved_us > (uint64_t)STARVED_MAX_MS * DD_CLOCK_US_PER_MS)
        starved_us = (uint64_t)STARVED_MAX_MS * DD_CLOCK_US_PER_MS;
    return now > deadline + starved_us;
}

/* The time of the last turn counts, not that of the look: whatever happened since is forgiven by the next turn. */
static void check_pulses(struct dd_supervisor *s)
{
    uint64_t now = s->loop.turn_us;
    for (size_t i = 0; i < s->role_count; i++) {
        struct process *p = &s->roles[i];
        if (!p->used || p->ending)
            continue;
        if (p->role.pid && !p->hung && is_hung(p, now)) {
            char state[DD_ROLE_PROCESS_DESCRIPTION_SIZE];
            dd_role_process_describe(&p->role, state);
            dd_log_warning("%s hangs (no heartbeat, %s): killing it", p->role.name, state);
            p->hung = true;
            kill(p->role.pid, SIGKILL);
        } else if (!p->role.pid && p->restart_us && now >= p->restart_us && spawn(s, p)) {
            p->restart_us = now + (uint64_t)BACKOFF_MAX_MS * DD_CLOCK_US_PER_MS;
        }
    }
}

static void feed_watchdog(struct dd_supervisor *s)
{
    uint64_t now = dd_clock_now_us();
    if (!s->watchdog_us || now < s->watchdog_next_us)
        return;
    for (size_t i = 0; i < s->role_count; i++)
        if (s->roles[i].used && s->roles[i].essential && !s->roles[i].ending && (!s->roles[i].role.pid || s->roles[i].hung))
            return;
    sd_notify(0, "WATCHDOG=1");
    s->watchdog_next_us = now + s->watchdog_us / 3;
}

/* Waits for signals and for what roles log, wait_ms at most. */
static void await_events(struct dd_supervisor *s, int wait_ms)
{
    struct pollfd polls[ROLES_MAX + 1];
    for (size_t i = 0; i < s->role_count; i++)
        polls[i] = (struct pollfd){.fd = s->roles[i].used ? dd_log_relay_fd(s->roles[i].role.log) : -1, .events = POLLIN};
    polls[s->role_count] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
    if (poll(polls, s->role_count + 1, wait_ms) < 0)
        return;
    for (size_t i = 0; i < s->role_count; i++)
        if (s->roles[i].used)
            dd_log_relay_turn(s->roles[i].role.log, polls[i].revents != 0);
}

/* Waits, wait_ms at most, then looks after the roles. */
static void watch_once(struct dd_supervisor *s, int wait_ms)
{
    await_events(s, wait_ms);
    begin_turn(s);
    read_signals(s);
    check_pulses(s);
    feed_watchdog(s);
}

int dd_supervisor_await(struct dd_supervisor *s, int id, unsigned timeout_ms)
{
    struct process *p = &s->roles[id];
    begin_turn(s);
    uint64_t deadline_ms = awake_ms(s) + timeout_ms;
    while (!p->role.pulse->ready) {
        if (s->stop)
            return DD_ERROR_STOPPED;
        if (!p->role.pid)
            return DD_ERROR_GONE;
        if (awake_ms(s) > deadline_ms) {
            dd_log_error("%s is not ready after %u s", p->role.name, timeout_ms / 1000);
            return DD_ERROR_TIMEOUT;
        }
        watch_once(s, 10);
    }
    return 0;
}

/* Waits for the roles that were asked to stop; kills those that do not in time. */
static void await_ends(struct dd_supervisor *s)
{
    begin_turn(s);
    uint64_t asked_ms = awake_ms(s);
    bool killed = false;
    for (;;) {
        uint64_t waited_ms = awake_ms(s) - asked_ms;
        bool any_left = false, kill_now = waited_ms > STOP_MS && !killed;
        for (size_t i = 0; i < s->role_count; i++) {
            struct process *p = &s->roles[i];
            if (!p->used || !p->ending || !p->role.pid)
                continue;
            any_left = true;
            if (kill_now) {
                dd_log_warning("%s does not stop: killing it", p->role.name);
                kill(p->role.pid, SIGKILL);
            }
        }
        killed = killed || kill_now;
        if (!any_left || waited_ms > STOP_MS + KILL_MS)
            return;
        watch_once(s, 20);
    }
}

static void ask_to_end(struct process *p)
{
    p->ending = true;
    if (p->role.pid)
        kill(p->role.pid, SIGTERM);
}

void dd_supervisor_end(struct dd_supervisor *s, const int *ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] >= 0)
            ask_to_end(&s->roles[ids[i]]);
    await_ends(s);
    for (size_t i = 0; i < count; i++)
        if (ids[i] >= 0)
            forget(&s->roles[ids[i]]);
}

static uint64_t monotonic_us(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * DD_CLOCK_US_PER_S + (uint64_t)t.tv_nsec / 1000;
}

enum dd_supervisor_event dd_supervisor_run(struct dd_supervisor *s, void (*tick)(void *data), void *data)
{
    if (!s->ready_sent) {
        sd_notify(0, "READY=1\nSTATUS=Running");
        s->ready_sent = true;
    }
    for (;;) {
        if (s->failed)
            return DD_SUPERVISOR_FAILED;
        if (s->stop)
            return DD_SUPERVISOR_STOP;
        if (s->reload) {
            s->reload = false;
            /* since systemd 253 with the time, by its own choice of clock */
            sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_us());
            return DD_SUPERVISOR_RELOAD;
        }
        if (tick)
            tick(data);
        watch_once(s, TICK_MS);
    }
}

void dd_supervisor_reloaded(struct dd_supervisor *s, const char *status)
{
    (void)s;
    sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

int dd_supervisor_pid(const struct dd_supervisor *s, int id)
{
    return s->roles[id].role.pid;
}

void dd_supervisor_free(struct dd_supervisor *s)
{
    if (!s)
        return;
    sd_notify(0, "STOPPING=1");
    for (size_t i = 0; i < s->role_count; i++)
        if (s->roles[i].used)
            ask_to_end(&s->roles[i]);
    await_ends(s);
    /* A role's orphans become our children only when the role is dead, one generation at a time. */
    for (int i = 0; i < 20 && waitpid(-1, NULL, WNOHANG) >= 0; i++) {
        kill_orphans(s);
        struct pollfd p = {.fd = s->signal_fd, .events = POLLIN};
        poll(&p, 1, 10);
        read_signals(s);
    }
    for (size_t i = 0; i < s->role_count; i++)
        if (s->roles[i].used)
            forget(&s->roles[i]);
    close(s->signal_fd);
    free(s);
}
