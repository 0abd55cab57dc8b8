/* A growing byte buffer. Its content may be secret: memory is wiped before it is freed. One owner, one thread. */
#ifndef DD_BASE_BUFFER_H
#define DD_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* All zero: an empty buffer. */
struct dd_buffer {
    uint8_t *bytes; /* owned */
    size_t size, capacity;
};

/* Raises the capacity to at least that many bytes; the content stays. Without content (size 0) the old memory is freed before the
 * new is allocated; else there are both for a moment. 0; or DD_ERROR_MEMORY, not logged: the content is unchanged, but a buffer
 * without content may have a capacity of 0. */
int dd_buffer_reserve(struct dd_buffer *buffer, size_t capacity);

/* Makes room for `more` bytes behind size, by doubling the capacity, so that many small additions cost little. Returns as
 * dd_buffer_reserve(). */
int dd_buffer_grow(struct dd_buffer *buffer, size_t more);

/* Replaces the content by a copy of size bytes. Returns as dd_buffer_reserve(), but an error leaves the buffer empty. */
int dd_buffer_assign(struct dd_buffer *buffer, const void *bytes, size_t size);

/* Removes the first count bytes, at most size. */
void dd_buffer_consume(struct dd_buffer *buffer, size_t count);

/* Wipes, frees, and leaves an empty buffer. */
void dd_buffer_free(struct dd_buffer *buffer);

#endif
