/* The encoder threads of the transmit role. They read raw pictures from the rings of all streams, and make JPEGs for the thread
 * that sends. Of each stream only the newest picture is encoded, and only the newest JPEG is kept. A picture is encoded in
 * the ring; if the source overwrites one before it is encoded, the next ones are copied out first. So an encoder that is slower
 * than the source still encodes as many as it can. All functions are called from
 * the thread that sends. */
#ifndef DD_SEND_TRANSMIT_ENCODER_POOL_H
#define DD_SEND_TRANSMIT_ENCODER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_encoder_pool;
struct dd_frame_ring;

struct dd_encoder_pool_stream {
    const struct dd_frame_ring *ring; /* borrowed for the life of the pool */
    int max_width, max_height;        /* pixels; larger pictures are left out */
    size_t max_bytes;                 /* of a picture in the ring; the same */
    int quality;                      /* 0 … 100 */
    bool full_chroma;                 /* BGRX becomes 4:4:4; false: 4:2:0 */
};

struct dd_encoder_pool_picture {
    const uint8_t *jpeg; /* with DD_FRAGMENTER_SLACK behind it; borrowed until the stream's next dd_encoder_pool_take() */
    uint32_t size;
    uint64_t captured_us; /* dd_clock_now_us() */
    uint64_t position;    /* in the stream's ring */
    uint16_t width, height;
};

/* The newest frame in the ring that equals a picture, pixel for pixel: at least until then the source showed it. */
struct dd_encoder_pool_shown {
    uint64_t captured_us; /* dd_clock_now_us() */
    uint64_t position;
};

struct dd_encoder_pool_counters {
    uint64_t encoded;  /* pictures */
    uint64_t same;     /* pictures that were not encoded, since they equal the one before */
    uint64_t skipped;  /* pictures in the ring that were not encoded, or encoded and replaced before they were taken */
    uint64_t unusable; /* of the skipped ones: larger than configured, or contradictory */
    uint64_t jpeg_bytes;
};

/* Starts min(count, CPUs) threads. streams is borrowed for this call. wake_fd, a wake-up (dd_wakeup_open()), is borrowed for the
 * pool's life, and sent when a JPEG is ready. Returned-owned. NULL, logged, if memory is exhausted or the system refuses. */
struct dd_encoder_pool *dd_encoder_pool_start(const struct dd_encoder_pool_stream *streams, size_t count, int wake_fd);
/* Waits until pictures under way are encoded, then ends the threads. pool may be NULL. */
void dd_encoder_pool_stop(struct dd_encoder_pool *pool);

/* The ring of stream i may have a new picture: makes a thread look. */
void dd_encoder_pool_notify(struct dd_encoder_pool *pool, size_t i);

/* Takes the newest JPEG of stream i. False if there is none, or it was taken already. A picture that equals the one before gives
 * no new JPEG. */
bool dd_encoder_pool_take(struct dd_encoder_pool *pool, size_t i, struct dd_encoder_pool_picture *picture);

/* Tells when the ring last held the picture of the JPEG that was taken last of stream i. False if none was taken, or there is a
 * newer JPEG. */
bool dd_encoder_pool_last_shown(struct dd_encoder_pool *pool, size_t i, struct dd_encoder_pool_shown *shown);

/* Copies the counters of stream i. They count from the start. */
void dd_encoder_pool_read_counters(struct dd_encoder_pool *pool, size_t i, struct dd_encoder_pool_counters *counters);

#endif
