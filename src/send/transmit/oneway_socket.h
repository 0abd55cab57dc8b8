/* The one-way socket: UDP that only goes out. The supervisor opens it; transmit only sends through it. */
#ifndef DD_SEND_TRANSMIT_ONEWAY_SOCKET_H
#define DD_SEND_TRANSMIT_ONEWAY_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct dd_destination;

enum { DD_ONEWAY_SOCKET_BURST = 16 /* datagrams */ };

struct dd_oneway_socket_config {
    int family;                 /* AF_INET or AF_INET6 */
    const char *bind_address;   /* borrowed, "": any; used if it is of the family */
    const char *bind_interface; /* borrowed, "": any */
    uint16_t source_port;       /* 0: any */
    uint8_t dscp, ttl;          /* 0: the kernel's */
};

/* Opens the socket with a filter that drops whatever arrives, and locks the filter. A descriptor, returned-owned, or a negative
 * enum dd_error, logged. */
int dd_oneway_socket_open(const struct dd_oneway_socket_config *config);

/* An open socket, and what its one user has learnt of it. */
struct dd_oneway_socket {
    int fd;          /* borrowed */
    bool one_by_one; /* the system has refused UDP_SEGMENT: it is not tried again */
};

/* Sends count <= DD_ONEWAY_SOCKET_BURST datagrams to one address without waiting. They go in one call with UDP_SEGMENT if all but
 * the last have one length and the last is not longer; otherwise, or where that is refused, one by one. Returns how many went;
 * *error is the errno of the first that did not, 0 if all did. */
size_t dd_oneway_socket_send(struct dd_oneway_socket *socket, const struct dd_destination *to, struct iovec *datagrams,
                             size_t count, int *error);

/* The MTU, in bytes, of the interface through which datagrams to address go; 0 if there is no route now. */
unsigned dd_oneway_socket_mtu(const struct dd_oneway_socket_config *config, const struct dd_destination *address);

#endif
