#include "send/transmit/transmit_role.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/role.h"
#include "dd/base/round_up.h"
#include "dd/base/wakeup.h"
#include "dd/link/wire.h"
#include "send/transmit/encoder_pool.h"
#include "send/transmit/fair_queue.h"
#include "send/transmit/oneway_socket.h"
#include "send/transmit/send_errors.h"
#include "send/transmit/stream_sender.h"
#include "send/transmit/token_bucket.h"

enum {
    TURN_MS = 250,  /* of waiting in one turn of the loop at most */
    BEAT_MS = 3000, /* within which the next heartbeat is promised */
    EVENTS = 64,
    REPORT_MS = 10000,
    BURSTS = 64, /* in one turn at most, so that STATUS, heartbeat and stop never wait for the end of a frame */
};

/* Bytes with the headers of IP and UDP for each byte of datagrams, roughly. */
#define IP_HEADERS 1.03

/* Tokens of epoll. Others are indices of streams, for their wake-ups. */
enum { TOKEN_STOP = UINT32_MAX, TOKEN_ENCODED = UINT32_MAX - 1 };

struct stream {
    const struct dd_transmit_stream *config;
    struct dd_frame_ring *ring;
    struct dd_stream_sender *sender;
    uint64_t notified_count; /* frames in its ring when the encoders were last notified */
    uint32_t capture_deaths; /* of the session table, as handled last */
    uint64_t failed;         /* pictures that could not be sent */
    struct dd_send_errors errors[DD_DESTINATION_MAX];
    struct dd_log_limit unusable_log;
    uint64_t unusable, jpeg_bytes; /* the encoders' counters at the last report */
};

struct transmit {
    struct dd_role *role;
    struct dd_transmit_config *config; /* a key is wiped as soon as its stream is open */
    size_t config_size;
    struct dd_session_table *sessions;  /* shared with the supervisor */
    uint32_t resumes;                   /* as in sessions at the last look */
    struct dd_oneway_socket ipv4, ipv6; /* fd -1: none */
    int epoll_fd, encoded_fd;
    struct stream *streams;
    struct dd_fair_queue_flow *flows; /* of the streams */
    size_t stream_count;
    double flow_clock;
    struct dd_encoder_pool *encoders;
    struct dd_token_bucket bucket;
    struct dd_stream_sender_burst burst;
    struct dd_log_limit demand_log;
    struct dd_clock_loop loop;
    /* time and counters at the last report_demand() */
    uint64_t report_us, reported_skipped, reported_encoded;
};

static int watch(struct transmit *t, int fd, uint32_t token)
{
    /* Edge-triggered, since nothing is ever read here: the trust rule of wake-ups (dd/base/wakeup.h). */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = token};
    if (epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    dd_log_error("cannot watch a descriptor: %s", strerror(errno));
    return DD_ERROR_SYSTEM;
}

/* first_fd: the index of the stream's first descriptor. */
static int open_stream(struct transmit *t, size_t i, size_t first_fd)
{
    struct stream *stream = &t->streams[i];
    stream->config = &t->config->streams[i];
    t->flows[i].weight = stream->config->weight;
    stream->ring = dd_frame_ring_open_reader(dd_role_fd(t->role, first_fd + DD_TRANSMIT_STREAM_FD_RING), &stream->config->ring);
    if (!stream->ring)
        return DD_ERROR_SYSTEM;
    const struct dd_stream_sender_clock clock = {.epoch_us = t->config->epoch_us, .boot_tag = t->config->boot_tag};
    stream->sender = dd_stream_sender_new(stream->config, stream->ring, &clock);
    explicit_bzero(t->config->streams[i].key, sizeof t->config->streams[i].key);
    if (!stream->sender)
        return DD_ERROR_CRYPTO;
    t->sessions->start_us[i] = dd_stream_sender_session_start_us(stream->sender);
    stream->capture_deaths = t->sessions->capture_deaths[i];
    return watch(t, dd_role_fd(t->role, first_fd + DD_TRANSMIT_STREAM_FD_WAKE), (uint32_t)i);
}

static int open_streams(struct transmit *t)
{
    size_t fd = DD_TRANSMIT_FD_SOCKETS;
    if (t->config->has_ipv4)
        t->ipv4.fd = dd_role_fd(t->role, fd++);
    if (t->config->has_ipv6)
        t->ipv6.fd = dd_role_fd(t->role, fd++);
    t->streams = calloc(t->config->stream_count, sizeof *t->streams);
    t->flows = calloc(t->config->stream_count, sizeof *t->flows);
    if (!t->streams || !t->flows || dd_role_fd_count(t->role) != fd + DD_TRANSMIT_STREAM_FDS * (size_t)t->config->stream_count) {
        dd_log_error("out of memory, or of descriptors");
        return DD_ERROR_MEMORY;
    }
    t->stream_count = t->config->stream_count;
    for (size_t i = 0; i < t->stream_count; i++) {
        int error = open_stream(t, i, fd + DD_TRANSMIT_STREAM_FDS * i);
        if (error)
            return error;
    }
    return 0;
}

static int start_encoders(struct transmit *t)
{
    struct dd_encoder_pool_stream *configs = calloc(t->stream_count, sizeof *configs);
    if (!configs)
        return DD_ERROR_MEMORY;
    for (size_t i = 0; i < t->stream_count; i++)
        configs[i] = (struct dd_encoder_pool_stream){.ring = t->streams[i].ring,
                                                     .max_width = t->streams[i].config->max_width,
                                                     .max_height = t->streams[i].config->max_height,
                                                     .max_bytes = t->streams[i].config->max_bytes,
                                                     .quality = t->streams[i].config->quality,
                                                     .full_chroma = t->streams[i].config->full_chroma};
    t->encoders = dd_encoder_pool_start(configs, t->stream_count, t->encoded_fd);
    free(configs);
    return t->encoders ? 0 : DD_ERROR_MEMORY;
}

static size_t largest_datagram(const struct transmit *t)
{
    size_t largest = DD_WIRE_DATAGRAM_MIN;
    for (size_t i = 0; i < t->stream_count; i++)
        if (t->streams[i].config->max_packet_size > largest)
            largest = t->streams[i].config->max_packet_size;
    return largest;
}

static int prepare(struct transmit *t)
{
    t->sessions =
        mmap(NULL, sizeof *t->sessions, PROT_READ | PROT_WRITE, MAP_SHARED, dd_role_fd(t->role, DD_TRANSMIT_FD_SESSIONS), 0);
    t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    t->encoded_fd = dd_wakeup_open();
    if (t->sessions == MAP_FAILED || t->epoll_fd < 0 || t->encoded_fd < 0) {
        dd_log_error("cannot set transmit up: %s", strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    t->resumes = t->sessions->resumes;
    if (watch(t, dd_role_stop_fd(t->role), TOKEN_STOP) || watch(t, t->encoded_fd, TOKEN_ENCODED) || open_streams(t) ||
        start_encoders(t))
        return DD_ERROR_SYSTEM;
    t->burst.stride = largest_datagram(t);
    t->burst.most = dd_oneway_socket_burst_bytes(t->config->rate_bps);
    t->burst.bytes = malloc(t->burst.stride * DD_ONEWAY_SOCKET_BURST);
    if (!t->burst.bytes) {
        dd_log_error("out of memory");
        return DD_ERROR_MEMORY;
    }
    t->report_us = dd_clock_now_us();
    dd_token_bucket_init(&t->bucket, t->config->rate_bps, t->burst.stride * 8, t->report_us);
    return 0;
}

static void release(struct transmit *t)
{
    dd_encoder_pool_stop(t->encoders);
    for (size_t i = 0; i < t->stream_count; i++) {
        dd_stream_sender_free(t->streams[i].sender);
        dd_frame_ring_close(t->streams[i].ring);
    }
    free(t->streams);
    free(t->flows);
    free(t->burst.bytes);
    close(t->encoded_fd);
    close(t->epoll_fd);
    explicit_bzero(t->config, t->config_size);
    free(t->config);
}

/* Sends the burst to every address of the stream. Datagrams that the system refuses are counted, and lost. Returns the bits sent,
 * IP headers included. */
static uint64_t send_burst(struct transmit *t, struct stream *stream)
{
    uint64_t bits = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < t->burst.count; i++)
        bytes += t->burst.datagrams[i].iov_len;
    for (size_t i = 0; i < stream->config->to_count; i++) {
        const struct dd_destination *to = &stream->config->to[i];
        struct dd_oneway_socket *socket = to->socket_address.ss_family == AF_INET ? &t->ipv4 : &t->ipv6;
        int error = 0;
        size_t sent = dd_oneway_socket_send(socket, to, t->burst.datagrams, t->burst.count, &error);
        if (error)
            dd_send_errors_note(&stream->errors[i], stream->config->name, to->text, t->burst.count - sent, error);
        bits += (bytes + t->burst.count * dd_destination_header_bytes(to)) * 8;
    }
    dd_token_bucket_spend(&t->bucket, bits);
    return bits;
}

static uint64_t skipped_of(struct transmit *t, size_t i)
{
    struct dd_encoder_pool_counters counters;
    dd_encoder_pool_read_counters(t->encoders, i, &counters);
    return counters.skipped + t->streams[i].failed;
}

/* STATUS is sent ahead of frames, even if the bucket is empty: it is small, and viewers rely on it. */
static void send_statuses(struct transmit *t, uint64_t now_us)
{
    uint64_t late_us = dd_clock_loop_late_us(&t->loop, now_us, (uint64_t)TURN_MS * DD_CLOCK_US_PER_MS);
    for (size_t i = 0; i < t->stream_count; i++) {
        struct stream *stream = &t->streams[i];
        uint32_t deaths = t->sessions->capture_deaths[i];
        if (late_us)
            dd_stream_sender_forgive(stream->sender, late_us);
        if (deaths != stream->capture_deaths)
            dd_stream_sender_end_heartbeat(stream->sender);
        stream->capture_deaths = deaths;
        dd_stream_sender_note_other_session(stream->sender, t->sessions->other_start_us[i]);
        if (!dd_stream_sender_poll_source(stream->sender, now_us))
            continue;
        dd_stream_sender_write_status(stream->sender, now_us, skipped_of(t, i), &t->burst);
        t->sessions->start_us[i] = dd_stream_sender_session_start_us(stream->sender);
        send_burst(t, stream);
    }
}

/* Begins the stream's next frame, a new picture or a refresh, if there is one and none is being sent. */
static void begin_next_frame(struct transmit *t, size_t i)
{
    struct stream *stream = &t->streams[i];
    struct dd_encoder_pool_picture picture;
    struct dd_encoder_pool_shown shown;
    int error;
    if (t->flows[i].active)
        return;
    if (dd_encoder_pool_take(t->encoders, i, &picture)) {
        error = dd_stream_sender_begin_frame(stream->sender, &picture);
        stream->failed += error != 0;
    } else {
        if (dd_encoder_pool_last_shown(t->encoders, i, &shown))
            dd_stream_sender_note_shown(stream->sender, &shown);
        if (!dd_stream_sender_is_refresh_due(stream->sender, dd_clock_now_us()))
            return;
        error = dd_stream_sender_begin_refresh(stream->sender);
    }
    if (error)
        return;
    t->sessions->start_us[i] = dd_stream_sender_session_start_us(stream->sender);
    dd_fair_queue_activate(&t->flows[i], t->flow_clock);
}

/* Sends bursts of all streams, fairly, as long as the bucket allows. Returns the microseconds to wait until the next one;
 * UINT64_MAX: there is nothing to send. */
static uint64_t send_frames(struct transmit *t)
{
    for (size_t i = 0; i < t->stream_count; i++)
        begin_next_frame(t, i);
    for (int bursts = 0; bursts < BURSTS; bursts++) {
        size_t i = dd_fair_queue_pick(t->flows, t->stream_count, &t->flow_clock);
        if (i == t->stream_count)
            return UINT64_MAX;
        uint64_t wait_us = dd_token_bucket_wait_us(&t->bucket, dd_clock_now_us());
        if (wait_us)
            return wait_us;
        dd_stream_sender_fill(t->streams[i].sender, &t->burst);
        dd_fair_queue_charge(&t->flows[i], send_burst(t, &t->streams[i]));
        if (!dd_stream_sender_is_sending(t->streams[i].sender)) {
            dd_fair_queue_deactivate(&t->flows[i]);
            begin_next_frame(t, i);
        }
    }
    return 0;
}

/* Logs pictures that cannot be used: a bug of ours, or an attacker has taken over the capture role. */
static void report_unusable(struct transmit *t, size_t i, uint64_t unusable)
{
    uint64_t suppressed;
    if (unusable > t->streams[i].unusable && dd_log_allowed(&t->streams[i].unusable_log, &suppressed))
        dd_log_warning("%s: %ju pictures of its capture role were not what they claimed to be, and were left out",
                       t->streams[i].config->name, (uintmax_t)(unusable - t->streams[i].unusable));
    t->streams[i].unusable = unusable;
}

/* If pictures are left out because rate_limit is too low, logs that, and the rate that all of them would take. */
static void report_demand(struct transmit *t, uint64_t now_us)
{
    uint64_t skipped = 0, encoded = 0, suppressed;
    double bytes = 0;
    if (now_us - t->report_us < (uint64_t)REPORT_MS * DD_CLOCK_US_PER_MS)
        return;
    for (size_t i = 0; i < t->stream_count; i++) {
        struct dd_encoder_pool_counters c;
        dd_encoder_pool_read_counters(t->encoders, i, &c);
        skipped += c.skipped;
        bytes += (double)(c.jpeg_bytes - t->streams[i].jpeg_bytes) * dd_stream_sender_expansion(t->streams[i].sender) *
                 (double)t->streams[i].config->to_count;
        t->streams[i].jpeg_bytes = c.jpeg_bytes;
        encoded += c.encoded;
        report_unusable(t, i, c.unusable);
        for (size_t j = 0; j < t->streams[i].config->to_count; j++)
            dd_send_errors_check(&t->streams[i].errors[j], t->streams[i].config->name, t->streams[i].config->to[j].text, now_us);
    }
    double seconds = dd_clock_seconds(now_us - t->report_us);
    double demand_bps = bytes * 8 * IP_HEADERS / seconds;
    if (skipped > t->reported_skipped && demand_bps > (double)t->config->rate_bps * 0.9 &&
        dd_log_allowed(&t->demand_log, &suppressed))
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
    for (size_t i = 0; i < t->stream_count; i++) {
        uint64_t due = dd_stream_sender_status_due_us(t->streams[i].sender);
        if (due < now_us + wait_us)
            wait_us = due > now_us ? due - now_us : 0;
    }
    return wait_us;
}

/* Waits for an event, at most wait_us. False once the role is to stop. */
static bool wait_for_work(struct transmit *t, uint64_t wait_us)
{
    struct epoll_event events[EVENTS];
    struct timespec wait = {.tv_sec = (time_t)(wait_us / DD_CLOCK_US_PER_S),
                            .tv_nsec = (long)(wait_us % DD_CLOCK_US_PER_S) * 1000};
    if (epoll_pwait2(t->epoll_fd, events, EVENTS, &wait, NULL) < 0 && errno == ENOSYS)
        /* Linux before 5.11 and valgrind 3.19 know milliseconds only */
        epoll_wait(t->epoll_fd, events, EVENTS, (int)dd_round_up_quotient(wait_us, DD_CLOCK_US_PER_MS));
    return !dd_role_stopping(t->role);
}

/* Looks at the rings for new frames; a wake-up only says when. So a hostile capture role that breaks its wake-up delays its own
 * stream by TURN_MS, and no other. */
static void notify_encoders(struct transmit *t)
{
    for (size_t i = 0; i < t->stream_count; i++) {
        uint64_t count = dd_frame_ring_count(t->streams[i].ring);
        if (count != t->streams[i].notified_count)
            dd_encoder_pool_notify(t->encoders, i);
        t->streams[i].notified_count = count;
    }
}

/* Looks whether this machine may be another one since the last turn. 0; or a negative enum dd_error, logged: then a session goes
 * on that may go on elsewhere, too, and nothing may be sealed any more. */
static int begin_sessions_after_resume(struct transmit *t)
{
    uint32_t resumes = t->sessions->resumes;
    int error = 0;
    if (resumes == t->resumes)
        return 0;
    t->resumes = resumes;
    for (size_t i = 0; i < t->stream_count && !error; i++) {
        error = dd_stream_sender_begin_session(t->streams[i].sender);
        t->sessions->start_us[i] = dd_stream_sender_session_start_us(t->streams[i].sender);
    }
    return error;
}

/* Works until the role is to stop. 0; or a negative enum dd_error, logged. */
static int run(struct transmit *t)
{
    uint64_t wait_us;
    do {
        dd_role_beat(t->role, BEAT_MS);
        uint64_t now_us = dd_clock_now_us();
        notify_encoders(t);
        int error = begin_sessions_after_resume(t);
        if (error)
            return error;
        send_statuses(t, now_us);
        uint64_t frame_wait_us = send_frames(t);
        now_us = dd_clock_now_us();
        report_demand(t, now_us);
        wait_us = until_next_status(t, now_us);
        if (frame_wait_us < wait_us)
            wait_us = frame_wait_us;
    } while (wait_for_work(t, wait_us));
    return 0;
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
        code = run(&t) ? EXIT_FAILURE : EXIT_SUCCESS;
    }
    release(&t);
    return code;
}
