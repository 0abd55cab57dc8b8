#include "dd/base/host_port.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>

#include "dd/base/error.h"

enum { PORT_DIGITS_MAX = 5 };

sa_family_t dd_host_port_family(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, host, address) == 1)
        return AF_INET;
    return inet_pton(AF_INET6, host, address) == 1 ? AF_INET6 : AF_UNSPEC;
}

/* As dd_host_port_family(), for an address that may have a zone. */
static sa_family_t family_with_zone(const char *host)
{
    char address[INET6_ADDRSTRLEN];
    const char *zone = strchr(host, '%');
    size_t length = zone ? (size_t)(zone - host) : 0;

    if (!zone)
        return dd_host_port_family(host);
    if (length >= sizeof address || !zone[1])
        return AF_UNSPEC;
    memcpy(address, host, length);
    address[length] = '\0';
    return dd_host_port_family(address) == AF_INET6 ? AF_INET6 : AF_UNSPEC;
}

int dd_host_port_read_port(const char *text, size_t length)
{
    int port = 0;

    if (length > PORT_DIGITS_MAX)
        return 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        port = port * 10 + (text[i] - '0');
    }
    return port <= DD_HOST_PORT_MAX ? port : 0;
}

/* Where the host ends in text, which has no bracket at its start. A second colon makes it an IPv6 address without a port. */
static const char *end_of_host(const char *text, const char *end)
{
    const char *colon = memchr(text, ':', (size_t)(end - text));

    if (!colon || memchr(colon + 1, ':', (size_t)(end - colon) - 1))
        return end;
    return colon;
}

static int parse(struct dd_host_port *result, const char *text, const char *end)
{
    const char *host_end, *after;

    result->bracketed = text < end && *text == '[';
    if (result->bracketed) {
        text++;
        host_end = memchr(text, ']', (size_t)(end - text));
        if (!host_end)
            return DD_ERROR_INPUT;
        after = host_end + 1;
    } else {
        host_end = after = end_of_host(text, end);
    }
    size_t length = (size_t)(host_end - text);
    if (length == 0 || length >= sizeof result->host || memchr(text, '\0', length))
        return DD_ERROR_INPUT;
    memcpy(result->host, text, length);
    result->family = family_with_zone(result->host);
    if (after == end)
        return 0;
    if (*after != ':')
        return DD_ERROR_INPUT;
    result->port = dd_host_port_read_port(after + 1, (size_t)(end - after) - 1);
    return result->port ? 0 : DD_ERROR_INPUT;
}

int dd_host_port_parse(struct dd_host_port *result, const char *text, size_t length)
{
    *result = (struct dd_host_port){0};
    int error = parse(result, text, text + length);

    if (error)
        *result = (struct dd_host_port){0};
    return error;
}

socklen_t dd_host_port_socket_address(struct sockaddr_storage *address, const char *host, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    char plain[INET6_ADDRSTRLEN] = "";
    size_t length = strcspn(host, "%");

    memset(address, 0, sizeof *address);
    switch (family_with_zone(host)) {
    case AF_INET:
        inet_pton(AF_INET, host, &v4.sin_addr);
        memcpy(address, &v4, sizeof v4);
        return sizeof v4;
    case AF_INET6:
        memcpy(plain, host, length); /* an address, and so shorter than plain */
        inet_pton(AF_INET6, plain, &v6.sin6_addr);
        if (host[length] == '%' && !(v6.sin6_scope_id = if_nametoindex(host + length + 1)))
            return 0;
        memcpy(address, &v6, sizeof v6);
        return sizeof v6;
    default:
        return 0;
    }
}
