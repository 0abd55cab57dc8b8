/* The encoder threads of transmit: raw pictures out of the rings of all streams, JPEGs for the thread that sends. Within
 * a stream the newest picture wins, at both ends. */
#ifndef DD_SEND_TRANSMIT_ENCODER_POOL_H
#define DD_SEND_TRANSMIT_ENCODER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_encoder_pool;
struct dd_frame_ring;

struct dd_encoder_pool_stream {
    const struct dd_frame_ring *ring; /* borrowed for the life of the encoders */
    int max_width, max_height;        /* larger pictures are left out */
    int quality;                      /* 0 … 100 */
    bool full_chroma;                 /* 4:4:4 of what comes as BGRX */
};

struct dd_encoder_pool_picture {
    const uint8_t *jpeg; /* with DD_FRAGMENTER_SLACK behind it; borrowed until the next dd_encoder_pool_take of the stream */
    uint32_t size;
    uint64_t captured_us; /* dd_clock_now_us() */
    uint64_t position;    /* in the stream's ring */
    uint16_t width, height;
};

/* That a source still shows a picture: the last one in the ring that was the same, pixel for pixel. */
struct dd_encoder_pool_shown {
    uint64_t captured_us; /* dd_clock_now_us() */
    uint64_t position;
};

struct dd_encoder_pool_counters {
    uint64_t encoded;  /* pictures */
    uint64_t same;     /* pictures that were not encoded because they equalled the one before */
    uint64_t skipped;  /* pictures in the ring that were not encoded, or encoded and replaced before they were taken */
    uint64_t unusable; /* of those: larger than agreed on, or not what they say */
    uint64_t jpeg_bytes;
};

/* Starts min(count, CPUs) threads. wake_fd: an eventfd that is written when a picture is ready; borrowed. NULL, logged, if
 * memory is exhausted or the system refuses. */
struct dd_encoder_pool *dd_encoder_pool_start(const struct dd_encoder_pool_stream *streams, size_t count, int wake_fd);
/* Waits for the pictures under way and ends the threads. stop(NULL) is safe. */
void dd_encoder_pool_stop(struct dd_encoder_pool *e);

/* There may be a new picture in the ring of stream i. */
void dd_encoder_pool_notify(struct dd_encoder_pool *e, size_t i);

/* The newest picture of stream i that was not taken yet. False if there is none. A picture that equals the one before is not
 * encoded again. */
bool dd_encoder_pool_take(struct dd_encoder_pool *e, size_t i, struct dd_encoder_pool_picture *picture);

/* Until when the picture of stream i that was taken last was seen in the ring again. False if none was taken, or there is
 * another one by now. */
bool dd_encoder_pool_last_shown(struct dd_encoder_pool *e, size_t i, struct dd_encoder_pool_shown *shown);

void dd_encoder_pool_read_counters(struct dd_encoder_pool *e, size_t i, struct dd_encoder_pool_counters *counters);

#endif
