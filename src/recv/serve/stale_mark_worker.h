/* One thread that makes the marked pictures of all streams, one at a time and the streams in turn: decoding and encoding must not
 * hold a thread that answers requests. */
#ifndef DD_RECV_SERVE_STALE_MARK_WORKER_H
#define DD_RECV_SERVE_STALE_MARK_WORKER_H

#include <stddef.h>

struct dd_stale_mark_worker;

/* Starts the thread. It calls make for each stream that is wanted, an index below stream_count; owner is borrowed until stop.
 * Returned-owned: dd_stale_mark_worker_stop(). NULL, logged, if there is no memory or no thread. */
struct dd_stale_mark_worker *dd_stale_mark_worker_start(size_t stream_count, void (*make)(void *owner, size_t stream),
                                                        void *owner);
/* Waits for a mark that is being made; those still wanted are not. worker may be NULL. */
void dd_stale_mark_worker_stop(struct dd_stale_mark_worker *worker);

/* make will be called once more for stream, and begin after this call. Thread-safe, and does not wait. */
void dd_stale_mark_worker_want(struct dd_stale_mark_worker *worker, size_t stream);

#endif
