#include "recv/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/host_port.h"
#include "dd/base/log.h"
#include "dd/base/privileges.h"
#include "recv/role_config.h"

enum { RECEIVE_BUFFER = 16 << 20, BACKLOG = 1024 };

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* A burst has to wait in the buffer while this machine does something else. */
static void enlarge_buffer(int fd, const struct dd_recv_role_config_port *port)
{
    int size = 0;
    socklen_t length = sizeof size;
    if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) == 0)
        return;
    set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length);
    if (size < RECEIVE_BUFFER)
        dd_log_warning("UDP %s:%u has a receive buffer of %d KiB only, which may lose datagrams: sysctl net.core.rmem_max=%d",
                       port->host, port->port, size / 1024, RECEIVE_BUFFER);
}

int dd_sockets_open_udp(const struct dd_recv_role_config_port *port)
{
    struct sockaddr_storage address;
    socklen_t size = dd_host_port_socket_address(&address, port->host, port->port);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        goto err0;
    if (address.ss_family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, strcmp(port->host, "::") != 0) < 0)
        goto err1;
    if (port->interface[0] &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, port->interface, (socklen_t)strlen(port->interface)) < 0)
        goto err1;
    enlarge_buffer(fd, port);
    set(fd, SOL_UDP, UDP_GRO, 1); /* Linux 5.0; where it is refused, datagrams come one by one */
    if (set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1) < 0 || bind(fd, (const struct sockaddr *)&address, size) < 0)
        goto err1;
    return fd;

err1:
    size = (socklen_t)errno;
    close(fd);
    errno = (int)size;
err0:
    dd_log_error("cannot receive at UDP %s:%u%s%s: %s%s", port->host, port->port, port->interface[0] ? " of " : "",
                 port->interface, strerror(errno),
                 errno == EADDRINUSE ? "; another program has that port (ss -ulpn shows which)" : "");
    return DD_ERROR_SYSTEM;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

static int listen_tcp(const struct dd_recv_daemon *o)
{
    struct sockaddr_storage address;
    socklen_t size = dd_host_port_socket_address(&address, o->http_host, (uint16_t)o->http_port);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 || bind(fd, (const struct sockaddr *)&address, size) < 0 ||
        listen(fd, BACKLOG) < 0) {
        dd_log_error("cannot serve HTTP at %s port %jd: %s%s", o->http_host, (intmax_t)o->http_port, strerror(errno),
                     errno == EADDRINUSE ? "; another program has that port (ss -tlpn shows which)" : "");
        if (fd >= 0)
            close(fd);
        return DD_ERROR_SYSTEM;
    }
    if (!is_loopback(&address))
        dd_log_warning(
            "HTTP at %s has neither TLS nor a password: put a proxy such as Caddy in front, and let it listen at 127.0.0.1",
            o->http_host);
    return fd;
}

/* True if some process has a socket of that path open. */
static bool is_open(const char *path)
{
    char line[512];
    bool found = false;
    FILE *list = fopen("/proc/net/unix", "re");
    if (!list)
        return true;
    while (!found && fgets(line, sizeof line, list)) {
        const char *name = strchr(line, '/');
        line[strcspn(line, "\n")] = '\0';
        found = name && strcmp(name, path) == 0;
    }
    fclose(list);
    return found;
}

/* Removes a socket that a dead process left behind: it would be in the way. Leaves a socket that another process has open, and
 * everything that is not a socket. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat s;
    if (lstat(address->sun_path, &s) == 0 && S_ISSOCK(s.st_mode) && !is_open(address->sun_path))
        unlink(address->sun_path);
}

static const char *unix_path(const struct dd_recv_daemon *o)
{
    return strncmp(o->http_host, "unix:", 5) == 0 ? o->http_host + 5 : NULL;
}

static int listen_unix(const struct dd_recv_daemon *o, const char *path, const struct dd_privileges_user *owner)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t mode = (mode_t)strtoul(o->http_socket_mode, NULL, 8);
    int fd = -1;
    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof address.sun_path)
        goto err0;
    memcpy(address.sun_path, path, strlen(path));
    remove_stale(&address);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        goto err0;
    if (chmod(path, mode) < 0 || (owner && chown(path, owner->uid, owner->gid) < 0) || listen(fd, BACKLOG) < 0)
        goto err1;
    return fd;

err1:
    dd_log_error("cannot serve HTTP at %s: %s", path, strerror(errno));
    unlink(path);
    close(fd);
    return DD_ERROR_SYSTEM;
err0:
    dd_log_error("cannot serve HTTP at %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return DD_ERROR_SYSTEM;
}

int dd_sockets_open_http(const struct dd_recv_daemon *options, const struct dd_privileges_user *owner)
{
    const char *path = unix_path(options);
    return path ? listen_unix(options, path, owner) : listen_tcp(options);
}

void dd_sockets_unlink_http(const struct dd_recv_daemon *options)
{
    if (unix_path(options))
        unlink(unix_path(options));
}
