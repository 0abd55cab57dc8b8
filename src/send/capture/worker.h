/* Runs one blocking call at a time on a worker thread. The caller waits with a deadline, keeps its heartbeat, and can cancel. */
#ifndef DD_SEND_CAPTURE_WORKER_H
#define DD_SEND_CAPTURE_WORKER_H

#include <stdint.h>

struct dd_worker;
struct dd_source_io;

struct dd_worker_call {
    void (*run)(void *context);       /* in the thread */
    void (*interrupt)(void *context); /* in the caller's thread, while run() is at work: makes it return soon */
    void *context;
};

/* name is the thread's, 15 characters at most; copied. Returned-owned. NULL, logged, if memory is exhausted. */
struct dd_worker *dd_worker_new(const char *name);
void dd_worker_free(struct dd_worker *worker);

/* Runs a call to its end. 0; DD_ERROR_TIMEOUT: until_us, io's deadline or a stop came first, and interrupt() was called. run()
 * has returned in both cases. If it ignores interrupt(), the heartbeat stops and the supervisor kills the role. */
int dd_worker_run(struct dd_worker *worker, const struct dd_worker_call *call, const struct dd_source_io *io, uint64_t until_us);

#endif
