#include "recv/serve/stale_mark_worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "dd/base/log.h"

struct dd_stale_mark_worker {
    pthread_t thread;
    void (*make)(void *owner, size_t stream); /* immutable, as are owner and stream_count */
    void *owner;
    size_t stream_count;
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stopping; /* lock */
    size_t turn;   /* where the next search begins, so that no stream starves; lock */
    bool wanted[]; /* per stream; lock */
};

/* Under the lock. The index of a stream that is wanted; stream_count: none is. */
static size_t find_work(const struct dd_stale_mark_worker *worker)
{
    for (size_t i = 0; i < worker->stream_count; i++) {
        size_t stream = (worker->turn + i) % worker->stream_count;
        if (worker->wanted[stream])
            return stream;
    }
    return worker->stream_count;
}

static void *run(void *context)
{
    struct dd_stale_mark_worker *worker = context;
    prctl(PR_SET_NAME, "stale marks");
    pthread_mutex_lock(&worker->lock);
    while (!worker->stopping) {
        size_t stream = find_work(worker);
        if (stream == worker->stream_count) {
            pthread_cond_wait(&worker->work, &worker->lock);
            continue;
        }
        worker->wanted[stream] = false;
        worker->turn = stream + 1;
        pthread_mutex_unlock(&worker->lock);
        worker->make(worker->owner, stream);
        pthread_mutex_lock(&worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

struct dd_stale_mark_worker *dd_stale_mark_worker_start(size_t stream_count, void (*make)(void *owner, size_t stream),
                                                        void *owner)
{
    struct dd_stale_mark_worker *worker = calloc(1, sizeof *worker + stream_count * sizeof *worker->wanted);
    if (!worker)
        goto err0;
    worker->make = make;
    worker->owner = owner;
    worker->stream_count = stream_count;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->work, NULL);
    if (pthread_create(&worker->thread, NULL, run, worker) != 0)
        goto err1;
    return worker;

err1:
    pthread_cond_destroy(&worker->work);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
err0:
    dd_log_error("no memory or no thread for the stale marks");
    return NULL;
}

void dd_stale_mark_worker_stop(struct dd_stale_mark_worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_signal(&worker->work);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->work);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

void dd_stale_mark_worker_want(struct dd_stale_mark_worker *worker, size_t stream)
{
    pthread_mutex_lock(&worker->lock);
    worker->wanted[stream] = true;
    pthread_cond_signal(&worker->work);
    pthread_mutex_unlock(&worker->lock);
}
