#include "send/destination.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/base/host_port.h"

static int parse_one(const char *item, uint16_t default_port, struct dd_destination *a, char *why, size_t why_size)
{
    struct dd_host_port parsed;

    memset(a, 0, sizeof *a);
    if (dd_host_port_parse(&parsed, item, strlen(item))) {
        snprintf(why, why_size, "ip, ip:port or [ip6]:port");
        return DD_ERROR_INPUT;
    }
    int port = parsed.port ? parsed.port : default_port;
    a->size = dd_host_port_socket_address(&a->socket_address, parsed.host, port);
    if (!a->size) {
        snprintf(why, why_size,
                 "an IP address, not a name, since looking it up would be a way back in; find it with: getent ahosts %.100s",
                 parsed.host);
        return DD_ERROR_INPUT;
    }
    if (!port) {
        snprintf(why, why_size, "a port: set cloud_port, or %.100s:PORT", parsed.host);
        return DD_ERROR_INPUT;
    }
    snprintf(a->text, sizeof a->text, parsed.family == AF_INET6 ? "[%.50s]:%d" : "%.50s:%d", parsed.host, port);
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
