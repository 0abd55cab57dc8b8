#include "recv/serve/shared_picture.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/log.h"
#include "dd/link/frame_ring.h"
#include "dd/link/wire.h"

struct dd_shared_picture {
    atomic_uint references;
    uint64_t number;
    uint64_t captured_us;
    size_t size;
    uint8_t bytes[];
};

static struct dd_shared_picture *allocate(size_t size)
{
    struct dd_shared_picture *frame = malloc(sizeof *frame + size);
    if (!frame) {
        dd_log_error("no memory for a picture of %zu bytes", size);
        return NULL;
    }
    atomic_init(&frame->references, 1);
    frame->size = size;
    return frame;
}

struct dd_shared_picture *dd_shared_picture_copy(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes)
{
    struct dd_frame_ring_frame entry;
    if (dd_frame_ring_peek(ring, position, &entry, NULL) != 0 || entry.bytes == 0 || entry.bytes > max_bytes)
        return NULL;
    struct dd_shared_picture *frame = allocate(entry.bytes);
    if (!frame)
        return NULL;
    /* The entry may be another one by now: only what was copied counts. */
    int error = dd_frame_ring_copy(ring, position, &entry, frame->bytes, frame->size);
    if (error || entry.bytes == 0 || entry.bytes > frame->size || entry.number == 0 || entry.number > DD_WIRE_FRAME_NUMBER_MAX) {
        free(frame);
        return NULL;
    }
    frame->size = entry.bytes;
    frame->number = entry.number;
    frame->captured_us = entry.captured_us;
    return frame;
}

struct dd_shared_picture *dd_shared_picture_new(uint64_t number, uint64_t captured_us, const uint8_t *bytes, size_t size)
{
    struct dd_shared_picture *frame = allocate(size);
    if (!frame)
        return NULL;
    frame->number = number;
    frame->captured_us = captured_us;
    memcpy(frame->bytes, bytes, size);
    return frame;
}

struct dd_shared_picture *dd_shared_picture_ref(struct dd_shared_picture *frame)
{
    atomic_fetch_add_explicit(&frame->references, 1, memory_order_relaxed);
    return frame;
}

void dd_shared_picture_unref(struct dd_shared_picture **frame)
{
    struct dd_shared_picture *f = *frame;
    *frame = NULL;
    if (f && atomic_fetch_sub_explicit(&f->references, 1, memory_order_acq_rel) == 1)
        free(f);
}

uint64_t dd_shared_picture_number(const struct dd_shared_picture *frame)
{
    return frame->number;
}

uint64_t dd_shared_picture_captured_us(const struct dd_shared_picture *frame)
{
    return frame->captured_us;
}

const uint8_t *dd_shared_picture_bytes(const struct dd_shared_picture *frame)
{
    return frame->bytes;
}

size_t dd_shared_picture_size(const struct dd_shared_picture *frame)
{
    return frame->size;
}
