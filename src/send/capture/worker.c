#include "send/capture/worker.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "send/capture/source.h"

struct dd_worker {
    char name[16];
    pthread_t thread;
    int done_fd; /* an eventfd, readable once the call has returned */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock: */
    struct dd_worker_call call;
    bool wanted, ending;
};

static void *work(void *argument)
{
    struct dd_worker *worker = argument;
    const uint64_t one = 1;

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
        if (write(worker->done_fd, &one, sizeof one) < 0)
            dd_log_error("the end of a call cannot be reported: %s", strerror(errno));
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
    worker->done_fd = eventfd(0, EFD_CLOEXEC);
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
    uint64_t count;

    pthread_mutex_lock(&worker->lock);
    worker->call = *call;
    worker->wanted = true;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    int error = dd_source_wait_fd(io, worker->done_fd, POLLIN, until_us);
    if (error)
        call->interrupt(call->context);
    while (read(worker->done_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    /* a barrier: what run() wrote is visible from here on */
    pthread_mutex_lock(&worker->lock);
    pthread_mutex_unlock(&worker->lock);
    return error;
}
