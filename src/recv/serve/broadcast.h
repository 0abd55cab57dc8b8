/* One watcher reads the rings and passes their pictures on to many viewers. Per stream it has the newest picture, its freshness,
 * and the viewers that wait for more. All functions are thread-safe, except new, free, watch and stop, which belong to the
 * watcher's thread.
 *
 * A viewer has no queue. When it can take more it asks for the next picture, and gets the newest. While there is nothing new
 * its connection is suspended, until the watcher resumes it. */
#ifndef DD_RECV_SERVE_BROADCAST_H
#define DD_RECV_SERVE_BROADCAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recv/serve/freshness.h"
#include "recv/serve/stale_mark.h"

struct dd_shared_picture;
struct dd_stream_state;
struct dd_frame_ring;
struct dd_serve_config;
struct dd_broadcast;
struct dd_broadcast_subscriber;

/* Opens the rings: ring_fds has one descriptor for each stream of config, read here only. config is borrowed until free.
 * Returned-owned: dd_broadcast_free(). NULL, logged, if a ring is not as configured or there is no memory. */
struct dd_broadcast *dd_broadcast_new(const struct dd_serve_config *config, const int *ring_fds);
/* All subscribers must be gone. broadcast may be NULL. */
void dd_broadcast_free(struct dd_broadcast *broadcast);

/* ---- the watcher ---- */

/* Resumes the viewers that are due at now_us (dd_clock_now_us()). Returns when the next one is due, on the same clock;
 * UINT64_MAX if none waits. */
uint64_t dd_broadcast_watch(struct dd_broadcast *broadcast, uint64_t now_us);
/* Resumes all viewers. From now on none is suspended, and dd_broadcast_next() returns DD_ERROR_STOPPED. */
void dd_broadcast_stop(struct dd_broadcast *broadcast);

/* ---- viewers ---- */

/* What a viewer asks for, and how it is suspended and resumed. */
struct dd_broadcast_subscription {
    size_t stream;      /* index in the configuration */
    uint64_t period_us; /* at most one picture in this time, but a change of level within a second; 0: no limit */
    bool raw;           /* never with a mark */
    /* suspend is called by dd_broadcast_next() in the viewer's thread, with a lock held: it must not call back. Then resume is
     * called once by the watcher, without a lock. */
    void (*suspend)(void *owner);
    void (*resume)(void *owner);
    void *owner; /* borrowed until unsubscribe */
};

/* Adds a viewer; subscription is copied. *subscriber is returned-owned: dd_broadcast_unsubscribe(); NULL on error. 0;
 * DD_ERROR_SPACE if there are max_viewers already; DD_ERROR_MEMORY. */
int dd_broadcast_subscribe(struct dd_broadcast *broadcast, const struct dd_broadcast_subscription *subscription,
                           struct dd_broadcast_subscriber **subscriber);
/* Removes and frees subscriber, which must not be suspended; it may be NULL. */
void dd_broadcast_unsubscribe(struct dd_broadcast_subscriber *subscriber);

/* The picture to send next, with one reference for the caller, and the level of its freshness. It has the stale mark unless the
 * level is live, the subscription is raw, or stale_mark is off. Returns
 * 0: *picture is to be sent; NULL: there was no picture yet, and it is time for a sign of life;
 * DD_ERROR_AGAIN: nothing is due; the viewer was suspended;
 * DD_ERROR_STOPPED: the stream of pictures ends;
 * DD_ERROR_MEMORY: the mark could not be made. */
int dd_broadcast_next(struct dd_broadcast_subscriber *subscriber, struct dd_shared_picture **picture,
                      enum dd_freshness_level *level);

/* ---- queries; stream is an index in the configuration ---- */

/* The newest picture without a mark, with one reference for the caller; NULL before the first. *words is what its mark says,
 * with level DD_FRESHNESS_LIVE where it gets none; words may be NULL. */
struct dd_shared_picture *dd_broadcast_newest(struct dd_broadcast *broadcast, size_t stream, struct dd_stale_mark_words *words);
/* picture (borrowed) with the mark of words, from the stream's cache if it was made before; picture itself if words are of a
 * live one. With one reference for the caller; NULL if there is no memory. */
struct dd_shared_picture *dd_broadcast_mark(struct dd_broadcast *broadcast, size_t stream, struct dd_shared_picture *picture,
                                            const struct dd_stale_mark_words *words);
void dd_broadcast_freshness(struct dd_broadcast *broadcast, size_t stream, struct dd_freshness *freshness);
/* The state that intake published last; zeroes before the first. */
void dd_broadcast_state(struct dd_broadcast *broadcast, size_t stream, struct dd_stream_state *state);
/* How many viewers the stream has. */
unsigned dd_broadcast_viewers(struct dd_broadcast *broadcast, size_t stream);
/* Borrowed until free. */
const struct dd_frame_ring *dd_broadcast_ring(const struct dd_broadcast *broadcast, size_t stream);

/* True if intake's heartbeat is current in every ring. */
bool dd_broadcast_intake_alive(const struct dd_broadcast *broadcast);

#endif
