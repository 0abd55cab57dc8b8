#include "send/capture/vnc/address.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/base/host_port.h"

enum { NUMBER_DIGITS_MAX = 5 /* of a display or a port */ };

/* The port that follows from the text after the host: "", ":display" or "::port". 0 if it is none of these. */
static int read_port(const char *text, int display)
{
    if (!*text)
        return DD_VNC_ADDRESS_PORT + display;
    if (*text++ != ':')
        return 0;
    if (*text == ':')
        return dd_host_port_read_port(text + 1, strlen(text + 1));
    size_t length = strlen(text);
    bool is_number = length > 0 && length <= NUMBER_DIGITS_MAX && strspn(text, "0123456789") == length;
    if (is_number && atoi(text) <= DD_VNC_ADDRESS_DISPLAY_MAX)
        return DD_VNC_ADDRESS_PORT + atoi(text);
    return dd_host_port_read_port(text, length);
}

/* With or without a zone: fe80::1%eth0. */
static bool is_ipv6(const char *text)
{
    struct dd_host_port parsed;

    return dd_host_port_parse(&parsed, text, strlen(text)) == 0 && parsed.family == AF_INET6;
}

/* In brackets only an IPv6 address; without them the characters of names and IPv4 addresses. */
static bool is_host(const char *text, bool bracketed)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

    if (bracketed)
        return is_ipv6(text);
    return *text && text[0] != '-' && text[0] != '.' && text[strspn(text, allowed)] == '\0';
}

int dd_vnc_address_parse(struct dd_vnc_address *address, const char *text, int display)
{
    bool bracketed = *text == '[';
    const char *host = text + bracketed;
    size_t length = strcspn(host, bracketed ? "]" : ":");
    const char *rest = host + length;

    *address = (struct dd_vnc_address){0};
    if (bracketed && *rest++ != ']')
        return DD_ERROR_INPUT;
    if (length >= sizeof address->host)
        return DD_ERROR_INPUT;
    memcpy(address->host, host, length);
    address->port = read_port(rest, display);
    if (address->port && is_host(address->host, bracketed))
        return 0;
    *address = (struct dd_vnc_address){0};
    return DD_ERROR_INPUT;
}
