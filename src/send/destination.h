/* The addresses that datagrams are sent to. They are IP literals: a name look-up would be a way back in. */
#ifndef DD_SEND_DESTINATION_H
#define DD_SEND_DESTINATION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum { DD_DESTINATION_MAX = 8, DD_DESTINATION_TEXT_SIZE = 64 };

struct dd_destination {
    struct sockaddr_storage socket_address;
    socklen_t size;
    char text[DD_DESTINATION_TEXT_SIZE]; /* "192.0.2.10:5006", "[2001:db8::1]:5006" */
};

/* Reads "ip", "ip:port", "ip6", "[ip6]" and "[ip6]:port", several with commas, at most DD_DESTINATION_MAX, no two the same.
 * default_port where none is given, 0: it is then required. 0, or DD_ERROR_INPUT with what would be right in why. */
int dd_destination_parse_list(const char *text, uint16_t default_port, struct dd_destination addresses[static DD_DESTINATION_MAX],
                              size_t *count, char *why, size_t why_size);

/* Bytes of the IP and UDP headers before a datagram to this address. */
unsigned dd_destination_header_bytes(const struct dd_destination *address);

#endif
