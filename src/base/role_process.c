#include "base/role_process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log_relay.h"
#include "dd/base/error.h"
#include "dd/base/fd.h"
#include "dd/base/log.h"
#include "dd/base/supervisor.h"

/* Creates the pulse, a page that the role writes and the supervisor reads. It is sealed: a role that shrank it could kill the
 * supervisor with SIGBUS. It is mapped, never read(2) or written with write(2): a process that holds its descriptor could make
 * these wait. */
static int open_pulse(struct dd_role_process *p)
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

int dd_role_process_open(struct dd_role_process *p, const struct dd_supervisor_role *role)
{
    int error = DD_ERROR_MEMORY;
    memset(p, 0, sizeof *p);
    snprintf(p->name, sizeof p->name, "%s", role->boot.name);
    p->change_user = role->user != NULL;
    if (role->user)
        p->user = *role->user;
    p->fds = calloc(role->fd_count + 1, sizeof *p->fds);
    p->log = dd_log_relay_new(p->name);
    if (!p->fds)
        dd_log_error("out of memory");
    if (!p->fds || !p->log)
        goto err0;
    if (role->fd_count)
        memcpy(p->fds, role->fds, role->fd_count * sizeof *p->fds);
    p->fd_count = role->fd_count;
    error = p->boot_fd = dd_role_boot_open(&role->boot);
    if (error < 0)
        goto err0;
    error = open_pulse(p);
    if (error)
        goto err1;
    return 0;

err1:
    close(p->boot_fd);
err0:
    dd_log_relay_free(p->log);
    free(p->fds);
    return error;
}

void dd_role_process_close(struct dd_role_process *p)
{
    dd_log_relay_free(p->log);
    dd_fd_close(&p->boot_fd);
    munmap(p->pulse, sizeof *p->pulse);
    close(p->pulse_fd);
    free(p->fds);
}

/* In the child: begins a session of its own, so that the terminal's Ctrl-C reaches only the supervisor; then switches the user.
 *
 * The process that forks may have other threads, as ddrecv has the one that syncs files. They are not in the child, which may
 * only use what none of them can have left locked. glibc makes memory allocation and stdio safe over fork(2); the log has no
 * locks; nothing else is used here. */
static void run_child(const struct dd_role_process *p, const struct dd_role_launch *launch)
{
    setsid();
    dd_log_open_role(dd_log_threshold());
    if (dup2(launch->log_fd, STDERR_FILENO) < 0 || (p->change_user && dd_privileges_become(&p->user)))
        _exit(EXIT_FAILURE);
    dd_role_execute(launch);
    _exit(EXIT_FAILURE);
}

int dd_role_process_start(struct dd_role_process *p, const char *program, uint64_t alive_until_us)
{
    struct dd_role_launch launch = {.program = program,
                                    .name = p->name,
                                    .home = p->change_user ? p->user.home : NULL,
                                    .boot_fd = p->boot_fd,
                                    .pulse_fd = p->pulse_fd,
                                    .fds = p->fds,
                                    .fd_count = p->fd_count};
    p->pulse->ready = 0;
    p->pulse->fd_count = (uint32_t)p->fd_count;
    p->pulse->alive_until_us = alive_until_us;
    launch.log_fd = dd_log_relay_open(p->log);
    if (launch.log_fd < 0)
        return launch.log_fd;
    pid_t pid = fork();
    if (pid == 0)
        run_child(p, &launch);
    int reason = errno;
    close(launch.log_fd);
    if (pid < 0) {
        dd_log_relay_close(p->log);
        dd_log_error("cannot fork for %s: %s", p->name, strerror(reason));
        return DD_ERROR_SYSTEM;
    }
    p->pid = pid;
    dd_log_debug("%s runs as process %d", p->name, (int)pid);
    return 0;
}

/* Reads what /proc/PID/NAME begins with, as a text. */
static bool read_proc(const struct dd_role_process *p, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)p->pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    dd_fd_close(&fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* Reads how long the process ran, and how long it waited for a CPU before it ran. A wait that is not over is not in it. */
static bool read_times(const struct dd_role_process *p, uint64_t *ran_ns, uint64_t *waited_ns)
{
    char text[128];
    return read_proc(p, "schedstat", text, sizeof text) && sscanf(text, "%" SCNu64 " %" SCNu64, ran_ns, waited_ns) == 2;
}

/* The letter of proc(5) for the state of its main thread; '?': not known. */
static char read_state(const struct dd_role_process *p)
{
    char text[256];
    const char *name_end = read_proc(p, "stat", text, sizeof text) ? strrchr(text, ')') : NULL;
    return name_end && name_end[1] == ' ' ? name_end[2] : '?';
}

void dd_role_process_describe(const struct dd_role_process *p, char text[static DD_ROLE_PROCESS_DESCRIPTION_SIZE])
{
    char where[64];
    read_proc(p, "wchan", where, sizeof where); /* "0": it runs, or this process may not know */
    snprintf(text, DD_ROLE_PROCESS_DESCRIPTION_SIZE, "state %c%s%s", read_state(p), where[0] > '9' ? " in " : "",
             where[0] > '9' ? where : "");
}

void dd_role_process_watch_cpu(const struct dd_role_process *p, struct dd_role_process_starvation *s, uint64_t now_us)
{
    s->ran_us = now_us;
    if (!read_times(p, &s->ran_ns, &s->waited_ns))
        s->ran_ns = s->waited_ns = 0;
}

uint64_t dd_role_process_starved_us(const struct dd_role_process *p, struct dd_role_process_starvation *s, uint64_t now_us)
{
    uint64_t ran_ns, waited_ns;
    if (!read_times(p, &ran_ns, &waited_ns))
        return 0;
    if (ran_ns != s->ran_ns || read_state(p) != 'R')
        s->ran_us = now_us;
    s->ran_ns = ran_ns;
    return (waited_ns - s->waited_ns) / 1000 + now_us - s->ran_us;
}
