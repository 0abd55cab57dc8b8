#include "dd/base/role.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/privileges.h"

/* The numbers of a role's descriptors. Those of its work follow FD_PULSE without a gap. */
enum { FD_BOOT = 3, FD_PULSE = 4, FD_FIRST = 5 };
enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

static const char magic[8] = "ddrole1";

/* The start of the boot record; the configuration follows. Writer and reader are the same program, so this is a plain struct. */
struct record {
    char magic[8];
    uint32_t kind;
    int32_t log_threshold;
    int64_t supervisor; /* its process id */
    uint64_t config_size;
    char name[DD_ROLE_NAME_SIZE];
};

struct dd_role {
    struct record record;
    struct dd_role_pulse *pulse;
    size_t fd_count;
    int stop_fd;
};

bool dd_role_invoked(int argc, char *const argv[])
{
    int seals = fcntl(FD_BOOT, F_GET_SEALS);
    return argc == 1 && argv[0] && seals >= 0 && (seals & SEALS) == SEALS;
}

/* Reads the record and makes sure that nobody can change it. */
static int read_record(struct record *record)
{
    if (pread(FD_BOOT, record, sizeof *record, 0) != (ssize_t)sizeof *record || memcmp(record->magic, magic, sizeof magic) ||
        memchr(record->name, '\0', sizeof record->name) == NULL) {
        dd_log_error("a role is started by its daemon only");
        return DD_ERROR_INPUT;
    }
    return 0;
}

/* Makes the role die with its supervisor, even if that has just died, and makes it reap its own children's orphans. */
static int bind_to_supervisor(const struct record *record)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        dd_log_error("prctl: %s", strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    if (getppid() != (pid_t)record->supervisor)
        return DD_ERROR_GONE;
    return 0;
}

static int open_stop(void)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigaddset(&blocked, SIGHUP);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_SETMASK, &blocked, NULL) < 0)
        return -1;
    sigdelset(&blocked, SIGINT);
    sigdelset(&blocked, SIGHUP);
    return signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Programs that the role executes inherit none of its descriptors. */
static void close_on_exec(size_t fd_count)
{
    for (size_t fd = FD_BOOT; fd < FD_FIRST + fd_count; fd++)
        fcntl((int)fd, F_SETFD, FD_CLOEXEC);
}

struct dd_role *dd_role_enter(int argc, char *const argv[])
{
    struct dd_role *role = calloc(1, sizeof *role);
    if (!role || !dd_role_invoked(argc, argv))
        goto err0;
    dd_log_open_role(DD_LOG_INFO);
    if (dd_privileges_hide() || read_record(&role->record) || bind_to_supervisor(&role->record))
        goto err0;
    dd_log_set_threshold((enum dd_log_level)role->record.log_threshold);
    prctl(PR_SET_NAME, role->record.name);
    role->pulse = mmap(NULL, sizeof *role->pulse, PROT_READ | PROT_WRITE, MAP_SHARED, FD_PULSE, 0);
    if (role->pulse == MAP_FAILED) {
        dd_log_error("cannot map the pulse: %s", strerror(errno));
        goto err0;
    }
    role->fd_count = role->pulse->fd_count;
    close_on_exec(role->fd_count);
    role->stop_fd = open_stop();
    if (role->fd_count > DD_ROLE_FDS_MAX || role->stop_fd < 0) {
        dd_log_error("cannot set signals up: %s", strerror(errno));
        goto err1;
    }
    return role;

err1:
    munmap(role->pulse, sizeof *role->pulse);
err0:
    free(role);
    return NULL;
}

uint32_t dd_role_kind(const struct dd_role *role)
{
    return role->record.kind;
}

void *dd_role_config(struct dd_role *role, size_t minimum, size_t *size)
{
    *size = (size_t)role->record.config_size;
    void *config = *size >= minimum && *size ? malloc(*size) : NULL;
    if (!config || pread(FD_BOOT, config, *size, sizeof role->record) != (ssize_t)*size) {
        dd_log_error("cannot read the boot record");
        free(config);
        config = NULL;
    }
    close(FD_BOOT);
    return config;
}

size_t dd_role_fd_count(const struct dd_role *role)
{
    return role->fd_count;
}

int dd_role_fd(const struct dd_role *role, size_t i)
{
    return i < role->fd_count ? FD_FIRST + (int)i : -1;
}

int dd_role_stop_fd(const struct dd_role *role)
{
    return role->stop_fd;
}

bool dd_role_stopping(const struct dd_role *role)
{
    struct pollfd p = {.fd = role->stop_fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

void dd_role_ready(struct dd_role *role)
{
    role->pulse->ready = 1;
}

void dd_role_beat(struct dd_role *role, unsigned within_ms)
{
    role->pulse->alive_until_us = dd_clock_now_us() + (uint64_t)within_ms * DD_CLOCK_US_PER_MS;
}

void dd_role_leave(struct dd_role *role)
{
    if (!role)
        return;
    munmap(role->pulse, sizeof *role->pulse);
    close(role->stop_fd);
    free(role);
#ifdef __SANITIZE_ADDRESS__
    /* The leak checker has to ptrace this process. The secrets are wiped by now. */
    prctl(PR_SET_DUMPABLE, 1);
#endif
}

int dd_role_boot_open(const struct dd_role_boot *boot)
{
    struct record record = {.kind = boot->kind,
                            .log_threshold = (int32_t)dd_log_threshold(),
                            .supervisor = getpid(),
                            .config_size = boot->config_size};
    memcpy(record.magic, magic, sizeof magic);
    snprintf(record.name, sizeof record.name, "%s", boot->name);
    int fd = memfd_create("dd-boot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        goto err0;
    if (write(fd, &record, sizeof record) != (ssize_t)sizeof record ||
        write(fd, boot->config, boot->config_size) != (ssize_t)boot->config_size || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        goto err1;
    return fd;

err1:
    close(fd);
err0:
    dd_log_error("cannot make the boot record of %s: %s", boot->name, strerror(errno));
    return DD_ERROR_SYSTEM;
}

/* A role keeps only those environment variables that libraries need, and none that could hold a secret. Changes nothing in the
 * environment of this process. */
static char **filter_environment(const char *home)
{
    static const char *const kept[] = {"HOME",   "PATH",         "LANG",          "LC_ALL",       "TZ",
                                       "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
    enum { KEPT = sizeof kept / sizeof *kept };
    static char text[KEPT][1024];
    static char *environment[KEPT + 1];
    size_t count = 0;
    for (size_t i = 0; i < KEPT; i++) {
        const char *value = i == 0 && home ? home : getenv(kept[i]);
        if (value && (size_t)snprintf(text[count], sizeof text[count], "%s=%s", kept[i], value) < sizeof text[count]) {
            environment[count] = text[count];
            count++;
        }
    }
    environment[count] = NULL;
    return environment;
}

/* Moves the descriptors to 3, 4, 5 …: first to numbers above all targets, then into place. */
static int place_fds(const struct dd_role_launch *launch)
{
    int aside[DD_ROLE_FDS_MAX + 2];
    size_t count = launch->fd_count + 2;
    int first_free = FD_BOOT + (int)count;
    for (size_t i = 0; i < count; i++) {
        aside[i] = fcntl(i == 0 ? launch->boot_fd : i == 1 ? launch->pulse_fd : launch->fds[i - 2], F_DUPFD_CLOEXEC, first_free);
        if (aside[i] < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (dup2(aside[i], FD_BOOT + (int)i) < 0)
            return -1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return -1;
    return close_range((unsigned)first_free, ~0U, 0);
}

/* The path of this program itself, even if its file was replaced since. Under valgrind executing the link starts valgrind; only
 * readlink(2) gives the program's path. */
static const char *find_program(char *path, size_t size)
{
    const char *preload = getenv("LD_PRELOAD");
    if (!preload || !strstr(preload, "vgpreload"))
        return "/proc/self/exe";
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    path[length > 0 ? length : 0] = '\0';
    return path;
}

void dd_role_execute(const struct dd_role_launch *launch)
{
    char title[DD_ROLE_NAME_SIZE + 32], path[PATH_MAX];
    char *argv[] = {title, NULL};
    snprintf(title, sizeof title, "%s: %s", launch->program, launch->name);
    if (launch->fd_count > DD_ROLE_FDS_MAX || place_fds(launch) < 0) {
        dd_log_error("cannot hand descriptors to the role: %s", strerror(errno));
        return;
    }
    execve(find_program(path, sizeof path), argv, filter_environment(launch->home));
    dd_log_error("cannot execute the role: %s", strerror(errno));
}
