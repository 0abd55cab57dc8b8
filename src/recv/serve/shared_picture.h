/* A picture that all viewers share: immutable, with a count of its references. */
#ifndef DD_RECV_SERVE_SHARED_PICTURE_H
#define DD_RECV_SERVE_SHARED_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_frame_ring;

struct dd_shared_picture;

/* Copies the frame at position out of ring, and checks its number and size. Returned-owned with one reference:
 * dd_shared_picture_unref(). NULL if the frame is gone, has no bytes or more than max_bytes, has a number that the protocol
 * doesn't allow, or there is no memory (logged). */
struct dd_shared_picture *dd_shared_picture_copy(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes);

/* Makes a picture of a copy of bytes; captured_us is µs since 1970. Returned-owned with one reference; NULL, logged, if there is
 * no memory. */
struct dd_shared_picture *dd_shared_picture_new(uint64_t number, uint64_t captured_us, const uint8_t *bytes, size_t size);

/* Adds a reference, and returns picture. Thread-safe. */
struct dd_shared_picture *dd_shared_picture_ref(struct dd_shared_picture *picture);
/* Gives up a reference and sets *picture to NULL, which it may be already. Thread-safe. */
void dd_shared_picture_unref(struct dd_shared_picture **picture);

/* The frame's number, at least 1. */
uint64_t dd_shared_picture_number(const struct dd_shared_picture *picture);
/* When it was captured by the sender's clock: µs since 1970. */
uint64_t dd_shared_picture_captured_us(const struct dd_shared_picture *picture);
/* True if both are of one frame of a stream, with a mark or without: number and time of capture identify it. */
bool dd_shared_picture_is_same_frame(const struct dd_shared_picture *a, const struct dd_shared_picture *b);
/* The JPEG; borrowed as long as the caller has a reference. */
const uint8_t *dd_shared_picture_bytes(const struct dd_shared_picture *picture);
size_t dd_shared_picture_size(const struct dd_shared_picture *picture);

#endif
