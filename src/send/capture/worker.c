#include "send/capture/worker.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/wakeup.h"
#include "send/capture/source.h"

struct dd_worker {
    char name[16];
    pthread_t thread;
    int done_fd; /* a wake-up, sent once the call has returned */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* wanted or ending */
    /* under the lock: */
    struct dd_worker_call call;
    bool wanted, ending;
};

static void *work(void *argument)
{
    struct dd_worker *worker = argument;

    pthread_setname_np(pthread_self(), worker->name);
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (!worker->wanted && !worker->ending)
            pthread_cond_wait(&worker->changed, &worker->lock);
        if (worker->ending)
            break;
        const struct dd_worker_call call = worker->call;
        pthread_mutex_unlock(&worker->lock);
        call.run(call.context);
        pthread_mutex_lock(&worker->lock);
        worker->wanted = false;
        pthread_cond_signal(&worker->changed);
        dd_wakeup_send(worker->done_fd);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

struct dd_worker *dd_worker_new(const char *name)
{
    struct dd_worker *worker = calloc(1, sizeof *worker);

    if (!worker)
        goto fail0;
    strncpy(worker->name, name, sizeof worker->name - 1);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    worker->done_fd = dd_wakeup_open();
    if (worker->done_fd < 0)
        goto fail1;
    if (pthread_create(&worker->thread, NULL, work, worker) != 0)
        goto fail2;
    return worker;

fail2:
    close(worker->done_fd);
fail1:
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
fail0:
    dd_log_error("no memory for a thread");
    return NULL;
}

void dd_worker_free(struct dd_worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->ending = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    close(worker->done_fd);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

int dd_worker_run(struct dd_worker *worker, const struct dd_worker_call *call, const struct dd_source_io *io, uint64_t until_us)
{
    pthread_mutex_lock(&worker->lock);
    worker->call = *call;
    worker->wanted = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    int error = dd_source_wait_fd(io, worker->done_fd, POLLIN, until_us);
    if (error)
        call->interrupt(call->context);
    /* under the lock: what run() wrote is visible from here on */
    pthread_mutex_lock(&worker->lock);
    while (worker->wanted)
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
    dd_wakeup_drain(worker->done_fd);
    return error;
}
