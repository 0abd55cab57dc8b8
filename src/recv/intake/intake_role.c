#include "recv/intake/intake_role.h"

#include <errno.h>
#include <inttypes.h>
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
#include "dd/link/frame_ring.h"
#include "dd/link/wire.h"
#include "recv/intake/refused_sessions.h"
#include "recv/intake/stream_receiver.h"
#include "recv/intake/time_share.h"
#include "recv/stream_state.h"

enum {
    BATCH = DD_INTAKE_BATCH,
    MESSAGE = DD_INTAKE_MESSAGE,
    EVENTS = DD_OPTIONS_STREAMS_MAX + 1,
    CONTROL = 64,
    POLL_MS = 250,
    BEAT_MS = 3000
};
/* A wake-up costs as much as handling a dozen datagrams. If the next ones arrive within BUSY_US, a pause of GATHER_US lets some
 * gather: 60 KB at 1 Gbit/s. */
enum { BUSY_US = 200, GATHER_US = 500 };
enum { TOKEN_STOP = UINT32_MAX, NOBODY = UINT32_MAX };
enum { BEGUN_LOG_MIN = 16 }; /* begun sessions that have a line each before gaps grow, and two for each stream */

/* Where datagrams with a key id go. No two streams of a ddrecv have the same one (role_config.c). */
struct route {
    uint32_t key_id;
    uint32_t stream, key; /* indexes: of the stream, and of its key */
};

struct port {
    int fd;
    char text[DD_STREAM_RECEIVER_PEER_SIZE]; /* its address, for the log */
    uint32_t stream_count;
    struct dd_time_share_cost cost;
    struct dd_time_share_port share;
    struct dd_socket_counters counters;
    struct dd_log_limit foreign_log, unknown_key_log; /* anybody can send to the port: that must not fill the log */
};

struct intake {
    struct dd_role *role;
    struct dd_intake_config *config; /* each key is wiped once the stream's keys are derived */
    int epoll_fd;
    struct port *ports;
    struct dd_time_share_stream *shares; /* of the streams */
    uint32_t charged;                    /* the stream whose datagrams are being handled, since then; NOBODY: none */
    uint64_t charged_us, charged_cpu_us;
    struct dd_stream_receiver **receivers;
    struct dd_recv_session_store **stores;
    struct route *routes; /* sorted by key id */
    size_t route_count;
    struct dd_log_limit begun_log; /* of sessions of all streams */
    struct dd_refused_sessions *refused_sessions;
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_storage senders[BATCH];
    uint8_t control[BATCH][CONTROL];
    uint8_t *bytes;   /* BATCH messages */
    uint8_t *scratch; /* one plaintext */
};

/* What the datagrams of one message have in common. The times are those of reading, not of arriving in the socket: see
 * stream_state_tracker.h. */
struct arrival {
    uint32_t socket;
    const struct sockaddr_storage *from;
    uint64_t now_us, wall_us;
};

static int compare_routes(const void *a, const void *b)
{
    const struct route *x = a, *y = b;
    return x->key_id < y->key_id ? -1 : x->key_id > y->key_id;
}

static int watch(struct intake *intake, int fd, uint32_t token)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = token};
    if (epoll_ctl(intake->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    dd_log_error("cannot watch a descriptor: %s", strerror(errno));
    return DD_ERROR_SYSTEM;
}

static struct dd_stream_receiver *open_receiver(struct intake *intake, uint32_t i)
{
    const struct dd_intake_config *c = intake->config;
    size_t ring = DD_INTAKE_FD_SOCKETS + c->socket_count + i;
    intake->stores[i] =
        dd_recv_session_store_map(dd_role_fd(intake->role, ring + c->stream_count), c->boot_id, c->streams[i].name);
    const struct dd_stream_receiver_io io = {.ring_fd = dd_role_fd(intake->role, ring),
                                             .wake_fd = dd_role_fd(intake->role, DD_INTAKE_FD_WAKE),
                                             .scratch = intake->scratch,
                                             .store = intake->stores[i],
                                             .now_us = dd_clock_now_us(),
                                             .command = c->command,
                                             .port = intake->ports[c->streams[i].socket].text,
                                             .index = i,
                                             .begun_log = &intake->begun_log,
                                             .refused_sessions = intake->refused_sessions};
    struct dd_stream_receiver *receiver = intake->stores[i] ? dd_stream_receiver_new(&c->streams[i], &io) : NULL;
    /* serve, which gets the ring next, shall not be able to write */
    if (receiver && dd_frame_ring_seal_future_writes(io.ring_fd)) {
        dd_stream_receiver_free(receiver);
        receiver = NULL;
    }
    return receiver;
}

static int open_receivers(struct intake *intake)
{
    const struct dd_intake_config *c = intake->config;
    for (uint32_t i = 0; i < c->stream_count; i++) {
        const struct dd_intake_stream *stream = &c->streams[i];
        intake->receivers[i] = open_receiver(intake, i);
        if (!intake->receivers[i])
            return DD_ERROR_SYSTEM;
        intake->ports[stream->socket].stream_count++;
        for (uint32_t k = 0; k < stream->key_count; k++) {
            uint32_t id = dd_stream_receiver_key_id(intake->receivers[i], k);
            intake->routes[intake->route_count++] = (struct route){id, i, k};
            dd_log_info("%s: listens at UDP %s, key id %08" PRIx32, stream->name, intake->ports[stream->socket].text, id);
        }
        explicit_bzero(intake->config->streams[i].keys, sizeof intake->config->streams[i].keys);
    }
    qsort(intake->routes, intake->route_count, sizeof *intake->routes, compare_routes);
    return 0;
}

static void name_port(struct port *port)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(port->fd, (struct sockaddr *)&address, &size) == 0)
        dd_stream_receiver_peer_text(&address, port->text);
}

static int prepare(struct intake *intake)
{
    const struct dd_intake_config *c = intake->config;
    intake->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    intake->ports = calloc(c->socket_count, sizeof *intake->ports);
    intake->shares = calloc(c->stream_count, sizeof *intake->shares);
    intake->charged = NOBODY;
    intake->receivers = calloc(c->stream_count, sizeof *intake->receivers);
    intake->stores = calloc(c->stream_count, sizeof *intake->stores);
    intake->routes = calloc((size_t)c->stream_count * DD_INTAKE_KEYS_MAX, sizeof *intake->routes);
    /* a daemon of many streams may well be started twice */
    intake->begun_log.burst = BEGUN_LOG_MIN + 2 * c->stream_count;
    intake->refused_sessions = dd_refused_sessions_new(c->stream_count, c->command);
    intake->bytes = malloc((size_t)BATCH * MESSAGE);
    intake->scratch = malloc(MESSAGE);
    if (intake->epoll_fd < 0 || !intake->ports || !intake->shares || !intake->receivers || !intake->stores || !intake->routes ||
        !intake->refused_sessions || !intake->bytes || !intake->scratch ||
        dd_role_fd_count(intake->role) != DD_INTAKE_FD_SOCKETS + c->socket_count + 2 * (size_t)c->stream_count) {
        dd_log_error("out of memory, or of descriptors");
        return DD_ERROR_MEMORY;
    }
    for (uint32_t i = 0; i < c->socket_count; i++) {
        intake->ports[i].fd = dd_role_fd(intake->role, DD_INTAKE_FD_SOCKETS + i);
        name_port(&intake->ports[i]);
        if (watch(intake, intake->ports[i].fd, i))
            return DD_ERROR_SYSTEM;
    }
    int error = watch(intake, dd_role_stop_fd(intake->role), TOKEN_STOP);
    return error ? error : open_receivers(intake);
}

static void release(struct intake *intake)
{
    close(intake->epoll_fd);
    for (uint32_t i = 0; intake->receivers && i < intake->config->stream_count; i++)
        dd_stream_receiver_free(intake->receivers[i]);
    for (uint32_t i = 0; intake->stores && i < intake->config->stream_count; i++)
        dd_recv_session_store_unmap(intake->stores[i]);
    if (intake->scratch)
        explicit_bzero(intake->scratch, MESSAGE);
    free(intake->scratch);
    free(intake->bytes);
    dd_refused_sessions_free(intake->refused_sessions);
    free(intake->routes);
    free(intake->stores);
    free(intake->receivers);
    free(intake->shares);
    free(intake->ports);
    explicit_bzero(intake->config, sizeof *intake->config + intake->config->stream_count * sizeof intake->config->streams[0]);
    free(intake->config);
}

static void log_refusal(const struct port *port, const struct arrival *arrival, struct dd_log_limit *limit, const char *what)
{
    char from[DD_STREAM_RECEIVER_PEER_SIZE];
    uint64_t suppressed;
    if (!dd_log_allowed(limit, &suppressed))
        return;
    dd_stream_receiver_peer_text(arrival->from, from);
    dd_log_info("refused a datagram from %s at UDP %s: %s (%ju others before it)", from, port->text, what, (uintmax_t)suppressed);
}

static void refuse_foreign(struct intake *intake, const struct arrival *arrival, bool is_short)
{
    struct port *port = &intake->ports[arrival->socket];
    port->counters.refused_short += is_short;
    port->counters.refused_version += !is_short;
    dd_stream_state_note(&port->counters.foreign_us, arrival->now_us);
    log_refusal(port, arrival, &port->foreign_log, is_short ? "too short, or too long" : "not of this protocol's version");
}

static void refuse_unknown_key(struct intake *intake, const struct arrival *arrival, uint32_t key_id)
{
    struct port *port = &intake->ports[arrival->socket];
    char what[128];
    port->counters.refused_key++;
    dd_stream_state_note(&port->counters.unknown_key_us, arrival->now_us);
    snprintf(what, sizeof what, "no stream of this ddrecv has key id %08" PRIx32 "; compare key and stream_id at both ends",
             key_id);
    log_refusal(port, arrival, &port->unknown_key_log, what);
}

static uint64_t cpu_us(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * DD_CLOCK_US_PER_S + (uint64_t)t.tv_nsec / 1000;
}

/* The datagrams that follow are those of that stream. The clocks are read only where the stream changes and the port has a
 * backlog. */
static void charge_to(struct intake *intake, const struct arrival *arrival, uint32_t stream)
{
    struct dd_time_share_port *share = &intake->ports[arrival->socket].share;
    if (stream == intake->charged)
        return;
    uint64_t now_us = share->backlog_us ? dd_clock_now_us() : 0, now_cpu_us = share->backlog_us ? cpu_us() : 0;
    if (intake->charged != NOBODY)
        dd_time_share_charge(share, &intake->shares[intake->charged], arrival->now_us, now_us - intake->charged_us,
                             now_cpu_us - intake->charged_cpu_us);
    intake->charged = stream;
    intake->charged_us = now_us;
    intake->charged_cpu_us = now_cpu_us;
}

/* Finds the datagram's stream by its key id, and passes it on; the cheapest checks come first. */
static void handle_datagram(struct intake *intake, const struct arrival *arrival, const uint8_t *bytes, size_t size)
{
    struct dd_wire_header header;
    struct dd_socket_counters *counters = &intake->ports[arrival->socket].counters;
    dd_stream_state_note(&counters->heard_us, arrival->now_us);
    int error = dd_wire_read_header(&header, bytes, size);
    if (error) {
        refuse_foreign(intake, arrival, error == DD_ERROR_SPACE);
        return;
    }
    struct route wanted = {.key_id = header.key_id};
    const struct route *route = bsearch(&wanted, intake->routes, intake->route_count, sizeof *intake->routes, compare_routes);
    if (!route) {
        refuse_unknown_key(intake, arrival, header.key_id);
        return;
    }
    bool is_other_port = intake->config->streams[route->stream].socket != arrival->socket;
    charge_to(intake, arrival, is_other_port ? NOBODY : route->stream);
    if (!is_other_port &&
        dd_time_share_exceeds(&intake->ports[arrival->socket].share, &intake->shares[route->stream], arrival->now_us)) {
        counters->share_drops++;
        return;
    }
    struct dd_stream_receiver_datagram datagram = {.header = &header,
                                                   .bytes = bytes,
                                                   .size = size,
                                                   .key = route->key,
                                                   .from = arrival->from,
                                                   .now_us = arrival->now_us,
                                                   .wall_us = arrival->wall_us};
    struct dd_stream_receiver *receiver = intake->receivers[route->stream];
    bool is_retired = dd_stream_receiver_is_retired(receiver, route->key);
    counters->refused_key += is_retired || is_other_port;
    if (is_retired)
        dd_stream_receiver_refuse_retired(receiver, &datagram);
    else if (is_other_port)
        dd_stream_receiver_refuse_port(receiver, &datagram, intake->ports[arrival->socket].text);
    else
        dd_stream_receiver_handle(receiver, &datagram);
}

/* Reads a message's control data: how many datagrams the kernel has dropped at this socket because its buffer was full
 * (SO_RXQ_OVFL), and the size of the datagrams in the message (UDP_GRO). Returns that size; 0: it is one datagram. */
static size_t read_control(struct port *port, struct msghdr *message)
{
    int segment = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        uint32_t drops;
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&drops, CMSG_DATA(c), sizeof drops);
            /* The kernel's count has 32 bits, and wraps around. */
            port->counters.kernel_drops += (uint32_t)(drops - (uint32_t)port->counters.kernel_drops);
        } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            memcpy(&segment, CMSG_DATA(c), sizeof segment);
        }
    }
    return segment > 0 ? (size_t)segment : 0;
}

/* Handles the datagrams of a message. */
static void handle_message(struct intake *intake, uint32_t socket, struct mmsghdr *message)
{
    const uint8_t *bytes = message->msg_hdr.msg_iov->iov_base;
    const struct arrival arrival = {socket, message->msg_hdr.msg_name, dd_clock_now_us(), dd_clock_wall_us()};
    size_t size = message->msg_len, segment = read_control(&intake->ports[socket], &message->msg_hdr);
    if (segment == 0 || segment > size)
        segment = size;
    do {
        size_t length = size < segment ? size : segment;
        handle_datagram(intake, &arrival, bytes, length);
        bytes += length;
        size -= length;
    } while (size);
    charge_to(intake, &arrival, NOBODY);
}

/* Receives and handles one batch of at most that many messages. Returns how many there were; fewer: the socket is empty now. */
static size_t receive(struct intake *intake, uint32_t socket, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        intake->vectors[i] = (struct iovec){intake->bytes + i * MESSAGE, MESSAGE};
        intake->messages[i].msg_hdr = (struct msghdr){.msg_name = &intake->senders[i],
                                                      .msg_namelen = sizeof intake->senders[i],
                                                      .msg_iov = &intake->vectors[i],
                                                      .msg_iovlen = 1,
                                                      .msg_control = intake->control[i],
                                                      .msg_controllen = CONTROL};
    }
    int count = recvmmsg(intake->ports[socket].fd, intake->messages, (unsigned)most, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++)
        handle_message(intake, socket, &intake->messages[i]);
    return count > 0 ? (size_t)count : 0;
}

/* Reads a socket until it is empty, or until until_us. epoll reports what is left. */
static void read_socket(struct intake *intake, uint32_t socket, uint64_t now_us, uint64_t until_us)
{
    struct dd_time_share_cost *cost = &intake->ports[socket].cost;
    size_t most, count;
    dd_time_share_begin_port(&intake->ports[socket].share, until_us - now_us);
    do {
        most = dd_time_share_messages(cost, now_us, until_us, BATCH);
        count = receive(intake, socket, most);
        uint64_t start_us = now_us;
        now_us = dd_clock_now_us();
        dd_time_share_measure(cost, count, now_us - start_us);
        dd_role_beat(intake->role, BEAT_MS);
    } while (count == most && now_us < until_us);
    dd_time_share_note_queue(&intake->ports[socket].share, count < most, now_us);
}

/* Reads the sockets that have datagrams, each for its share of the turn. */
static void read_sockets(struct intake *intake, const struct epoll_event *events, int count)
{
    struct dd_time_share_turn turn;
    uint64_t streams = 0;
    for (int i = 0; i < count; i++)
        if (events[i].data.u32 != TOKEN_STOP)
            streams += intake->ports[events[i].data.u32].stream_count;
    dd_time_share_begin(&turn, dd_clock_now_us(), streams);
    for (int i = 0; i < count; i++) {
        uint32_t socket = events[i].data.u32;
        uint64_t now_us = dd_clock_now_us();
        if (socket != TOKEN_STOP)
            read_socket(intake, socket, now_us, dd_time_share_next(&turn, now_us, intake->ports[socket].stream_count));
    }
}

static void publish_all(struct intake *intake)
{
    uint64_t now_us = dd_clock_now_us();
    dd_refused_sessions_log(intake->refused_sessions, now_us);
    for (uint32_t i = 0; i < intake->config->stream_count; i++)
        dd_stream_receiver_publish(intake->receivers[i], &intake->ports[intake->config->streams[i].socket].counters, now_us);
}

/* Waits for datagrams; a step of the wall clock makes no wait longer, and a sleep of the machine goes on top. Returns the number
 * of events; *busy says whether the next wait should let some gather first. */
static int wait_for_work(const struct intake *intake, struct epoll_event events[static EVENTS], bool *busy)
{
    const struct timespec gather = {.tv_nsec = GATHER_US * 1000};
    if (*busy)
        nanosleep(&gather, NULL);
    uint64_t start_us = dd_clock_now_us();
    int count = epoll_wait(intake->epoll_fd, events, EVENTS, POLL_MS);
    *busy = count > 0 && dd_clock_now_us() - start_us < BUSY_US;
    return count;
}

static void run(struct intake *intake)
{
    struct epoll_event events[EVENTS];
    bool busy = false;
    while (!dd_role_stopping(intake->role)) {
        dd_role_beat(intake->role, BEAT_MS);
        int count = wait_for_work(intake, events, &busy);
        read_sockets(intake, events, count);
        publish_all(intake);
    }
}

int dd_intake_role_run(struct dd_role *role)
{
    struct intake *intake = calloc(1, sizeof *intake);
    int code = EXIT_FAILURE;
    size_t size = 0;
    if (!intake) {
        dd_log_error("out of memory");
        return code;
    }
    intake->role = role;
    intake->config = dd_role_config(role, sizeof *intake->config, &size);
    if (intake->config && size == sizeof *intake->config + intake->config->stream_count * sizeof intake->config->streams[0]) {
        if (prepare(intake) == 0) {
            publish_all(intake);
            dd_role_ready(role);
            run(intake);
            code = EXIT_SUCCESS;
        }
        release(intake);
    }
    free(intake);
    return code;
}
