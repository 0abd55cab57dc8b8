#include "dd/link/wire.h"

#include <stdbool.h>
#include <string.h>

#include "dd/base/cursor.h"
#include "dd/base/error.h"

const char *dd_wire_reason_text(unsigned reason)
{
    static const char *const texts[] = {
        [DD_WIRE_REASON_NONE] = "none",
        [DD_WIRE_REASON_UNREACHABLE] = "source unreachable",
        [DD_WIRE_REASON_CREDENTIALS] = "wrong user name or password",
        [DD_WIRE_REASON_NOT_FOUND] = "no such path",
        [DD_WIRE_REASON_NO_VIDEO] = "no video in it",
        [DD_WIRE_REASON_TIMEOUT] = "no picture in time",
        [DD_WIRE_REASON_BROKEN] = "cannot be read",
        [DD_WIRE_REASON_ENDED] = "connection closed by the source",
        [DD_WIRE_REASON_CERTIFICATE] = "certificate refused",
        [DD_WIRE_REASON_CAPTURE] = "capture is being restarted",
        [DD_WIRE_REASON_UNSUITABLE] = "picture cannot be sent",
        [DD_WIRE_REASON_UNEXPECTED] = "not the page that is expected",
    };
    return reason < sizeof texts / sizeof *texts ? texts[reason] : "unknown";
}

void dd_wire_write_header(const struct dd_wire_header *header, uint8_t bytes[static DD_WIRE_HEADER_BYTES])
{
    struct dd_cursor c = dd_cursor_writer(bytes, DD_WIRE_HEADER_BYTES);
    dd_cursor_write_u32(&c, (uint32_t)DD_WIRE_VERSION << 24);
    dd_cursor_write_u32(&c, header->key_id);
    dd_cursor_write_u64(&c, header->session_start_us);
    dd_cursor_write_u64(&c, header->session_salt);
    dd_cursor_write_u64(&c, header->counter);
}

int dd_wire_read_header(struct dd_wire_header *header, const uint8_t *datagram, size_t size)
{
    memset(header, 0, sizeof *header);
    if (size < DD_WIRE_DATAGRAM_MIN || size > DD_WIRE_DATAGRAM_MAX)
        return DD_ERROR_SPACE;
    struct dd_cursor c = dd_cursor_reader(datagram, DD_WIRE_HEADER_BYTES);
    uint32_t first = dd_cursor_read_u32(&c);
    header->key_id = dd_cursor_read_u32(&c);
    header->session_start_us = dd_cursor_read_u64(&c);
    header->session_salt = dd_cursor_read_u64(&c);
    header->counter = dd_cursor_read_u64(&c);
    return first == (uint32_t)DD_WIRE_VERSION << 24 ? 0 : DD_ERROR_INPUT;
}

size_t dd_wire_write_fragment(const struct dd_wire_fragment *fragment, uint8_t *bytes, size_t size)
{
    struct dd_cursor c = dd_cursor_writer(bytes, size);
    dd_cursor_write_u8(&c, DD_WIRE_FRAGMENT);
    dd_cursor_write_u8(&c, fragment->index);
    dd_cursor_write_u8(&c, fragment->data);
    dd_cursor_write_u8(&c, fragment->parity);
    dd_cursor_write_u16(&c, fragment->block);
    dd_cursor_write_u16(&c, fragment->blocks);
    dd_cursor_write_u64(&c, fragment->frame);
    dd_cursor_write_u64(&c, fragment->captured_us);
    dd_cursor_write_u32(&c, fragment->frame_bytes);
    dd_cursor_write_u16(&c, fragment->symbol_bytes);
    dd_cursor_write_u16(&c, 0);
    dd_cursor_write_bytes(&c, fragment->symbol, fragment->symbol_bytes);
    return c.failed ? 0 : c.at;
}

size_t dd_wire_write_status(const struct dd_wire_status *status, uint8_t *bytes, size_t size)
{
    struct dd_cursor c = dd_cursor_writer(bytes, size);
    dd_cursor_write_u8(&c, DD_WIRE_STATUS);
    dd_cursor_write_u8(&c, status->source);
    dd_cursor_write_u16(&c, status->reason);
    dd_cursor_write_u32(&c, status->interval_ms);
    dd_cursor_write_u64(&c, status->frame);
    dd_cursor_write_u64(&c, status->captured_us);
    dd_cursor_write_u32(&c, status->age_ms);
    dd_cursor_write_u32(&c, status->period_ms);
    dd_cursor_write_u16(&c, status->width);
    dd_cursor_write_u16(&c, status->height);
    dd_cursor_write_u32(&c, status->frames_skipped);
    dd_cursor_write_u64(&c, status->frames_sent);
    dd_cursor_write_u64(&c, status->sent_us);
    dd_cursor_write_u64(&c, status->epoch_us);
    dd_cursor_write_u32(&c, (uint32_t)status->jpeg_quality << 24);
    dd_cursor_write_u32(&c, status->boot_tag);
    return c.failed ? 0 : c.at;
}

unsigned dd_wire_type(const uint8_t *message, size_t size)
{
    return size ? message[0] : 0;
}

/* The fields against each other; the plan of fragment.h gives the same numbers. */
static bool is_sound(const struct dd_wire_fragment *f)
{
    if (!f->frame || f->frame > DD_WIRE_FRAME_NUMBER_MAX || !f->frame_bytes || !f->symbol_bytes || !f->blocks)
        return false;
    if (f->block >= f->blocks || f->index >= f->data + f->parity)
        return false;
    uint32_t symbols = f->frame_bytes / f->symbol_bytes + (f->frame_bytes % f->symbol_bytes != 0);
    if (f->symbol_bytes < DD_WIRE_SYMBOL_MIN && symbols > DD_WIRE_SYMBOLS_SHORT)
        return false;
    /* symbol_bytes is the least that symbols of equal length need */
    if (symbols < f->blocks || f->symbol_bytes != f->frame_bytes / symbols + (f->frame_bytes % symbols != 0))
        return false;
    uint32_t smaller = symbols / f->blocks, larger = smaller + (symbols % f->blocks != 0);
    return f->data == (f->block < symbols % f->blocks ? larger : smaller) && larger <= DD_WIRE_DATA_MAX &&
           larger + f->parity <= DD_WIRE_SYMBOLS_MAX;
}

int dd_wire_read_fragment(struct dd_wire_fragment *fragment, uint32_t max_frame_bytes, const uint8_t *message, size_t size)
{
    memset(fragment, 0, sizeof *fragment);
    struct dd_cursor c = dd_cursor_reader(message, size);
    uint8_t type = dd_cursor_read_u8(&c);
    fragment->index = dd_cursor_read_u8(&c);
    fragment->data = dd_cursor_read_u8(&c);
    fragment->parity = dd_cursor_read_u8(&c);
    fragment->block = dd_cursor_read_u16(&c);
    fragment->blocks = dd_cursor_read_u16(&c);
    fragment->frame = dd_cursor_read_u64(&c);
    fragment->captured_us = dd_cursor_read_u64(&c);
    fragment->frame_bytes = dd_cursor_read_u32(&c);
    fragment->symbol_bytes = dd_cursor_read_u16(&c);
    uint16_t reserved = dd_cursor_read_u16(&c);
    fragment->symbol = dd_cursor_read_bytes(&c, fragment->symbol_bytes);
    if (c.failed || dd_cursor_remaining(&c) || type != DD_WIRE_FRAGMENT || reserved || !is_sound(fragment))
        return DD_ERROR_INPUT;
    return fragment->frame_bytes > max_frame_bytes ? DD_ERROR_SPACE : 0;
}

int dd_wire_read_status(struct dd_wire_status *status, const uint8_t *message, size_t size)
{
    memset(status, 0, sizeof *status);
    struct dd_cursor c = dd_cursor_reader(message, size);
    uint8_t type = dd_cursor_read_u8(&c);
    status->source = dd_cursor_read_u8(&c);
    status->reason = dd_cursor_read_u16(&c);
    status->interval_ms = dd_cursor_read_u32(&c);
    status->frame = dd_cursor_read_u64(&c);
    status->captured_us = dd_cursor_read_u64(&c);
    status->age_ms = dd_cursor_read_u32(&c);
    status->period_ms = dd_cursor_read_u32(&c);
    status->width = dd_cursor_read_u16(&c);
    status->height = dd_cursor_read_u16(&c);
    status->frames_skipped = dd_cursor_read_u32(&c);
    status->frames_sent = dd_cursor_read_u64(&c);
    status->sent_us = dd_cursor_read_u64(&c);
    status->epoch_us = dd_cursor_read_u64(&c);
    uint32_t quality = dd_cursor_read_u32(&c); /* in the first byte; the others are reserved */
    status->jpeg_quality = (uint8_t)(quality >> 24);
    status->boot_tag = dd_cursor_read_u32(&c);
    bool sound = status->source <= DD_WIRE_SOURCE_FAILED && status->frame <= DD_WIRE_FRAME_NUMBER_MAX && status->period_ms &&
                 (status->frame || !status->frames_sent) && status->jpeg_quality <= DD_WIRE_JPEG_QUALITY_MAX &&
                 !(quality & 0xffffff);
    return c.failed || dd_cursor_remaining(&c) || type != DD_WIRE_STATUS || !sound ? DD_ERROR_INPUT : 0;
}
