/* A thread that syncs files to the disk every second. Nobody waits for the disk except this thread; only the end of the process
 * is delayed while the disk hangs. */
#ifndef DD_RECV_FSYNC_THREAD_H
#define DD_RECV_FSYNC_THREAD_H

#include <stddef.h>

struct dd_fsync_thread;

/* Starts the thread for these files. fds are borrowed for this call. Returned-owned: dd_fsync_thread_stop(). NULL, logged, if
 * memory, descriptors or threads are exhausted. */
struct dd_fsync_thread *dd_fsync_thread_start(const int *fds, size_t count);

/* Tells the thread to end once the file that it syncs is on the disk. Does not wait for that. s may be NULL. */
void dd_fsync_thread_stop(struct dd_fsync_thread *s);

#endif
