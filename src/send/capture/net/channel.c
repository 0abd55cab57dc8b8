#include "send/capture/net/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "send/capture/net/connect.h"
#include "send/capture/source.h"

enum { SKIPPED = 4096 };

static int wait_for(const struct dd_channel *line, short events)
{
    return dd_source_wait_fd(line->io, line->fd, events, UINT64_MAX);
}

/* As dd_tls_read(). */
static long read_some(struct dd_channel *line, uint8_t *bytes, size_t size)
{
    if (line->tls)
        return dd_tls_read(line->tls, bytes, size);
    ssize_t n = recv(line->fd, bytes, size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return DD_ERROR_AGAIN;
    return n > 0 ? n : DD_ERROR_GONE;
}

static long write_some(struct dd_channel *line, const uint8_t *bytes, size_t size)
{
    if (line->tls)
        return dd_tls_write(line->tls, bytes, size);
    ssize_t n = send(line->fd, bytes, size, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return DD_ERROR_AGAIN;
    return n > 0 ? n : DD_ERROR_GONE;
}

/* What an attempt means that moved n bytes: 0, also once it is worth trying again, or why there is no use. */
static int follow_up(struct dd_channel *line, long n, bool reading)
{
    if (n >= 0)
        return 0;
    if (n != DD_ERROR_AGAIN)
        return (int)n;
    return wait_for(line, line->tls ? dd_tls_events(line->tls, reading, !reading) : reading ? POLLIN : POLLOUT);
}

int dd_channel_read(struct dd_channel *line, void *bytes, size_t size)
{
    uint8_t *at = bytes;

    while (size > 0) {
        long n = read_some(line, at, size);
        int error = follow_up(line, n, true);
        if (error)
            return error;
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

int dd_channel_skip(struct dd_channel *line, size_t size)
{
    uint8_t bytes[SKIPPED];

    while (size > 0) {
        size_t part = size < sizeof bytes ? size : sizeof bytes;
        int error = dd_channel_read(line, bytes, part);
        if (error)
            return error;
        size -= part;
    }
    return 0;
}

int dd_channel_write(struct dd_channel *line, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        long n = write_some(line, at, size);
        int error = follow_up(line, n, false);
        if (error)
            return error;
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

int dd_channel_start_tls(struct dd_channel *line, struct dd_tls *tls, char text[static DD_TLS_TEXT_SIZE], bool *refused)
{
    text[0] = '\0';
    *refused = false;
    if (!tls)
        return DD_ERROR_MEMORY;
    line->tls = tls;
    for (;;) {
        int error = dd_tls_handshake(tls, text, refused);
        if (error != DD_ERROR_AGAIN)
            return error;
        error = wait_for(line, dd_tls_events(tls, true, false));
        if (error)
            return error;
    }
}

void dd_channel_close(struct dd_channel *line)
{
    dd_tls_free(line->tls);
    if (line->fd >= 0)
        close(line->fd);
    line->tls = NULL;
    line->fd = -1;
}
