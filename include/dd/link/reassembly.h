/* Reassembles the frames of one stream from fragments, within limits (docs/protocol.md, "What the receiver accepts"). One owner,
 * one thread. */
#ifndef DD_LINK_REASSEMBLY_H
#define DD_LINK_REASSEMBLY_H

#include <stdint.h>

struct dd_reassembly;
struct dd_wire_fragment;

enum {
    DD_REASSEMBLY_FRAMES = 8,         /* incomplete frames at a time */
    DD_REASSEMBLY_PATIENCE_MS = 2000, /* since the last symbol of an incomplete frame that is older than a complete one */
};

enum dd_reassembly_verdict {
    DD_REASSEMBLY_TAKEN = 0,     /* the symbol was stored; the frame is still incomplete */
    DD_REASSEMBLY_COMPLETE = 1,  /* the frame is complete; see dd_reassembly_frame */
    DD_REASSEMBLY_LATE = 2,      /* its frame is over: completed before, now completed after a newer one, given up, or older than
                                    DD_REASSEMBLY_FRAMES incomplete ones */
    DD_REASSEMBLY_DUPLICATE = 3, /* the symbol is there already */
    DD_REASSEMBLY_MALFORMED = 4, /* it contradicts an earlier fragment of its frame, or the frame is too large */
    DD_REASSEMBLY_MEMORY = 5,    /* memory is exhausted; logged */
    DD_REASSEMBLY_SPARE = 6,     /* its block is complete without it */
};

struct dd_reassembly_frame {
    uint64_t session, number, captured_us;
    const uint8_t *bytes; /* borrowed until the next call */
    uint32_t size;
};

struct dd_reassembly_counters {
    uint64_t complete;   /* frames */
    uint64_t incomplete; /* frames given up */
    uint64_t late;       /* frames completed after a newer one; they are not returned */
    uint64_t recovered;  /* data symbols computed from parity */
};

/* An upper bound, in bytes, for the memory of a reassembly. */
uint64_t dd_reassembly_memory(uint32_t max_frame_bytes);

/* max_frame_bytes: size of the largest frame; fragments of larger ones are malformed. Returned-owned: dd_reassembly_free(), which
 * takes NULL. NULL, logged, if memory is exhausted. */
struct dd_reassembly *dd_reassembly_new(uint32_t max_frame_bytes);
void dd_reassembly_free(struct dd_reassembly *r);

/* Treats every frame before that one as late, as if a newer one had been completed. number is not 0. */
void dd_reassembly_skip_before(struct dd_reassembly *r, uint64_t session, uint64_t number);

/* Adds a fragment that dd_wire_read_fragment() accepted; it is copied. session: as in dd_unseal_message. now_us:
 * dd_clock_now_us(). With DD_REASSEMBLY_COMPLETE *frame is the frame, otherwise it is zeroed. Frames are returned in order of
 * (session, number); one that is completed after a newer one is dropped as late. */
enum dd_reassembly_verdict dd_reassembly_add(struct dd_reassembly *r, uint64_t session, const struct dd_wire_fragment *fragment,
                                             uint64_t now_us, struct dd_reassembly_frame *frame);

/* Gives up each incomplete frame that is older than the newest complete one and got no symbol for DD_REASSEMBLY_PATIENCE_MS. Call
 * at least twice a second, and after what waits in the sockets was added: then a machine that slept, or a process that was
 * stopped, gives up nothing whose symbols are there. now_us: dd_clock_now_us(). */
void dd_reassembly_expire(struct dd_reassembly *r, uint64_t now_us);

/* Totals since dd_reassembly_new(); borrowed, and up to date until r is freed. */
const struct dd_reassembly_counters *dd_reassembly_counters(const struct dd_reassembly *r);

#endif
