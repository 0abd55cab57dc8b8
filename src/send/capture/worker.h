/* Blocking calls of a library, one at a time in a thread of their own, so that who needs the result can wait for it with signs
 * of life, a deadline and a stop. */
#ifndef DD_SEND_CAPTURE_WORKER_H
#define DD_SEND_CAPTURE_WORKER_H

#include <stdint.h>

struct dd_aside;
struct dd_source_io;

struct dd_aside_call {
    void (*run)(void *context);       /* in the thread */
    void (*interrupt)(void *context); /* in the caller's, while run() is at work: makes it return soon */
    void *context;
};

/* name is the thread's, 15 characters at most. NULL, logged, if there is no memory. */
struct dd_aside *dd_aside_new(const char *name);
void dd_aside_free(struct dd_aside *aside);

/* Runs a call to its end. 0; DD_ERROR_TIMEOUT: until_us, io's deadline or a stop came first, and it was interrupted. It has
 * returned by then all the same: one that does not come back costs the process its signs of life, and so its life. */
int dd_aside_run(struct dd_aside *aside, const struct dd_aside_call *call, const struct dd_source_io *io, uint64_t until_us);

#endif
