/* The symbols of a frame, one after the other as they go out: its data where they lie, and the parity worked out of them.
 * One owner, one thread. */
#ifndef DD_LINK_FRAGMENTER_H
#define DD_LINK_FRAGMENTER_H

#include <stdint.h>

/* Bytes behind a frame that have to be readable, whatever they hold. */
enum { DD_FRAGMENTER_SLACK = 64 };

struct dd_block_plan;
struct dd_fragmenter;
struct dd_wire_fragment;

/* NULL, logged, if memory is exhausted. */
struct dd_fragmenter *dd_fragmenter_new(void);
void dd_fragmenter_free(struct dd_fragmenter *s);

/* Begins a frame, whatever is left of the one before. bytes is borrowed until none are left, and has
 * DD_FRAGMENTER_SLACK behind it. 0, or DD_ERROR_MEMORY, logged:
 * then none are left. */
int dd_fragmenter_begin(struct dd_fragmenter *s, const struct dd_block_plan *plan, const uint8_t *bytes);

/* How many symbols of the frame are still to come; 0 before the first frame. */
uint32_t dd_fragmenter_left(const struct dd_fragmenter *s);

/* How many of them, most at most, can be sent in one call (dd_block_plan_burst()). */
uint32_t dd_fragmenter_burst(const struct dd_fragmenter *s, uint32_t most);

/* The next symbol, of those that are left: sets all of fragment but frame and captured_us. fragment->symbol is borrowed until
 * the next call. 0, or DD_ERROR_MEMORY, logged: then none are left. */
int dd_fragmenter_next(struct dd_fragmenter *s, struct dd_wire_fragment *fragment);

/* The most memory that it takes for frames of at most bytes, cut as dd_block_plan_compute does. */
uint64_t dd_fragmenter_memory(uint32_t bytes, uint32_t max_packet_size, double loss_tolerance);

#endif
