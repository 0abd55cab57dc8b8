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
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/net/connect.h"
#include "send/capture/net/tls.h"
#include "send/capture/source.h"

enum {
    LOG_PERIOD_MS = 10000,
    IDLE_MS = 1000,         /* the thread has no deadline: who uses it has one, and closes it */
    BUFFER_BYTES = 1 << 16, /* each way: when it is full, who sends has to wait */
    BACKLOG = 16,           /* so that other processes cannot keep ours out */
    ACCEPT_PAUSE_MS = 100,  /* after a failure, which may be for good: no descriptor is left */
    OWN_FDS_MAX = 1024,     /* where a descriptor of this process is looked for; a role has few, and low ones */
};

/* Bytes on their way. */
struct pipe {
    size_t start, end;
    bool ended; /* nothing more comes in */
    uint8_t bytes[BUFFER_BYTES];
};

/* Once the thread runs, all but stop_fd and port are its own. */
struct dd_tls_proxy {
    int far_fd;
    struct dd_tls *tls;
    int listen_fd, port;
    int local_fd; /* of who speaks without TLS; -1: libavformat has not connected yet */
    int stop_fd;  /* an eventfd, written to end the thread */
    pthread_t thread;
    struct pipe up, down; /* to the far side, and from it */
    struct dd_log_limit stranger_log;
};

/* ---- TLS ---- */

static int shake_hands(struct dd_tls_proxy *t, const struct dd_tls_proxy_config *config, struct dd_source_io *io)
{
    const struct dd_connect_peer peer = {.name = config->name, .kind = "camera", .service = "RTSP service with TLS"};
    char text[DD_TLS_TEXT_SIZE];
    bool refused;
    int error = dd_connect_open(&t->far_fd, &peer, config->addresses, io);

    if (error)
        return error;
    t->tls = dd_tls_new(t->far_fd, config->host, config->authorities);
    if (!t->tls)
        return DD_ERROR_MEMORY;
    for (;;) {
        error = dd_tls_handshake(t->tls, text, &refused);
        if (!error)
            return 0;
        if (error != DD_ERROR_AGAIN)
            return dd_source_fail(io, refused ? DD_WIRE_REASON_CERTIFICATE : DD_WIRE_REASON_BROKEN, "%s: %s", config->name, text);
        if (dd_source_wait_fd(io, t->far_fd, dd_tls_events(t->tls, true, false), UINT64_MAX))
            return dd_connect_fail_wait(&peer, io);
    }
}

/* ---- the connection on loopback ---- */

static int listen_locally(struct dd_tls_proxy *t)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    t->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->listen_fd < 0 || bind(t->listen_fd, (struct sockaddr *)&address, size) < 0 || listen(t->listen_fd, BACKLOG) < 0 ||
        getsockname(t->listen_fd, (struct sockaddr *)&address, &size) < 0) {
        dd_log_error("no socket on loopback for TLS: %s", strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    t->port = ntohs(address.sin_port);
    return 0;
}

/* True if the other end of a connection on loopback is a socket of this process. */
static bool is_ours(const struct sockaddr_in *peer)
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

static void take_connection(struct dd_tls_proxy *t)
{
    struct sockaddr_in peer = {0};
    socklen_t size = sizeof peer;
    uint64_t suppressed;
    int one = 1, fd = accept4(t->listen_fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno != EAGAIN)
            poll(NULL, 0, ACCEPT_PAUSE_MS);
        return;
    }
    if (!is_ours(&peer)) {
        if (dd_log_allowed(&t->stranger_log, &suppressed))
            dd_log_warning("a connection of another process to the TLS of this source is turned away");
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    t->local_fd = fd;
    close(t->listen_fd);
    t->listen_fd = -1;
}

/* ---- carrying ---- */

/* Reads and writes of one kind of end: bytes, 0 for nothing now, negative for over. */
static long local_read(struct dd_tls_proxy *t, uint8_t *bytes, size_t size)
{
    ssize_t n = recv(t->local_fd, bytes, size, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n > 0 ? n : -1;
}

static long local_write(struct dd_tls_proxy *t, const uint8_t *bytes, size_t size)
{
    ssize_t n = send(t->local_fd, bytes, size, MSG_NOSIGNAL);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n;
}

static long far_read(struct dd_tls_proxy *t, uint8_t *bytes, size_t size)
{
    long n = dd_tls_read(t->tls, bytes, size);

    return n == DD_ERROR_AGAIN ? 0 : n;
}

static long far_write(struct dd_tls_proxy *t, const uint8_t *bytes, size_t size)
{
    long n = dd_tls_write(t->tls, bytes, size);

    return n == DD_ERROR_AGAIN ? 0 : n;
}

/* Carries what can be carried at once. 1: something was; 0: nothing; -1: whom it is for is gone. */
static int carry(struct dd_tls_proxy *t, struct pipe *p, long (*from)(struct dd_tls_proxy *, uint8_t *, size_t),
                 long (*to)(struct dd_tls_proxy *, const uint8_t *, size_t))
{
    int moved = 0;

    if (p->start == p->end)
        p->start = p->end = 0;
    if (!p->ended && p->end < sizeof p->bytes) {
        long n = from(t, p->bytes + p->end, sizeof p->bytes - p->end);
        p->ended = n < 0;
        p->end += n > 0 ? (size_t)n : 0;
        moved |= n > 0;
    }
    if (p->start < p->end) {
        long n = to(t, p->bytes + p->start, p->end - p->start);
        if (n < 0)
            return -1;
        p->start += (size_t)n;
        moved |= n > 0;
    }
    return moved;
}

static bool is_through(const struct pipe *p)
{
    return p->ended && p->start == p->end;
}

/* True while both sides are there. */
static bool carry_all(struct dd_tls_proxy *t)
{
    for (;;) {
        int up = carry(t, &t->up, local_read, far_write), down = carry(t, &t->down, far_read, local_write);
        if (up < 0) /* what the far side said last still goes through */
            t->up.start = t->up.end = 0;
        if (down < 0 || is_through(&t->up) || is_through(&t->down))
            return false;
        if (up <= 0 && down == 0)
            return true;
    }
}

static bool has_room(const struct pipe *p)
{
    return !p->ended && p->end < sizeof p->bytes;
}

/* Waits for the next thing to do. False if that is to stop. */
static bool wait_all(const struct dd_tls_proxy *t)
{
    struct pollfd polls[] = {
        {.fd = t->stop_fd, .events = POLLIN},
        {.fd = t->listen_fd, .events = POLLIN}, /* negative ones are passed over */
        {.fd = t->local_fd},
        {.fd = t->local_fd >= 0 ? t->far_fd : -1},
    };

    if (has_room(&t->up))
        polls[2].events |= POLLIN;
    if (t->down.start < t->down.end)
        polls[2].events |= POLLOUT;
    /* a TLS read may have to wait for a write, and the other way round */
    polls[3].events = dd_tls_events(t->tls, has_room(&t->down), t->up.start < t->up.end);
    /* reports a hang-up unasked: not while there is nothing to do about it */
    if (!polls[2].events)
        polls[2].fd = -1;
    if (!polls[3].events)
        polls[3].fd = -1;
    poll(polls, sizeof polls / sizeof *polls, IDLE_MS);
    return polls[0].revents == 0;
}

static void *run(void *argument)
{
    struct dd_tls_proxy *t = argument;

    pthread_setname_np(pthread_self(), "tunnel");
    while (wait_all(t)) {
        if (t->local_fd < 0)
            take_connection(t);
        if (t->local_fd >= 0 && !carry_all(t))
            break;
    }
    if (t->local_fd >= 0)
        carry_all(t); /* its good-bye */
    dd_tls_end(t->tls);
    /* it reads what is left, then the end */
    if (t->local_fd >= 0)
        shutdown(t->local_fd, SHUT_RDWR);
    return NULL;
}

/* ---- exports ---- */

static void free_tunnel(struct dd_tls_proxy *t)
{
    dd_tls_free(t->tls);
    const int fds[] = {t->far_fd, t->listen_fd, t->local_fd, t->stop_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(t);
}

/* NULL, logged, without memory. */
static struct dd_tls_proxy *new_tunnel(void)
{
    struct dd_tls_proxy *t = malloc(sizeof *t);

    if (!t) {
        dd_log_error("no memory for TLS");
        return NULL;
    }
    t->tls = NULL;
    t->far_fd = t->listen_fd = t->local_fd = t->stop_fd = -1;
    t->up.start = t->up.end = t->down.start = t->down.end = 0;
    t->up.ended = t->down.ended = false;
    t->stranger_log = (struct dd_log_limit){.period_ms = LOG_PERIOD_MS};
    t->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->stop_fd < 0) {
        dd_log_error("no descriptor for TLS: %s", strerror(errno));
        free(t);
        return NULL;
    }
    return t;
}

static int start_thread(struct dd_tls_proxy *t)
{
    if (pthread_create(&t->thread, NULL, run, t) == 0)
        return 0;
    dd_log_error("no thread for TLS");
    return DD_ERROR_MEMORY;
}

int dd_tls_proxy_open(struct dd_tls_proxy **tunnel, const struct dd_tls_proxy_config *config, struct dd_source_io *io)
{
    struct dd_tls_proxy *t = new_tunnel();

    *tunnel = NULL;
    if (!t)
        return DD_ERROR_MEMORY;
    int error = shake_hands(t, config, io);
    if (!error)
        error = listen_locally(t);
    if (!error)
        error = start_thread(t);
    if (error) {
        free_tunnel(t);
        return error;
    }
    *tunnel = t;
    return 0;
}

int dd_tls_proxy_wrap(struct dd_tls_proxy **tunnel, int fd, struct dd_tls *tls, int *local_fd)
{
    struct dd_tls_proxy *t = new_tunnel();
    int pair[2], error = DD_ERROR_MEMORY;

    *tunnel = NULL;
    *local_fd = -1;
    if (!t) {
        dd_tls_free(tls);
        close(fd);
        return DD_ERROR_MEMORY;
    }
    t->far_fd = fd;
    t->tls = tls;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        dd_log_error("no socket for TLS: %s", strerror(errno));
        error = DD_ERROR_SYSTEM;
        goto fail0;
    }
    t->local_fd = pair[0];
    if (fcntl(t->local_fd, F_SETFL, O_NONBLOCK) < 0 || start_thread(t))
        goto fail1;
    *tunnel = t;
    *local_fd = pair[1];
    return 0;

fail1:
    close(pair[1]);
fail0:
    free_tunnel(t);
    return error;
}

int dd_tls_proxy_port(const struct dd_tls_proxy *t)
{
    return t->port;
}

void dd_tls_proxy_close(struct dd_tls_proxy *t)
{
    uint64_t one = 1;

    if (!t)
        return;
    if (write(t->stop_fd, &one, sizeof one) < 0)
        dd_log_debug("TLS cannot be stopped: %s", strerror(errno));
    pthread_join(t->thread, NULL);
    free_tunnel(t);
}
