#include "send/transmit/encoder_pool.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/wakeup.h"
#include "dd/link/fragmenter.h"
#include "dd/link/frame_ring.h"
#include "send/picture.h"
#include "send/transmit/jpeg_encoder.h"

enum {
    BUFFERS = 3,
    THREADS_MAX = 64,
    COPIES = 100, /* pictures encoded from a copy after one was overtaken, before the ring is tried again */
};

/* Where the pixels of a picture are. */
enum place { NOWHERE, IN_RING, IN_COPY };

/* A stream has three buffers for its JPEGs: one is being filled, one is ready, one is being sent. */
struct stream {
    struct dd_encoder_pool_stream config; /* constant */
    uint8_t *buffer[BUFFERS];             /* of capacity bytes and DD_FRAGMENTER_SLACK; the pointers are constant */
    size_t capacity;
    uint8_t *copy; /* room for a picture, config.max_bytes; the pointer is constant */
    /* Under the lock: */
    int filling, ready, taken;              /* indices of buffer; roles swap */
    struct dd_encoder_pool_picture picture; /* the newest that was encoded; size 0: none yet */
    struct dd_encoder_pool_shown shown;     /* when the ring last held that picture */
    bool wanted;                            /* the ring may have a new picture */
    bool busy;                              /* a thread reads the ring */
    bool is_ready;                          /* buffer[ready] was not taken yet */
    struct dd_encoder_pool_counters counters;
    /* Owned by the thread that has set busy: */
    uint64_t position; /* of the next picture to look at */
    /* The newest that was encoded: where its pixels are, and its position if they are in the ring. */
    enum place encoded_in;
    uint64_t encoded_position;
    struct dd_picture copied; /* the picture in copy */
    /* While this is not 0, the encoder is too slow to read a picture before the source overwrites it: copying is faster. */
    unsigned copies_left;
};

/* What a thread found in a ring. */
enum outcome { NOTHING, ENCODED, SAME };

struct dd_encoder_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stopping; /* under the lock */
    size_t turn;   /* under the lock: where the next search for work begins, so that no stream starves */
    int wake_fd;
    size_t count;
    struct stream *streams;
    struct dd_jpeg_encoder *encoders[THREADS_MAX]; /* one per thread */
    pthread_t threads[THREADS_MAX];
    size_t thread_count, next_encoder; /* next_encoder: under the lock */
};

/* Points picture at the ring's frame at position. 0; DD_ERROR_GONE; DD_ERROR_INPUT: the frame is larger than configured, or
 * contradicts itself. */
static int read_picture(const struct stream *stream, uint64_t position, struct dd_picture *picture)
{
    struct dd_frame_ring_frame frame;
    struct dd_picture_layout layout;
    const uint8_t *bytes;
    if (dd_frame_ring_peek(stream->config.ring, position, &frame, &bytes))
        return DD_ERROR_GONE;
    bool usable = frame.width <= stream->config.max_width && frame.height <= stream->config.max_height &&
                  dd_picture_layout((enum dd_picture_format)frame.format, frame.width, frame.height, &layout) == 0 &&
                  frame.bytes == layout.bytes && layout.bytes <= stream->config.max_bytes;
    if (!usable)
        return DD_ERROR_INPUT;
    dd_picture_over(picture, (enum dd_picture_format)frame.format, frame.width, frame.height, &layout, bytes);
    /* The capture role may say that a picture is older than it is, but not that it is newer. */
    uint64_t now_us = dd_clock_now_us();
    picture->captured_us = frame.captured_us < now_us ? frame.captured_us : now_us;
    return 0;
}

/* Finds the newest picture of the stream's ring. False if there is no new one, or it cannot be used. */
static bool find_picture(struct stream *stream, struct dd_picture *picture, uint64_t *position,
                         struct dd_encoder_pool_counters *counted)
{
    uint64_t count = dd_frame_ring_count(stream->config.ring);
    if (count < stream->position) { /* a new writer has begun at 0 */
        stream->position = 0;
        stream->encoded_in = NOWHERE;
    }
    if (count == stream->position)
        return false;
    *position = count - 1;
    /* No capture role writes so many between two looks. The counts of all streams are added up: a false one must not spoil the
     * sum.
     */
    uint64_t missed = *position - stream->position;
    counted->skipped = missed < UINT32_MAX ? missed : UINT32_MAX;
    stream->position = count;
    int error = read_picture(stream, *position, picture);
    counted->skipped += error != 0;
    counted->unusable += error == DD_ERROR_INPUT;
    return !error;
}

/* True if picture, which is in the ring, equals the one that was encoded last, pixel for pixel. If one is overwritten meanwhile,
 * they count as different. */
static bool is_same(const struct stream *stream, const struct dd_picture *picture, uint64_t position)
{
    struct dd_picture before = stream->copied;
    bool in_ring = stream->encoded_in == IN_RING;
    if (stream->encoded_in == NOWHERE || (in_ring && read_picture(stream, stream->encoded_position, &before)))
        return false;
    return dd_picture_equal(&before, picture) && dd_frame_ring_unchanged(stream->config.ring, position) &&
           (!in_ring || dd_frame_ring_unchanged(stream->config.ring, stream->encoded_position));
}

/* Copies picture out of the ring, and makes *picture the copy. False if the source has overwritten it meanwhile. */
static bool copy_out(struct stream *stream, struct dd_picture *picture, uint64_t position)
{
    struct dd_picture_layout layout;
    uint64_t captured_us = picture->captured_us;
    stream->encoded_in = NOWHERE;
    if (dd_picture_layout(picture->format, picture->width, picture->height, &layout))
        return false;
    memcpy(stream->copy, picture->plane[0], layout.bytes);
    if (!dd_frame_ring_unchanged(stream->config.ring, position))
        return false;
    dd_picture_over(&stream->copied, picture->format, picture->width, picture->height, &layout, stream->copy);
    *picture = stream->copied;
    picture->captured_us = captured_us;
    return true;
}

/* Encodes picture, which is in the ring, into the stream's filling buffer. Returns the size of the JPEG; 0 if it shows nothing
 * that the source has shown, or after an error. */
static size_t encode_whole(struct dd_jpeg_encoder *encoder, struct stream *stream, struct dd_picture *picture, uint64_t position)
{
    bool from_copy = stream->copies_left;
    if (from_copy && !copy_out(stream, picture, position))
        return 0;
    size_t size = dd_jpeg_encoder_encode(encoder, picture, stream->config.quality,
                                         stream->config.full_chroma ? DD_JPEG_ENCODER_444 : DD_JPEG_ENCODER_420,
                                         stream->buffer[stream->filling], stream->capacity);
    bool overtaken = !dd_frame_ring_unchanged(stream->config.ring, position);
    if (overtaken)
        stream->copies_left = COPIES;
    else if (from_copy)
        stream->copies_left--;
    /* Of a picture that the source has overwritten in the ring, the JPEG is a mixture with a newer one. */
    if (!size || (overtaken && !from_copy))
        return 0;
    stream->encoded_in = from_copy ? IN_COPY : IN_RING;
    stream->encoded_position = position;
    return size;
}

/* Encodes the newest picture of a busy stream into its filling buffer, unless it equals the one before. ENCODED: out describes
 * it. *shown is when and where the ring held it. */
static enum outcome encode(struct dd_jpeg_encoder *encoder, struct stream *stream, struct dd_encoder_pool_picture *out,
                           struct dd_encoder_pool_shown *shown, struct dd_encoder_pool_counters *counted)
{
    struct dd_picture picture;
    uint64_t position = 0;
    if (!find_picture(stream, &picture, &position, counted))
        return NOTHING;
    *shown = (struct dd_encoder_pool_shown){.captured_us = picture.captured_us, .position = position};
    if (is_same(stream, &picture, position)) {
        stream->encoded_position = position; /* equal, and in the ring it stays for longer */
        counted->same++;
        return SAME;
    }
    size_t size = encode_whole(encoder, stream, &picture, position);
    if (!size) {
        counted->skipped++;
        return NOTHING;
    }
    *out = (struct dd_encoder_pool_picture){.size = (uint32_t)size,
                                            .captured_us = picture.captured_us,
                                            .position = position,
                                            .width = (uint16_t)picture.width,
                                            .height = (uint16_t)picture.height};
    return ENCODED;
}

static struct stream *find_work(struct dd_encoder_pool *pool)
{
    for (size_t i = 0; i < pool->count; i++) {
        struct stream *stream = &pool->streams[(pool->turn + i) % pool->count];
        if (stream->wanted && !stream->busy) {
            pool->turn = (pool->turn + i + 1) % pool->count;
            return stream;
        }
    }
    return NULL;
}

/* Under the lock. */
static void deliver(struct dd_encoder_pool *pool, struct stream *stream, const struct dd_encoder_pool_picture *picture)
{
    int filled = stream->filling;
    stream->counters.skipped += stream->is_ready;
    stream->counters.encoded++;
    stream->counters.jpeg_bytes += picture->size;
    stream->filling = stream->ready;
    stream->ready = filled;
    stream->picture = *picture;
    stream->picture.jpeg = stream->buffer[filled];
    stream->is_ready = true;
    dd_wakeup_send(pool->wake_fd);
}

static void *run(void *context)
{
    struct dd_encoder_pool *pool = context;
    prctl(PR_SET_NAME, "encoder");
    pthread_mutex_lock(&pool->lock);
    struct dd_jpeg_encoder *encoder = pool->encoders[pool->next_encoder++];
    while (!pool->stopping) {
        struct dd_encoder_pool_picture picture;
        struct dd_encoder_pool_shown shown;
        struct dd_encoder_pool_counters counted = {0};
        struct stream *stream = find_work(pool);
        if (!stream) {
            pthread_cond_wait(&pool->work, &pool->lock);
            continue;
        }
        stream->wanted = false;
        stream->busy = true;
        pthread_mutex_unlock(&pool->lock);
        enum outcome outcome = encode(encoder, stream, &picture, &shown, &counted);
        pthread_mutex_lock(&pool->lock);
        stream->busy = false;
        stream->counters.same += counted.same;
        stream->counters.skipped += counted.skipped;
        stream->counters.unusable += counted.unusable;
        if (outcome == ENCODED)
            deliver(pool, stream, &picture);
        if (outcome != NOTHING)
            stream->shown = shown;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static int make_stream(struct stream *stream, const struct dd_encoder_pool_stream *config)
{
    stream->config = *config;
    stream->capacity = dd_jpeg_encoder_bound(config->max_width, config->max_height, DD_JPEG_ENCODER_444);
    stream->filling = 0;
    stream->ready = 1;
    stream->taken = 2;
    stream->copy = malloc(config->max_bytes);
    if (!stream->copy)
        return DD_ERROR_MEMORY;
    for (int i = 0; i < BUFFERS; i++) {
        stream->buffer[i] = malloc(stream->capacity + DD_FRAGMENTER_SLACK);
        if (!stream->buffer[i])
            return DD_ERROR_MEMORY;
    }
    return 0;
}

static size_t thread_count(size_t streams)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t most = cpus < 1 ? 1 : cpus > THREADS_MAX ? THREADS_MAX : (size_t)cpus;
    return streams < most ? streams : most;
}

struct dd_encoder_pool *dd_encoder_pool_start(const struct dd_encoder_pool_stream *streams, size_t count, int wake_fd)
{
    struct dd_encoder_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        goto err0;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->wake_fd = wake_fd;
    pool->streams = calloc(count, sizeof *pool->streams);
    if (!pool->streams)
        goto err1;
    for (; pool->count < count; pool->count++)
        if (make_stream(&pool->streams[pool->count], &streams[pool->count])) {
            pool->count++;
            goto err1;
        }
    for (size_t threads = thread_count(count); pool->thread_count < threads; pool->thread_count++) {
        pool->encoders[pool->thread_count] = dd_jpeg_encoder_new();
        if (!pool->encoders[pool->thread_count] || pthread_create(&pool->threads[pool->thread_count], NULL, run, pool))
            goto err1;
    }
    return pool;

err1:
    dd_encoder_pool_stop(pool);
err0:
    dd_log_error("no memory or no threads for the encoders of %zu streams", count);
    return NULL;
}

void dd_encoder_pool_stop(struct dd_encoder_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    for (size_t i = 0; i < THREADS_MAX; i++)
        dd_jpeg_encoder_free(pool->encoders[i]);
    for (size_t i = 0; i < pool->count; i++) {
        free(pool->streams[i].copy);
        for (int b = 0; b < BUFFERS; b++)
            free(pool->streams[i].buffer[b]);
    }
    free(pool->streams);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

void dd_encoder_pool_notify(struct dd_encoder_pool *pool, size_t i)
{
    pthread_mutex_lock(&pool->lock);
    pool->streams[i].wanted = true;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

bool dd_encoder_pool_take(struct dd_encoder_pool *pool, size_t i, struct dd_encoder_pool_picture *picture)
{
    struct stream *stream = &pool->streams[i];
    pthread_mutex_lock(&pool->lock);
    bool is_ready = stream->is_ready;
    if (is_ready) {
        int taken = stream->taken;
        *picture = stream->picture;
        stream->taken = stream->ready;
        stream->ready = taken;
        stream->is_ready = false;
    }
    pthread_mutex_unlock(&pool->lock);
    return is_ready;
}

bool dd_encoder_pool_last_shown(struct dd_encoder_pool *pool, size_t i, struct dd_encoder_pool_shown *shown)
{
    struct stream *stream = &pool->streams[i];
    pthread_mutex_lock(&pool->lock);
    bool is_taken = stream->picture.size && !stream->is_ready;
    *shown = stream->shown;
    pthread_mutex_unlock(&pool->lock);
    return is_taken;
}

void dd_encoder_pool_read_counters(struct dd_encoder_pool *pool, size_t i, struct dd_encoder_pool_counters *counters)
{
    pthread_mutex_lock(&pool->lock);
    *counters = pool->streams[i].counters;
    pthread_mutex_unlock(&pool->lock);
}
