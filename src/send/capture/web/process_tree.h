/* The processes of a browser: who belongs to it, what memory they take, and their end. They are all below this process, which
 * is a child subreaper: those whose parent died come to it, and the kernel clears them away itself once
 * dd_process_tree_auto_reap() was called. */
#ifndef DD_SEND_CAPTURE_WEB_PROCESS_TREE_H
#define DD_SEND_CAPTURE_WEB_PROCESS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Who belongs together: the session that its first process leads; processes that name its folder in their command line,
 * since some begin a session of their own; and all below any of these. */
struct dd_process_tree {
    pid_t leader;
    const char *profile_dir; /* borrowed; may be NULL: none, so all below this process */
};

/* From now on dead children, also inherited ones, leave no zombie; with false they wait for waitpid(2) again. */
void dd_process_tree_auto_reap(bool enabled);

/* Memory in bytes, pages that files back left out; and how many processes there are. 0 without any. */
uint64_t dd_process_tree_memory(const struct dd_process_tree *tree, size_t *count);

/* Sends the signal to all. How many there are. */
size_t dd_process_tree_signal(const struct dd_process_tree *tree, int signal);

/* Kills the processes that have this in their command line, wherever they are, as far as this user may. */
void dd_process_tree_kill_by_argument(const char *argument);

#endif
