/* One watcher reads the rings and passes their pictures on to many viewers. Per stream it has the newest picture, its freshness,
 * and the viewers that wait for more. All functions are thread-safe, except new, free, watch and stop, which belong to the
 * watcher's thread.
 *
 * A viewer has no queue. When it can take more it asks for the next picture, and gets the newest. While there is nothing new
 * its connection is suspended, until the watcher resumes it.
 *
 * A picture that is not live goes out with the stale mark, unless it was asked for without. A thread of its own makes the marks.
 * Per stream there is one marked picture, of the newest one, for viewers and snapshots alike; it is made anew four times a second
 * at most, when the picture or the words have changed. What is sent meanwhile is the marked picture before it, with the level
 * that it shows, as long as it was right a second ago; else whoever asks is suspended until the new one is there. */
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

/* Opens the rings, and starts the thread that makes marks: ring_fds has one descriptor for each stream of config, read here only.
 * config is borrowed until free. Returned-owned: dd_broadcast_free(). NULL, logged, if a ring is not as configured or there is no
 * memory. */
struct dd_broadcast *dd_broadcast_new(const struct dd_serve_config *config, const int *ring_fds);
/* All subscribers must be gone, and nobody wait. broadcast may be NULL. */
void dd_broadcast_free(struct dd_broadcast *broadcast);

/* ---- the watcher ---- */

/* Resumes the viewers that are due at now_us (dd_clock_now_us()). Returns when the next one is due, on the same clock;
 * UINT64_MAX if none waits. */
uint64_t dd_broadcast_watch(struct dd_broadcast *broadcast, uint64_t now_us);
/* Resumes all who wait. From now on nobody is suspended, and dd_broadcast_next() and dd_broadcast_snapshot() return
 * DD_ERROR_STOPPED. */
void dd_broadcast_stop(struct dd_broadcast *broadcast);

/* ---- viewers ---- */

/* How whoever asks for a picture is suspended and resumed. suspend is called in the thread that asks, with a lock held: it must
 * not call back. Then resume is called once, without a lock, in another thread. */
struct dd_broadcast_waiter {
    void (*suspend)(void *owner);
    void (*resume)(void *owner);
    void *owner;
};

/* What a viewer asks for. */
struct dd_broadcast_subscription {
    size_t stream;                     /* index in the configuration */
    uint64_t period_us;                /* at most one picture in this time, but a change of level within a second; 0: no limit */
    bool raw;                          /* never with a mark */
    bool once;                         /* a new picture is not repeated soon, only each second */
    struct dd_broadcast_waiter waiter; /* owner is borrowed until unsubscribe */
};

/* Adds a viewer; subscription is copied. *subscriber is returned-owned: dd_broadcast_unsubscribe(); NULL on error. 0;
 * DD_ERROR_SPACE if there are max_viewers already; DD_ERROR_MEMORY. */
int dd_broadcast_subscribe(struct dd_broadcast *broadcast, const struct dd_broadcast_subscription *subscription,
                           struct dd_broadcast_subscriber **subscriber);
/* Removes and frees subscriber, which must not be suspended; it may be NULL. */
void dd_broadcast_unsubscribe(struct dd_broadcast_subscriber *subscriber);

/* Suspends the viewer until it is time for its next part: DD_ERROR_AGAIN. 0: it is, or the stream of pictures ends, which
 * dd_broadcast_next() tells. */
int dd_broadcast_wait(struct dd_broadcast_subscriber *subscriber);

/* The picture to send now, when it is time for one, with one reference for the caller, and the level of its freshness, which is
 * that of its mark if it has one. It has the stale mark unless the level is live, the subscription is raw, or stale_mark is off.
 * Returns 0: *picture is to be sent; NULL: there was no picture yet, and it is time for a sign of life; DD_ERROR_AGAIN: the mark
 * is being made; the viewer was suspended; DD_ERROR_STOPPED: the stream of pictures ends. */
int dd_broadcast_next(struct dd_broadcast_subscriber *subscriber, struct dd_shared_picture **picture,
                      enum dd_freshness_level *level);

/* ---- queries; stream is an index in the configuration ---- */

struct dd_broadcast_snapshot {
    struct dd_shared_picture *picture; /* with one reference for the caller; NULL before the first */
    struct dd_stale_mark_words words;  /* of its mark; level DD_FRESHNESS_LIVE: it has none */
};

/* The newest picture as viewers get it; without a mark if raw. Returns 0; or, with no picture, DD_ERROR_AGAIN: the mark is being
 * made, waiter (copied; its owner borrowed until resumed) was suspended and may ask again when it is resumed; DD_ERROR_STOPPED;
 * DD_ERROR_MEMORY. */
int dd_broadcast_snapshot(struct dd_broadcast *broadcast, size_t stream, bool raw, const struct dd_broadcast_waiter *waiter,
                          struct dd_broadcast_snapshot *snapshot);
/* Of the newest frame that intake has. */
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
