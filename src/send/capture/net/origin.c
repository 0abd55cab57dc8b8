#include "send/capture/net/origin.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

#include "dd/base/error.h"
#include "send/capture/net/url_parts.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

_Static_assert(sizeof((struct dd_origin *)0)->host == DD_HOST_PORT_HOST_SIZE, "a host fits");

/* Whether browsers take the host for an IPv4 address: its last part is a number (WHATWG URL, "ends in a number checker"). */
static bool ends_in_number(const char *host)
{
    size_t length = strlen(host);

    if (length > 0 && host[length - 1] == '.')
        length--;
    size_t begin = length;
    while (begin > 0 && host[begin - 1] != '.')
        begin--;
    const char *last = host + begin;
    size_t size = length - begin;
    if (size >= 2 && last[0] == '0' && last[1] == 'x')
        return strspn(last + 2, "0123456789abcdef") >= size - 2;
    return size > 0 && strspn(last, "0123456789") >= size;
}

/* An IPv6 address has many spellings; the one of browsers is taken, who never write its end as IPv4 (WHATWG URL, "IPv6
 * serializer"). IPv4 has as many: just the usual one is taken. */
static int write_host(struct dd_origin *origin, const struct dd_host_port *place)
{
    uint8_t address[sizeof(struct in6_addr)];

    for (size_t i = 0; place->host[i]; i++) {
        if (!isascii((unsigned char)place->host[i]))
            return DD_ERROR_INPUT;
        origin->host[i] = (char)tolower((unsigned char)place->host[i]);
    }
    if (place->family != AF_INET6)
        return ends_in_number(origin->host) && place->family != AF_INET ? DD_ERROR_INPUT : 0;
    if (inet_pton(AF_INET6, origin->host, address) != 1 || !inet_ntop(AF_INET6, address, origin->host, sizeof origin->host))
        return DD_ERROR_INPUT;
    if (strchr(origin->host, '.'))
        snprintf(strrchr(origin->host, ':') + 1, 10, "%x:%x", address[12] << 8 | address[13], address[14] << 8 | address[15]);
    return 0;
}

static bool is_scheme(const struct dd_url_parts *parts, const char *scheme)
{
    return parts->scheme_size == strlen(scheme) && strncasecmp(parts->scheme, scheme, parts->scheme_size) == 0;
}

static int parse(struct dd_origin *origin, const char *url)
{
    struct dd_url_parts parts;
    int error = dd_url_parts_parse(&parts, url);

    if (error)
        return error;
    origin->secure = is_scheme(&parts, "https");
    if (!origin->secure && !is_scheme(&parts, "http"))
        return DD_ERROR_INPUT;
    origin->port = parts.place.port ? parts.place.port : origin->secure ? HTTPS_PORT : HTTP_PORT;
    return write_host(origin, &parts.place);
}

int dd_origin_parse(struct dd_origin *origin, const char *url)
{
    *origin = (struct dd_origin){0};
    int error = parse(origin, url);

    if (error)
        *origin = (struct dd_origin){0};
    return error;
}

bool dd_origin_equal(const struct dd_origin *a, const struct dd_origin *b)
{
    return a->host[0] && a->secure == b->secure && a->port == b->port && strcmp(a->host, b->host) == 0;
}

void dd_origin_write(const struct dd_origin *origin, char *text, size_t size)
{
    bool ipv6 = strchr(origin->host, ':');
    char port[16] = "";

    if (origin->port != (origin->secure ? HTTPS_PORT : HTTP_PORT))
        snprintf(port, sizeof port, ":%d", origin->port);
    snprintf(text, size, "%s://%s%s%s%s", origin->secure ? "https" : "http", ipv6 ? "[" : "", origin->host, ipv6 ? "]" : "",
             port);
}
