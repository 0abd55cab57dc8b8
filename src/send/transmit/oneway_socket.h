/* The one-way socket: UDP that only sends. The supervisor opens it; the transmit role only sends through it. */
#ifndef DD_SEND_TRANSMIT_ONEWAY_SOCKET_H
#define DD_SEND_TRANSMIT_ONEWAY_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct dd_destination;

enum {
    DD_ONEWAY_SOCKET_BURST = 16,     /* datagrams in one call at most */
    DD_ONEWAY_SOCKET_BURST_US = 300, /* time at the rate limit that they take at most */
};

struct dd_oneway_socket_config {
    int family;                 /* AF_INET or AF_INET6 */
    const char *bind_address;   /* borrowed, "": any; ignored if it is of the other family */
    const char *bind_interface; /* borrowed, "": any */
    uint16_t source_port;       /* 0: any */
    uint8_t dscp, ttl;          /* 0: the kernel's */
};

/* Opens the socket with a filter that drops all that arrives, and locks the filter: no process can take it off again. ICMP errors
 * and path-MTU hints are ignored. A descriptor, returned-owned; or a negative enum dd_error, logged. */
int dd_oneway_socket_open(const struct dd_oneway_socket_config *config);

/* An open socket, and what its only user has found out about it. */
struct dd_oneway_socket {
    int fd;          /* borrowed */
    bool one_by_one; /* the system has refused UDP_SEGMENT: it is not tried again */
};

/* Bytes of datagrams in one call at most, at a rate limit of rate_bps; a single datagram may be larger. Firewalls, policers and
 * netem drop what came in one call as one: so it is as short as the rate allows, and long only where calls cost much. */
size_t dd_oneway_socket_burst_bytes(uint64_t rate_bps);

/* Sends count <= DD_ONEWAY_SOCKET_BURST datagrams to one address, without waiting. Those of equal length, and a shorter one
 * behind them, are sent in one call with UDP_SEGMENT; the others, or all where the system refuses that, one by one. Returns the
 * number sent. *error is the errno of the first that was not sent; 0 if all were. */
size_t dd_oneway_socket_send(struct dd_oneway_socket *socket, const struct dd_destination *to, struct iovec *datagrams,
                             size_t count, int *error);

/* The MTU, in bytes, of the interface through which datagrams to address go; 0 if there is no route now. */
unsigned dd_oneway_socket_mtu(const struct dd_oneway_socket_config *config, const struct dd_destination *address);

#endif
