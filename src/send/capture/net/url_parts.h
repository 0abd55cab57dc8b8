/* The parts of a URL (RFC 3986, section 3): found, checked, and neither decoded nor copied. Malformed URLs are refused: a browser
 * would correct them, perhaps to another host. Pure, thread-safe. */
#ifndef DD_SEND_CAPTURE_NET_URL_PARTS_H
#define DD_SEND_CAPTURE_NET_URL_PARTS_H

#include <stddef.h>

#include "dd/base/host_port.h"

struct dd_url_parts {
    const char *scheme; /* these three point into the text */
    size_t scheme_size; /* bytes, without "://" */
    const char *user;   /* user info, still encoded; NULL: none */
    size_t user_size;   /* bytes, without the '@' */
    struct dd_host_port place;
    const char *rest; /* path, query and fragment, to the end of the text; may be empty */
};

/* Takes text apart. The authority ends before '/', '?' or '#', the user info at the authority's last '@'. The host is an IPv4
 * address, an IPv6 address in brackets, or a name of letters, digits, '-', '.', '_' and bytes above 0x7f; its port may be empty.
 * What the rest holds is not checked. 0; or DD_ERROR_INPUT: no such URL, or a '\' behind the host, which browsers take for '/'.
 */
int dd_url_parts_parse(struct dd_url_parts *parts, const char *text);

/* The same, but the user info ends at the '@' at `at`, which points into text behind "://". */
int dd_url_parts_parse_at(struct dd_url_parts *parts, const char *text, const char *at);

#endif
