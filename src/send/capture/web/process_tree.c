#include "send/capture/web/process_tree.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum {
    PROCESSES_MAX = 512, /* descendants; a browser has a dozen, and one more for each frame from another site */
    ALL_MAX = 16 * 1024, /* processes of this machine */
};

struct process {
    pid_t pid, parent, session;
    unsigned long long start_time; /* ticks since boot; tells two processes apart that had the same pid one after the other */
};

/* Reads /proc/PID/name into text, with blanks for NULs. Returns its length; 0 if there is nothing to read. */
static size_t read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    ssize_t length = -1;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        length = read(fd, text, size - 1);
        close(fd);
    }
    if (length < 0)
        length = 0;
    for (ssize_t i = 0; i < length; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    text[length] = '\0';
    return (size_t)length;
}

/* skips the fields between session and starttime in /proc/PID/stat, proc(5) */
#define SKIP_15 " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"

static bool read_process(pid_t pid, struct process *p)
{
    char text[512], state;
    int parent, session;

    *p = (struct process){.pid = pid};
    if (!read_proc(pid, "stat", text, sizeof text))
        return false;
    /* the program's name, in parentheses, may have parentheses and blanks itself */
    const char *after = strrchr(text, ')');
    if (!after || sscanf(after + 1, " %c %d %*d %d" SKIP_15 " %llu", &state, &parent, &session, &p->start_time) != 4)
        return false;
    p->parent = parent;
    p->session = session;
    /* A zombie counts: its other threads may still be ending. Zombies without threads are reaped at once. */
    return state != 'X';
}

/* True if the process's command line contains argument. */
static bool has_argument(pid_t pid, const char *argument)
{
    static char text[32 * 1024];

    return read_proc(pid, "cmdline", text, sizeof text) && strstr(text, argument);
}

static bool has_parent_in(const struct process *p, const struct process *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].pid == p->parent)
            return true;
    return false;
}

/* Moves the descendants of this process to the front, parents before children. Returns their number. */
static size_t move_descendants_first(struct process *all, size_t count)
{
    pid_t own = getpid();
    size_t below = 0, before;

    do {
        before = below;
        for (size_t i = below; i < count; i++) {
            if (all[i].parent != own && !has_parent_in(&all[i], all, below))
                continue;
            struct process found = all[i];
            all[i] = all[below];
            all[below++] = found;
        }
    } while (below > before);
    return below;
}

/* Lists all processes of this machine. Returns their number. */
static size_t list_all(struct process all[static ALL_MAX])
{
    size_t count = 0;
    DIR *proc = opendir("/proc");
    const struct dirent *entry;

    while (proc && (entry = readdir(proc)) && count < ALL_MAX) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;
        if (pid > 0 && read_process(pid, &all[count]))
            count++;
    }
    if (proc)
        closedir(proc);
    return count;
}

/* Lists the processes of tree, parents before children. Returns their number. */
static size_t list_tree(const struct dd_process_tree *tree, struct process found[static PROCESSES_MAX])
{
    static struct process all[ALL_MAX];
    size_t count = move_descendants_first(all, list_all(all)), found_count = 0;

    for (size_t i = 0; i < count && found_count < PROCESSES_MAX; i++)
        if (!tree->profile_dir || all[i].session == tree->leader || has_parent_in(&all[i], found, found_count) ||
            has_argument(all[i].pid, tree->profile_dir))
            found[found_count++] = all[i];
    return found_count;
}

void dd_process_tree_auto_reap(bool enabled)
{
    const struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = enabled ? SA_NOCLDWAIT : 0};

    sigaction(SIGCHLD, &action, NULL);
}

/* Parses a line like "RssAnon:     1234 kB" of text. Returns bytes. */
static uint64_t read_line(const char *text, const char *name)
{
    const char *line = strstr(text, name);

    return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

/* Adds up anonymous and shared memory of /proc/PID/status. The exact shares of smaps_rollup cannot be read: the browser's
 * sandboxed processes are not dumpable. So memory that several processes share counts several times: that is a few pictures, and
 * what the zygote had before it forked. Code mapped from files does not count. */
uint64_t dd_process_tree_memory(const struct dd_process_tree *tree, size_t *count)
{
    struct process found[PROCESSES_MAX];
    uint64_t bytes = 0;
    char text[4096];

    *count = list_tree(tree, found);
    for (size_t i = 0; i < *count; i++)
        if (read_proc(found[i].pid, "status", text, sizeof text))
            bytes += read_line(text, "\nRssAnon:") + read_line(text, "\nRssShmem:");
    return bytes;
}

/* The kernel reaps a dead process at once, and a new one may get its pid. A pidfd refers to one process for good: if the start
 * time is the same as before, it is the right one. Without a pidfd (no descriptors left) there is a tiny race. */
static void send_signal(const struct process *p, int signal)
{
    struct process held;
    int fd = pidfd_open(p->pid, 0);

    if (read_process(p->pid, &held) && held.start_time == p->start_time) {
        if (fd >= 0)
            pidfd_send_signal(fd, signal, NULL, 0);
        else
            kill(p->pid, signal);
    }
    if (fd >= 0)
        close(fd);
}

size_t dd_process_tree_signal(const struct dd_process_tree *tree, int signal)
{
    struct process found[PROCESSES_MAX];
    size_t count = list_tree(tree, found);

    for (size_t i = 0; i < count; i++)
        send_signal(&found[i], signal);
    return count;
}

void dd_process_tree_kill_by_argument(const char *argument)
{
    static struct process all[ALL_MAX];
    size_t count = list_all(all);

    for (size_t i = 0; i < count; i++)
        if (all[i].pid != getpid() && has_argument(all[i].pid, argument))
            send_signal(&all[i], SIGKILL);
}
