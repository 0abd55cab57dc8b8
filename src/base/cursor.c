#include "dd/base/cursor.h"

#include <string.h>

/* Moves on by size bytes; the offset of the first, or SIZE_MAX if they are not there. */
static size_t advance(struct dd_cursor *c, size_t size)
{
    if (c->failed || size > c->size - c->at) {
        c->failed = true;
        return SIZE_MAX;
    }
    size_t at = c->at;
    c->at += size;
    return at;
}

static uint64_t read_integer(struct dd_cursor *c, size_t size)
{
    const uint8_t *p = dd_cursor_read_bytes(c, size);
    uint64_t value = 0;
    for (size_t i = 0; p && i < size; i++)
        value = value << 8 | p[i];
    return value;
}

static void write_integer(struct dd_cursor *c, uint64_t value, size_t size)
{
    size_t at = advance(c, size);
    if (at == SIZE_MAX || !c->out)
        return;
    for (size_t i = 0; i < size; i++)
        c->out[at + i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

struct dd_cursor dd_cursor_reader(const uint8_t *bytes, size_t size)
{
    return (struct dd_cursor){.in = bytes, .size = size};
}

struct dd_cursor dd_cursor_writer(uint8_t *bytes, size_t size)
{
    return (struct dd_cursor){.out = bytes, .size = size};
}

size_t dd_cursor_left(const struct dd_cursor *c)
{
    return c->failed ? 0 : c->size - c->at;
}

uint8_t dd_cursor_read_u8(struct dd_cursor *c)
{
    return (uint8_t)read_integer(c, 1);
}

uint16_t dd_cursor_read_u16(struct dd_cursor *c)
{
    return (uint16_t)read_integer(c, 2);
}

uint32_t dd_cursor_read_u32(struct dd_cursor *c)
{
    return (uint32_t)read_integer(c, 4);
}

uint64_t dd_cursor_read_u64(struct dd_cursor *c)
{
    return read_integer(c, 8);
}

const uint8_t *dd_cursor_read_bytes(struct dd_cursor *c, size_t size)
{
    size_t at = advance(c, size);
    return at == SIZE_MAX || !c->in ? NULL : c->in + at;
}

void dd_cursor_write_u8(struct dd_cursor *c, uint8_t value)
{
    write_integer(c, value, 1);
}

void dd_cursor_write_u16(struct dd_cursor *c, uint16_t value)
{
    write_integer(c, value, 2);
}

void dd_cursor_write_u32(struct dd_cursor *c, uint32_t value)
{
    write_integer(c, value, 4);
}

void dd_cursor_write_u64(struct dd_cursor *c, uint64_t value)
{
    write_integer(c, value, 8);
}

void dd_cursor_write_bytes(struct dd_cursor *c, const void *bytes, size_t size)
{
    size_t at = advance(c, size);
    if (at != SIZE_MAX && c->out && size)
        memcpy(c->out + at, bytes, size);
}
