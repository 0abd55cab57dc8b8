/* Turns a frame into fragments in the order in which they are sent: first its data symbols, then the parity computed from them.
 * Data symbols are not copied. One owner, one thread. */
#ifndef DD_LINK_FRAGMENTER_H
#define DD_LINK_FRAGMENTER_H

#include <stdint.h>

/* Bytes behind a frame that must be readable; their content does not matter. ISA-L 2.31 reads past the end of a symbol. */
enum { DD_FRAGMENTER_SLACK = 64 };

struct dd_block_plan;
struct dd_fragmenter;
struct dd_wire_fragment;

/* Returned-owned: dd_fragmenter_free(), which takes NULL. NULL, logged, if memory is exhausted. */
struct dd_fragmenter *dd_fragmenter_new(void);
void dd_fragmenter_free(struct dd_fragmenter *s);

/* Begins a frame; what is left of the one before is dropped. plan is copied. bytes, of plan->frame_bytes and followed by
 * DD_FRAGMENTER_SLACK readable bytes, is borrowed until no symbol is left. 0; or DD_ERROR_MEMORY, logged, and no symbol is left.
 */
int dd_fragmenter_begin(struct dd_fragmenter *s, const struct dd_block_plan *plan, const uint8_t *bytes);

/* The number of symbols that have not been returned yet; 0 before the first frame. */
uint32_t dd_fragmenter_left(const struct dd_fragmenter *s);

/* The number of next symbols, at most `most`, that may be sent in one call: see dd_block_plan_burst(). */
uint32_t dd_fragmenter_burst(const struct dd_fragmenter *s, uint32_t most);

/* Returns the next symbol; at least one must be left. Sets every field of fragment except frame and captured_us.
 * fragment->symbol is borrowed until the next call. 0; or DD_ERROR_MEMORY, logged, and no symbol is left. */
int dd_fragmenter_next(struct dd_fragmenter *s, struct dd_wire_fragment *fragment);

/* An upper bound, in bytes, for the memory of a fragmenter of frames of at most bytes; parameters as in
 * dd_block_plan_compute(). */
uint64_t dd_fragmenter_memory(uint32_t bytes, uint32_t max_packet_size, double loss_tolerance);

#endif
