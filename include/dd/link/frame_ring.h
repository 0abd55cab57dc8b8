/* The frame ring passes frames through shared memory, from one writer process to one reader process. It is a memfd, sealed
 * against resizing, with three parts: a header (heartbeat, a small state of the writer's own, number of frames), an index of
 * entries, and an arena for the bytes of the frames.
 *
 *   - The writer never waits, and the newest frame wins. The oldest frames are dropped until index and arena have room for a new
 *     one. The newest frame stays intact while the next is written, provided that no frame is larger than a third of the arena.
 *   - A reader copies a frame, or reads it in place and checks afterwards that it has not changed (a sequence lock per entry). A
 *     changed entry costs one try; a reader never spins.
 *   - A reader trusts nothing in the memory. The shape comes from its own configuration. Each field is copied once, then checked.
 *   - A frame is addressed by its position: the writer's frames are counted from 0. Positions from dd_frame_ring_oldest() up to,
 *     but not including, dd_frame_ring_count() may still hold a frame.
 *
 * The writer wakes the reader through a wake-up (dd/base/wakeup.h). The other end of it may be taken over, like the memory. So a
 * more trusted writer sends through a pipe, which the reader cannot make it wait for. A more trusted reader watches an eventfd
 * edge-triggered, never reads it, and looks at dd_frame_ring_count() and dd_frame_ring_alive_until() at times of its own, too: a
 * wake-up that is lost or made up changes when it looks, not what it sees.
 *
 * A mapped ring has one owner, one thread. */
#ifndef DD_LINK_FRAME_RING_H
#define DD_LINK_FRAME_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DD_FRAME_RING_STATE_SIZE = 1024, DD_FRAME_RING_ENTRIES_MAX = 65536 };
#define DD_FRAME_RING_COUNT_MAX (UINT64_C(1) << 62) /* no writer ever commits so many frames */

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

/* Creates the memory. Returns a close-on-exec memfd, returned-owned; or a negative enum dd_error, logged. name shows in
 * /proc/PID/maps. */
int dd_frame_ring_create(const char *name, const struct dd_frame_ring_shape *shape);

/* An upper bound for the shared memory, in bytes, of a ring of this shape. */
uint64_t dd_frame_ring_memory(const struct dd_frame_ring_shape *shape);

/* Forbids further seals: for a ring whose writer is the less trusted side, before anybody else has it. With a seal of its own
 * such a writer could keep out all that come after it. 0 or DD_ERROR_SYSTEM, logged. */
int dd_frame_ring_forbid_seals(int fd);
/* Forbids new mappings for writing (F_SEAL_FUTURE_WRITE); existing ones remain. For the writer, once it has mapped the ring: the
 * call waits for a lock that whoever holds the ring can keep, so it is not for anybody more trusted. 0 or DD_ERROR_SYSTEM,
 * logged. */
int dd_frame_ring_seal_future_writes(int fd);
/* True if that was done. Never waits. */
bool dd_frame_ring_is_sealed(int fd);

/* Map a ring. fd is borrowed for the call only; wake_fd, for dd_wakeup_send(), until dd_frame_ring_close(), which takes NULL. A
 * writer drops the frames of an earlier writer and continues its positions; if that left a count that cannot be, it begins at 0.
 * Returned-owned. NULL, logged, if fd does not have that shape or a system call fails. */
struct dd_frame_ring *dd_frame_ring_open_writer(int fd, const struct dd_frame_ring_shape *shape, int wake_fd);
struct dd_frame_ring *dd_frame_ring_open_reader(int fd, const struct dd_frame_ring_shape *shape);
void dd_frame_ring_close(struct dd_frame_ring *ring);

/* ---- the writer ---- */

/* Reserves room for a frame of that many bytes, aligned to 64 bytes and borrowed until the commit. The caller fills it and
 * commits it; another call replaces the reservation. NULL if bytes is 0 or larger than the arena. */
uint8_t *dd_frame_ring_reserve(struct dd_frame_ring *ring, uint32_t bytes);
/* Publishes the reserved room as the newest frame and wakes the reader. frame->bytes is at most what was reserved. */
void dd_frame_ring_commit(struct dd_frame_ring *ring, const struct dd_frame_ring_frame *frame);
/* Replaces the writer's state: size <= DD_FRAME_RING_STATE_SIZE bytes whose meaning is up to the daemon. Wakes the reader if
 * wake. */
void dd_frame_ring_publish(struct dd_frame_ring *ring, const void *state, size_t size, bool wake);
/* The heartbeat: the writer promises the next one before dd_clock_now_us() reaches alive_until_us. */
void dd_frame_ring_beat(struct dd_frame_ring *ring, uint64_t alive_until_us);

/* ---- the reader ---- */

/* The number of frames committed so far, at most DD_FRAME_RING_COUNT_MAX, and the first position that may still hold one: at most
 * the shape's entries before the count. Apart from that both are whatever the writer says, each read on its own: so oldest may be
 * above a count that was read before it. */
uint64_t dd_frame_ring_count(const struct dd_frame_ring *ring);
uint64_t dd_frame_ring_oldest(const struct dd_frame_ring *ring);

/* Describes the frame at position. If bytes is not NULL, *bytes points to its bytes in the ring, which the writer can change at
 * any time: what was read from them counts only if dd_frame_ring_unchanged() is true afterwards. 0 or DD_ERROR_GONE. */
int dd_frame_ring_peek(const struct dd_frame_ring *ring, uint64_t position, struct dd_frame_ring_frame *frame,
                       const uint8_t **bytes);
bool dd_frame_ring_unchanged(const struct dd_frame_ring *ring, uint64_t position);

/* Copies the frame at position. 0; DD_ERROR_GONE; or DD_ERROR_SPACE if it is larger than size bytes, and *frame is set. */
int dd_frame_ring_copy(const struct dd_frame_ring *ring, uint64_t position, struct dd_frame_ring_frame *frame, uint8_t *bytes,
                       size_t size);

/* Copies the writer's state of exactly size bytes. 0; or DD_ERROR_AGAIN, with *state unchanged, if there is none of that size or
 * it keeps changing (after a few tries). */
int dd_frame_ring_observe(const struct dd_frame_ring *ring, void *state, size_t size);

/* The writer's promise of its last heartbeat, as dd_clock_now_us(), unchecked; 0: no heartbeat yet. */
uint64_t dd_frame_ring_alive_until(const struct dd_frame_ring *ring);

#endif
