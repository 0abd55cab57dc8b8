/* Putting one stream's frames together again, within limits (docs/protocol.md, "Bounds"). One owner, one thread. */
#ifndef DD_LINK_REASSEMBLY_H
#define DD_LINK_REASSEMBLY_H

#include <stdint.h>

struct dd_reassemble;
struct dd_wire_fragment;

enum {
    DD_REASSEMBLE_FRAMES = 8,
    DD_REASSEMBLE_PATIENCE_MS = 2000,
    /* A note is kept of each symbol: so a frame has this many at most, or more if they have so many bytes. */
    DD_REASSEMBLE_SYMBOLS = 65536,
    DD_REASSEMBLE_SYMBOL_BYTES = 8,
};

enum dd_reassemble_verdict {
    DD_REASSEMBLE_TAKEN = 0,     /* one more symbol */
    DD_REASSEMBLE_COMPLETE = 1,  /* a frame is whole; see dd_reassemble_frame */
    DD_REASSEMBLE_LATE = 2,      /* its frame is complete, given up, or older than the newest complete one of a newer session */
    DD_REASSEMBLE_DUPLICATE = 3, /* the symbol is there already */
    DD_REASSEMBLE_MALFORMED = 4, /* contradicts an earlier fragment of its frame, or the frame is too large */
    DD_REASSEMBLE_MEMORY = 5,    /* memory is exhausted; logged */
    DD_REASSEMBLE_SPARE = 6,     /* its block has all of its data without it */
};

struct dd_reassemble_frame {
    uint64_t session, number, captured_us;
    const uint8_t *bytes; /* borrowed until the next call */
    uint32_t size;
};

struct dd_reassemble_counters {
    uint64_t complete;   /* frames */
    uint64_t incomplete; /* frames given up */
    uint64_t late;       /* frames that were complete only after a newer one; DD_REASSEMBLE_COMPLETE is not said of them */
    uint64_t recovered;  /* data symbols that were worked out from parity */
};

/* The most memory that putting frames together takes. */
uint64_t dd_reassemble_memory(uint32_t max_frame_bytes);

/* max_frame_bytes: the largest frame that is put together. NULL, logged, if memory is exhausted. */
struct dd_reassemble *dd_reassemble_new(uint32_t max_frame_bytes);
void dd_reassemble_free(struct dd_reassemble *r);

/* Frames before that one are late, as though there had been a newer one already. */
void dd_reassemble_skip(struct dd_reassemble *r, uint64_t session, uint64_t number);

/* Takes a fragment that dd_wire_read_fragment found sound. session: as dd_unseal_message counts. Of
 * DD_REASSEMBLE_COMPLETE, *frame is the frame; frames come out in order of (session, number), older ones are dropped as
 * late. */
enum dd_reassemble_verdict dd_reassemble_add(struct dd_reassemble *r, uint64_t session, const struct dd_wire_fragment *fragment,
                                             uint64_t now_us, struct dd_reassemble_frame *frame);

/* Gives up what has waited too long. Call at least twice a second. */
void dd_reassemble_expire(struct dd_reassemble *r, uint64_t now_us);

/* Borrowed. */
const struct dd_reassemble_counters *dd_reassemble_counters(const struct dd_reassemble *r);

#endif
