#include "recv/serve/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "dd/base/host_port.h"

/* Writes peer's IP address, or what it is instead. True if it is on this machine. */
static bool write_peer(const struct sockaddr *peer, char *text, socklen_t size)
{
    snprintf(text, size, "a Unix socket");
    if (peer && peer->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, peer, sizeof v4);
        inet_ntop(AF_INET, &v4.sin_addr, text, size);
        return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    if (peer && peer->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, peer, sizeof v6);
        inet_ntop(AF_INET6, &v6.sin6_addr, text, size);
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
    }
    return true;
}

/* The address that ends list, into text. False if there is none. */
static bool read_last(const char *list, char text[static INET6_ADDRSTRLEN])
{
    const char *last = list ? strrchr(list, ',') : NULL;
    last = last ? last + 1 : list;
    last = last ? last + strspn(last, " \t") : "";
    size_t length = strcspn(last, " \t");
    if (length >= INET6_ADDRSTRLEN)
        return false;
    memcpy(text, last, length);
    text[length] = '\0';
    return dd_host_port_family(text) != AF_UNSPEC;
}

void dd_client_address_write(const struct sockaddr *peer, const char *forwarded_for, char text[static DD_CLIENT_ADDRESS_SIZE])
{
    char name[INET6_ADDRSTRLEN], client[INET6_ADDRSTRLEN];
    if (write_peer(peer, name, sizeof name) && read_last(forwarded_for, client))
        snprintf(text, DD_CLIENT_ADDRESS_SIZE, "%s (behind a proxy)", client);
    else
        snprintf(text, DD_CLIENT_ADDRESS_SIZE, "%s", name);
}
