#include "send/capture/net/origin.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

#include "dd/base/error.h"
#include "dd/base/host_port.h"

enum { HTTP_PORT = 80, HTTPS_PORT = 443 };

static bool is_host(char c)
{
    return isascii((unsigned char)c) && (isalnum((unsigned char)c) || c == '-' || c == '.' || c == '_');
}

static bool is_ipv6(char c)
{
    return isascii((unsigned char)c) && (isxdigit((unsigned char)c) || c == ':' || c == '.');
}

/* The port in text, which is ":8080" or nothing. 0: neither. */
static int read_port(const char *text, const char *end, int fallback)
{
    if (text == end)
        return fallback;
    return *text == ':' ? dd_host_port_read_port(text + 1, (size_t)(end - text) - 1) : 0;
}

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

/* An IPv6 address has many spellings, and here the one of browsers, which never write its end as IPv4 (WHATWG URL, "IPv6
 * serializer"). IPv4 has as many: just the usual one is taken. */
static int make_canonical(struct dd_origin *origin, bool ipv6)
{
    uint8_t address[sizeof(struct in6_addr)];

    if (!ipv6)
        return ends_in_number(origin->host) && dd_host_port_family(origin->host) != AF_INET ? DD_ERROR_INPUT : 0;
    if (inet_pton(AF_INET6, origin->host, address) != 1 || !inet_ntop(AF_INET6, address, origin->host, sizeof origin->host))
        return DD_ERROR_INPUT;
    if (strchr(origin->host, '.'))
        snprintf(strrchr(origin->host, ':') + 1, 10, "%x:%x", address[12] << 8 | address[13], address[14] << 8 | address[15]);
    return 0;
}

static int parse(struct dd_origin *origin, const char *url)
{
    if (strncasecmp(url, "https://", 8) == 0)
        origin->secure = true;
    else if (strncasecmp(url, "http://", 7) != 0)
        return DD_ERROR_INPUT;
    const char *text = url + (origin->secure ? 8 : 7), *end = text + strcspn(text, "/?#\\");
    for (const char *c = text; c < end; c++)
        if (*c == '@')
            text = c + 1;

    const char *host = text, *after;
    bool ipv6 = *host == '[';
    if (ipv6)
        host++;
    for (after = host; after < end && (ipv6 ? is_ipv6(*after) : is_host(*after)); after++)
        ;
    size_t length = (size_t)(after - host);
    if (length == 0 || length >= sizeof origin->host || (ipv6 && *after++ != ']'))
        return DD_ERROR_INPUT;
    for (size_t i = 0; i < length; i++)
        origin->host[i] = (char)tolower((unsigned char)host[i]);
    origin->host[length] = '\0';
    origin->port = read_port(after, end, origin->secure ? HTTPS_PORT : HTTP_PORT);
    return origin->port > 0 ? make_canonical(origin, ipv6) : DD_ERROR_INPUT;
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
