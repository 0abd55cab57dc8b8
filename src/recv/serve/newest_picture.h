/* The newest picture of one stream's ring, and what intake says of it. The state may already be of a newer frame, since intake
 * writes it first, or since that frame could not be copied. So the freshness of the picture is judged by what was said of this
 * very picture. Not thread-safe: the owner locks. */
#ifndef DD_RECV_SERVE_NEWEST_PICTURE_H
#define DD_RECV_SERVE_NEWEST_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

struct dd_frame_ring;
struct dd_freshness;
struct dd_newest_picture;
struct dd_serve_stream;
struct dd_shared_picture;
struct dd_stream_state;

/* ring_fd is read here only; config is borrowed until close. Returned-owned: dd_newest_picture_close(). NULL, logged, if the ring
 * is not as configured or there is no memory. */
struct dd_newest_picture *dd_newest_picture_open(int ring_fd, const struct dd_serve_stream *config);
/* newest may be NULL. */
void dd_newest_picture_close(struct dd_newest_picture *newest);

/* Copies the ring's last frame if there is a new one; true if so. One that can't be copied, for want of memory or because it is
 * being overwritten, is tried again after 250 ms, and the picture before it remains. Cheap if there is nothing new. */
bool dd_newest_picture_update(struct dd_newest_picture *newest, uint64_t now_us);
/* Borrowed until the next update; NULL before the first. */
struct dd_shared_picture *dd_newest_picture_get(const struct dd_newest_picture *newest);

/* The freshness of the picture, by its own frame. If intake has a newer frame, that is a newer picture lost. Before the first
 * picture it is that of the stream. */
void dd_newest_picture_evaluate(struct dd_newest_picture *newest, uint64_t now_us, struct dd_freshness *freshness);
/* The freshness of the newest frame that intake has, whatever was copied. */
void dd_newest_picture_evaluate_stream(struct dd_newest_picture *newest, uint64_t now_us, struct dd_freshness *freshness);
/* The state that intake published last; zeroes before the first. Borrowed until the next call. */
const struct dd_stream_state *dd_newest_picture_state(struct dd_newest_picture *newest);

/* Borrowed until close. */
const struct dd_frame_ring *dd_newest_picture_ring(const struct dd_newest_picture *newest);

#endif
