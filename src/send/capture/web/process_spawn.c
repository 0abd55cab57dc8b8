#include "send/capture/web/process_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"

enum {
    NOT_EXECUTED = 127,
    SPARE_FD_MIN = 64, /* descriptors from here on are neither ours nor the program's */
};

bool dd_process_spawn_find(const char *program, char *path, size_t size)
{
    const char *folders = getenv("PATH");

    if (strchr(program, '/'))
        return (size_t)snprintf(path, size, "%s", program) < size && access(path, X_OK) == 0;
    if (!folders || !*folders)
        folders = "/usr/local/bin:/usr/bin:/bin";
    for (const char *next; *folders; folders = next) {
        size_t length = strcspn(folders, ":");
        next = folders + length + (folders[length] == ':');
        if (folders[0] == '/' && (size_t)snprintf(path, size, "%.*s/%s", (int)length, folders, program) < size &&
            access(path, X_OK) == 0)
            return true;
    }
    return false;
}

/* Runs in the child after fork(2), so it may call only async-signal-safe functions. */
static void execute(const struct dd_process_spawn *spawn, pid_t parent)
{
    int spare[DD_PROCESS_SPAWN_FDS], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    char *const *argv, *const *environment;
    struct rlimit data;
    sigset_t none;

    setsid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || null < 0)
        _exit(NOT_EXECUTED);
    for (int i = 0; i < DD_PROCESS_SPAWN_FDS; i++) {
        int fd = spawn->fds[i] < 0 && i <= STDERR_FILENO ? null : spawn->fds[i];
        spare[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, SPARE_FD_MIN);
    }
    for (int i = 0; i < DD_PROCESS_SPAWN_FDS; i++) {
        close(i);
        if (spare[i] >= 0 && dup2(spare[i], i) < 0)
            _exit(NOT_EXECUTED);
    }
    close_range(DD_PROCESS_SPAWN_FDS, ~0U, 0);
    /* the limit is for this role; a browser maps far more than it uses */
    if (getrlimit(RLIMIT_DATA, &data) == 0) {
        data.rlim_cur = data.rlim_max;
        setrlimit(RLIMIT_DATA, &data);
    }
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* execve(2) changes neither, but its prototype lacks the const */
    memcpy(&argv, &spawn->argv, sizeof argv);
    memcpy(&environment, &spawn->environment, sizeof environment);
    personality(PER_LINUX); /* undoes setarch -R for the program: its address space layout is to be random */
    execve(spawn->path, argv, environment);
    _exit(NOT_EXECUTED);
}

pid_t dd_process_spawn_start(const struct dd_process_spawn *spawn)
{
    pid_t own = getpid(), pid = fork();

    if (pid == 0)
        execute(spawn, own);
    if (pid < 0) {
        dd_log_error("cannot fork for %s: %s", spawn->path, strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    return pid;
}
