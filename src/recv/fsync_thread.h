/* A thread that brings files to the disk every second, however long the disk takes: nobody else waits for it, but the end of the
 * process if the disk hangs. */
#ifndef DD_RECV_FSYNC_THREAD_H
#define DD_RECV_FSYNC_THREAD_H

#include <stddef.h>

struct dd_fsync_thread;

/* Starts it. The descriptors are borrowed for this call. NULL, logged, if that cannot be. */
struct dd_fsync_thread *dd_fsync_thread_start(const int *fds, size_t count);

/* Ends it, after the file that it is at; does not wait for that. stop(NULL) is safe. */
void dd_fsync_thread_stop(struct dd_fsync_thread *s);

#endif
