/* Putting one stream's frames together again, within limits (docs/protocol.md, "What the receiver accepts"). One owner, one
 * thread. */
#ifndef DD_LINK_REASSEMBLY_H
#define DD_LINK_REASSEMBLY_H

#include <stdint.h>

struct dd_reassembly;
struct dd_wire_fragment;

enum {
    DD_REASSEMBLY_FRAMES = 8,
    DD_REASSEMBLY_PATIENCE_MS = 2000,
    /* A note is kept of each symbol: so a frame has this many at most, or more if they have so many bytes. */
    DD_REASSEMBLY_SYMBOLS = 65536,
    DD_REASSEMBLY_SYMBOL_BYTES = 8,
};

enum dd_reassembly_verdict {
    DD_REASSEMBLY_TAKEN = 0,     /* one more symbol */
    DD_REASSEMBLY_COMPLETE = 1,  /* a frame is whole; see dd_reassembly_frame */
    DD_REASSEMBLY_LATE = 2,      /* its frame has ended, was completed after a newer one, or is older than all in the making */
    DD_REASSEMBLY_DUPLICATE = 3, /* the symbol is there already */
    DD_REASSEMBLY_MALFORMED = 4, /* contradicts an earlier fragment of its frame, or the frame is too large */
    DD_REASSEMBLY_MEMORY = 5,    /* memory is exhausted; logged */
    DD_REASSEMBLY_SPARE = 6,     /* its block has all of its data without it */
};

struct dd_reassembly_frame {
    uint64_t session, number, captured_us;
    const uint8_t *bytes; /* borrowed until the next call */
    uint32_t size;
};

struct dd_reassembly_counters {
    uint64_t complete;   /* frames */
    uint64_t incomplete; /* frames given up */
    uint64_t late;       /* frames that were complete only after a newer one; DD_REASSEMBLY_COMPLETE is not said of them */
    uint64_t recovered;  /* data symbols that were worked out from parity */
};

/* The most memory that putting frames together takes. */
uint64_t dd_reassembly_memory(uint32_t max_frame_bytes);

/* max_frame_bytes: the largest frame that is put together. NULL, logged, if memory is exhausted. */
struct dd_reassembly *dd_reassembly_new(uint32_t max_frame_bytes);
void dd_reassembly_free(struct dd_reassembly *r);

/* Frames before that one are late, as though there had been a newer one already. */
void dd_reassembly_skip_before(struct dd_reassembly *r, uint64_t session, uint64_t number);

/* Takes a fragment that dd_wire_read_fragment found sound. session: as dd_unseal_message counts. Of
 * DD_REASSEMBLY_COMPLETE, *frame is the frame; frames come out in order of (session, number), older ones are dropped as
 * late. */
enum dd_reassembly_verdict dd_reassembly_add(struct dd_reassembly *r, uint64_t session, const struct dd_wire_fragment *fragment,
                                             uint64_t now_us, struct dd_reassembly_frame *frame);

/* Gives up what has waited too long. Call at least twice a second. */
void dd_reassembly_expire(struct dd_reassembly *r, uint64_t now_us);

/* Borrowed. */
const struct dd_reassembly_counters *dd_reassembly_counters(const struct dd_reassembly *r);

#endif
