#include "send/capture/net/tls_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/wakeup.h"
#include "dd/link/wire.h"
#include "send/capture/net/connect.h"
#include "send/capture/net/tls.h"
#include "send/capture/source.h"

enum {
    IDLE_MS = 1000,         /* of one wait; the thread has no deadline of its own: its user closes the proxy */
    BUFFER_BYTES = 1 << 16, /* in each direction; when it is full, the sending side has to wait */
    BACKLOG = 16,           /* more than one, so that connections of other processes do not keep ours out */
    ACCEPT_PAUSE_MS = 100,  /* after a failure of accept4(), which may last: no descriptor is left */
    OWN_FDS_MAX = 1024,     /* descriptors that is_own_connection() looks at; a role has few, with low numbers */
};

/* Bytes of one direction. */
struct relay_buffer {
    size_t start, end;
    bool ended; /* the sending side has closed */
    uint8_t bytes[BUFFER_BYTES];
};

/* Once the thread runs, it owns all but stop_fd and port. */
struct dd_tls_proxy {
    int remote_fd;
    struct dd_tls *tls;
    int listen_fd, port;
    int local_fd; /* to the library, without TLS; -1: libavformat has not connected yet */
    int stop_fd;  /* a wake-up that ends the thread */
    pthread_t thread;
    struct relay_buffer up, down; /* to the server, and from it */
    struct dd_log_limit stranger_log;
};

/* ---- TLS ---- */

static int connect_with_tls(struct dd_tls_proxy *proxy, const struct dd_tls_proxy_config *config, struct dd_source_io *io)
{
    const struct dd_connect_peer peer = {.name = config->name, .kind = "camera", .service = "RTSP service with TLS"};
    char text[DD_TLS_TEXT_SIZE];
    bool refused;
    int error = dd_connect_open(&proxy->remote_fd, &peer, config->addresses, io);

    if (error)
        return error;
    proxy->tls = dd_tls_new(proxy->remote_fd, config->host, config->authorities);
    if (!proxy->tls)
        return DD_ERROR_MEMORY;
    for (;;) {
        error = dd_tls_handshake(proxy->tls, text, &refused);
        if (!error)
            return 0;
        if (error != DD_ERROR_AGAIN)
            return dd_source_fail(io, refused ? DD_WIRE_REASON_CERTIFICATE : DD_WIRE_REASON_BROKEN, "%s: %s", config->name, text);
        if (dd_source_wait_fd(io, proxy->remote_fd, dd_tls_events(proxy->tls, true, false), UINT64_MAX))
            return dd_connect_fail_wait(&peer, io);
    }
}

/* ---- the connection on loopback ---- */

static int listen_locally(struct dd_tls_proxy *proxy)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    proxy->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (proxy->listen_fd < 0 || bind(proxy->listen_fd, (struct sockaddr *)&address, size) < 0 ||
        listen(proxy->listen_fd, BACKLOG) < 0 || getsockname(proxy->listen_fd, (struct sockaddr *)&address, &size) < 0) {
        dd_log_error("no socket on loopback for TLS: %s", strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    proxy->port = ntohs(address.sin_port);
    return 0;
}

/* True if peer, the other end of a connection on loopback, is a socket of this process. */
static bool is_own_connection(const struct sockaddr_in *peer)
{
    for (int fd = 0; fd < OWN_FDS_MAX; fd++) {
        struct sockaddr_in own = {0};
        socklen_t size = sizeof own;
        if (getsockname(fd, (struct sockaddr *)&own, &size) == 0 && own.sin_family == AF_INET && own.sin_port == peer->sin_port &&
            own.sin_addr.s_addr == peer->sin_addr.s_addr)
            return true;
    }
    return false;
}

static void accept_local(struct dd_tls_proxy *proxy)
{
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof peer;
    uint64_t suppressed;
    int one = 1, fd = accept4(proxy->listen_fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno != EAGAIN)
            poll(NULL, 0, ACCEPT_PAUSE_MS);
        return;
    }
    if (!is_own_connection(&peer)) {
        if (dd_log_allowed(&proxy->stranger_log, &suppressed))
            dd_log_warning("a connection of another process to the TLS of this source is turned away");
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    proxy->local_fd = fd;
    close(proxy->listen_fd);
    proxy->listen_fd = -1;
}

/* ---- relaying ---- */

/* Reading and writing on either side. All return the number of bytes; 0: none now; a negative number: the connection has ended.
 */
static long local_read(struct dd_tls_proxy *proxy, uint8_t *bytes, size_t size)
{
    ssize_t n = recv(proxy->local_fd, bytes, size, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n > 0 ? n : -1;
}

static long local_write(struct dd_tls_proxy *proxy, const uint8_t *bytes, size_t size)
{
    ssize_t n = send(proxy->local_fd, bytes, size, MSG_NOSIGNAL);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n;
}

static long remote_read(struct dd_tls_proxy *proxy, uint8_t *bytes, size_t size)
{
    long n = dd_tls_read(proxy->tls, bytes, size);

    return n == DD_ERROR_AGAIN ? 0 : n;
}

static long remote_write(struct dd_tls_proxy *proxy, const uint8_t *bytes, size_t size)
{
    long n = dd_tls_write(proxy->tls, bytes, size);

    return n == DD_ERROR_AGAIN ? 0 : n;
}

/* Relays in one direction without waiting. 1: some bytes; 0: none; -1: the receiving side has closed. */
static int relay(struct dd_tls_proxy *proxy, struct relay_buffer *p, long (*from)(struct dd_tls_proxy *, uint8_t *, size_t),
                 long (*to)(struct dd_tls_proxy *, const uint8_t *, size_t))
{
    int moved = 0;

    if (p->start == p->end)
        p->start = p->end = 0;
    if (!p->ended && p->end < sizeof p->bytes) {
        long n = from(proxy, p->bytes + p->end, sizeof p->bytes - p->end);
        p->ended = n < 0;
        p->end += n > 0 ? (size_t)n : 0;
        moved |= n > 0;
    }
    if (p->start < p->end) {
        long n = to(proxy, p->bytes + p->start, p->end - p->start);
        if (n < 0)
            return -1;
        p->start += (size_t)n;
        moved |= n > 0;
    }
    return moved;
}

static bool is_finished(const struct relay_buffer *p)
{
    return p->ended && p->start == p->end;
}

/* Relays in both directions without waiting. False once one side has closed. */
static bool relay_both(struct dd_tls_proxy *proxy)
{
    for (;;) {
        int up = relay(proxy, &proxy->up, local_read, remote_write), down = relay(proxy, &proxy->down, remote_read, local_write);
        if (up < 0) /* the server has closed, but its last bytes are still relayed */
            proxy->up.start = proxy->up.end = 0;
        if (down < 0 || is_finished(&proxy->up) || is_finished(&proxy->down))
            return false;
        if (up <= 0 && down == 0)
            return true;
    }
}

static bool has_room(const struct relay_buffer *p)
{
    return !p->ended && p->end < sizeof p->bytes;
}

/* Waits until something can be relayed or accepted. False if the thread is to stop. */
static bool wait_for_work(const struct dd_tls_proxy *proxy)
{
    struct pollfd polls[] = {
        {.fd = proxy->stop_fd, .events = POLLIN},
        {.fd = proxy->listen_fd, .events = POLLIN}, /* poll() ignores negative ones */
        {.fd = proxy->local_fd},
        {.fd = proxy->local_fd >= 0 ? proxy->remote_fd : -1},
    };

    if (has_room(&proxy->up))
        polls[2].events |= POLLIN;
    if (proxy->down.start < proxy->down.end)
        polls[2].events |= POLLOUT;
    /* a TLS read may wait until the socket is writable, and a write until it is readable */
    polls[3].events = dd_tls_events(proxy->tls, has_room(&proxy->down), proxy->up.start < proxy->up.end);
    /* poll() reports a hang-up even without events, so a side that has nothing to do is left out */
    if (!polls[2].events)
        polls[2].fd = -1;
    if (!polls[3].events)
        polls[3].fd = -1;
    poll(polls, sizeof polls / sizeof *polls, IDLE_MS);
    return polls[0].revents == 0;
}

static void *run(void *argument)
{
    struct dd_tls_proxy *proxy = argument;

    pthread_setname_np(pthread_self(), "tls proxy");
    while (wait_for_work(proxy)) {
        if (proxy->local_fd < 0)
            accept_local(proxy);
        if (proxy->local_fd >= 0 && !relay_both(proxy))
            break;
    }
    if (proxy->local_fd >= 0)
        relay_both(proxy); /* the library's last bytes, such as TEARDOWN */
    dd_tls_end(proxy->tls);
    /* the library reads what is left, and then the end */
    if (proxy->local_fd >= 0)
        shutdown(proxy->local_fd, SHUT_RDWR);
    return NULL;
}

/* ---- exports ---- */

static void free_proxy(struct dd_tls_proxy *proxy)
{
    dd_tls_free(proxy->tls);
    const int fds[] = {proxy->remote_fd, proxy->listen_fd, proxy->local_fd, proxy->stop_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(proxy);
}

/* NULL, logged, if memory or descriptors are exhausted. */
static struct dd_tls_proxy *new_proxy(void)
{
    struct dd_tls_proxy *proxy = malloc(sizeof *proxy);

    if (!proxy) {
        dd_log_error("no memory for TLS");
        return NULL;
    }
    proxy->tls = NULL;
    proxy->remote_fd = proxy->listen_fd = proxy->local_fd = proxy->stop_fd = -1;
    proxy->up.start = proxy->up.end = proxy->down.start = proxy->down.end = 0;
    proxy->up.ended = proxy->down.ended = false;
    proxy->stranger_log = (struct dd_log_limit){0};
    proxy->stop_fd = dd_wakeup_open();
    if (proxy->stop_fd < 0) {
        free(proxy);
        return NULL;
    }
    return proxy;
}

static int start_thread(struct dd_tls_proxy *proxy)
{
    if (pthread_create(&proxy->thread, NULL, run, proxy) == 0)
        return 0;
    dd_log_error("no thread for TLS");
    return DD_ERROR_MEMORY;
}

int dd_tls_proxy_open(struct dd_tls_proxy **out, const struct dd_tls_proxy_config *config, struct dd_source_io *io)
{
    struct dd_tls_proxy *proxy = new_proxy();

    *out = NULL;
    if (!proxy)
        return DD_ERROR_MEMORY;
    int error = connect_with_tls(proxy, config, io);
    if (!error)
        error = listen_locally(proxy);
    if (!error)
        error = start_thread(proxy);
    if (error) {
        free_proxy(proxy);
        return error;
    }
    *out = proxy;
    return 0;
}

/* Makes two connected sockets, of which only the first is non-blocking. 0 or DD_ERROR_SYSTEM, logged. */
static int open_pair(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        goto fail0;
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
        goto fail1;
    return 0;

fail1:
    close(pair[0]);
    close(pair[1]);
fail0:
    dd_log_error("no socket for TLS: %s", strerror(errno));
    return DD_ERROR_SYSTEM;
}

int dd_tls_proxy_wrap(struct dd_tls_proxy **out, int fd, struct dd_tls *tls, int *local_fd)
{
    struct dd_tls_proxy *proxy = new_proxy();
    int pair[2];

    *out = NULL;
    *local_fd = -1;
    if (!proxy) {
        dd_tls_free(tls);
        close(fd);
        return DD_ERROR_MEMORY;
    }
    proxy->remote_fd = fd;
    proxy->tls = tls;
    int error = open_pair(pair);
    if (error)
        goto fail0;
    proxy->local_fd = pair[0];
    error = start_thread(proxy);
    if (error)
        goto fail1;
    *out = proxy;
    *local_fd = pair[1];
    return 0;

fail1:
    close(pair[1]);
fail0:
    free_proxy(proxy);
    return error;
}

int dd_tls_proxy_port(const struct dd_tls_proxy *proxy)
{
    return proxy->port;
}

void dd_tls_proxy_close(struct dd_tls_proxy *proxy)
{
    if (!proxy)
        return;
    dd_wakeup_send(proxy->stop_fd);
    pthread_join(proxy->thread, NULL);
    free_proxy(proxy);
}
