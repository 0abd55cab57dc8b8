#include "dd/base/cursor.h"

#include <endian.h>
#include <string.h>

/* Advances by size bytes. Returns the offset of the first, or SIZE_MAX if there are fewer. */
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

/* Copies the next size bytes to *value; leaves it unchanged if there are fewer. */
static void read_all(struct dd_cursor *c, void *value, size_t size)
{
    const uint8_t *p = dd_cursor_read_bytes(c, size);
    if (p)
        memcpy(value, p, size);
}

struct dd_cursor dd_cursor_reader(const uint8_t *bytes, size_t size)
{
    return (struct dd_cursor){.in = bytes, .size = size};
}

struct dd_cursor dd_cursor_writer(uint8_t *bytes, size_t size)
{
    return (struct dd_cursor){.out = bytes, .size = size};
}

size_t dd_cursor_remaining(const struct dd_cursor *c)
{
    return c->failed ? 0 : c->size - c->at;
}

uint8_t dd_cursor_read_u8(struct dd_cursor *c)
{
    const uint8_t *p = dd_cursor_read_bytes(c, 1);
    return p ? *p : 0;
}

uint16_t dd_cursor_read_u16(struct dd_cursor *c)
{
    uint16_t value = 0;
    read_all(c, &value, sizeof value);
    return be16toh(value);
}

uint32_t dd_cursor_read_u32(struct dd_cursor *c)
{
    uint32_t value = 0;
    read_all(c, &value, sizeof value);
    return be32toh(value);
}

uint64_t dd_cursor_read_u64(struct dd_cursor *c)
{
    uint64_t value = 0;
    read_all(c, &value, sizeof value);
    return be64toh(value);
}

const uint8_t *dd_cursor_read_bytes(struct dd_cursor *c, size_t size)
{
    size_t at = advance(c, size);
    return at == SIZE_MAX || !c->in ? NULL : c->in + at;
}

void dd_cursor_write_u8(struct dd_cursor *c, uint8_t value)
{
    dd_cursor_write_bytes(c, &value, sizeof value);
}

void dd_cursor_write_u16(struct dd_cursor *c, uint16_t value)
{
    value = htobe16(value);
    dd_cursor_write_bytes(c, &value, sizeof value);
}

void dd_cursor_write_u32(struct dd_cursor *c, uint32_t value)
{
    value = htobe32(value);
    dd_cursor_write_bytes(c, &value, sizeof value);
}

void dd_cursor_write_u64(struct dd_cursor *c, uint64_t value)
{
    value = htobe64(value);
    dd_cursor_write_bytes(c, &value, sizeof value);
}

void dd_cursor_write_bytes(struct dd_cursor *c, const void *bytes, size_t size)
{
    size_t at = advance(c, size);
    if (at != SIZE_MAX && c->out && size)
        memcpy(c->out + at, bytes, size);
}
