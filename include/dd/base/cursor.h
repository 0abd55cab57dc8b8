/* A bounds-checked cursor over bytes. All input from outside is read with it, and all output to outside written. Integers are
 * big-endian. The first access beyond the end sets failed for good; from then on reads return zeroes and writes do nothing. So
 * one check at the end is enough. One owner, one thread. */
#ifndef DD_BASE_CURSOR_H
#define DD_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_cursor {
    const uint8_t *in; /* NULL: a writer */
    uint8_t *out;      /* NULL: a reader */
    size_t size, at;
    bool failed;
};

/* Both borrow bytes. */
struct dd_cursor dd_cursor_reader(const uint8_t *bytes, size_t size);
struct dd_cursor dd_cursor_writer(uint8_t *bytes, size_t size);

/* The number of bytes from the position to the end. */
size_t dd_cursor_remaining(const struct dd_cursor *c);

uint8_t dd_cursor_read_u8(struct dd_cursor *c);
uint16_t dd_cursor_read_u16(struct dd_cursor *c);
uint32_t dd_cursor_read_u32(struct dd_cursor *c);
uint64_t dd_cursor_read_u64(struct dd_cursor *c);
/* Returns the next size bytes, borrowed from the cursor's memory; NULL, and failed is set, if there are fewer. */
const uint8_t *dd_cursor_read_bytes(struct dd_cursor *c, size_t size);

void dd_cursor_write_u8(struct dd_cursor *c, uint8_t value);
void dd_cursor_write_u16(struct dd_cursor *c, uint16_t value);
void dd_cursor_write_u32(struct dd_cursor *c, uint32_t value);
void dd_cursor_write_u64(struct dd_cursor *c, uint64_t value);
void dd_cursor_write_bytes(struct dd_cursor *c, const void *bytes, size_t size);

#endif
