/* Starts programs of others: with no descriptor, signal or environment of ours but what they are given. */
#ifndef DD_SEND_CAPTURE_WEB_PROCESS_SPAWN_H
#define DD_SEND_CAPTURE_WEB_PROCESS_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { DD_PROCESS_SPAWN_FDS = 5 };

struct dd_process_spawn {
    const char *path;
    const char *const *argv, *const *environment; /* end with NULL */
    int fds[DD_PROCESS_SPAWN_FDS];                /* what the program has as 0 to 4; -1: /dev/null for 0 to 2, none for 3 and 4 */
};

/* The full path of program: in $PATH if it has no '/'. False if there is none that can be executed. */
bool dd_process_spawn_find(const char *program, char *path, size_t size);

/* Starts it as the leader of a session of its own. It is killed when this process ends. Its id, or a negative enum dd_error,
 * logged; a program that cannot be executed ends with exit code 127. */
pid_t dd_process_spawn_start(const struct dd_process_spawn *spawn);

#endif
