#include "dd/base/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "dd/base/error.h"

enum { SMALLEST = 4096 };

/* Not realloc(), which may leave a copy behind. Without content there is nothing to copy: the old memory goes first, so that a
 * buffer never takes more than the capacity asked for. */
int dd_buffer_reserve(struct dd_buffer *buffer, size_t capacity)
{
    if (buffer->capacity >= capacity)
        return 0;
    if (!buffer->size)
        dd_buffer_free(buffer);
    struct dd_buffer larger = {.bytes = malloc(capacity), .size = buffer->size, .capacity = capacity};
    if (!larger.bytes)
        return DD_ERROR_MEMORY;
    if (buffer->size)
        memcpy(larger.bytes, buffer->bytes, buffer->size);
    dd_buffer_free(buffer);
    *buffer = larger;
    return 0;
}

int dd_buffer_grow(struct dd_buffer *buffer, size_t more)
{
    size_t capacity = buffer->capacity ? buffer->capacity : SMALLEST;

    if (more > SIZE_MAX / 2 - buffer->size)
        return DD_ERROR_MEMORY;
    while (capacity - buffer->size < more)
        capacity *= 2;
    return dd_buffer_reserve(buffer, capacity);
}

int dd_buffer_assign(struct dd_buffer *buffer, const void *bytes, size_t size)
{
    buffer->size = 0;
    int error = dd_buffer_grow(buffer, size);
    if (error)
        return error;
    memcpy(buffer->bytes, bytes, size);
    buffer->size = size;
    return 0;
}

void dd_buffer_consume(struct dd_buffer *buffer, size_t count)
{
    if (count == 0)
        return;
    memmove(buffer->bytes, buffer->bytes + count, buffer->size - count);
    explicit_bzero(buffer->bytes + buffer->size - count, count);
    buffer->size -= count;
}

void dd_buffer_free(struct dd_buffer *buffer)
{
    if (buffer->bytes)
        explicit_bzero(buffer->bytes, buffer->capacity);
    free(buffer->bytes);
    *buffer = (struct dd_buffer){0};
}
