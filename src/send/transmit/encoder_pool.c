#include "send/transmit/encoder_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/fragmenter.h"
#include "dd/link/frame_ring.h"
#include "send/picture.h"
#include "send/transmit/jpeg_encoder.h"

enum { BUFFERS = 3, THREADS_MAX = 64 };

/* A stream's JPEG goes round three buffers: one is being filled, one is ready, one is being sent. */
struct lane {
    struct dd_encoder_pool_stream config; /* constant */
    uint8_t *buffer[BUFFERS];             /* of capacity bytes and DD_FRAGMENTER_SLACK; the pointers are constant */
    size_t capacity;
    /* Under the lock: */
    int filling, ready, taken;              /* indices of buffer; roles swap */
    struct dd_encoder_pool_picture picture; /* the newest that was encoded; size 0: none yet */
    struct dd_encoder_pool_shown shown;     /* until when the ring had it again */
    bool wanted, busy, is_ready;
    struct dd_encoder_pool_counters counters;
    /* Of the thread that has set busy: */
    uint64_t position; /* of the next picture that was not looked at */
    bool has_encoded;
    uint64_t encoded_position; /* of the newest that was encoded */
};

/* What came of looking at a ring. */
enum outcome { NOTHING, ENCODED, SAME };

struct dd_encoder_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stopping; /* under the lock */
    size_t turn;   /* under the lock: where the search for work goes on, so that no stream starves */
    int wake_fd;
    size_t count;
    struct lane *lanes;
    struct dd_jpeg_encoder *encoders[THREADS_MAX]; /* one per thread */
    pthread_t threads[THREADS_MAX];
    size_t thread_count, next_encoder; /* next_encoder: under the lock */
};

/* Points picture at what the ring has at position, if that is what it says, and of a size that was agreed on. 0; DD_ERROR_GONE;
 * DD_ERROR_INPUT. */
static int read_picture(const struct lane *lane, uint64_t position, struct dd_picture *picture)
{
    struct dd_frame_ring_frame frame;
    struct dd_picture_layout layout;
    const uint8_t *bytes;
    if (dd_frame_ring_peek(lane->config.ring, position, &frame, &bytes))
        return DD_ERROR_GONE;
    bool usable = frame.width <= lane->config.max_width && frame.height <= lane->config.max_height &&
                  dd_picture_layout((enum dd_picture_format)frame.format, frame.width, frame.height, &layout) == 0 &&
                  frame.bytes == layout.bytes;
    if (!usable)
        return DD_ERROR_INPUT;
    dd_picture_over(picture, (enum dd_picture_format)frame.format, frame.width, frame.height, &layout, bytes);
    /* capture may say that a picture is older than it is, never that it is newer */
    uint64_t now_us = dd_clock_now_us();
    picture->captured_us = frame.captured_us < now_us ? frame.captured_us : now_us;
    return 0;
}

/* Finds the newest picture of the lane's ring. False if there is none, or none that can be used. */
static bool find_picture(struct lane *lane, struct dd_picture *picture, uint64_t *position,
                         struct dd_encoder_pool_counters *counted)
{
    uint64_t count = dd_frame_ring_count(lane->config.ring);
    if (count < lane->position) { /* the ring began anew */
        lane->position = 0;
        lane->has_encoded = false;
    }
    if (count == lane->position)
        return false;
    *position = count - 1;
    counted->skipped = *position - lane->position;
    lane->position = count;
    int error = read_picture(lane, *position, picture);
    counted->skipped += error != 0;
    counted->unusable += error == DD_ERROR_INPUT;
    return !error;
}

/* True if picture is the one that was encoded last, pixel for pixel. That one is still in the ring, if no other came between:
 * what is not there any more is not the same. */
static bool is_same(const struct lane *lane, const struct dd_picture *picture, uint64_t position)
{
    struct dd_picture before;
    return lane->has_encoded && read_picture(lane, lane->encoded_position, &before) == 0 && dd_picture_equal(&before, picture) &&
           dd_frame_ring_unchanged(lane->config.ring, lane->encoded_position) &&
           dd_frame_ring_unchanged(lane->config.ring, position);
}

/* Encodes the newest picture of a busy lane into its filling buffer, if it is another one than before; out describes it
 * then. *shown is when and where the ring had it. */
static enum outcome encode(struct dd_jpeg_encoder *encoder, struct lane *lane, struct dd_encoder_pool_picture *out,
                           struct dd_encoder_pool_shown *shown, struct dd_encoder_pool_counters *counted)
{
    struct dd_picture picture;
    uint64_t position = 0;
    if (!find_picture(lane, &picture, &position, counted))
        return NOTHING;
    *shown = (struct dd_encoder_pool_shown){.captured_us = picture.captured_us, .position = position};
    if (is_same(lane, &picture, position)) {
        lane->encoded_position = position; /* equal, and longer in the ring */
        counted->same++;
        return SAME;
    }
    size_t size = dd_jpeg_encoder_jpeg(encoder, &picture, lane->config.quality,
                                       lane->config.full_chroma ? DD_JPEG_ENCODER_444 : DD_JPEG_ENCODER_420,
                                       lane->buffer[lane->filling], lane->capacity);
    /* A source that writes faster than this encodes: what was read is a mixture, and there is a newer picture anyway. */
    if (!size || !dd_frame_ring_unchanged(lane->config.ring, position)) {
        counted->skipped++;
        return NOTHING;
    }
    lane->has_encoded = true;
    lane->encoded_position = position;
    *out = (struct dd_encoder_pool_picture){.size = (uint32_t)size,
                                            .captured_us = picture.captured_us,
                                            .position = position,
                                            .width = (uint16_t)picture.width,
                                            .height = (uint16_t)picture.height};
    return ENCODED;
}

static struct lane *find_work(struct dd_encoder_pool *e)
{
    for (size_t i = 0; i < e->count; i++) {
        struct lane *lane = &e->lanes[(e->turn + i) % e->count];
        if (lane->wanted && !lane->busy) {
            e->turn = (e->turn + i + 1) % e->count;
            return lane;
        }
    }
    return NULL;
}

/* Under the lock. */
static void deliver(struct dd_encoder_pool *e, struct lane *lane, const struct dd_encoder_pool_picture *picture)
{
    uint64_t one = 1;
    int filled = lane->filling;
    lane->counters.skipped += lane->is_ready;
    lane->counters.encoded++;
    lane->counters.jpeg_bytes += picture->size;
    lane->filling = lane->ready;
    lane->ready = filled;
    lane->picture = *picture;
    lane->picture.jpeg = lane->buffer[filled];
    lane->is_ready = true;
    /* Never blocks: it would take 2^64 - 2 pictures. */
    if (write(e->wake_fd, &one, sizeof one) < 0)
        dd_log_debug("the sending thread cannot be woken: %s", strerror(errno));
}

static void *run(void *context)
{
    struct dd_encoder_pool *e = context;
    prctl(PR_SET_NAME, "encoder");
    pthread_mutex_lock(&e->lock);
    struct dd_jpeg_encoder *encoder = e->encoders[e->next_encoder++];
    while (!e->stopping) {
        struct dd_encoder_pool_picture picture;
        struct dd_encoder_pool_shown shown;
        struct dd_encoder_pool_counters counted = {0};
        struct lane *lane = find_work(e);
        if (!lane) {
            pthread_cond_wait(&e->work, &e->lock);
            continue;
        }
        lane->wanted = false;
        lane->busy = true;
        pthread_mutex_unlock(&e->lock);
        enum outcome outcome = encode(encoder, lane, &picture, &shown, &counted);
        pthread_mutex_lock(&e->lock);
        lane->busy = false;
        lane->counters.same += counted.same;
        lane->counters.skipped += counted.skipped;
        lane->counters.unusable += counted.unusable;
        if (outcome == ENCODED)
            deliver(e, lane, &picture);
        if (outcome != NOTHING)
            lane->shown = shown;
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

static int make_lane(struct lane *lane, const struct dd_encoder_pool_stream *config)
{
    lane->config = *config;
    lane->capacity = dd_jpeg_encoder_bound(config->max_width, config->max_height, DD_JPEG_ENCODER_444);
    lane->filling = 0;
    lane->ready = 1;
    lane->taken = 2;
    for (int i = 0; i < BUFFERS; i++) {
        lane->buffer[i] = malloc(lane->capacity + DD_FRAGMENTER_SLACK);
        if (!lane->buffer[i])
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
    struct dd_encoder_pool *e = calloc(1, sizeof *e);
    if (!e)
        goto err0;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->work, NULL);
    e->wake_fd = wake_fd;
    e->lanes = calloc(count, sizeof *e->lanes);
    if (!e->lanes)
        goto err1;
    for (; e->count < count; e->count++)
        if (make_lane(&e->lanes[e->count], &streams[e->count])) {
            e->count++;
            goto err1;
        }
    for (size_t threads = thread_count(count); e->thread_count < threads; e->thread_count++) {
        e->encoders[e->thread_count] = dd_jpeg_encoder_new();
        if (!e->encoders[e->thread_count] || pthread_create(&e->threads[e->thread_count], NULL, run, e))
            goto err1;
    }
    return e;

err1:
    dd_encoder_pool_stop(e);
err0:
    dd_log_error("no memory or no threads for the encoders of %zu streams", count);
    return NULL;
}

void dd_encoder_pool_stop(struct dd_encoder_pool *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    pthread_cond_broadcast(&e->work);
    pthread_mutex_unlock(&e->lock);
    for (size_t i = 0; i < e->thread_count; i++)
        pthread_join(e->threads[i], NULL);
    for (size_t i = 0; i < THREADS_MAX; i++)
        dd_jpeg_encoder_free(e->encoders[i]);
    for (size_t i = 0; i < e->count; i++)
        for (int b = 0; b < BUFFERS; b++)
            free(e->lanes[i].buffer[b]);
    free(e->lanes);
    pthread_cond_destroy(&e->work);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

void dd_encoder_pool_notify(struct dd_encoder_pool *e, size_t i)
{
    pthread_mutex_lock(&e->lock);
    e->lanes[i].wanted = true;
    pthread_cond_signal(&e->work);
    pthread_mutex_unlock(&e->lock);
}

bool dd_encoder_pool_take(struct dd_encoder_pool *e, size_t i, struct dd_encoder_pool_picture *picture)
{
    struct lane *lane = &e->lanes[i];
    pthread_mutex_lock(&e->lock);
    bool is_ready = lane->is_ready;
    if (is_ready) {
        int taken = lane->taken;
        *picture = lane->picture;
        lane->taken = lane->ready;
        lane->ready = taken;
        lane->is_ready = false;
    }
    pthread_mutex_unlock(&e->lock);
    return is_ready;
}

bool dd_encoder_pool_last_shown(struct dd_encoder_pool *e, size_t i, struct dd_encoder_pool_shown *shown)
{
    struct lane *lane = &e->lanes[i];
    pthread_mutex_lock(&e->lock);
    bool is_taken = lane->picture.size && !lane->is_ready;
    *shown = lane->shown;
    pthread_mutex_unlock(&e->lock);
    return is_taken;
}

void dd_encoder_pool_read_counters(struct dd_encoder_pool *e, size_t i, struct dd_encoder_pool_counters *counters)
{
    pthread_mutex_lock(&e->lock);
    *counters = e->lanes[i].counters;
    pthread_mutex_unlock(&e->lock);
}
