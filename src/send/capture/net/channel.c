#include "send/capture/net/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "dd/base/error.h"
#include "dd/base/fd.h"
#include "send/capture/source.h"

enum { SKIP_BYTES = 4096 /* read at once by dd_channel_skip() */ };

static int wait_for(const struct dd_channel *channel, short events)
{
    return dd_source_wait_fd(channel->io, channel->fd, events, UINT64_MAX);
}

/* As dd_tls_read(). */
static long read_some(struct dd_channel *channel, uint8_t *bytes, size_t size)
{
    if (channel->tls)
        return dd_tls_read(channel->tls, bytes, size);
    ssize_t n = recv(channel->fd, bytes, size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return DD_ERROR_AGAIN;
    return n > 0 ? n : DD_ERROR_GONE;
}

static long write_some(struct dd_channel *channel, const uint8_t *bytes, size_t size)
{
    if (channel->tls)
        return dd_tls_write(channel->tls, bytes, size);
    ssize_t n = send(channel->fd, bytes, size, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return DD_ERROR_AGAIN;
    return n > 0 ? n : DD_ERROR_GONE;
}

/* Adds what an attempt moved to *done, or waits until another one may succeed. 0: go on; else the error that ends the channel. */
static int follow_up(struct dd_channel *channel, long n, bool reading, size_t *done)
{
    if (n == DD_ERROR_AGAIN)
        return wait_for(channel, channel->tls ? dd_tls_events(channel->tls, reading, !reading) : reading ? POLLIN : POLLOUT);
    if (n < 0)
        return (int)n;
    *done += (size_t)n;
    return 0;
}

int dd_channel_read(struct dd_channel *channel, void *bytes, size_t size)
{
    size_t done = 0;
    int error = 0;

    while (done < size && !error)
        error = follow_up(channel, read_some(channel, (uint8_t *)bytes + done, size - done), true, &done);
    return error;
}

int dd_channel_write(struct dd_channel *channel, const void *bytes, size_t size)
{
    size_t done = 0;
    int error = 0;

    while (done < size && !error)
        error = follow_up(channel, write_some(channel, (const uint8_t *)bytes + done, size - done), false, &done);
    return error;
}

int dd_channel_skip(struct dd_channel *channel, size_t size)
{
    uint8_t bytes[SKIP_BYTES];

    while (size > 0) {
        size_t part = size < sizeof bytes ? size : sizeof bytes;
        int error = dd_channel_read(channel, bytes, part);
        if (error)
            return error;
        size -= part;
    }
    return 0;
}

int dd_channel_start_tls(struct dd_channel *channel, struct dd_tls *tls, char text[static DD_TLS_TEXT_SIZE], bool *refused)
{
    text[0] = '\0';
    *refused = false;
    if (!tls)
        return DD_ERROR_MEMORY;
    channel->tls = tls;
    for (;;) {
        int error = dd_tls_handshake(tls, text, refused);
        if (error != DD_ERROR_AGAIN)
            return error;
        error = wait_for(channel, dd_tls_events(tls, true, false));
        if (error)
            return error;
    }
}

void dd_channel_close(struct dd_channel *channel)
{
    dd_tls_free(channel->tls);
    channel->tls = NULL;
    dd_fd_close(&channel->fd);
}
