/* Runs one blocking call at a time on a worker thread. The caller waits with a deadline, keeps its heartbeat, and can cancel. */
#ifndef DD_SEND_CAPTURE_WORKER_H
#define DD_SEND_CAPTURE_WORKER_H

#include <stdint.h>

struct dd_worker;
struct dd_source_io;

struct dd_worker_call {
    void (*run)(void *context);       /* on the worker thread */
    void (*interrupt)(void *context); /* on the caller's thread, perhaps while run() is under way: makes it return soon */
    void *context;
};

/* Starts the thread. Its name has 15 characters at most, and is copied. Returned-owned. NULL, logged, if there is no memory or no
 * descriptor left. */
struct dd_worker *dd_worker_new(const char *name);
/* Ends the thread. NULL is allowed. */
void dd_worker_free(struct dd_worker *worker);

/* Runs a call to its end; one at a time. What run() wrote is visible to the caller then. 0; DD_ERROR_TIMEOUT: until_us, io's
 * deadline or a stop came first, and interrupt() was called. run() has returned in both cases. If it ignores interrupt(), the
 * heartbeat stops and the supervisor kills the role. */
int dd_worker_run(struct dd_worker *worker, const struct dd_worker_call *call, const struct dd_source_io *io, uint64_t until_us);

#endif
