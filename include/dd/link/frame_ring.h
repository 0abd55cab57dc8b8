/* The frame ring: frames in shared memory from one writer process to one reader process. It is a memfd, sealed against
 * resizing, with a header (heartbeat, a small state of the writer's, the count of frames), an index of entries, and an
 * arena that holds the frames' bytes.
 *
 *   - The writer never waits. The newest frame wins: what is in the way of a new one, in index or arena, is dropped,
 *     oldest first. While a frame is written the newest one before it stays whole, if no frame is larger than a third of
 *     the arena.
 *   - A reader copies, or reads in place and checks afterwards (a sequence lock per entry). An entry that changed costs
 *     it that one try; it never spins.
 *   - A reader believes nothing: the shape comes from its own configuration, and what it reads from the memory is copied
 *     once and then checked.
 *   - Frames are addressed by position: the writer's 0th, 1st, 2nd … Those in [dd_frame_ring_oldest(), dd_frame_ring_count()) may
 * be there.
 *
 * A wake-up is a write of 8 bytes to the wake descriptor; a full or closed one is no error. */
#ifndef DD_LINK_FRAME_RING_H
#define DD_LINK_FRAME_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DD_FRAME_RING_STATE_SIZE = 1024, DD_FRAME_RING_ENTRIES_MAX = 65536 };

struct dd_frame_ring;

struct dd_frame_ring_shape {
    uint32_t entries;     /* 2 … DD_FRAME_RING_ENTRIES_MAX */
    uint32_t reserved;    /* 0 */
    uint64_t arena_bytes; /* rounded up to whole pages by dd_frame_ring_create */
};

struct dd_frame_ring_frame {
    uint64_t number;      /* the frame's number, as on the wire; 0 where there is none yet */
    uint64_t captured_us; /* sender: dd_clock_now_us() of its capture; receiver: as on the wire, µs since 1970 */
    uint64_t stored_us;   /* dd_clock_now_us() when it was committed; set by dd_frame_ring_commit */
    uint32_t bytes;
    uint32_t format; /* enum dd_picture_format at the sender; 0 for JPEG at the receiver */
    uint16_t width, height;
    uint32_t reserved; /* 0 */
};

/* Makes the memory. Returns a close-on-exec memfd, returned-owned, or a negative enum dd_error, logged. name is for
 * /proc/PID/maps. */
int dd_frame_ring_create(const char *name, const struct dd_frame_ring_shape *shape);

/* Bytes of shared memory that a ring of this shape takes at most. */
uint64_t dd_frame_ring_memory(const struct dd_frame_ring_shape *shape);

/* Says in place of a writer that has died that it does not live: its heartbeat ends at once. Logged if it fails. */
void dd_frame_ring_end_heartbeat(int fd);

/* From now on nobody can map it for writing; mappings that exist go on. 0 or DD_ERROR_SYSTEM, logged. */
int dd_frame_ring_seal_future_writes(int fd);

/* Map a ring; fd is borrowed and may be closed afterwards, wake_fd (-1: none) is borrowed for the ring's life. A writer
 * goes on where one before it ended. NULL, logged, if fd has not that shape or the system refuses. */
struct dd_frame_ring *dd_frame_ring_open_writer(int fd, const struct dd_frame_ring_shape *shape, int wake_fd);
struct dd_frame_ring *dd_frame_ring_open_reader(int fd, const struct dd_frame_ring_shape *shape);
void dd_frame_ring_close(struct dd_frame_ring *ring);

/* ---- the writer ---- */

/* Room for a frame of bytes, 64-byte aligned, to be filled and then committed; a new call takes the place of the one
 * before. NULL if bytes is 0 or above the arena's size. */
uint8_t *dd_frame_ring_reserve(struct dd_frame_ring *ring, uint32_t bytes);
/* Makes the reserved room the newest frame, and wakes the reader. frame->bytes is at most what was reserved. */
void dd_frame_ring_commit(struct dd_frame_ring *ring, const struct dd_frame_ring_frame *frame);
/* Replaces the writer's state, size <= DD_FRAME_RING_STATE_SIZE bytes of the daemon's own; wakes the reader if wake. */
void dd_frame_ring_publish(struct dd_frame_ring *ring, const void *state, size_t size, bool wake);
/* The writer lives, and will say so again before dd_clock_now_us() is alive_until_us. */
void dd_frame_ring_beat(struct dd_frame_ring *ring, uint64_t alive_until_us);

/* ---- the reader ---- */

/* Frames committed so far, and the first position that may still hold one. Each is read by itself, as the writer left it: oldest
 * is never above the count at its own moment, but may be above one that was read before. */
uint64_t dd_frame_ring_count(const struct dd_frame_ring *ring);
uint64_t dd_frame_ring_oldest(const struct dd_frame_ring *ring);

/* Describes the frame at position, with a pointer into the ring at its bytes if bytes isn't NULL: valid as long as
 * dd_frame_ring_unchanged() says so; to be read as bytes that can change at any time. 0 or DD_ERROR_GONE. */
int dd_frame_ring_peek(const struct dd_frame_ring *ring, uint64_t position, struct dd_frame_ring_frame *frame,
                       const uint8_t **bytes);
bool dd_frame_ring_unchanged(const struct dd_frame_ring *ring, uint64_t position);

/* Copies the frame at position. 0, DD_ERROR_GONE, or DD_ERROR_SPACE if it has over size bytes (*frame is then set). */
int dd_frame_ring_copy(const struct dd_frame_ring *ring, uint64_t position, struct dd_frame_ring_frame *frame, uint8_t *bytes,
                       size_t size);

/* Copies the writer's state of just size bytes. 0, or DD_ERROR_AGAIN if there is none of that size or it keeps changing
 * (after a handful of tries); *state is then untouched. */
int dd_frame_ring_observe(const struct dd_frame_ring *ring, void *state, size_t size);

/* dd_clock_now_us() until which the writer said it would live; 0: never said. As the writer wrote it. */
uint64_t dd_frame_ring_alive_until(const struct dd_frame_ring *ring);

#endif
