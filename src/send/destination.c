#include "send/destination.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/error.h"

static bool parse_port(const char *text, uint16_t *port)
{
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 5 || text[digits] != '\0')
        return false;
    long value = strtol(text, NULL, 10);
    *port = (uint16_t)value;
    return value >= 1 && value <= 65535;
}

/* Splits host and port, in place. False if the form is wrong. */
static bool split(char *text, char **host, uint16_t *port)
{
    char *colon = strchr(text, ':');
    *host = text;
    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (!end)
            return false;
        *host = text + 1;
        *end = '\0';
        return end[1] == '\0' || (end[1] == ':' && parse_port(end + 2, port));
    }
    if (!colon || strchr(colon + 1, ':'))
        return true; /* IPv4, or IPv6 without brackets, which can have no port */
    *colon = '\0';
    return parse_port(colon + 1, port);
}

static bool fill_ipv4(struct dd_destination *a, const char *host, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &v4.sin_addr) != 1)
        return false;
    memcpy(&a->socket_address, &v4, sizeof v4);
    a->size = sizeof v4;
    snprintf(a->text, sizeof a->text, "%s:%u", host, port);
    return true;
}

/* A link-local address needs its zone: fe80::1%eth0. */
static bool fill_ipv6(struct dd_destination *a, const char *host, uint16_t port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    char ip[INET6_ADDRSTRLEN + IF_NAMESIZE];
    if ((size_t)snprintf(ip, sizeof ip, "%s", host) >= sizeof ip)
        return false;
    char *zone = strchr(ip, '%');
    if (zone) {
        *zone = '\0';
        v6.sin6_scope_id = if_nametoindex(zone + 1);
    }
    if (inet_pton(AF_INET6, ip, &v6.sin6_addr) != 1 || (zone && !v6.sin6_scope_id))
        return false;
    memcpy(&a->socket_address, &v6, sizeof v6);
    a->size = sizeof v6;
    snprintf(a->text, sizeof a->text, "[%.50s]:%u", host, port);
    return true;
}

static int parse_one(char *item, uint16_t default_port, struct dd_destination *a, char *why, size_t why_size)
{
    uint16_t port = default_port;
    char *host = NULL;
    memset(a, 0, sizeof *a);
    if (!split(item, &host, &port)) {
        snprintf(why, why_size, "ip, ip:port or [ip6]:port");
        return DD_ERROR_INPUT;
    }
    if (!fill_ipv4(a, host, port) && !fill_ipv6(a, host, port)) {
        snprintf(why, why_size,
                 "an IP address, not a name, since looking it up would be a way back in; find it with: getent ahosts %.100s",
                 host);
        return DD_ERROR_INPUT;
    }
    if (!port) {
        snprintf(why, why_size, "a port: set cloud_port, or %.100s:PORT", host);
        return DD_ERROR_INPUT;
    }
    return 0;
}

int dd_destination_parse_list(const char *text, uint16_t default_port, struct dd_destination addresses[static DD_DESTINATION_MAX],
                              size_t *count, char *why, size_t why_size)
{
    char copy[2048], *save = NULL;
    *count = 0;
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
        copy[0] = '\0';
    for (char *item = strtok_r(copy, ", ", &save); item; item = strtok_r(NULL, ", ", &save)) {
        if (*count == DD_DESTINATION_MAX) {
            snprintf(why, why_size, "at most %d addresses", DD_DESTINATION_MAX);
            return DD_ERROR_INPUT;
        }
        int error = parse_one(item, default_port, &addresses[*count], why, why_size);
        if (error)
            return error;
        for (size_t i = 0; i < *count; i++) {
            if (strcmp(addresses[i].text, addresses[*count].text) == 0) {
                snprintf(why, why_size, "every address once, and %s is there twice", addresses[i].text);
                return DD_ERROR_INPUT;
            }
        }
        ++*count;
    }
    if (!*count)
        snprintf(why, why_size, "the IP address of ddrecv");
    return *count ? 0 : DD_ERROR_INPUT;
}

unsigned dd_destination_header_bytes(const struct dd_destination *address)
{
    return address->socket_address.ss_family == AF_INET ? 20 + 8 : 40 + 8;
}
