/* Hosts and ports as text: the one parser for destinations, listening addresses and sources. Names are not looked up. Pure, but
 * for the zone of a link-local address. Thread-safe. */
#ifndef DD_BASE_HOST_PORT_H
#define DD_BASE_HOST_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { DD_HOST_PORT_MAX = 65535, DD_HOST_PORT_HOST_SIZE = 256 };

struct dd_host_port {
    char host[DD_HOST_PORT_HOST_SIZE]; /* without brackets; not empty */
    bool bracketed;                    /* it stood in brackets */
    sa_family_t family;                /* AF_INET or AF_INET6 for an IP literal, AF_UNSPEC for all else */
    int port;                          /* 0: none */
};

/* Splits length bytes of text: "host", "host:port", "[host]", "[host]:port", or an IPv6 address without brackets and port. RFC
 * 3986 has only IPv6 addresses in brackets; the caller checks family where that matters, and the characters of a name. 0; or
 * DD_ERROR_INPUT with *result empty: no host, a NUL byte, an open bracket, a host that is too long, or a wrong port. */
int dd_host_port_parse(struct dd_host_port *result, const char *text, size_t length);

/* Reads length bytes as a port, one to five decimal digits. 1 to 65535, or 0 for all else. */
int dd_host_port_read_port(const char *text, size_t length);

/* AF_INET or AF_INET6 if host is an IP literal (RFC 3986, section 3.2.2, without brackets or a zone), else AF_UNSPEC. */
sa_family_t dd_host_port_family(const char *host);

/* Fills *address with an IP literal and a port. A link-local IPv6 address may have the zone that it needs, "fe80::1%eth0".
 * Returns the size of the address; 0 with *address zeroed if host is no IP literal or the zone no interface of this machine. */
socklen_t dd_host_port_socket_address(struct sockaddr_storage *address, const char *host, int port);

#endif
