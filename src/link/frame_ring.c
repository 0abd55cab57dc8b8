/* Layout of the memory: one page of header, the index, the arena. Entry p % entries holds frame p while its sequence is
 * 2 (p + 1); it is odd while being written and 0 once dropped. */
#include "dd/link/frame_ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/round_up.h"
#include "dd/base/wakeup.h"

enum { PAGE = 4096, ALIGN = 64, OBSERVE_TRIES = 4 };
/* Positions stay far below where sums of them wrap around, and where 2 (p + 1) is 0, the sequence of a dropped entry. */
#define COUNT_MAX DD_FRAME_RING_COUNT_MAX

struct entry {
    _Atomic uint64_t sequence;
    uint64_t at; /* offset in the arena */
    struct dd_frame_ring_frame frame;
};

struct header {
    _Atomic uint64_t alive_until_us;
    _Atomic uint64_t count;          /* frames committed */
    _Atomic uint64_t oldest;         /* first position that was not dropped */
    _Atomic uint64_t state_sequence; /* odd while the state is being written */
    uint32_t state_size;
    uint32_t reserved;
    uint8_t state[DD_FRAME_RING_STATE_SIZE];
};

_Static_assert(sizeof(struct header) <= PAGE, "the header fits its page");

struct dd_frame_ring {
    struct dd_frame_ring_shape shape;
    size_t size; /* of the mapping */
    int wake_fd;
    struct header *header;
    struct entry *entries;
    uint8_t *arena;
    /* The writer's own copies; those in the memory are for the reader. */
    uint64_t count, oldest, state_sequence;
    uint64_t next_at; /* where in the arena the next frame may begin */
    uint64_t reserved_at;
    uint32_t reserved_bytes; /* 0: nothing is reserved */
};

static uint64_t index_bytes(const struct dd_frame_ring_shape *shape)
{
    return dd_round_up_to((uint64_t)shape->entries * sizeof(struct entry), PAGE);
}

static uint64_t arena_bytes(const struct dd_frame_ring_shape *shape)
{
    return dd_round_up_to(shape->arena_bytes, PAGE);
}

static struct entry *entry_of(const struct dd_frame_ring *ring, uint64_t position)
{
    return &ring->entries[position % ring->shape.entries];
}

uint64_t dd_frame_ring_memory(const struct dd_frame_ring_shape *shape)
{
    return PAGE + index_bytes(shape) + arena_bytes(shape);
}

int dd_frame_ring_create(const char *name, const struct dd_frame_ring_shape *shape)
{
    if (shape->entries < 2 || shape->entries > DD_FRAME_RING_ENTRIES_MAX || !shape->arena_bytes) {
        dd_log_error("a ring of %u entries and %ju bytes cannot be", shape->entries, (uintmax_t)shape->arena_bytes);
        return DD_ERROR_INPUT;
    }
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        goto err0;
    if (ftruncate(fd, (off_t)dd_frame_ring_memory(shape)) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        goto err1;
    return fd;

err1:
    close(fd);
err0:
    dd_log_error("cannot make the ring %s of %ju bytes: %s", name, (uintmax_t)dd_frame_ring_memory(shape), strerror(errno));
    return DD_ERROR_SYSTEM;
}

int dd_frame_ring_forbid_seals(int fd)
{
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) == 0)
        return 0;
    dd_log_error("cannot seal a ring against its writer: %s", strerror(errno));
    return DD_ERROR_SYSTEM;
}

int dd_frame_ring_seal_future_writes(int fd)
{
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) == 0)
        return 0;
    dd_log_error("cannot seal a ring against its reader: %s", strerror(errno));
    return DD_ERROR_SYSTEM;
}

bool dd_frame_ring_is_sealed(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & F_SEAL_FUTURE_WRITE) && (seals & F_SEAL_SEAL);
}

static struct dd_frame_ring *open_ring(int fd, const struct dd_frame_ring_shape *shape, int protection)
{
    struct stat s;
    int seals = fcntl(fd, F_GET_SEALS);
    struct dd_frame_ring *ring = calloc(1, sizeof *ring);
    if (!ring) {
        dd_log_error("out of memory");
        return NULL;
    }
    /* If the other side could shrink the ring, it could kill this process with SIGBUS. */
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &s) < 0 || (uint64_t)s.st_size != dd_frame_ring_memory(shape)) {
        dd_log_error("a ring has not the shape that was agreed on");
        goto err0;
    }
    ring->shape = *shape;
    ring->size = (size_t)s.st_size;
    ring->wake_fd = -1;
    uint8_t *memory = mmap(NULL, ring->size, protection, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        dd_log_error("cannot map a ring: %s", strerror(errno));
        goto err0;
    }
    ring->header = (struct header *)(void *)memory;
    ring->entries = (struct entry *)(void *)(memory + PAGE);
    ring->arena = memory + PAGE + index_bytes(shape);
    return ring;

err0:
    free(ring);
    return NULL;
}

struct dd_frame_ring *dd_frame_ring_open_writer(int fd, const struct dd_frame_ring_shape *shape, int wake_fd)
{
    struct dd_frame_ring *ring = open_ring(fd, shape, PROT_READ | PROT_WRITE);
    if (!ring)
        return NULL;
    ring->wake_fd = wake_fd;
    /* Frames of an earlier writer may lie anywhere in the arena: they are dropped, and positions continue. It may have left
     * anything in the header; no honest one left such a count. */
    ring->count = dd_frame_ring_count(ring) < COUNT_MAX / 2 ? dd_frame_ring_count(ring) : 0;
    ring->oldest = ring->count;
    atomic_store(&ring->header->count, ring->count);
    atomic_store(&ring->header->oldest, ring->oldest);
    for (uint32_t i = 0; i < shape->entries; i++)
        atomic_store(&ring->entries[i].sequence, 0);
    uint64_t sequence = atomic_load(&ring->header->state_sequence);
    ring->state_sequence = sequence < COUNT_MAX ? dd_round_up_to(sequence, 2) : 0;
    return ring;
}

struct dd_frame_ring *dd_frame_ring_open_reader(int fd, const struct dd_frame_ring_shape *shape)
{
    return open_ring(fd, shape, PROT_READ);
}

void dd_frame_ring_close(struct dd_frame_ring *ring)
{
    if (!ring)
        return;
    munmap(ring->header, ring->size);
    free(ring);
}

/* Drops frames, oldest first, until neither the entry nor the bytes from at on are in use. */
static void make_room(struct dd_frame_ring *ring, uint64_t at, uint64_t bytes)
{
    while (ring->oldest != ring->count) {
        struct entry *e = entry_of(ring, ring->oldest);
        uint64_t taken = dd_round_up_to(e->frame.bytes, ALIGN);
        bool overlaps = e->at < at + bytes && at < e->at + taken;
        bool full = ring->count - ring->oldest >= ring->shape.entries;
        if (!overlaps && !full)
            break;
        atomic_store(&e->sequence, 0);
        ring->oldest++;
    }
    atomic_store(&ring->header->oldest, ring->oldest);
    /* Nobody may see the new bytes under an old sequence. */
    atomic_thread_fence(memory_order_seq_cst);
}

uint8_t *dd_frame_ring_reserve(struct dd_frame_ring *ring, uint32_t bytes)
{
    uint64_t need = dd_round_up_to(bytes, ALIGN), size = arena_bytes(&ring->shape);
    ring->reserved_bytes = 0;
    if (!bytes || need > size)
        return NULL;
    uint64_t at = ring->next_at + need <= size ? ring->next_at : 0;
    /* Wrapping around skips the end of the arena, where the oldest frames may still lie. */
    if (at == 0 && ring->next_at)
        make_room(ring, ring->next_at, size - ring->next_at);
    make_room(ring, at, need);
    ring->reserved_at = at;
    ring->reserved_bytes = bytes;
    return ring->arena + at;
}

void dd_frame_ring_commit(struct dd_frame_ring *ring, const struct dd_frame_ring_frame *frame)
{
    struct entry *e = entry_of(ring, ring->count);
    if (!ring->reserved_bytes || frame->bytes > ring->reserved_bytes)
        return;
    atomic_store(&e->sequence, 2 * ring->count + 1);
    atomic_thread_fence(memory_order_seq_cst);
    e->at = ring->reserved_at;
    e->frame = *frame;
    e->frame.stored_us = dd_clock_now_us();
    atomic_store(&e->sequence, 2 * (ring->count + 1));
    ring->next_at = ring->reserved_at + dd_round_up_to(frame->bytes, ALIGN);
    ring->reserved_bytes = 0;
    ring->count++;
    atomic_store(&ring->header->count, ring->count);
    dd_wakeup_send(ring->wake_fd);
}

void dd_frame_ring_publish(struct dd_frame_ring *ring, const void *state, size_t size, bool wake_reader)
{
    struct header *h = ring->header;
    if (size > sizeof h->state)
        return;
    atomic_store(&h->state_sequence, ring->state_sequence + 1);
    atomic_thread_fence(memory_order_seq_cst);
    h->state_size = (uint32_t)size;
    memcpy(h->state, state, size);
    ring->state_sequence += 2;
    atomic_store(&h->state_sequence, ring->state_sequence);
    if (wake_reader)
        dd_wakeup_send(ring->wake_fd);
}

void dd_frame_ring_beat(struct dd_frame_ring *ring, uint64_t alive_until_us)
{
    atomic_store(&ring->header->alive_until_us, alive_until_us);
}

uint64_t dd_frame_ring_count(const struct dd_frame_ring *ring)
{
    uint64_t count = atomic_load(&ring->header->count);
    return count <= COUNT_MAX ? count : 0;
}

uint64_t dd_frame_ring_oldest(const struct dd_frame_ring *ring)
{
    uint64_t oldest = atomic_load(&ring->header->oldest), count = dd_frame_ring_count(ring);
    uint64_t least = count > ring->shape.entries ? count - ring->shape.entries : 0;
    return oldest > count ? count : oldest < least ? least : oldest;
}

bool dd_frame_ring_unchanged(const struct dd_frame_ring *ring, uint64_t position)
{
    atomic_thread_fence(memory_order_seq_cst);
    return position < COUNT_MAX && atomic_load(&entry_of(ring, position)->sequence) == 2 * (position + 1);
}

int dd_frame_ring_peek(const struct dd_frame_ring *ring, uint64_t position, struct dd_frame_ring_frame *frame,
                       const uint8_t **bytes)
{
    const struct entry *e = entry_of(ring, position);
    uint64_t size = arena_bytes(&ring->shape);
    memset(frame, 0, sizeof *frame);
    if (bytes)
        *bytes = NULL;
    if (!dd_frame_ring_unchanged(ring, position))
        return DD_ERROR_GONE;
    uint64_t at = *(const volatile uint64_t *)&e->at;
    struct dd_frame_ring_frame copy = e->frame;
    /* The copy is what is checked and used; the writer may change the original meanwhile. */
    __asm__ volatile("" : "+m"(copy) : : "memory");
    if (!dd_frame_ring_unchanged(ring, position) || !copy.bytes || at > size || copy.bytes > size - at || at % ALIGN)
        return DD_ERROR_GONE;
    *frame = copy;
    if (bytes)
        *bytes = ring->arena + at;
    return 0;
}

int dd_frame_ring_copy(const struct dd_frame_ring *ring, uint64_t position, struct dd_frame_ring_frame *frame, uint8_t *bytes,
                       size_t size)
{
    const uint8_t *from = NULL;
    int error = dd_frame_ring_peek(ring, position, frame, &from);
    if (error)
        return error;
    if (frame->bytes > size)
        return DD_ERROR_SPACE;
    memcpy(bytes, from, frame->bytes);
    return dd_frame_ring_unchanged(ring, position) ? 0 : DD_ERROR_GONE;
}

int dd_frame_ring_observe(const struct dd_frame_ring *ring, void *state, size_t size)
{
    const struct header *h = ring->header;
    uint8_t copy[DD_FRAME_RING_STATE_SIZE];
    for (int i = 0; i < OBSERVE_TRIES; i++) {
        uint64_t before = atomic_load(&h->state_sequence);
        atomic_thread_fence(memory_order_seq_cst);
        if (!before || before % 2 || *(const volatile uint32_t *)&h->state_size != size || size > sizeof copy)
            continue;
        memcpy(copy, h->state, size);
        atomic_thread_fence(memory_order_seq_cst);
        if (atomic_load(&h->state_sequence) == before) {
            memcpy(state, copy, size);
            return 0;
        }
    }
    return DD_ERROR_AGAIN;
}

uint64_t dd_frame_ring_alive_until(const struct dd_frame_ring *ring)
{
    return atomic_load(&ring->header->alive_until_us);
}
