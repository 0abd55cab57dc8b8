/* Origins of the web: scheme, host and port. A password is given only where all three are equal. Pure. */
#ifndef DD_SEND_CAPTURE_NET_ORIGIN_H
#define DD_SEND_CAPTURE_NET_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

struct dd_origin {
    bool secure;    /* https, else http */
    char host[256]; /* in lower case; an IPv6 address as browsers write it, without brackets. "": none, which equals no other */
    int port;       /* 1 … 65535 */
};

/* Parses the origin of a URL; an origin by itself is such a URL. Takes http:// and https:// with a host in ASCII; an IPv4 address
 * has four decimal numbers. Malformed URLs are refused: a browser would correct them, perhaps to another host. 0; or
 * DD_ERROR_INPUT, with no origin in *origin. */
int dd_origin_parse(struct dd_origin *origin, const char *url);

/* True if scheme, host and port are equal. False if a or b has no origin. */
bool dd_origin_equal(const struct dd_origin *a, const struct dd_origin *b);

/* Writes the origin as browsers do, without a port that the scheme implies: "https://example.com". */
void dd_origin_write(const struct dd_origin *origin, char *text, size_t size);

#endif
