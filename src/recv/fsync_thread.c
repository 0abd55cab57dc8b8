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

enum { PERIOD_US = DD_CLOCK_US_PER_S, SLOW_US = 2 * DD_CLOCK_US_PER_S };

/* All fields belong to the thread, except owners and stopping. */
struct dd_fsync_thread {
    atomic_uint owners; /* 2: the caller of start, and the thread; the last one frees this struct */
    atomic_bool stopping;
    struct dd_log_limit limit;
    size_t count;
    int fds[];
};

static void unref(struct dd_fsync_thread *s)
{
    if (atomic_fetch_sub(&s->owners, 1) > 1)
        return;
    for (size_t i = 0; i < s->count; i++)
        close(s->fds[i]);
    free(s);
}

static void sync_round(struct dd_fsync_thread *s)
{
    uint64_t suppressed;
    /* start writing all of them first: the disk orders the writes itself */
    for (size_t i = 0; i < s->count; i++)
        sync_file_range(s->fds[i], 0, 0, SYNC_FILE_RANGE_WRITE);
    for (size_t i = 0; i < s->count && !atomic_load(&s->stopping); i++)
        if (fdatasync(s->fds[i]) < 0 && dd_log_allowed(&s->limit, &suppressed))
            dd_log_warning("the replay state does not get to the disk: %s", strerror(errno));
}

static void *sync_all(void *context)
{
    struct dd_fsync_thread *s = context;
    pthread_setname_np(pthread_self(), "fsync");
    while (!atomic_load(&s->stopping)) {
        uint64_t start_us = dd_clock_now_us();
        sync_round(s);
        /* A machine that slept meanwhile, or a process that was stopped, counts as a slow disk: a line in the log, once. */
        uint64_t took_us = dd_clock_now_us() - start_us, suppressed;
        if (took_us > SLOW_US && dd_log_allowed(&s->limit, &suppressed))
            dd_log_warning("the disk is slow: bringing the replay state to it takes %.1f s; after a crash of this machine some "
                           "datagrams could be accepted once more",
                           dd_clock_seconds(took_us));
        if (took_us < PERIOD_US)
            usleep((useconds_t)(PERIOD_US - took_us));
    }
    unref(s);
    return NULL;
}

struct dd_fsync_thread *dd_fsync_thread_start(const int *fds, size_t count)
{
    struct dd_fsync_thread *s = calloc(1, sizeof *s + count * sizeof *fds);
    pthread_attr_t detached;
    pthread_t thread;
    bool started = false;
    if (!s)
        goto err0;
    atomic_init(&s->owners, 2);
    for (; s->count < count; s->count++) {
        s->fds[s->count] = fcntl(fds[s->count], F_DUPFD_CLOEXEC, 0);
        if (s->fds[s->count] < 0)
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
