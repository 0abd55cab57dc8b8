#include "dd/base/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/fd.h"
#include "dd/base/log.h"
#include "dd/base/privileges.h"
#include "dd/base/role.h"

enum {
    TICK_MS = 250,
    START_MS = 30000, /* until the first heartbeat of a role */
    BACKOFF_MIN_MS = 1000,
    BACKOFF_MAX_MS = 30000,
    BACKOFF_RESET_MS = 60000, /* a role that lived this long starts again with the shortest back-off */
    STOP_MS = 1200,           /* from SIGTERM to SIGKILL */
    KILL_MS = 500,            /* from SIGKILL to giving up on reaping */
    ROLES_MAX = 260,
};

struct process {
    bool used;
    char name[DD_ROLE_NAME_SIZE];
    struct dd_privileges_user user;
    bool change_user, essential;
    int boot_fd, pulse_fd;
    struct dd_role_pulse *pulse;
    int *fds;
    size_t fd_count;
    pid_t pid;   /* 0: not running */
    bool hung;   /* killed because its heartbeat stopped; already logged */
    bool ending; /* was asked to stop */
    uint64_t started_us, restart_us;
    uint64_t backoff_ms;
};

struct dd_supervisor {
    const char *program;
    int signal_fd;
    struct process roles[ROLES_MAX];
    size_t role_count;
    uint64_t watchdog_us, watchdog_next_us; /* 0: systemd asked for none */
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

/* Creates the pulse, a page that the role writes and the supervisor reads. It is sealed: a role that shrank it could kill the
 * supervisor with SIGBUS. */
static int open_pulse(struct process *p)
{
    p->pulse_fd = memfd_create("dd-pulse", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (p->pulse_fd < 0)
        goto err0;
    if (ftruncate(p->pulse_fd, sizeof *p->pulse) < 0 ||
        fcntl(p->pulse_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        goto err1;
    p->pulse = mmap(NULL, sizeof *p->pulse, PROT_READ | PROT_WRITE, MAP_SHARED, p->pulse_fd, 0);
    if (p->pulse == MAP_FAILED)
        goto err1;
    return 0;

err1:
    close(p->pulse_fd);
err0:
    dd_log_error("cannot make the pulse of %s: %s", p->name, strerror(errno));
    return DD_ERROR_SYSTEM;
}

/* In the child: begins a session of its own, so that the terminal's Ctrl-C reaches only the supervisor; then switches the user.
 */
static void become_role(const struct dd_supervisor *s, const struct process *p)
{
    setsid();
    if (p->change_user) {
        if (dd_privileges_become(&p->user))
            _exit(EXIT_FAILURE);
        setenv("HOME", p->user.home, 1);
    }
    dd_role_execute(s->program, p->name, p->boot_fd, p->pulse_fd, p->fds, p->fd_count);
    _exit(EXIT_FAILURE);
}

static int spawn(struct dd_supervisor *s, struct process *p)
{
    uint64_t now = dd_clock_now_us();
    p->pulse->ready = 0;
    p->pulse->fd_count = (uint32_t)p->fd_count;
    p->pulse->alive_until_us = now + (uint64_t)START_MS * DD_CLOCK_US_PER_MS;
    p->hung = false;
    p->started_us = now;
    p->restart_us = 0;
    pid_t pid = fork();
    if (pid < 0) {
        dd_log_error("cannot fork for %s: %s", p->name, strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    if (pid == 0)
        become_role(s, p);
    p->pid = pid;
    dd_log_debug("%s runs as process %d", p->name, (int)pid);
    return 0;
}

static void forget(struct process *p)
{
    dd_fd_close(&p->boot_fd);
    munmap(p->pulse, sizeof *p->pulse);
    close(p->pulse_fd);
    free(p->fds);
    memset(p, 0, sizeof *p);
}

static struct process *find_free(struct dd_supervisor *s)
{
    for (size_t i = 0; i < s->role_count; i++)
        if (!s->roles[i].used)
            return &s->roles[i];
    return s->role_count < ROLES_MAX ? &s->roles[s->role_count++] : NULL;
}

/* Copies what is needed to start the role again and again, and creates its boot record and pulse. */
static int fill(struct process *p, const struct dd_supervisor_role *role)
{
    memset(p, 0, sizeof *p);
    snprintf(p->name, sizeof p->name, "%s", role->boot.name);
    p->essential = role->essential;
    p->change_user = role->user != NULL;
    if (role->user)
        p->user = *role->user;
    p->fds = calloc(role->fd_count + 1, sizeof *p->fds);
    if (!p->fds) {
        dd_log_error("out of memory");
        return DD_ERROR_MEMORY;
    }
    if (role->fd_count)
        memcpy(p->fds, role->fds, role->fd_count * sizeof *p->fds);
    p->fd_count = role->fd_count;
    p->boot_fd = dd_role_boot_open(&role->boot);
    int error = p->boot_fd < 0 ? p->boot_fd : open_pulse(p);
    if (!error)
        return 0;
    dd_fd_close(&p->boot_fd);
    free(p->fds);
    return error;
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
    int error = fill(p, role);
    if (!error) {
        error = spawn(s, p);
        if (error)
            forget(p);
    }
    if (error)
        return error;
    p->used = true;
    if (p->essential)
        dd_fd_close(&p->boot_fd);
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
    p->pid = 0;
    describe_death(status, how, sizeof how);
    if (p->ending) {
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            dd_log_warning("%s %s", p->name, how);
        return;
    }
    if (p->essential) {
        dd_log_error("%s %s; nothing works without it: ending, for the service manager to start all afresh", p->name, how);
        s->failed = true;
        return;
    }
    if (!p->backoff_ms || now - p->started_us > (uint64_t)BACKOFF_RESET_MS * DD_CLOCK_US_PER_MS)
        p->backoff_ms = BACKOFF_MIN_MS;
    uint64_t wait_ms = add_jitter(p->backoff_ms);
    p->restart_us = now + wait_ms * DD_CLOCK_US_PER_MS;
    p->backoff_ms = p->backoff_ms * 2 < BACKOFF_MAX_MS ? p->backoff_ms * 2 : BACKOFF_MAX_MS;
    dd_log_warning("%s %s; starting it again in %.1f s", p->name, how, (double)wait_ms / 1000);
}

static struct process *find_pid(struct dd_supervisor *s, pid_t pid)
{
    for (size_t i = 0; i < s->role_count; i++)
        if (s->roles[i].used && s->roles[i].pid == pid)
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

static void check_pulses(struct dd_supervisor *s)
{
    uint64_t now = dd_clock_now_us();
    for (size_t i = 0; i < s->role_count; i++) {
        struct process *p = &s->roles[i];
        if (!p->used || p->ending)
            continue;
        if (p->pid && !p->hung && now > p->pulse->alive_until_us) {
            dd_log_warning("%s hangs (no heartbeat): killing it", p->name);
            p->hung = true;
            kill(p->pid, SIGKILL);
        } else if (!p->pid && p->restart_us && now >= p->restart_us && spawn(s, p)) {
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
        if (s->roles[i].used && s->roles[i].essential && !s->roles[i].ending && (!s->roles[i].pid || s->roles[i].hung))
            return;
    sd_notify(0, "WATCHDOG=1");
    s->watchdog_next_us = now + s->watchdog_us / 3;
}

/* Waits for signals, wait_ms at most, then looks after the roles. */
static void watch_once(struct dd_supervisor *s, int wait_ms)
{
    struct pollfd p = {.fd = s->signal_fd, .events = POLLIN};
    poll(&p, 1, wait_ms);
    read_signals(s);
    check_pulses(s);
    feed_watchdog(s);
}

int dd_supervisor_await(struct dd_supervisor *s, int id, unsigned timeout_ms)
{
    struct process *p = &s->roles[id];
    uint64_t deadline = dd_clock_now_us() + (uint64_t)timeout_ms * DD_CLOCK_US_PER_MS;
    while (!p->pulse->ready) {
        if (s->stop)
            return DD_ERROR_STOPPED;
        if (!p->pid)
            return DD_ERROR_GONE;
        if (dd_clock_now_us() > deadline) {
            dd_log_error("%s is not ready after %u s", p->name, timeout_ms / 1000);
            return DD_ERROR_TIMEOUT;
        }
        watch_once(s, 10);
    }
    return 0;
}

/* Waits for the roles that were asked to stop; kills those that do not in time. */
static void await_ends(struct dd_supervisor *s)
{
    uint64_t asked_us = dd_clock_now_us();
    bool killed = false;
    for (;;) {
        uint64_t waited_ms = (dd_clock_now_us() - asked_us) / DD_CLOCK_US_PER_MS;
        bool any_left = false, kill_now = waited_ms > STOP_MS && !killed;
        for (size_t i = 0; i < s->role_count; i++) {
            struct process *p = &s->roles[i];
            if (!p->used || !p->ending || !p->pid)
                continue;
            any_left = true;
            if (kill_now) {
                dd_log_warning("%s does not stop: killing it", p->name);
                kill(p->pid, SIGKILL);
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
    if (p->pid)
        kill(p->pid, SIGTERM);
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
    return s->roles[id].pid;
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
