#include "recv/serve/shared_picture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/frame_ring.h"
#include "dd/link/wire.h"

struct dd_shared_picture {
    atomic_uint references;
    /* the memory's lock */
    unsigned holds;  /* how many of the references are holds */
    bool asked_back; /* from all its holds; nobody else gets it */
    LIST_ENTRY(dd_shared_picture) link;
    /* immutable */
    const struct dd_frame_ring *ring; /* of which it is a copy; NULL: of none */
    uint64_t number, captured_us;
    char captured_at[DD_CLOCK_ISO_SIZE];
    size_t counted; /* in memory.bytes */
    size_t size;
    uint8_t bytes[];
};

LIST_HEAD(picture_list, dd_shared_picture);
TAILQ_HEAD(hold_list, dd_shared_picture_hold);

/* All pictures of this process. */
static struct {
    pthread_mutex_t lock;
    struct dd_shared_picture_limits limits; /* lock, as all that follows */
    uint64_t bytes;                         /* of all pictures */
    uint64_t asked_back;                    /* of those that are asked back */
    struct picture_list pictures;
    struct hold_list holds; /* the oldest first */
} memory = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .limits = {.requested = UINT64_MAX, .ask_back = UINT64_MAX, .all = UINT64_MAX},
    .pictures = LIST_HEAD_INITIALIZER(memory.pictures),
    .holds = TAILQ_HEAD_INITIALIZER(memory.holds),
};

/* ---- asking back ---- */

/* Asks the oldest holds for their pictures until enough is to be released; the lock is held. A picture that others have besides,
 * as the newest one of a stream, would stay: it is not asked for. */
static void ask_back(void)
{
    struct dd_shared_picture_hold *hold;
    TAILQ_FOREACH(hold, &memory.holds, link)
    {
        struct dd_shared_picture *picture = hold->picture;
        if (memory.bytes - memory.asked_back <= memory.limits.ask_back)
            break;
        if (!picture->asked_back && atomic_load(&picture->references) == picture->holds) {
            picture->asked_back = true;
            memory.asked_back += picture->counted;
        }
    }
    TAILQ_FOREACH(hold, &memory.holds, link)
    {
        if (hold->picture->asked_back && !hold->asked) {
            hold->asked = true;
            hold->give_up(hold);
        }
    }
}

/* Counts size bytes more. False if they would exceed limit. */
static bool take_memory(size_t size, uint64_t limit)
{
    pthread_mutex_lock(&memory.lock);
    bool fits = size <= limit && memory.bytes <= limit - size;
    if (fits)
        memory.bytes += size;
    if (memory.bytes - memory.asked_back > memory.limits.ask_back)
        ask_back();
    pthread_mutex_unlock(&memory.lock);
    return fits;
}

static void give_memory(size_t size)
{
    pthread_mutex_lock(&memory.lock);
    memory.bytes -= size;
    pthread_mutex_unlock(&memory.lock);
}

/* ---- pictures ---- */

/* A picture with one reference, that nobody finds yet. NULL if it exceeds limit, or there is no memory (logged). */
static struct dd_shared_picture *allocate(size_t size, uint64_t limit)
{
    size_t counted = size + DD_SHARED_PICTURE_OVERHEAD;
    if (!take_memory(counted, limit))
        return NULL;
    struct dd_shared_picture *picture = malloc(sizeof *picture + size);
    if (!picture) {
        give_memory(counted);
        dd_log_error("no memory for a picture of %zu bytes", size);
        return NULL;
    }
    memset(picture, 0, sizeof *picture);
    atomic_init(&picture->references, 1);
    picture->counted = counted;
    picture->size = size;
    return picture;
}

/* The picture is complete: from here on it can be found. */
static void list(struct dd_shared_picture *picture)
{
    dd_clock_iso(picture->captured_us, picture->captured_at);
    pthread_mutex_lock(&memory.lock);
    LIST_INSERT_HEAD(&memory.pictures, picture, link);
    pthread_mutex_unlock(&memory.lock);
}

/* Copies the frame at position out of ring, at most limit bytes of all pictures. *picture is NULL on error. */
static int copy(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes, uint64_t limit,
                struct dd_shared_picture **picture)
{
    struct dd_frame_ring_frame entry;
    *picture = NULL;
    if (dd_frame_ring_peek(ring, position, &entry, NULL) != 0 || entry.bytes == 0 || entry.bytes > max_bytes)
        return DD_ERROR_GONE;
    struct dd_shared_picture *p = allocate(entry.bytes, limit);
    if (!p)
        return DD_ERROR_SPACE;
    /* The entry may have changed since dd_frame_ring_peek(): check what was copied. */
    int error = dd_frame_ring_copy(ring, position, &entry, p->bytes, p->size);
    if (error || entry.bytes == 0 || entry.bytes > p->size || entry.number == 0 || entry.number > DD_WIRE_FRAME_NUMBER_MAX) {
        give_memory(p->counted);
        free(p);
        return DD_ERROR_GONE;
    }
    p->ring = ring;
    p->size = entry.bytes;
    p->number = entry.number;
    p->captured_us = entry.captured_us;
    list(p);
    *picture = p;
    return 0;
}

struct dd_shared_picture *dd_shared_picture_copy(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes)
{
    struct dd_shared_picture *picture;
    copy(ring, position, max_bytes, memory.limits.all, &picture);
    return picture;
}

/* A further reference, unless the last one is being given up. */
static bool ref_if_referenced(struct dd_shared_picture *picture)
{
    unsigned count = atomic_load(&picture->references);
    while (count && !atomic_compare_exchange_weak(&picture->references, &count, count + 1))
        ;
    return count > 0;
}

/* The copy that somebody has of what is at position in ring, with one reference for the caller; NULL: nobody has one. */
static struct dd_shared_picture *find_copy(const struct dd_frame_ring *ring, uint64_t position)
{
    struct dd_frame_ring_frame entry;
    struct dd_shared_picture *picture;
    if (dd_frame_ring_peek(ring, position, &entry, NULL) != 0)
        return NULL;
    pthread_mutex_lock(&memory.lock);
    LIST_FOREACH(picture, &memory.pictures, link)
    if (picture->ring == ring && picture->number == entry.number && picture->captured_us == entry.captured_us &&
        picture->size == entry.bytes && !picture->asked_back && ref_if_referenced(picture))
        break;
    pthread_mutex_unlock(&memory.lock);
    return picture;
}

int dd_shared_picture_get(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes,
                          struct dd_shared_picture **picture)
{
    *picture = find_copy(ring, position);
    return *picture ? 0 : copy(ring, position, max_bytes, memory.limits.requested, picture);
}

struct dd_shared_picture *dd_shared_picture_new(uint64_t number, uint64_t captured_us, const uint8_t *bytes, size_t size)
{
    struct dd_shared_picture *picture = allocate(size, UINT64_MAX);
    if (!picture)
        return NULL;
    picture->number = number;
    picture->captured_us = captured_us;
    memcpy(picture->bytes, bytes, size);
    list(picture);
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
    if (!p || atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_lock(&memory.lock);
    LIST_REMOVE(p, link);
    memory.bytes -= p->counted;
    if (p->asked_back)
        memory.asked_back -= p->counted;
    pthread_mutex_unlock(&memory.lock);
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

const char *dd_shared_picture_captured_at(const struct dd_shared_picture *picture)
{
    return picture->captured_at;
}

const uint8_t *dd_shared_picture_bytes(const struct dd_shared_picture *picture)
{
    return picture->bytes;
}

size_t dd_shared_picture_size(const struct dd_shared_picture *picture)
{
    return picture->size;
}

/* ---- the memory of all pictures ---- */

void dd_shared_picture_set_limits(const struct dd_shared_picture_limits *limits)
{
    pthread_mutex_lock(&memory.lock);
    memory.limits = *limits;
    pthread_mutex_unlock(&memory.lock);
}

uint64_t dd_shared_picture_memory(void)
{
    pthread_mutex_lock(&memory.lock);
    uint64_t bytes = memory.bytes;
    pthread_mutex_unlock(&memory.lock);
    return bytes;
}

void dd_shared_picture_hold(struct dd_shared_picture_hold *hold, struct dd_shared_picture *picture)
{
    pthread_mutex_lock(&memory.lock);
    hold->picture = picture;
    hold->asked = false;
    picture->holds++;
    TAILQ_INSERT_TAIL(&memory.holds, hold, link);
    pthread_mutex_unlock(&memory.lock);
}

void dd_shared_picture_release(struct dd_shared_picture_hold *hold)
{
    if (!hold->picture)
        return;
    pthread_mutex_lock(&memory.lock);
    hold->picture->holds--;
    TAILQ_REMOVE(&memory.holds, hold, link);
    pthread_mutex_unlock(&memory.lock);
    dd_shared_picture_unref(&hold->picture);
}
