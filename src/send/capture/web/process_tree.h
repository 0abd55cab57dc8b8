/* The processes of a browser: finds them, measures their memory, and sends them signals. All are descendants of this process. It
 * is a child subreaper (prctl(2)), so it becomes the parent of those whose parent died. Reads /proc. Not thread-safe. */
#ifndef DD_SEND_CAPTURE_WEB_PROCESS_TREE_H
#define DD_SEND_CAPTURE_WEB_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Which processes belong to the browser: those of the session that its first process leads; those that name its profile directory
 * in their command line, since some begin a new session; and all descendants of these. */
struct dd_process_tree {
    pid_t leader;
    const char *profile_dir; /* borrowed; NULL: all descendants of this process belong to it */
};

/* With true, the kernel reaps children that die, also inherited ones (SA_NOCLDWAIT): they leave no zombie. With false, they wait
 * for waitpid(2) again. */
void dd_process_tree_auto_reap(bool enabled);

/* The memory of all processes in bytes, without pages of files, and in *count how many processes there are. 0 without any. */
uint64_t dd_process_tree_memory(const struct dd_process_tree *tree, size_t *count);

/* Sends the signal to all processes. Returns how many there are. */
size_t dd_process_tree_signal(const struct dd_process_tree *tree, int signal);

/* Kills all processes of this machine whose command line contains argument, as far as this user may. */
void dd_process_tree_kill_by_argument(const char *argument);

#endif
