/* A picture that all viewers share: immutable, with a count of its references. What all pictures of this process take together is
 * limited: at the limit, who has had a picture for longest must give it up. */
#ifndef DD_RECV_SERVE_SHARED_PICTURE_H
#define DD_RECV_SERVE_SHARED_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct dd_frame_ring;

struct dd_shared_picture;

/* Copies the frame at position out of ring, and checks its number and size. Returned-owned with one reference:
 * dd_shared_picture_unref(). NULL if the frame is gone, has no bytes or more than max_bytes, has a number that the protocol
 * doesn't allow, there is no memory (logged), or the limit is met: soon there is room. */
struct dd_shared_picture *dd_shared_picture_copy(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes);

/* The same for a picture that somebody asks for: *picture is shared with others who have it, or is a copy as long as copies for
 * those who ask are within their limit. 0; DD_ERROR_GONE; DD_ERROR_SPACE. *picture is NULL on error. */
int dd_shared_picture_get(const struct dd_frame_ring *ring, uint64_t position, uint32_t max_bytes,
                          struct dd_shared_picture **picture);

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
/* The same as dd_clock_iso() writes it: once for all viewers. */
const char *dd_shared_picture_captured_at(const struct dd_shared_picture *picture);
/* True if both are of one frame of a stream, with a mark or without: number and time of capture identify it. */
bool dd_shared_picture_is_same_frame(const struct dd_shared_picture *a, const struct dd_shared_picture *b);
/* The JPEG; borrowed as long as the caller has a reference. */
const uint8_t *dd_shared_picture_bytes(const struct dd_shared_picture *picture);
size_t dd_shared_picture_size(const struct dd_shared_picture *picture);

/* ---- the memory of all pictures ---- */

struct dd_shared_picture_limits {
    uint64_t requested; /* dd_shared_picture_get() makes no copy that would make all pictures take more bytes than this */
    uint64_t ask_back;  /* above this, pictures are asked back */
    uint64_t all;       /* dd_shared_picture_copy() makes no copy that would make all pictures take more */
};

/* Besides its JPEG, a picture takes up to this many bytes. */
enum { DD_SHARED_PICTURE_OVERHEAD = 4096 };

/* Sets the limits of this process, before it has other threads; until then there are none. */
void dd_shared_picture_set_limits(const struct dd_shared_picture_limits *limits);
/* What all pictures take, in bytes. Thread-safe. */
uint64_t dd_shared_picture_memory(void);

/* A reference that can be asked back, part of its owner: of a picture on its way to somebody who may be slow. */
struct dd_shared_picture_hold {
    /* Called once, in any thread and with a lock held: the owner is to release the picture soon. It must not call back. */
    void (*give_up)(struct dd_shared_picture_hold *hold);
    struct dd_shared_picture *picture; /* NULL: none; set by the functions below */
    /* what follows is shared_picture.c's own, under its lock */
    bool asked;
    TAILQ_ENTRY(dd_shared_picture_hold) link;
};

/* Holds picture, whose reference is taken. hold has none yet. Thread-safe, as is the next one. */
void dd_shared_picture_hold(struct dd_shared_picture_hold *hold, struct dd_shared_picture *picture);
/* Gives the picture up, if hold has one. */
void dd_shared_picture_release(struct dd_shared_picture_hold *hold);

#endif
