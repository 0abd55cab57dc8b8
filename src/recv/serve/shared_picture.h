/* A picture as viewers share it: immutable once made, counted by reference, one copy for all of them. */
#ifndef DD_RECV_SERVE_SHARED_PICTURE_H
#define DD_RECV_SERVE_SHARED_PICTURE_H

#include <stddef.h>
#include <stdint.h>

struct dd_frame_ring;

struct dd_shared_picture;

/* Copies the frame at position out of ring and checks it. Returned-owned with one reference: dd_shared_picture_unref(). NULL if
 * it is gone, is not fit to be shown, has over max_bytes, or there is no memory. */
struct dd_shared_picture *dd_shared_picture_copy(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes);

/* Of a copy of bytes. Returned-owned with one reference; NULL, logged, if there is no memory. */
struct dd_shared_picture *dd_shared_picture_new(uint64_t number, uint64_t captured_us, const uint8_t *bytes, size_t size);

/* Returns frame with one more reference. Thread-safe, as is unref, which clears *frame; *frame may be NULL. */
struct dd_shared_picture *dd_shared_picture_ref(struct dd_shared_picture *frame);
void dd_shared_picture_unref(struct dd_shared_picture **frame);

uint64_t dd_shared_picture_number(const struct dd_shared_picture *frame);
/* µs since 1970, as on the wire. */
uint64_t dd_shared_picture_captured_us(const struct dd_shared_picture *frame);
/* The JPEG; borrowed. */
const uint8_t *dd_shared_picture_bytes(const struct dd_shared_picture *frame);
size_t dd_shared_picture_size(const struct dd_shared_picture *frame);

#endif
