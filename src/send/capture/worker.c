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
    int returned_fd; /* a wake-up, sent once run() has returned */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* pending or ending */
    /* under lock: */
    struct dd_worker_call call;
    bool pending; /* call is to be run, or runs */
    bool ending;
};

static void *run_calls(void *argument)
{
    struct dd_worker *worker = argument;

    pthread_setname_np(pthread_self(), worker->name);
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        while (!worker->pending && !worker->ending)
            pthread_cond_wait(&worker->changed, &worker->lock);
        if (worker->ending)
            break;
        const struct dd_worker_call call = worker->call;
        pthread_mutex_unlock(&worker->lock);
        call.run(call.context);
        pthread_mutex_lock(&worker->lock);
        worker->pending = false;
        pthread_cond_signal(&worker->changed);
        dd_wakeup_send(worker->returned_fd);
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
    worker->returned_fd = dd_wakeup_open();
    if (worker->returned_fd < 0)
        goto fail1;
    if (pthread_create(&worker->thread, NULL, run_calls, worker) != 0)
        goto fail2;
    return worker;

fail2:
    close(worker->returned_fd);
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
    close(worker->returned_fd);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

int dd_worker_run(struct dd_worker *worker, const struct dd_worker_call *call, const struct dd_source_io *io, uint64_t until_us)
{
    pthread_mutex_lock(&worker->lock);
    worker->call = *call;
    worker->pending = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    int error = dd_source_wait_fd(io, worker->returned_fd, POLLIN, until_us);
    if (error)
        call->interrupt(call->context);
    /* The lock also makes what run() wrote visible here. */
    pthread_mutex_lock(&worker->lock);
    while (worker->pending)
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
    dd_wakeup_drain(worker->returned_fd);
    return error;
}
