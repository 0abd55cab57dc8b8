/* Looks up the host of a source and connects to it by TCP, before a deadline. */
#ifndef DD_SEND_CAPTURE_NET_CONNECT_H
#define DD_SEND_CAPTURE_NET_CONNECT_H

#include <stdint.h>

struct addrinfo;
struct dd_source_io;

struct dd_connect_peer {
    const char *name;    /* of the source, for messages */
    const char *kind;    /* of device, for messages: "camera" */
    const char *service; /* what has to be switched on there, for messages: "RTSP service with TLS" */
    const char *host;    /* a name or an IP address without brackets */
    int port;
};

/* Finds the host's addresses. Blocks until the resolver answers or its own time-outs have passed. *addresses is returned-owned
 * (freeaddrinfo()); NULL on errors. 0; or DD_ERROR_SOURCE, told in io. */
int dd_connect_look_up(const struct dd_connect_peer *peer, struct addrinfo **addresses, struct dd_source_io *io);

/* Connects to the first address that answers, before io's deadline. *fd is non-blocking and returned-owned; -1 on errors. 0; or
 * DD_ERROR_SOURCE, told in io; or DD_ERROR_STOPPED. */
int dd_connect_open(int *fd, const struct dd_connect_peer *peer, const struct addrinfo *addresses, struct dd_source_io *io);

/* Turns DD_ERROR_TIMEOUT of dd_source_wait_fd() into what the caller returns: DD_ERROR_STOPPED; or DD_ERROR_SOURCE, told in io as
 * no answer in time. */
int dd_connect_fail_wait(const struct dd_connect_peer *peer, struct dd_source_io *io);

#endif
