#include "recv/fsync_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "recv/intake/session_store.h"
#include "recv/session_store_set.h"

enum { PERIOD_US = DD_CLOCK_US_PER_S, SLOW_US = 2 * DD_CLOCK_US_PER_S };

/* All fields belong to the thread, except those whose comment says otherwise. */
struct dd_fsync_thread {
    atomic_uint owners; /* of both: 2: the caller of start, and the thread; the last one frees this struct */
    atomic_bool stopping;
    atomic_uint_fast64_t round_us; /* of both: dd_clock_now_us() at the start of the round in progress; 0: there is none */
    struct dd_log_limit limit;
    struct dd_log_limit check_limit; /* of the caller */
    size_t count;
    struct {
        int memory_fd, file_fd;
    } stores[];
};

static void unref(struct dd_fsync_thread *s)
{
    if (atomic_fetch_sub(&s->owners, 1) > 1)
        return;
    for (size_t i = 0; i < s->count; i++) {
        close(s->stores[i].memory_fd);
        close(s->stores[i].file_fd);
    }
    free(s);
}

static void sync_round(struct dd_fsync_thread *s)
{
    uint64_t suppressed;
    int error = 0;
    for (size_t i = 0; i < s->count && !atomic_load(&s->stopping); i++) {
        int failed = dd_recv_session_store_save(s->stores[i].memory_fd, s->stores[i].file_fd, false);
        error = failed ? failed : error;
    }
    /* start writing all of them first: the disk orders the writes itself */
    for (size_t i = 0; i < s->count; i++)
        sync_file_range(s->stores[i].file_fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    for (size_t i = 0; i < s->count && !atomic_load(&s->stopping); i++)
        if (fdatasync(s->stores[i].file_fd) < 0)
            error = errno;
    if (error && dd_log_allowed(&s->limit, &suppressed))
        dd_log_warning("the replay state does not get to the disk: %s; after a crash of ddrecv or of this machine some datagrams "
                       "could be accepted once more",
                       strerror(error));
}

static void *sync_all(void *context)
{
    struct dd_fsync_thread *s = context;
    pthread_setname_np(pthread_self(), "fsync");
    while (!atomic_load(&s->stopping)) {
        uint64_t start_us = dd_clock_now_us();
        atomic_store(&s->round_us, start_us);
        sync_round(s);
        atomic_store(&s->round_us, 0);
        uint64_t took_us = dd_clock_now_us() - start_us;
        if (took_us < PERIOD_US)
            usleep((useconds_t)(PERIOD_US - took_us));
    }
    unref(s);
    return NULL;
}

/* A machine that slept meanwhile, or a process that was stopped, counts as a slow disk: a line in the log, once. */
void dd_fsync_thread_check(struct dd_fsync_thread *s)
{
    uint64_t round_us = s ? atomic_load(&s->round_us) : 0, now_us = dd_clock_now_us(), suppressed;
    if (round_us && now_us - round_us > SLOW_US && dd_log_allowed(&s->check_limit, &suppressed))
        dd_log_warning("the disk is slow: bringing the replay state to it takes more than %.1f s; after a crash of ddrecv or of "
                       "this machine some datagrams could be accepted once more",
                       dd_clock_seconds(now_us - round_us));
}

static int duplicate(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

struct dd_fsync_thread *dd_fsync_thread_start(const struct dd_session_store_set *set)
{
    struct dd_fsync_thread *s = calloc(1, sizeof *s + set->count * sizeof s->stores[0]);
    pthread_attr_t detached;
    pthread_t thread;
    bool started = false;
    if (!s)
        goto err0;
    atomic_init(&s->owners, 2);
    for (size_t i = 0; i < set->count; i++) {
        if (set->rows[i].file_fd < 0)
            continue;
        s->stores[s->count].memory_fd = duplicate(set->rows[i].fd);
        s->stores[s->count].file_fd = duplicate(set->rows[i].file_fd);
        s->count++;
        if (s->stores[s->count - 1].memory_fd < 0 || s->stores[s->count - 1].file_fd < 0)
            goto err1;
    }
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    started = pthread_create(&thread, &detached, sync_all, s) == 0;
    pthread_attr_destroy(&detached);
    if (!started)
        goto err1;
    return s;

err1:
    atomic_store(&s->owners, 1);
    unref(s);
err0:
    dd_log_error("cannot start the thread that brings the replay state to the disk");
    return NULL;
}

void dd_fsync_thread_stop(struct dd_fsync_thread *s)
{
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    unref(s);
}
