/* The source "vnc" against a server in a thread of the test. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/link/wire.h"
#include "dd/send/capture/source.h"
#include "dd/send/capture/vnc.h"
#include "dd/send/options.h"
#include "dd/send/picture.h"
#include "suite.h"

enum { WIDTH = 8, HEIGHT = 4, BYTES = WIDTH * HEIGHT * 4, SECOND_US = DD_CLOCK_US_PER_S, HIGH_FD = 1024 };

struct server {
    int fd;
    pthread_t thread;
    size_t cut;         /* of the first update, as many bytes are sent and nothing more; 0: all */
    atomic_uint change; /* the desktop's colour: a new one is told at the next request */
    atomic_uint probes; /* that came */
};

struct world {
    struct dd_send_stream options;
    struct dd_source_io io;
    struct server server;
    void *state;
    atomic_bool stopped;
    uint64_t stop_us; /* stops at this time; 0: not */
};

static bool stopping(void *context)
{
    struct world *w = context;

    return w->stopped || (w->stop_us && dd_clock_now_us() >= w->stop_us);
}

/* ---- the server ---- */

static bool take(const struct server *s, void *bytes, size_t size)
{
    return recv(s->fd, bytes, size, MSG_WAITALL) == (ssize_t)size;
}

static void put(const struct server *s, const void *bytes, size_t size)
{
    if (send(s->fd, bytes, size, MSG_NOSIGNAL) < 0)
        return; /* the client has gone: the next take() tells */
}

static void put_update(const struct server *s, unsigned colour, uint8_t width, uint8_t height, size_t size)
{
    uint8_t bytes[16 + BYTES] = {[3] = 1, [9] = width, [11] = height};

    memset(bytes + 16, (int)colour, sizeof bytes - 16);
    size_t all = 16 + (size_t)width * height * 4;
    put(s, bytes, size && size < all ? size : all);
}

static void answer_requests(struct server *s)
{
    unsigned shown = s->change;
    uint8_t kind, bytes[64];
    bool first = true;

    while (take(s, &kind, 1)) {
        if (!take(s, bytes, kind == 0 ? 19 : kind == 2 ? 3 : 9) || (kind == 2 && !take(s, bytes + 3, (size_t)bytes[2] * 4)))
            return;
        if (kind != 3)
            continue;
        unsigned now = s->change;
        bool whole = first || shown != now, probe = bytes[0] == 0 && !first;
        s->probes += probe;
        if (whole)
            put_update(s, now, WIDTH, HEIGHT, first ? s->cut : 0);
        if (first && s->cut) {
            take(s, bytes, sizeof bytes); /* silence */
            return;
        }
        if (probe && !whole)
            put_update(s, now, 1, 1, 0);
        shown = now;
        first = false;
    }
}

static void *serve(void *argument)
{
    static const uint8_t login[] = {1, 1, 0, 0, 0, 0}, init[24] = {0, WIDTH, 0, HEIGHT, 32, 24, 0, 1};
    struct server *s = argument;
    uint8_t bytes[12];

    put(s, "RFB 003.008\n", 12);
    if (take(s, bytes, 12)) {
        put(s, login, sizeof login);
        if (take(s, bytes, 2)) { /* the type, and ClientInit */
            put(s, init, sizeof init);
            answer_requests(s);
        }
    }
    return NULL;
}

/* ---- the world ---- */

static void begin(struct world *w, size_t cut)
{
    int pair[2];

    signal(SIGPIPE, SIG_IGN); /* as in a role */
    memset(w, 0, sizeof *w);
    strcpy(w->options.source, "server");
    w->options.timeout = 2 * SECOND_US;
    w->io = (struct dd_source_io){.options = &w->options,
                                  .deadline_us = dd_clock_now_us() + 5 * SECOND_US,
                                  .stopping = stopping,
                                  .context = w,
                                  .stop_fd = -1};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    w->server.fd = pair[1];
    w->server.cut = cut;
    w->server.change = 10;
    ck_assert_int_eq(pthread_create(&w->server.thread, NULL, serve, &w->server), 0);
    ck_assert_int_eq(dd_vnc_start(&w->state, &w->io, pair[0], "server"), 0);
}

static void end(struct world *w)
{
    dd_source_vnc.close(w->state);
    pthread_join(w->server.thread, NULL);
    close(w->server.fd);
}

/* Fetches a picture of one colour. */
static void check_picture(struct world *w, uint64_t due_us, unsigned colour)
{
    uint64_t start_us = dd_clock_now_us();
    struct dd_picture picture;

    w->io.deadline_us = (due_us > start_us ? due_us : start_us) + 5 * SECOND_US;
    ck_assert_int_eq(dd_source_vnc.next(w->state, &w->io, due_us, &picture), 0);
    ck_assert_int_eq(picture.width, WIDTH);
    ck_assert_int_eq(picture.height, HEIGHT);
    ck_assert_uint_ge(picture.captured_us, due_us);
    ck_assert_uint_le(picture.captured_us, dd_clock_now_us());
    for (int i = 0; i < BYTES; i++)
        ck_assert_uint_eq(picture.plane[0][i], colour);
}

START_TEST(shows_what_changes)
{
    struct world w;

    begin(&w, 0);
    check_picture(&w, 0, 10);
    for (unsigned i = 11; i < 20; i++) {
        w.server.change = i;
        check_picture(&w, dd_clock_now_us() + SECOND_US / 50, i);
    }
    end(&w);
}
END_TEST

START_TEST(says_that_nothing_changes)
{
    struct dd_picture picture;
    struct world w;

    begin(&w, 0);
    check_picture(&w, 0, 10);
    uint64_t start_us = dd_clock_now_us();
    /* whether one is due already or not */
    ck_assert_int_eq(dd_source_vnc.next(w.state, &w.io, start_us, &picture), DD_ERROR_AGAIN);
    ck_assert_int_eq(dd_source_vnc.next(w.state, &w.io, start_us + 60 * SECOND_US, &picture), DD_ERROR_AGAIN);
    ck_assert_uint_ge(w.server.probes, 2);
    ck_assert_uint_lt(dd_clock_now_us(), start_us + 3 * SECOND_US);
    end(&w);
}
END_TEST

START_TEST(gives_up_a_silent_server)
{
    struct dd_picture picture;
    struct world w;

    begin(&w, 40); /* in the middle of a rectangle */
    uint64_t start_us = dd_clock_now_us();
    ck_assert_int_eq(dd_source_vnc.next(w.state, &w.io, 0, &picture), DD_ERROR_SOURCE);
    ck_assert_uint_eq(w.io.reason, DD_WIRE_REASON_TIMEOUT);
    ck_assert_uint_ge(dd_clock_now_us(), start_us + 19 * SECOND_US / 10);
    ck_assert_uint_lt(dd_clock_now_us(), start_us + 4 * SECOND_US);
    end(&w);
}
END_TEST

START_TEST(stops_at_once)
{
    struct dd_picture picture;
    struct world w;

    begin(&w, 40);
    w.stop_us = dd_clock_now_us() + SECOND_US / 10;
    ck_assert_int_eq(dd_source_vnc.next(w.state, &w.io, 0, &picture), DD_ERROR_STOPPED);
    ck_assert_uint_lt(dd_clock_now_us(), w.stop_us + SECOND_US);
    end(&w);
}
END_TEST

START_TEST(says_that_the_server_is_gone)
{
    struct dd_picture picture;
    struct world w;

    begin(&w, 0);
    check_picture(&w, 0, 10);
    shutdown(w.server.fd, SHUT_RDWR);
    ck_assert_int_eq(dd_source_vnc.next(w.state, &w.io, dd_clock_now_us() + 60 * SECOND_US, &picture), DD_ERROR_SOURCE);
    ck_assert_uint_eq(w.io.reason, DD_WIRE_REASON_ENDED);
    end(&w);
}
END_TEST

/* libvncclient's select() would write beyond its fd_set. */
START_TEST(takes_high_descriptors)
{
    struct rlimit limit;
    struct world w;
    int fd;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max < 2 * HIGH_FD ? limit.rlim_max : 2 * HIGH_FD;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * HIGH_FD)
        return;
    do {
        fd = dup(STDERR_FILENO);
        ck_assert_int_ge(fd, 0);
    } while (fd < HIGH_FD);
    begin(&w, 0);
    ck_assert_int_gt(w.server.fd, HIGH_FD);
    check_picture(&w, 0, 10);
    w.server.change = 30;
    check_picture(&w, dd_clock_now_us() + SECOND_US / 50, 30);
    end(&w);
}
END_TEST

SUITE_MAIN("send/vnc", shows_what_changes, says_that_nothing_changes, gives_up_a_silent_server, stops_at_once,
           says_that_the_server_is_gone, takes_high_descriptors)
