#include "send/transmit/oneway_socket.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/in6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/host_port.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/destination.h"

enum {
    SEND_BUFFER = 4 << 20, /* bytes: enough for the bursts of many streams while the interface is busy */
    BUNDLE_BYTES = DD_WIRE_DATAGRAM_MAX,
};

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* A locked filter drops all that arrives before it is queued. */
static int refuse_input(int fd)
{
    struct sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &drop_all};
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
        return -1;
    if (set(fd, SOL_SOCKET, SO_LOCK_FILTER, 1) < 0)
        return -1;
    return set(fd, SOL_SOCKET, SO_RCVBUF, 0); /* the kernel makes it its minimum */
}

/* Nothing that ICMP says of the path has an effect. The MTU is the interface's own. */
static int ignore_path(int fd, int family)
{
    if (family == AF_INET)
        return set(fd, IPPROTO_IP, IP_RECVERR, 0) < 0 ? -1 : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_INTERFACE);
    if (set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0 || set(fd, IPPROTO_IPV6, IPV6_RECVERR, 0) < 0)
        return -1;
    return set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_INTERFACE);
}

static int set_fields(int fd, const struct dd_oneway_socket_config *c)
{
    bool v4 = c->family == AF_INET;
    if (c->dscp && set(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, c->dscp << 2) < 0)
        return -1;
    if (c->ttl && (set(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TTL : IPV6_UNICAST_HOPS, c->ttl) < 0 ||
                   set(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_MULTICAST_TTL : IPV6_MULTICAST_HOPS, c->ttl) < 0))
        return -1;
    return 0;
}

static int bind_source(int fd, const struct dd_oneway_socket_config *c)
{
    struct sockaddr_storage address;
    socklen_t size = dd_host_port_socket_address(&address, c->bind_address, c->source_port);

    if (address.ss_family != c->family) { /* bind_address is empty, or for the sockets of the other family */
        if (!c->source_port)
            return 0;
        size = dd_host_port_socket_address(&address, c->family == AF_INET ? "0.0.0.0" : "::", c->source_port);
    }
    /* at a reload the new socket is bound before the old one is closed */
    if (set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
        return -1;
    return bind(fd, (const struct sockaddr *)&address, size);
}

static int bind_interface(int fd, const char *name)
{
    return name[0] ? setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) : 0;
}

int dd_oneway_socket_open(const struct dd_oneway_socket_config *c)
{
    const char *what = "open";
    int fd = socket(c->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        goto err0;
    what = "shut the receiving side of";
    if (refuse_input(fd) < 0 || ignore_path(fd, c->family) < 0)
        goto err1;
    what = "set dscp and ttl of";
    if (set_fields(fd, c) < 0)
        goto err1;
    what = "bind to bind_interface";
    if (bind_interface(fd, c->bind_interface) < 0)
        goto err1;
    what = "bind to bind_address and source_port";
    if (bind_source(fd, c) < 0)
        goto err1;
    if (set(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER) < 0)
        set(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
    return fd;

err1:
    dd_log_error("cannot %s the UDP socket: %s", what, strerror(errno));
    close(fd);
    return DD_ERROR_SYSTEM;
err0:
    dd_log_error("cannot %s the UDP socket: %s", what, strerror(errno));
    return DD_ERROR_SYSTEM;
}

size_t dd_oneway_socket_burst_bytes(uint64_t rate_bps)
{
    double bytes = (double)rate_bps / 8 * dd_clock_seconds(DD_ONEWAY_SOCKET_BURST_US);
    return bytes < (double)BUNDLE_BYTES ? (size_t)bytes : BUNDLE_BYTES;
}

/* How many of the datagrams can be sent as one bundle; 1: no bundle is possible. */
static size_t bundle_size(const struct iovec *datagrams, size_t count)
{
    size_t length = datagrams[0].iov_len, n = 1, bytes = length;
    while (n < count && datagrams[n - 1].iov_len == length && datagrams[n].iov_len <= length &&
           bytes + datagrams[n].iov_len <= BUNDLE_BYTES)
        bytes += datagrams[n++].iov_len;
    return n;
}

/* Returns 0 or the errno. */
static int send_bundle(int fd, const struct dd_destination *to, struct iovec *datagrams, size_t count)
{
    struct sockaddr_storage address = to->socket_address;
    uint16_t length = (uint16_t)datagrams[0].iov_len;
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof length)];
    } control = {0};
    struct msghdr message = {.msg_name = &address,
                             .msg_namelen = to->size,
                             .msg_iov = datagrams,
                             .msg_iovlen = count,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    control.header = (struct cmsghdr){.cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof length)};
    memcpy(CMSG_DATA(&control.header), &length, sizeof length);
    while (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

/* Returns the number sent. Sets *error to the errno of the first that was not. */
static size_t send_one_by_one(int fd, const struct dd_destination *to, struct iovec *datagrams, size_t count, int *error)
{
    struct mmsghdr messages[DD_ONEWAY_SOCKET_BURST];
    struct sockaddr_storage address = to->socket_address;
    size_t done = 0;
    memset(messages, 0, sizeof messages);
    for (size_t i = 0; i < count; i++) {
        messages[i].msg_hdr.msg_name = &address;
        messages[i].msg_hdr.msg_namelen = to->size;
        messages[i].msg_hdr.msg_iov = &datagrams[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    while (done < count) {
        int n = sendmmsg(fd, messages + done, (unsigned)(count - done), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            *error = n < 0 ? errno : EIO;
            break;
        }
        done += (size_t)n;
    }
    return done;
}

/* True for the errors of a kernel or an interface without UDP_SEGMENT. A datagram above the MTU gives one of them, too. */
static bool refuses_bundles(int error)
{
    return error == EINVAL || error == EIO || error == EOPNOTSUPP || error == ENOPROTOOPT;
}

size_t dd_oneway_socket_send(struct dd_oneway_socket *socket, const struct dd_destination *to, struct iovec *datagrams,
                             size_t count, int *error)
{
    size_t done = 0;
    *error = 0;
    while (done < count && !socket->one_by_one) {
        size_t n = bundle_size(datagrams + done, count - done);
        if (n == 1)
            break;
        *error = send_bundle(socket->fd, to, datagrams + done, n);
        if (refuses_bundles(*error)) {
            dd_log_info("the system refuses bundles of datagrams (%s): from now on they go one by one", strerror(*error));
            socket->one_by_one = true;
            *error = 0;
        } else if (*error) {
            return done;
        } else {
            done += n;
        }
    }
    return done + send_one_by_one(socket->fd, to, datagrams + done, count - done, error);
}

static bool same_host(const struct sockaddr *a, const struct sockaddr_storage *b)
{
    struct sockaddr_in v4[2];
    struct sockaddr_in6 v6[2];
    if (a->sa_family != b->ss_family)
        return false;
    if (a->sa_family == AF_INET) {
        memcpy(&v4[0], a, sizeof v4[0]);
        memcpy(&v4[1], b, sizeof v4[1]);
        return v4[0].sin_addr.s_addr == v4[1].sin_addr.s_addr;
    }
    if (a->sa_family != AF_INET6)
        return false;
    memcpy(&v6[0], a, sizeof v6[0]);
    memcpy(&v6[1], b, sizeof v6[1]);
    return memcmp(&v6[0].sin6_addr, &v6[1].sin6_addr, sizeof v6[0].sin6_addr) == 0;
}

/* Finds the interface that has the address to which fd is bound. */
static bool find_interface(int fd, char name[static IF_NAMESIZE])
{
    struct sockaddr_storage own = {0};
    socklen_t size = sizeof own;
    struct ifaddrs *list = NULL;
    if (getsockname(fd, (struct sockaddr *)&own, &size) < 0 || getifaddrs(&list) < 0)
        return false;
    const struct ifaddrs *found = list;
    while (found && !(found->ifa_addr && same_host(found->ifa_addr, &own)))
        found = found->ifa_next;
    if (found)
        snprintf(name, IF_NAMESIZE, "%s", found->ifa_name);
    freeifaddrs(list);
    return found != NULL;
}

unsigned dd_oneway_socket_mtu(const struct dd_oneway_socket_config *c, const struct dd_destination *address)
{
    struct ifreq request = {0};
    unsigned mtu = 0;
    /* connect(2) of UDP sends nothing: it looks up the route. IP_MTU would be simpler, but ICMP can change it. */
    int fd = socket(address->socket_address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    if (bind_interface(fd, c->bind_interface) == 0 &&
        connect(fd, (const struct sockaddr *)&address->socket_address, address->size) == 0) {
        snprintf(request.ifr_name, sizeof request.ifr_name, "%s", c->bind_interface);
        if ((c->bind_interface[0] || find_interface(fd, request.ifr_name)) && ioctl(fd, SIOCGIFMTU, &request) == 0 &&
            request.ifr_mtu > 0)
            mtu = (unsigned)request.ifr_mtu;
    }
    close(fd);
    return mtu;
}
