#include "send/capture/vnc/handshake_io.h"

#include "dd/base/cursor.h"
#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "send/capture/net/channel.h"
#include "send/capture/source.h"
#include "send/capture/vnc/handshake.h"

enum { TEXT_BYTES_MAX = 1 << 20 };

int dd_vnc_handshake_io_fail(const struct dd_vnc_handshake *h, int error)
{
    struct dd_source_io *io = h->channel->io;

    if (error == DD_ERROR_TIMEOUT && io->checkpoint(io->context))
        return DD_ERROR_STOPPED;
    if (error == DD_ERROR_TIMEOUT)
        return dd_source_fail(io, DD_WIRE_REASON_TIMEOUT,
                              "%s: no answer within the timeout; is it a VNC server, and not one that waits for TLS first?",
                              h->config->name);
    if (error == DD_ERROR_GONE)
        return dd_source_fail(io, DD_WIRE_REASON_ENDED, "%s: the VNC server closed the connection while it was set up",
                              h->config->name);
    return error;
}

int dd_vnc_handshake_io_fail_broken(const struct dd_vnc_handshake *h)
{
    return dd_source_fail(h->channel->io, DD_WIRE_REASON_BROKEN, "%s: what it answers is not VNC; check the address and port",
                          h->config->name);
}

int dd_vnc_handshake_io_read(const struct dd_vnc_handshake *h, void *bytes, size_t size)
{
    int error = dd_channel_read(h->channel, bytes, size);

    return error ? dd_vnc_handshake_io_fail(h, error) : 0;
}

int dd_vnc_handshake_io_write(const struct dd_vnc_handshake *h, const void *bytes, size_t size)
{
    int error = dd_channel_write(h->channel, bytes, size);

    return error ? dd_vnc_handshake_io_fail(h, error) : 0;
}

int dd_vnc_handshake_io_read_u8(const struct dd_vnc_handshake *h, uint8_t *value)
{
    *value = 0;
    return dd_vnc_handshake_io_read(h, value, 1);
}

int dd_vnc_handshake_io_read_u32(const struct dd_vnc_handshake *h, uint32_t *value)
{
    uint8_t bytes[4] = {0};
    int error = dd_vnc_handshake_io_read(h, bytes, sizeof bytes);
    struct dd_cursor c = dd_cursor_reader(bytes, sizeof bytes);

    *value = error ? 0 : dd_cursor_read_u32(&c);
    return error;
}

int dd_vnc_handshake_io_write_u8(const struct dd_vnc_handshake *h, uint8_t value)
{
    return dd_vnc_handshake_io_write(h, &value, 1);
}

int dd_vnc_handshake_io_write_u32(const struct dd_vnc_handshake *h, uint32_t value)
{
    uint8_t bytes[4];
    struct dd_cursor c = dd_cursor_writer(bytes, sizeof bytes);

    dd_cursor_write_u32(&c, value);
    return dd_vnc_handshake_io_write(h, bytes, sizeof bytes);
}

int dd_vnc_handshake_io_read_text(const struct dd_vnc_handshake *h, char text[static DD_VNC_HANDSHAKE_IO_TEXT_MAX + 1])
{
    uint32_t size;
    int error = dd_vnc_handshake_io_read_u32(h, &size);

    text[0] = '\0';
    if (error)
        return error;
    if (size > TEXT_BYTES_MAX)
        return dd_vnc_handshake_io_fail_broken(h);
    size_t kept = size < DD_VNC_HANDSHAKE_IO_TEXT_MAX ? size : DD_VNC_HANDSHAKE_IO_TEXT_MAX;
    error = dd_channel_read(h->channel, text, kept);
    if (!error)
        error = dd_channel_skip(h->channel, size - kept);
    text[error ? 0 : kept] = '\0';
    return error ? dd_vnc_handshake_io_fail(h, error) : 0;
}
