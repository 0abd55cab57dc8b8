/* A thread that copies session stores to their files and syncs those, every second. Nobody waits for the disk except this thread;
 * only the end of the process is delayed while the disk hangs. */
#ifndef DD_RECV_FSYNC_THREAD_H
#define DD_RECV_FSYNC_THREAD_H

struct dd_fsync_thread;
struct dd_session_store_set;

/* Starts the thread for the stores of the set that have a file. The set is borrowed for this call. Returned-owned:
 * dd_fsync_thread_stop(). NULL, logged, if memory, descriptors or threads are exhausted. */
struct dd_fsync_thread *dd_fsync_thread_start(const struct dd_session_store_set *set);

/* Logs, now and then, if the disk keeps the thread waiting. Call it a few times a second. s may be NULL. */
void dd_fsync_thread_check(struct dd_fsync_thread *s);

/* Tells the thread to end once the file that it syncs is on the disk. Does not wait for that. s may be NULL. */
void dd_fsync_thread_stop(struct dd_fsync_thread *s);

#endif
