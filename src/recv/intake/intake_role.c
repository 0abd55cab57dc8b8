#include "recv/intake/intake_role.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/role.h"
#include "dd/link/wire.h"
#include "recv/intake/stream_receiver.h"
#include "recv/stream_state.h"

/* A message is one datagram, or what the kernel has put together of one sender's (UDP_GRO): up to 64 of equal size, the last
 * perhaps shorter. TURN_DATAGRAMS bounds one turn on one socket: a flood there must not keep the others, or the heartbeat,
 * waiting. */
enum { BATCH = 16, MESSAGE = 65536, TURN_DATAGRAMS = 8192, TURN_MS = 250, BEAT_MS = 3000, EVENTS = 64, CONTROL = 64 };
/* Waking up costs as much as taking a dozen datagrams. When the next ones come within BUSY_US, a pause lets some gather: 60 KB
 * at 1 Gbit/s. */
enum { BUSY_US = 200, GATHER_US = 500 };
enum { REFUSAL_LOG_MS = 60000 }; /* the port is open to everybody: what comes there must not fill the log */
enum { TOKEN_STOP = UINT32_MAX };

/* A key id at a socket. */
struct route {
    uint32_t socket, key_id;
    uint32_t stream, key;
};

struct port {
    int fd;
    struct dd_socket_counters counters;
    struct dd_log_limit refusal_log;
};

struct intake {
    struct dd_role *role;
    struct dd_intake_config *config; /* keys are wiped once derived from */
    int epoll_fd;
    struct port *ports;
    struct dd_stream_receiver **inlets;
    struct dd_recv_session_store **keeps;
    struct route *routes; /* sorted by compare_routes */
    size_t route_count;
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_storage senders[BATCH];
    uint8_t control[BATCH][CONTROL];
    uint8_t *bytes;   /* BATCH messages */
    uint8_t *scratch; /* one plaintext */
};

/* As they arrived together. */
struct arrival {
    uint32_t socket;
    const struct sockaddr_storage *from;
    uint64_t now_us, wall_us;
};

static int compare_routes(const void *a, const void *b)
{
    const struct route *x = a, *y = b;
    if (x->socket != y->socket)
        return x->socket < y->socket ? -1 : 1;
    return x->key_id < y->key_id ? -1 : x->key_id > y->key_id;
}

static int watch(struct intake *t, int fd, uint32_t token)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = token};
    if (epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    dd_log_error("cannot watch a descriptor: %s", strerror(errno));
    return DD_ERROR_SYSTEM;
}

static struct dd_stream_receiver *open_inlet(struct intake *t, uint32_t i)
{
    const struct dd_intake_config *c = t->config;
    size_t ring = DD_INTAKE_FD_SOCKETS + c->socket_count + i;
    t->keeps[i] = dd_recv_session_store_map(dd_role_fd(t->role, ring + c->stream_count), c->boot_id, c->streams[i].name);
    const struct dd_stream_receiver_io io = {.ring_fd = dd_role_fd(t->role, ring),
                                             .wake_fd = dd_role_fd(t->role, DD_INTAKE_FD_WAKE),
                                             .scratch = t->scratch,
                                             .keep = t->keeps[i],
                                             .now_us = dd_clock_now_us()};
    return t->keeps[i] ? dd_stream_receiver_new(&c->streams[i], &io) : NULL;
}

static int open_inlets(struct intake *t)
{
    const struct dd_intake_config *c = t->config;
    for (uint32_t i = 0; i < c->stream_count; i++) {
        const struct dd_intake_stream *stream = &c->streams[i];
        t->inlets[i] = open_inlet(t, i);
        if (!t->inlets[i])
            return DD_ERROR_SYSTEM;
        for (uint32_t k = 0; k < stream->key_count; k++)
            t->routes[t->route_count++] = (struct route){stream->socket, dd_stream_receiver_key_id(t->inlets[i], k), i, k};
        explicit_bzero(t->config->streams[i].keys, sizeof t->config->streams[i].keys);
    }
    qsort(t->routes, t->route_count, sizeof *t->routes, compare_routes);
    return 0;
}

static int prepare(struct intake *t)
{
    const struct dd_intake_config *c = t->config;
    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    t->ports = calloc(c->socket_count, sizeof *t->ports);
    t->inlets = calloc(c->stream_count, sizeof *t->inlets);
    t->keeps = calloc(c->stream_count, sizeof *t->keeps);
    t->routes = calloc((size_t)c->stream_count * DD_INTAKE_KEYS_MAX, sizeof *t->routes);
    t->bytes = malloc((size_t)BATCH * MESSAGE);
    t->scratch = malloc(MESSAGE);
    if (t->epoll_fd < 0 || !t->ports || !t->inlets || !t->keeps || !t->routes || !t->bytes || !t->scratch ||
        dd_role_fd_count(t->role) != DD_INTAKE_FD_SOCKETS + c->socket_count + 2 * (size_t)c->stream_count) {
        dd_log_error("out of memory, or of descriptors");
        return DD_ERROR_MEMORY;
    }
    for (uint32_t i = 0; i < c->socket_count; i++) {
        t->ports[i].refusal_log.period_ms = REFUSAL_LOG_MS;
        t->ports[i].fd = dd_role_fd(t->role, DD_INTAKE_FD_SOCKETS + i);
        if (watch(t, t->ports[i].fd, i))
            return DD_ERROR_SYSTEM;
    }
    int error = watch(t, dd_role_stop_fd(t->role), TOKEN_STOP);
    return error ? error : open_inlets(t);
}

static void release(struct intake *t)
{
    close(t->epoll_fd);
    for (uint32_t i = 0; t->inlets && i < t->config->stream_count; i++)
        dd_stream_receiver_free(t->inlets[i]);
    for (uint32_t i = 0; t->keeps && i < t->config->stream_count; i++)
        dd_recv_session_store_unmap(t->keeps[i]);
    if (t->scratch)
        explicit_bzero(t->scratch, MESSAGE);
    free(t->scratch);
    free(t->bytes);
    free(t->routes);
    free(t->keeps);
    free(t->inlets);
    free(t->ports);
    explicit_bzero(t->config, sizeof *t->config + t->config->stream_count * sizeof t->config->streams[0]);
    free(t->config);
}

static void log_refusal(struct intake *t, const struct arrival *arrival, const char *what)
{
    char from[DD_STREAM_RECEIVER_PEER_SIZE];
    uint64_t suppressed;
    if (!dd_log_allowed(&t->ports[arrival->socket].refusal_log, &suppressed))
        return;
    dd_stream_receiver_peer_text(arrival->from, from);
    dd_log_info("refused a datagram from %s: %s (%ju others before it)", from, what, (uintmax_t)suppressed);
}

/* The cheapest checks first; what passes them goes to its stream. */
static void take_datagram(struct intake *t, const struct arrival *arrival, const uint8_t *bytes, size_t size)
{
    struct dd_wire_header header;
    struct dd_socket_counters *counters = &t->ports[arrival->socket].counters;
    int error = dd_wire_read_header(&header, bytes, size);
    if (error) {
        counters->refused_short += error == DD_ERROR_SPACE;
        counters->refused_version += error == DD_ERROR_INPUT;
        log_refusal(t, arrival, error == DD_ERROR_SPACE ? "too short" : "not of this protocol's version");
        return;
    }
    struct route wanted = {.socket = arrival->socket, .key_id = header.key_id};
    const struct route *route = bsearch(&wanted, t->routes, t->route_count, sizeof *t->routes, compare_routes);
    if (!route || dd_stream_receiver_is_retired(t->inlets[route->stream], route->key)) {
        counters->refused_key++;
        log_refusal(t, arrival, "no stream here has its key; compare key and stream_id at both ends");
        return;
    }
    struct dd_stream_receiver_datagram datagram = {.header = &header,
                                                   .bytes = bytes,
                                                   .size = size,
                                                   .key = route->key,
                                                   .from = arrival->from,
                                                   .now_us = arrival->now_us,
                                                   .wall_us = arrival->wall_us};
    dd_stream_receiver_handle(t->inlets[route->stream], &datagram);
}

/* Reads what the kernel says beside a message: how many it has dropped at this socket so far because it was full
 * (SO_RXQ_OVFL), and the size of the datagrams in it (UDP_GRO; 0: it is one). */
static size_t read_control(struct port *port, struct msghdr *message)
{
    int segment = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        uint32_t drops;
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&drops, CMSG_DATA(c), sizeof drops);
            /* a count of 32 bits that goes round */
            port->counters.kernel_drops += (uint32_t)(drops - (uint32_t)port->counters.kernel_drops);
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            memcpy(&segment, CMSG_DATA(c), sizeof segment);
        }
    }
    return segment > 0 ? (size_t)segment : 0;
}

/* How many datagrams it had. */
static size_t take_message(struct intake *t, uint32_t socket, struct mmsghdr *message)
{
    size_t count = 0;
    const uint8_t *bytes = message->msg_hdr.msg_iov->iov_base;
    size_t size = message->msg_len, segment = read_control(&t->ports[socket], &message->msg_hdr);
    const struct arrival arrival = {socket, message->msg_hdr.msg_name, dd_clock_now_us(), dd_clock_wall_us()};
    if (segment == 0 || segment > size)
        segment = size;
    do {
        size_t length = size < segment ? size : segment;
        take_datagram(t, &arrival, bytes, length);
        bytes += length;
        size -= length;
        count++;
    } while (size);
    return count;
}

/* One batch. How many datagrams it had; 0 if that was all for now. */
static size_t receive(struct intake *t, uint32_t socket)
{
    size_t datagrams = 0;
    for (size_t i = 0; i < BATCH; i++) {
        t->vectors[i] = (struct iovec){t->bytes + i * MESSAGE, MESSAGE};
        t->messages[i].msg_hdr = (struct msghdr){.msg_name = &t->senders[i],
                                                 .msg_namelen = sizeof t->senders[i],
                                                 .msg_iov = &t->vectors[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = t->control[i],
                                                 .msg_controllen = CONTROL};
    }
    int count = recvmmsg(t->ports[socket].fd, t->messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++)
        datagrams += take_message(t, socket, &t->messages[i]);
    return count == BATCH ? datagrams : 0;
}

/* What a socket has, up to the bound of a turn: epoll tells of the rest. */
static void empty_socket(struct intake *t, uint32_t socket)
{
    size_t taken = 0, datagrams;
    do {
        datagrams = receive(t, socket);
        taken += datagrams;
    } while (datagrams && taken < TURN_DATAGRAMS);
}

static void tell(struct intake *t)
{
    uint64_t now_us = dd_clock_now_us();
    for (uint32_t i = 0; i < t->config->stream_count; i++)
        dd_stream_receiver_publish(t->inlets[i], &t->ports[t->config->streams[i].socket].counters, now_us);
}

/* Waits for datagrams. How many events. */
static int wait_for_work(const struct intake *t, struct epoll_event events[static EVENTS], bool *busy)
{
    const struct timespec gather = {.tv_nsec = GATHER_US * 1000};
    if (*busy)
        nanosleep(&gather, NULL);
    uint64_t start_us = dd_clock_now_us();
    int count = epoll_wait(t->epoll_fd, events, EVENTS, TURN_MS);
    *busy = count > 0 && dd_clock_now_us() - start_us < BUSY_US;
    return count;
}

static void run(struct intake *t)
{
    struct epoll_event events[EVENTS];
    bool busy = false;
    while (!dd_role_stopping(t->role)) {
        dd_role_beat(t->role, BEAT_MS);
        int count = wait_for_work(t, events, &busy);
        for (int i = 0; i < count; i++)
            if (events[i].data.u32 != TOKEN_STOP)
                empty_socket(t, events[i].data.u32);
        tell(t);
    }
}

int dd_intake_role_run(struct dd_role *role)
{
    struct intake *t = calloc(1, sizeof *t);
    int code = EXIT_FAILURE;
    size_t size = 0;
    if (!t) {
        dd_log_error("out of memory");
        return code;
    }
    t->role = role;
    t->config = dd_role_config(role, sizeof *t->config, &size);
    if (t->config && size == sizeof *t->config + t->config->stream_count * sizeof t->config->streams[0]) {
        if (prepare(t) == 0) {
            tell(t);
            dd_role_ready(role);
            run(t);
            code = EXIT_SUCCESS;
        }
        release(t);
    }
    free(t);
    return code;
}
