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
    struct dd_shared_picture *picture = malloc(sizeof *picture + size);
    if (!picture) {
        dd_log_error("no memory for a picture of %zu bytes", size);
        return NULL;
    }
    atomic_init(&picture->references, 1);
    picture->size = size;
    return picture;
}

struct dd_shared_picture *dd_shared_picture_copy(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes)
{
    struct dd_frame_ring_frame entry;
    if (dd_frame_ring_peek(ring, position, &entry, NULL) != 0 || entry.bytes == 0 || entry.bytes > max_bytes)
        return NULL;
    struct dd_shared_picture *picture = allocate(entry.bytes);
    if (!picture)
        return NULL;
    /* The entry may have changed since dd_frame_ring_peek(): check what was copied. */
    int error = dd_frame_ring_copy(ring, position, &entry, picture->bytes, picture->size);
    if (error || entry.bytes == 0 || entry.bytes > picture->size || entry.number == 0 ||
        entry.number > DD_WIRE_FRAME_NUMBER_MAX) {
        free(picture);
        return NULL;
    }
    picture->size = entry.bytes;
    picture->number = entry.number;
    picture->captured_us = entry.captured_us;
    return picture;
}

struct dd_shared_picture *dd_shared_picture_new(uint64_t number, uint64_t captured_us, const uint8_t *bytes, size_t size)
{
    struct dd_shared_picture *picture = allocate(size);
    if (!picture)
        return NULL;
    picture->number = number;
    picture->captured_us = captured_us;
    memcpy(picture->bytes, bytes, size);
    return picture;
}

struct dd_shared_picture *dd_shared_picture_ref(struct dd_shared_picture *picture)
{
    atomic_fetch_add_explicit(&picture->references, 1, memory_order_relaxed);
    return picture;
}

void dd_shared_picture_unref(struct dd_shared_picture **picture)
{
    struct dd_shared_picture *p = *picture;
    *picture = NULL;
    if (p && atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) == 1)
        free(p);
}

uint64_t dd_shared_picture_number(const struct dd_shared_picture *picture)
{
    return picture->number;
}

uint64_t dd_shared_picture_captured_us(const struct dd_shared_picture *picture)
{
    return picture->captured_us;
}

bool dd_shared_picture_is_same_frame(const struct dd_shared_picture *a, const struct dd_shared_picture *b)
{
    return a->number == b->number && a->captured_us == b->captured_us;
}

const uint8_t *dd_shared_picture_bytes(const struct dd_shared_picture *picture)
{
    return picture->bytes;
}

size_t dd_shared_picture_size(const struct dd_shared_picture *picture)
{
    return picture->size;
}
