#include "send/key_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/fd.h"
#include "dd/base/log.h"

enum { RETRY_MS = 50, NAME_SIZE = sizeof((struct sockaddr_un *)0)->sun_path - 1, COMMAND_SIZE = 200 };

struct dd_key_lock {
    uint32_t key_id;
    int fd;     /* has the name of the lock */
    int pid_fd; /* has that name and this process's id; -1: that could not be had */
};

static void write_name(uint32_t key_id, char name[static NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "softdatadiode/ddsend/key-%08" PRIx32, key_id);
}

/* Returns a descriptor or the negative errno. */
static int bind_name(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    memcpy(address.sun_path + 1, name, length);
    if (bind(fd, (const struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length)) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* Binds both names. Returns 0 or the negative errno. */
static int lock(struct dd_key_lock *l)
{
    char name[NAME_SIZE], pid_name[NAME_SIZE + 32];
    write_name(l->key_id, name);
    l->fd = bind_name(name);
    if (l->fd < 0)
        return l->fd;
    snprintf(pid_name, sizeof pid_name, "%s/pid-%ld", name, (long)getpid());
    l->pid_fd = bind_name(pid_name);
    return 0;
}

long dd_key_lock_holder(uint32_t key_id)
{
    char name[NAME_SIZE], wanted[NAME_SIZE + 8], line[512];
    long pid = 0;
    FILE *names = fopen("/proc/net/unix", "re");
    if (!names)
        return 0;
    write_name(key_id, name);
    snprintf(wanted, sizeof wanted, " @%s/pid-", name);
    while (!pid && fgets(line, sizeof line, names)) {
        const char *found = strstr(line, wanted);
        pid = found ? strtol(found + strlen(wanted), NULL, 10) : 0;
    }
    fclose(names);
    return pid > 0 ? pid : 0;
}

/* Writes who holds the lock: "process 1234 (ddsend --config …)". What others have written is shown without control characters. */
static void describe_holder(uint32_t key_id, char *text, size_t size)
{
    char path[64], command[COMMAND_SIZE] = "";
    long pid = dd_key_lock_holder(key_id);
    if (!pid) {
        snprintf(text, size, "another process");
        return;
    }
    snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, command, sizeof command - 1);
    if (fd >= 0)
        close(fd);
    while (length > 0 && !command[length - 1])
        length--;
    for (ssize_t i = 0; i < length; i++)
        if (command[i] < ' ' || command[i] > '~')
            command[i] = ' ';
    snprintf(text, size, length > 0 ? "process %ld (%s)" : "process %ld", pid, command);
}

static void pause_ms(unsigned ms)
{
    const struct timespec pause = {.tv_nsec = (long)ms * 1000000};
    nanosleep(&pause, NULL);
}

/* Waits for the lock. Returns 0 or the negative errno. */
static int wait_for_lock(struct dd_key_lock *l, const char *stream, unsigned wait_ms)
{
    char holder[COMMAND_SIZE + 64];
    uint64_t deadline_us = dd_clock_now_us() + (uint64_t)wait_ms * DD_CLOCK_US_PER_MS;
    int error = lock(l);
    if (error == -EADDRINUSE && wait_ms) {
        describe_holder(l->key_id, holder, sizeof holder);
        dd_log_notice("%s: its key is in use by %s; waiting a moment for its end", stream, holder);
    }
    while (error == -EADDRINUSE && dd_clock_now_us() < deadline_us) {
        pause_ms(RETRY_MS);
        error = lock(l);
    }
    return error;
}

int dd_key_lock_take(struct dd_key_lock_set *set, uint32_t key_id, const char *stream, unsigned wait_ms)
{
    struct dd_key_lock new = {.key_id = key_id};
    char holder[COMMAND_SIZE + 64];
    for (size_t i = 0; i < set->count; i++)
        if (set->locks[i].key_id == key_id)
            return 0;
    struct dd_key_lock *locks = realloc(set->locks, (set->count + 1) * sizeof *locks);
    if (!locks) {
        dd_log_error("out of memory");
        return DD_ERROR_MEMORY;
    }
    set->locks = locks;
    int error = wait_for_lock(&new, stream, wait_ms);
    if (!error) {
        locks[set->count++] = new;
        return 0;
    }
    if (error != -EADDRINUSE) {
        dd_log_error("%s: cannot lock its key: %s", stream, strerror(-error));
        return DD_ERROR_SYSTEM;
    }
    describe_holder(key_id, holder, sizeof holder);
    dd_log_error("%s: its key is in use by %s. Two senders with one key silence each other: end that one first, or give this "
                 "one a key of its own",
                 stream, holder);
    return DD_ERROR_SYSTEM;
}

void dd_key_lock_keep(struct dd_key_lock_set *set, const uint32_t *key_ids, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        struct dd_key_lock *l = &set->locks[i];
        size_t k = 0;
        while (k < count && key_ids[k] != l->key_id)
            k++;
        if (k < count) {
            set->locks[kept++] = *l;
            continue;
        }
        close(l->fd);
        dd_fd_close(&l->pid_fd);
    }
    set->count = kept;
    if (kept)
        return;
    free(set->locks);
    set->locks = NULL;
}
