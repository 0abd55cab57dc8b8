/* Origins of the web: scheme, host and port, which all three have to be the same for a password to be handed on. Pure. */
#ifndef DD_SEND_CAPTURE_NET_ORIGIN_H
#define DD_SEND_CAPTURE_NET_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

struct dd_origin {
    bool secure;    /* https, else http */
    char host[256]; /* in lower case; an IPv6 address as browsers write it, without brackets. "": none, which equals no other */
    int port;       /* 1 … 65535 */
};

/* The origin of a URL, or of an origin that is written as one. 0; or DD_ERROR_INPUT for what is not just http:// or https://
 * with a host in ASCII, with no origin in *origin; an IPv4 address has four decimal numbers. Strict: nothing is mended as
 * browsers do, since what they mean by it could be another place than what is understood here. */
int dd_origin_parse(struct dd_origin *origin, const char *url);

/* False if either is none. */
bool dd_origin_equal(const struct dd_origin *a, const struct dd_origin *b);

/* Writes it as browsers do, without a port that the scheme implies: "https://example.com". */
void dd_origin_write(const struct dd_origin *origin, char *text, size_t size);

#endif
