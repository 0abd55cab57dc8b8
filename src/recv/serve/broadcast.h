/* Where the rings' one watcher and the many viewers meet: per stream the newest frame, its freshness, and the viewers that
 * wait for more. All functions are thread-safe but new, free, watch and stop, which belong to the watcher's thread.
 *
 * A viewer owns no queue. When it is ready for more it asks for the next frame, and gets the newest; while there is none
 * it sleeps, by a way of its own, until the watcher wakes it. */
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

/* Opens the rings, one for each stream of config, which is borrowed for the hub's life. Returned-owned; NULL, logged, if a
 * ring is not as configured or there is no memory. */
struct dd_broadcast *dd_broadcast_new(const struct dd_serve_config *config, const int *ring_fds);
void dd_broadcast_free(struct dd_broadcast *hub);

/* ---- the watcher ---- */

/* Wakes the viewers that are due. Returns dd_clock_now_us() at which the next one is, UINT64_MAX: none waits. */
uint64_t dd_broadcast_watch(struct dd_broadcast *hub, uint64_t now_us);
/* Wakes everybody; from now on nobody sleeps, and who asks for a frame is told to go. */
void dd_broadcast_stop(struct dd_broadcast *hub);

/* ---- viewers ---- */

struct dd_broadcast_viewer {
    size_t stream;
    uint64_t period_us; /* at most one picture in this time, but a change of level within a second; 0: as they come */
    bool raw;           /* never with a mark */
    /* Called by dd_broadcast_next(), and then once by the watcher; not again before the next sleep. */
    void (*sleep)(void *owner);
    void (*wake)(void *owner);
    void *owner; /* borrowed */
};

/* Takes a seat (returned-owned: dd_broadcast_unsubscribe()). 0, DD_ERROR_SPACE if max_viewers sit already, or DD_ERROR_MEMORY. */
int dd_broadcast_subscribe(struct dd_broadcast *hub, const struct dd_broadcast_viewer *viewer,
                           struct dd_broadcast_subscriber **seat);
/* seat does not sleep; may be NULL. */
void dd_broadcast_unsubscribe(struct dd_broadcast_subscriber *seat);

/* The frame that the viewer is to send next, with one reference for the caller, and its level; marked with it unless it is
 * live, the viewer takes it raw or stale_mark is off. 0, with *frame NULL if there was no picture yet and it is only time
 * for a sign of life; DD_ERROR_AGAIN: the viewer was put to sleep; DD_ERROR_STOPPED; DD_ERROR_MEMORY. */
int dd_broadcast_next(struct dd_broadcast_subscriber *seat, struct dd_shared_picture **frame, enum dd_freshness_level *level);

/* ---- what a stream is like, 0 <= stream < stream_count ---- */

/* The newest frame, without a mark, with one reference for the caller, NULL if there is none yet; and what its mark is to
 * say, by its freshness and stale_mark. words may be NULL. */
struct dd_shared_picture *dd_broadcast_newest(struct dd_broadcast *hub, size_t stream, struct dd_stale_mark_words *words);
/* The frame (borrowed) with that mark, shared by all who ask for the same; frame itself if words are of a live one. With one
 * reference for the caller; NULL if there is no memory. */
struct dd_shared_picture *dd_broadcast_mark(struct dd_broadcast *hub, size_t stream, struct dd_shared_picture *frame,
                                            const struct dd_stale_mark_words *words);
void dd_broadcast_freshness(struct dd_broadcast *hub, size_t stream, struct dd_freshness *freshness);
/* Zeroes if nothing was heard yet. */
void dd_broadcast_state(struct dd_broadcast *hub, size_t stream, struct dd_stream_state *state);
unsigned dd_broadcast_viewers(struct dd_broadcast *hub, size_t stream);
/* Borrowed. */
const struct dd_frame_ring *dd_broadcast_ring(const struct dd_broadcast *hub, size_t stream);

/* Intake says that it lives, in every ring. */
bool dd_broadcast_intake_alive(const struct dd_broadcast *hub);

#endif
