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
    struct dd_worker_call call; /* with lock */
    bool wanted, ending;        /* with lock */
};

static void *work(void *argument)
{
    struct dd_worker *a = argument;
    const uint64_t one = 1;

    pthread_setname_np(pthread_self(), a->name);
    pthread_mutex_lock(&a->lock);
    for (;;) {
        while (!a->wanted && !a->ending)
            pthread_cond_wait(&a->changed, &a->lock);
        if (a->ending)
            break;
        const struct dd_worker_call call = a->call;
        pthread_mutex_unlock(&a->lock);
        call.run(call.context);
        pthread_mutex_lock(&a->lock);
        a->wanted = false;
        if (write(a->done_fd, &one, sizeof one) < 0)
            dd_log_error("the end of a call cannot be told: %s", strerror(errno));
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

struct dd_worker *dd_worker_new(const char *name)
{
    struct dd_worker *a = calloc(1, sizeof *a);

    if (!a)
        goto fail0;
    strncpy(a->name, name, sizeof a->name - 1);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    a->done_fd = eventfd(0, EFD_CLOEXEC);
    if (a->done_fd < 0)
        goto fail1;
    if (pthread_create(&a->thread, NULL, work, a) != 0)
        goto fail2;
    return a;

fail2:
    close(a->done_fd);
fail1:
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
fail0:
    dd_log_error("no memory for a thread");
    return NULL;
}

void dd_worker_free(struct dd_worker *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->ending = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    close(a->done_fd);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

int dd_worker_run(struct dd_worker *a, const struct dd_worker_call *call, const struct dd_source_io *io, uint64_t until_us)
{
    uint64_t count;

    pthread_mutex_lock(&a->lock);
    a->call = *call;
    a->wanted = true;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    int error = dd_source_wait_fd(io, a->done_fd, POLLIN, until_us);
    if (error)
        call->interrupt(call->context);
    while (read(a->done_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
    /* what run() wrote is ours to read from here on */
    pthread_mutex_lock(&a->lock);
    pthread_mutex_unlock(&a->lock);
    return error;
}
