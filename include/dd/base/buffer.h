/* Bytes that grow. They may be secret: nothing of them stays behind in freed memory. */
#ifndef DD_BASE_BUFFER_H
#define DD_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/* zeroes: empty */
struct dd_buffer {
    uint8_t *bytes; /* owned */
    size_t size, capacity;
};

/* Makes capacity at least that large; what is in the buffer stays. 0; or DD_ERROR_MEMORY, not logged, and nothing changes. */
int dd_buffer_reserve(struct dd_buffer *buffer, size_t capacity);

/* Makes room for more bytes behind size. Capacity doubles, so that many small additions cost little. As dd_buffer_reserve(). */
int dd_buffer_grow(struct dd_buffer *buffer, size_t more);

/* Replaces what is in the buffer by a copy of size bytes. As dd_buffer_reserve(), but an error leaves the buffer empty. */
int dd_buffer_assign(struct dd_buffer *buffer, const void *bytes, size_t size);

/* Removes the first count <= size bytes. */
void dd_buffer_consume(struct dd_buffer *buffer, size_t count);

/* Wipes, frees, and leaves an empty buffer. */
void dd_buffer_free(struct dd_buffer *buffer);

#endif
