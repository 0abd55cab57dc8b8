#include "recv/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
#include "dd/base/fd.h"
#include "dd/base/host_port.h"
#include "dd/base/log.h"
#include "dd/base/privileges.h"
#include "recv/role_config.h"
#include "recv/serve/serve_memory.h"

enum {
    BACKLOG = 1024,
    HTTP_UNSENT = 32 * 1024, /* how much of what is written to an HTTP connection waits to be sent; it grows old there */
};

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* A burst has to wait in the buffer while this machine does something else. */
static void enlarge_buffer(int fd, const struct dd_recv_role_config_port *port)
{
    int size = 0;
    socklen_t length = sizeof size;
    if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, DD_SOCKETS_UDP_BUFFER) == 0)
        return;
    set(fd, SOL_SOCKET, SO_RCVBUF, DD_SOCKETS_UDP_BUFFER);
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length);
    if (size < DD_SOCKETS_UDP_BUFFER)
        dd_log_warning("UDP %s:%u has a receive buffer of %d KiB only, which may lose datagrams: sysctl net.core.rmem_max=%d",
                       port->host, port->port, size / 1024, DD_SOCKETS_UDP_BUFFER);
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

/* Accepted connections inherit the options. */
static int listen_tcp(const struct dd_recv_daemon *o)
{
    struct sockaddr_storage address;
    socklen_t size = dd_host_port_socket_address(&address, o->http_host, (uint16_t)o->http_port);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 || set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, HTTP_UNSENT) < 0 ||
        set(fd, SOL_SOCKET, SO_SNDBUF, DD_SERVE_MEMORY_SEND_BUFFER) < 0 ||
        set(fd, SOL_SOCKET, SO_RCVBUF, DD_SERVE_MEMORY_RECEIVE_BUFFER) < 0 ||
        bind(fd, (const struct sockaddr *)&address, size) < 0 || listen(fd, BACKLOG) < 0) {
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

/* Removes the socket at path. Leaves everything that is not a socket. */
static void remove_socket(const char *path)
{
    struct stat s;
    if (lstat(path, &s) == 0 && S_ISSOCK(s.st_mode))
        unlink(path);
}

static const char *unix_path(const struct dd_recv_daemon *o)
{
    return strncmp(o->http_host, "unix:", 5) == 0 ? o->http_host + 5 : NULL;
}

/* Who can write in the folder can put a socket of theirs in the place of ours, and show a proxy other pictures. */
static void check_folder(const char *path, const struct dd_privileges_user *owner)
{
    char folder[sizeof((struct sockaddr_un *)NULL)->sun_path];
    struct stat s;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (stat(folder[0] ? folder : "/", &s) < 0)
        return;
    bool is_ours = s.st_uid == 0 || s.st_uid == geteuid() || (owner && s.st_uid == owner->uid);
    if (!is_ours || (s.st_mode & S_IWOTH && !(s.st_mode & S_ISVTX)))
        dd_log_warning(
            "others can write in the folder %s, and so put a socket of their own in the place of %s: chown or chmod it", folder,
            path);
}

/* Binds the socket so that it has its mode from the first moment: the kernel makes its path with the mode of the socket. This
 * process has no other thread that creates files. */
static int bind_with_mode(int fd, const struct sockaddr_un *address, mode_t mode)
{
    if (fchmod(fd, mode) < 0)
        return -1;
    mode_t mask = umask(0);
    int bound = bind(fd, (const struct sockaddr *)address, sizeof *address);
    umask(mask);
    return bound;
}

/* Gives the socket at path to owner. Whoever can write in the folder may have put something else there: that must not change its
 * owner, neither what a link points to nor a file that was moved there. */
static int give_to(const char *path, const struct dd_privileges_user *owner)
{
    struct stat s;
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int done = fstat(fd, &s);
    if (done == 0 && (!S_ISSOCK(s.st_mode) || s.st_uid != geteuid())) {
        errno = EPERM;
        done = -1;
    }
    if (done == 0)
        done = fchownat(fd, "", owner->uid, owner->gid, AT_EMPTY_PATH);
    int error = errno;
    close(fd);
    errno = error;
    return done;
}

static int listen_unix(const struct dd_recv_daemon *o, const char *path, const struct dd_privileges_user *owner)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = -1;
    bool bound = false;
    errno = ENAMETOOLONG;
    if (strlen(path) >= sizeof address.sun_path)
        goto err0;
    memcpy(address.sun_path, path, strlen(path));
    check_folder(path, owner);
    if (!is_open(path)) /* left behind by a dead process, it would be in the way */
        remove_socket(path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind_with_mode(fd, &address, (mode_t)strtoul(o->http_socket_mode, NULL, 8)) < 0)
        goto err0;
    bound = true;
    if ((owner && give_to(path, owner) < 0) || listen(fd, BACKLOG) < 0)
        goto err0;
    return fd;

err0:
    dd_log_error("cannot serve HTTP at %s: %s", path, strerror(errno));
    if (bound)
        remove_socket(path);
    if (fd >= 0)
        close(fd);
    return DD_ERROR_SYSTEM;
}

int dd_sockets_open_http(const struct dd_recv_daemon *options, const struct dd_privileges_user *owner)
{
    const char *path = unix_path(options);
    return path ? listen_unix(options, path, owner) : listen_tcp(options);
}

/* Whoever had the socket may have connected it, filled its buffer and made it linger: closing it would then wait for as long. */
static void forbid_lingering(int fd)
{
    const struct linger none = {0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

int dd_sockets_renew_http(int fd, const struct dd_recv_daemon *options, const struct dd_privileges_user *owner)
{
    forbid_lingering(fd);
    /* the place is free for another socket now, though this one still has it */
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    shutdown(fd, SHUT_RDWR);
    dd_sockets_unlink_http(options);
    int fresh = dd_sockets_open_http(options, owner);
    int error = fresh < 0 ? fresh : dup3(fresh, fd, O_CLOEXEC) < 0 ? DD_ERROR_SYSTEM : 0;
    dd_fd_close(&fresh);
    if (error) {
        listen(fd, BACKLOG); /* a TCP socket listens again */
        dd_log_warning("going on with the HTTP socket that was there");
    }
    return error;
}

void dd_sockets_close_http(int fd, const struct dd_recv_daemon *options)
{
    forbid_lingering(fd);
    close(fd);
    dd_sockets_unlink_http(options);
}

void dd_sockets_unlink_http(const struct dd_recv_daemon *options)
{
    if (unix_path(options))
        remove_socket(unix_path(options));
}

bool dd_sockets_same_http(const struct dd_recv_daemon *a, const struct dd_recv_daemon *b)
{
    return strcmp(a->http_host, b->http_host) == 0 &&
           (unix_path(a) ? strcmp(a->http_socket_mode, b->http_socket_mode) == 0 : a->http_port == b->http_port);
}

bool dd_sockets_collide_http(const struct dd_recv_daemon *a, const struct dd_recv_daemon *b)
{
    if (unix_path(a) || unix_path(b))
        return strcmp(a->http_host, b->http_host) == 0;
    return a->http_port == b->http_port;
}
