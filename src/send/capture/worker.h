/* Blocking calls of a library, one at a time in a thread of their own, so that who needs the result can wait for it with signs
 * of life, a deadline and a stop. */
#ifndef DD_SEND_CAPTURE_WORKER_H
#define DD_SEND_CAPTURE_WORKER_H

#include <stdint.h>

struct dd_worker;
struct dd_source_io;

struct dd_worker_call {
    void (*run)(void *context);       /* in the thread */
    void (*interrupt)(void *context); /* in the caller's, while run() is at work: makes it return soon */
    void *context;
};

/* name is the thread's, 15 characters at most. NULL, logged, if there is no memory. */
struct dd_worker *dd_worker_new(const char *name);
void dd_worker_free(struct dd_worker *aside);

/* Runs a call to its end. 0; DD_ERROR_TIMEOUT: until_us, io's deadline or a stop came first, and it was interrupted. It has
 * returned by then all the same: one that does not come back costs the process its signs of life, and so its life. */
int dd_worker_run(struct dd_worker *aside, const struct dd_worker_call *call, const struct dd_source_io *io, uint64_t until_us);

#endif
