/* Starts other programs. They inherit no descriptor, signal mask or environment variable but those that they are given. */
#ifndef DD_SEND_CAPTURE_WEB_PROCESS_SPAWN_H
#define DD_SEND_CAPTURE_WEB_PROCESS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { DD_PROCESS_SPAWN_FDS = 5 };

struct dd_process_spawn {
    const char *path;                             /* all borrowed for the call */
    const char *const *argv, *const *environment; /* end with NULL */
    int fds[DD_PROCESS_SPAWN_FDS]; /* become the program's descriptors 0 to 4; -1: /dev/null for 0 to 2, closed for 3 and 4 */
};

/* Copies the full path of program to path; looks for it in $PATH if it has no '/'. False if there is none that this user may
 * execute. */
bool dd_process_spawn_find(const char *program, char *path, size_t size);

/* Starts the program as the leader of a new session. The kernel kills it when this process ends. Returns its process id, or
 * DD_ERROR_SYSTEM, logged. A program that cannot be executed ends with exit code 127. */
pid_t dd_process_spawn_start(const struct dd_process_spawn *spawn);

#endif
