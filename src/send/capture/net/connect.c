#include "send/capture/net/connect.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "send/capture/source.h"

int dd_connect_look_up(const struct dd_connect_peer *peer, struct addrinfo **addresses, struct dd_source_io *io)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    char port[16];

    *addresses = NULL;
    snprintf(port, sizeof port, "%d", peer->port);
    int error = getaddrinfo(peer->host, port, &hints, addresses);
    if (error)
        return dd_source_fail(io, DD_WIRE_REASON_UNREACHABLE, "%s: the name %s is not found (%s); check it, or use an IP address",
                              peer->name, peer->host, gai_strerror(error));
    return 0;
}

int dd_connect_fail_wait(const struct dd_connect_peer *peer, struct dd_source_io *io)
{
    if (io->checkpoint(io->context))
        return DD_ERROR_STOPPED;
    return dd_source_fail(io, DD_WIRE_REASON_TIMEOUT,
                          "%s: no answer in time; check the address, and that the %s is on and not behind a firewall", peer->name,
                          peer->kind);
}

/* Until when to wait for an address: the time left is shared equally with those behind it, so that a silent one does not use up
 * all. A pause of this process moves the deadline, not this: an address may be given up early, and the next one gets its time. */
static uint64_t attempt_until_us(const struct addrinfo *address, const struct dd_source_io *io)
{
    uint64_t now_us = dd_clock_now_us(), left_us = io->deadline_us > now_us ? io->deadline_us - now_us : 0, count = 0;

    for (; address; address = address->ai_next)
        count++;
    return now_us + left_us / count;
}

/* Returns 0; DD_ERROR_TIMEOUT; or DD_ERROR_SYSTEM, with errno. */
static int connect_one(int fd, const struct addrinfo *address, const struct dd_source_io *io)
{
    int reason = 0;
    socklen_t size = sizeof reason;

    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return DD_ERROR_SYSTEM;
    if (dd_source_wait_fd(io, fd, POLLOUT, attempt_until_us(address, io)))
        return DD_ERROR_TIMEOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &reason, &size) < 0)
        return DD_ERROR_SYSTEM;
    errno = reason;
    return reason ? DD_ERROR_SYSTEM : 0;
}

int dd_connect_open(int *fd, const struct dd_connect_peer *peer, const struct addrinfo *addresses, struct dd_source_io *io)
{
    int error = DD_ERROR_SYSTEM, one = 1, reason = EHOSTUNREACH;

    *fd = -1;
    for (const struct addrinfo *address = addresses; address && error; address = address->ai_next) {
        *fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (*fd < 0)
            continue;
        error = connect_one(*fd, address, io);
        if (error) {
            reason = errno;
            close(*fd);
            *fd = -1;
        }
    }
    if (error == DD_ERROR_TIMEOUT)
        return dd_connect_fail_wait(peer, io);
    if (error)
        return dd_source_fail(io, DD_WIRE_REASON_UNREACHABLE,
                              "%s: no connection (%s); check the address and port, and that the %s's %s is on", peer->name,
                              strerror(reason), peer->kind, peer->service);
    setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return 0;
}
