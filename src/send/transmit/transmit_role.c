#include "send/transmit/transmit_role.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/role.h"
#include "dd/link/wire.h"
#include "send/transmit/encoder_pool.h"
#include "send/transmit/fair_queue.h"
#include "send/transmit/oneway_socket.h"
#include "send/transmit/stream_sender.h"
#include "send/transmit/token_bucket.h"

/* BURSTS bounds a turn: STATUS, heartbeat and stop do not wait for an end of the frames. */
enum { TURN_MS = 250, BEAT_MS = 3000, EVENTS = 64, REPORT_MS = 10000, BURSTS = 64 };

/* What the headers of IP and UDP add, about. */
#define IP_HEADERS 1.03

/* What epoll gives back for what is not a stream's wake-up. */
enum { TOKEN_STOP = UINT32_MAX, TOKEN_ENCODED = UINT32_MAX - 1 };

struct lane {
    const struct dd_transmit_stream *config;
    struct dd_frame_ring *ring;
    struct dd_stream_sender *outlet;
    uint64_t count;  /* of its ring, as last told to the encoders */
    uint64_t failed; /* pictures that could not be sent */
    uint64_t unsent; /* datagrams that the system did not take */
    /* As last reported: pictures of its ring, bytes of JPEG. */
    uint64_t unusable, jpeg_bytes;
};

struct transmit {
    struct dd_role *role;
    struct dd_transmit_config *config; /* keys are wiped once derived from */
    size_t config_size;
    struct dd_session_table *book;
    struct dd_oneway_socket ipv4, ipv6; /* fd -1: none */
    int epoll_fd, encoded_fd;
    struct lane *lanes;
    struct dd_fair_queue_flow *shares; /* of the lanes */
    size_t lane_count;
    double share_clock;
    struct dd_encoder_pool *encoders;
    struct dd_token_bucket pace;
    struct dd_stream_sender_burst burst;
    struct dd_log_limit send_errors;
    /* For the report that rate_limit is too low: counters when it was last looked at. */
    uint64_t report_us, reported_skipped, reported_encoded;
};

static int watch(struct transmit *t, int fd, uint32_t token)
{
    /* Edge-triggered, since nothing is ever read here: the wake-ups of a source can only be too many, never block. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = token};
    if (epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    dd_log_error("cannot watch a descriptor: %s", strerror(errno));
    return DD_ERROR_SYSTEM;
}

static int open_lane(struct transmit *t, size_t i, size_t fd)
{
    struct lane *lane = &t->lanes[i];
    lane->config = &t->config->streams[i];
    t->shares[i].weight = lane->config->weight;
    lane->ring = dd_frame_ring_open_reader(dd_role_fd(t->role, fd), &lane->config->ring);
    if (!lane->ring)
        return DD_ERROR_SYSTEM;
    lane->outlet = dd_stream_sender_new(lane->config, lane->ring, t->config->epoch_us);
    explicit_bzero(t->config->streams[i].key, sizeof t->config->streams[i].key);
    if (!lane->outlet)
        return DD_ERROR_CRYPTO;
    t->book->start_us[i] = dd_stream_sender_session_start_us(lane->outlet);
    return watch(t, dd_role_fd(t->role, fd + 1), (uint32_t)i);
}

static int open_lanes(struct transmit *t)
{
    size_t fd = DD_TRANSMIT_FD_SOCKETS;
    if (t->config->has_ipv4)
        t->ipv4.fd = dd_role_fd(t->role, fd++);
    if (t->config->has_ipv6)
        t->ipv6.fd = dd_role_fd(t->role, fd++);
    t->lanes = calloc(t->config->stream_count, sizeof *t->lanes);
    t->shares = calloc(t->config->stream_count, sizeof *t->shares);
    if (!t->lanes || !t->shares || dd_role_fd_count(t->role) != fd + 2 * (size_t)t->config->stream_count) {
        dd_log_error("out of memory, or of descriptors");
        return DD_ERROR_MEMORY;
    }
    t->lane_count = t->config->stream_count;
    for (size_t i = 0; i < t->lane_count; i++) {
        int error = open_lane(t, i, fd + 2 * i);
        if (error)
            return error;
    }
    return 0;
}

static int start_encoders(struct transmit *t)
{
    struct dd_encoder_pool_stream *streams = calloc(t->lane_count, sizeof *streams);
    if (!streams)
        return DD_ERROR_MEMORY;
    for (size_t i = 0; i < t->lane_count; i++)
        streams[i] = (struct dd_encoder_pool_stream){.ring = t->lanes[i].ring,
                                                     .max_width = t->lanes[i].config->max_width,
                                                     .max_height = t->lanes[i].config->max_height,
                                                     .quality = t->lanes[i].config->quality,
                                                     .full_chroma = t->lanes[i].config->full_chroma};
    t->encoders = dd_encoder_pool_start(streams, t->lane_count, t->encoded_fd);
    free(streams);
    return t->encoders ? 0 : DD_ERROR_MEMORY;
}

static size_t largest_datagram(const struct transmit *t)
{
    size_t largest = DD_WIRE_DATAGRAM_MIN;
    for (size_t i = 0; i < t->lane_count; i++)
        if (t->lanes[i].config->max_packet_size > largest)
            largest = t->lanes[i].config->max_packet_size;
    return largest;
}

static int prepare(struct transmit *t)
{
    t->book = mmap(NULL, sizeof *t->book, PROT_READ | PROT_WRITE, MAP_SHARED, dd_role_fd(t->role, DD_TRANSMIT_FD_SESSIONS), 0);
    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    t->encoded_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (t->book == MAP_FAILED || t->epoll_fd < 0 || t->encoded_fd < 0) {
        dd_log_error("cannot set transmit up: %s", strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    if (watch(t, dd_role_stop_fd(t->role), TOKEN_STOP) || watch(t, t->encoded_fd, TOKEN_ENCODED) || open_lanes(t) ||
        start_encoders(t))
        return DD_ERROR_SYSTEM;
    t->burst.stride = largest_datagram(t);
    t->burst.bytes = malloc(t->burst.stride * DD_ONEWAY_SOCKET_BURST);
    if (!t->burst.bytes) {
        dd_log_error("out of memory");
        return DD_ERROR_MEMORY;
    }
    t->send_errors.period_ms = REPORT_MS;
    t->report_us = dd_clock_now_us();
    dd_token_bucket_init(&t->pace, t->config->rate_bps, t->burst.stride * DD_ONEWAY_SOCKET_BURST * 8, t->report_us);
    return 0;
}

static void release(struct transmit *t)
{
    dd_encoder_pool_stop(t->encoders);
    for (size_t i = 0; i < t->lane_count; i++) {
        dd_stream_sender_free(t->lanes[i].outlet);
        dd_frame_ring_close(t->lanes[i].ring);
    }
    free(t->lanes);
    free(t->shares);
    free(t->burst.bytes);
    close(t->encoded_fd);
    close(t->epoll_fd);
    explicit_bzero(t->config, t->config_size);
    free(t->config);
}

/* The same datagrams to every address; what does not go is gone, and only counted: the link is one-way. The bits that it
 * took of rate_limit. */
static uint64_t send_burst(struct transmit *t, struct lane *lane)
{
    uint64_t bits = 0, suppressed;
    size_t bytes = 0;
    for (size_t i = 0; i < t->burst.count; i++)
        bytes += t->burst.datagrams[i].iov_len;
    for (size_t i = 0; i < lane->config->to_count; i++) {
        const struct dd_destination *to = &lane->config->to[i];
        struct dd_oneway_socket *socket = to->socket_address.ss_family == AF_INET ? &t->ipv4 : &t->ipv6;
        int error = 0;
        size_t sent = dd_oneway_socket_send(socket, to, t->burst.datagrams, t->burst.count, &error);
        lane->unsent += t->burst.count - sent;
        if (error && dd_log_allowed(&t->send_errors, &suppressed))
            dd_log_warning("%s: datagrams to %s are not sent: %s (%ju of the stream so far)", lane->config->name, to->text,
                           strerror(error), (uintmax_t)lane->unsent);
        bits += (bytes + t->burst.count * dd_destination_header_bytes(to)) * 8;
    }
    dd_token_bucket_spend(&t->pace, bits);
    return bits;
}

static uint64_t skipped_of(struct transmit *t, size_t i)
{
    struct dd_encoder_pool_counters counters;
    dd_encoder_pool_read_counters(t->encoders, i, &counters);
    return counters.skipped + t->lanes[i].failed;
}

/* STATUS goes ahead of frames, whatever the bucket holds: it is small, and it is what keeps a viewer from being misled. */
static void send_statuses(struct transmit *t, uint64_t now_us)
{
    for (size_t i = 0; i < t->lane_count; i++) {
        struct lane *lane = &t->lanes[i];
        if (!dd_stream_sender_poll_source(lane->outlet, now_us))
            continue;
        dd_stream_sender_write_status(lane->outlet, now_us, skipped_of(t, i), &t->burst);
        t->book->start_us[i] = dd_stream_sender_session_start_us(lane->outlet);
        send_burst(t, lane);
    }
}

/* Begins lane's next frame, if it sends none and there is one: a new picture, or the last one once more. */
static void look_for_frame(struct transmit *t, size_t i)
{
    struct lane *lane = &t->lanes[i];
    struct dd_encoder_pool_picture picture;
    struct dd_encoder_pool_shown shown;
    int error;
    if (t->shares[i].active)
        return;
    if (dd_encoder_pool_take(t->encoders, i, &picture)) {
        error = dd_stream_sender_begin_frame(lane->outlet, &picture);
        lane->failed += error != 0;
    } else {
        if (dd_encoder_pool_last_shown(t->encoders, i, &shown))
            dd_stream_sender_note_shown(lane->outlet, &shown);
        if (!dd_stream_sender_is_refresh_due(lane->outlet, dd_clock_now_us()))
            return;
        error = dd_stream_sender_begin_refresh(lane->outlet);
    }
    if (error)
        return;
    t->book->start_us[i] = dd_stream_sender_session_start_us(lane->outlet);
    dd_fair_queue_activate(&t->shares[i], t->share_clock);
}

/* Bursts of all streams, each its share, as long as the bucket allows. Microseconds to wait; UINT64_MAX: nothing to send. */
static uint64_t send_frames(struct transmit *t)
{
    for (size_t i = 0; i < t->lane_count; i++)
        look_for_frame(t, i);
    for (int bursts = 0; bursts < BURSTS; bursts++) {
        size_t i = dd_fair_queue_pick(t->shares, t->lane_count, &t->share_clock);
        if (i == t->lane_count)
            return UINT64_MAX;
        uint64_t wait_us = dd_token_bucket_wait_us(&t->pace, dd_clock_now_us());
        if (wait_us)
            return wait_us;
        dd_stream_sender_fill(t->lanes[i].outlet, &t->burst);
        dd_fair_queue_charge(&t->shares[i], send_burst(t, &t->lanes[i]));
        if (!dd_stream_sender_is_sending(t->lanes[i].outlet)) {
            dd_fair_queue_deactivate(&t->shares[i]);
            look_for_frame(t, i);
        }
    }
    return 0;
}

/* Says when capture delivers what cannot be used: an error of ours, or somebody has taken capture over. */
static void report_unusable(struct transmit *t, size_t i, uint64_t unusable)
{
    if (unusable > t->lanes[i].unusable)
        dd_log_warning("%s: %ju pictures of its capture role were not what they claimed to be, and were left out",
                       t->lanes[i].config->name, (uintmax_t)(unusable - t->lanes[i].unusable));
    t->lanes[i].unusable = unusable;
}

/* Says when pictures are left out because all of them are more than rate_limit, and how much would be needed. */
static void report_demand(struct transmit *t, uint64_t now_us)
{
    uint64_t skipped = 0, encoded = 0;
    double bytes = 0;
    if (now_us - t->report_us < (uint64_t)REPORT_MS * DD_CLOCK_US_PER_MS)
        return;
    for (size_t i = 0; i < t->lane_count; i++) {
        struct dd_encoder_pool_counters c;
        dd_encoder_pool_read_counters(t->encoders, i, &c);
        skipped += c.skipped;
        bytes += (double)(c.jpeg_bytes - t->lanes[i].jpeg_bytes) * dd_stream_sender_expansion(t->lanes[i].outlet) *
                 (double)t->lanes[i].config->to_count;
        t->lanes[i].jpeg_bytes = c.jpeg_bytes;
        encoded += c.encoded;
        report_unusable(t, i, c.unusable);
    }
    double seconds = (double)(now_us - t->report_us) / DD_CLOCK_US_PER_S;
    double demand_bps = bytes * 8 * IP_HEADERS / seconds;
    if (skipped > t->reported_skipped && demand_bps > (double)t->config->rate_bps * 0.9)
        dd_log_warning(
            "rate_limit is too low: %ju pictures of %ju were left out in %.0f s; all of them would take about %.1f Mbit/s",
            (uintmax_t)(skipped - t->reported_skipped), (uintmax_t)(encoded - t->reported_encoded), seconds, demand_bps / 1e6);
    t->report_us = now_us;
    t->reported_skipped = skipped;
    t->reported_encoded = encoded;
}

static uint64_t until_next_status(const struct transmit *t, uint64_t now_us)
{
    uint64_t wait_us = (uint64_t)TURN_MS * DD_CLOCK_US_PER_MS;
    for (size_t i = 0; i < t->lane_count; i++) {
        uint64_t due = dd_stream_sender_status_due_us(t->lanes[i].outlet);
        if (due < now_us + wait_us)
            wait_us = due > now_us ? due - now_us : 0;
    }
    return wait_us;
}

/* Waits for pictures, at most wait_us. False once the role is to stop. */
static bool wait_for_work(struct transmit *t, uint64_t wait_us)
{
    struct epoll_event events[EVENTS];
    struct timespec wait = {.tv_sec = (time_t)(wait_us / DD_CLOCK_US_PER_S),
                            .tv_nsec = (long)(wait_us % DD_CLOCK_US_PER_S) * 1000};
    if (epoll_pwait2(t->epoll_fd, events, EVENTS, &wait, NULL) < 0 && errno == ENOSYS)
        /* before Linux 5.11, and under valgrind 3.19: in milliseconds */
        epoll_wait(t->epoll_fd, events, EVENTS, (int)((wait_us + 999) / DD_CLOCK_US_PER_MS));
    return !dd_role_stopping(t->role);
}

/* Which rings have something new is read from the rings: a wake-up only says when to look. So a source that spoils its
 * end of the wake-up slows its own stream down to TURN_MS, and nothing else. */
static void notify_encoders(struct transmit *t)
{
    for (size_t i = 0; i < t->lane_count; i++) {
        uint64_t count = dd_frame_ring_count(t->lanes[i].ring);
        if (count != t->lanes[i].count)
            dd_encoder_pool_notify(t->encoders, i);
        t->lanes[i].count = count;
    }
}

static void run(struct transmit *t)
{
    uint64_t wait_us;
    do {
        dd_role_beat(t->role, BEAT_MS);
        uint64_t now_us = dd_clock_now_us();
        notify_encoders(t);
        send_statuses(t, now_us);
        uint64_t frame_wait_us = send_frames(t);
        now_us = dd_clock_now_us();
        report_demand(t, now_us);
        wait_us = until_next_status(t, now_us);
        if (frame_wait_us < wait_us)
            wait_us = frame_wait_us;
    } while (wait_for_work(t, wait_us));
}

int dd_transmit_role_run(struct dd_role *role)
{
    struct transmit t = {.role = role, .ipv4.fd = -1, .ipv6.fd = -1};
    int code = EXIT_FAILURE;
    t.config = dd_role_config(role, sizeof *t.config, &t.config_size);
    if (!t.config)
        return code;
    if (t.config_size == sizeof *t.config + t.config->stream_count * sizeof t.config->streams[0] && prepare(&t) == 0) {
        dd_role_ready(role);
        run(&t);
        code = EXIT_SUCCESS;
    }
    release(&t);
    return code;
}
