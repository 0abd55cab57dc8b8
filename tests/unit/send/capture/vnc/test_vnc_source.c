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
#include "send/capture/source.h"
#include "send/capture/vnc/vnc_source.h"
#include "send/options.h"
#include "send/picture.h"
#include "suite.h"

enum {
    WIDTH = 8,
    HEIGHT = 4,
    BYTES = WIDTH * HEIGHT * 4,
    HIGH_FD = 1024,
    SECOND_US = DD_CLOCK_US_PER_S,
    HANG_US = 60 * SECOND_US, /* no busy machine takes that long */
    TIMEOUT_US = 2 * SECOND_US,
    RUNS_MAX = 20,
};

struct server {
    int fd;
    pthread_t thread;
    size_t cut;              /* bytes of the first update that are sent, and nothing after them; 0: all */
    bool sends_neighbours;   /* answers a request for a pixel with the pixel beside it, too, as QEMU does */
    bool repeats;            /* before the first update is whole, sends the same part of it again and again */
    bool has_cursor;         /* sends a cursor's shape, unasked */
    unsigned delay_us;       /* before each answer */
    atomic_uint colour;      /* of the desktop: a new one is sent at the next request */
    atomic_uint probes;      /* received */
    atomic_uint width;       /* of the desktop */
    atomic_uint probe_width; /* the next probe is not answered: the desktop gets this width instead; 0: none */
};

struct world {
    struct dd_send_stream options;
    struct dd_source_io io;
    struct server server;
    void *state;
    atomic_bool stopped;
    atomic_bool away;    /* this process is stopped again and again */
    uint64_t sent_us;    /* when send_change() sent it */
    uint64_t stop_us;    /* stops at this time; 0: not */
    uint64_t called_us;  /* when the last call into the source began, or the world */
    uint64_t slowest_us; /* no answer of the server has taken longer */
};

static bool checkpoint(void *context)
{
    struct world *w = context;

    w->io.away_us += w->away;
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
        return; /* the client has gone: the next take() finds out */
}

static void put_update(const struct server *s, unsigned colour, unsigned width, size_t size)
{
    uint8_t bytes[16 + BYTES] = {[3] = 1, [9] = (uint8_t)width, [11] = HEIGHT};

    memset(bytes + 16, (int)colour, sizeof bytes - 16);
    size_t all = 16 + (size_t)width * HEIGHT * 4;
    put(s, bytes, size && size < all ? size : all);
}

/* The pixel of a request, or two. */
static void put_pixel(const struct server *s, const uint8_t request[static 9], unsigned colour)
{
    uint8_t width = s->sends_neighbours ? 2 : 1,
            bytes[16 + 8] = {[3] = 1, [5] = request[2], [7] = request[4], [9] = width, [11] = 1};

    memset(bytes + 16, (int)colour, sizeof bytes - 16);
    put(s, bytes, 16 + (size_t)width * 4);
}

/* In the encoding RichCursor: its pixels, and a mask. */
static void put_cursor(const struct server *s)
{
    enum { SIDE = 32, BITS = SIDE * SIDE / 8 };
    uint8_t bytes[16 + SIDE * SIDE * 4 + BITS] = {
        [3] = 1, [9] = SIDE, [11] = SIDE, [12] = 0xff, [13] = 0xff, [14] = 0xff, [15] = 0x11};

    put(s, bytes, sizeof bytes);
}

/* DesktopSize. */
static void put_size(const struct server *s)
{
    const uint8_t bytes[16] = {
        [3] = 1, [9] = (uint8_t)s->width, [11] = HEIGHT, [12] = 0xff, [13] = 0xff, [14] = 0xff, [15] = 0x21};

    put(s, bytes, sizeof bytes);
}

static void put_first(const struct server *s, unsigned colour)
{
    if (s->has_cursor)
        put_cursor(s);
    for (int i = 0; s->repeats && i < 2 * WIDTH * HEIGHT; i++)
        put_update(s, colour + 1, WIDTH / 2, 0);
    put_update(s, colour, WIDTH, s->cut);
}

/* Reads messages until a FramebufferUpdateRequest, whose bytes after the type are returned. False: the client has gone. */
static bool take_request(const struct server *s, uint8_t bytes[static 64])
{
    uint8_t type;

    while (take(s, &type, 1)) {
        if (!take(s, bytes, type == 0 ? 19 : type == 2 ? 3 : 9) || (type == 2 && !take(s, bytes + 3, (size_t)bytes[2] * 4)))
            return false;
        if (type == 3)
            return true;
    }
    return false;
}

static void answer_requests(struct server *s)
{
    unsigned shown = s->colour;
    uint8_t bytes[64];
    bool first = true;

    while (take_request(s, bytes)) {
        unsigned now = s->colour;
        bool wants_all = bytes[0] == 0 && bytes[6] == s->width, probe = bytes[0] == 0 && !wants_all;
        bool all = wants_all || shown != now;
        s->probes += probe;
        if (probe && s->probe_width) {
            s->width = atomic_exchange(&s->probe_width, 0);
            put_size(s);
            continue;
        }
        if (s->delay_us && (all || probe))
            usleep(s->delay_us);
        if (first)
            put_first(s, now);
        else if (all)
            put_update(s, now, s->width, 0);
        if (first && s->cut) {
            take(s, bytes, sizeof bytes); /* silence */
            return;
        }
        if (probe && !all)
            put_pixel(s, bytes, now);
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

static void begin_with(struct world *w, const struct server *server)
{
    int pair[2];

    signal(SIGPIPE, SIG_IGN); /* as in a role */
    memset(w, 0, sizeof *w);
    w->server = *server;
    strcpy(w->options.source, "server");
    w->options.timeout = HANG_US;
    w->called_us = dd_clock_now_us();
    w->io = (struct dd_source_io){
        .options = &w->options, .deadline_us = w->called_us + HANG_US, .checkpoint = checkpoint, .context = w, .stop_fd = -1};
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    w->server.fd = pair[1];
    w->server.colour = 10;
    w->server.width = WIDTH;
    ck_assert_int_eq(pthread_create(&w->server.thread, NULL, serve, &w->server), 0);
    ck_assert_int_eq(dd_vnc_source_start(&w->state, &w->io, pair[0], "server"), 0);
}

static void begin(struct world *w, size_t cut)
{
    const struct server server = {.cut = cut};

    begin_with(w, &server);
}

static void end(struct world *w)
{
    dd_vnc_source.close(w->state);
    pthread_join(w->server.thread, NULL);
    close(w->server.fd);
}

/* Gets the next picture, which has one colour. It is newer than the one before, less the time that an answer takes. */
static void check_picture(struct world *w, uint64_t due_us, unsigned colour)
{
    uint64_t start_us = dd_clock_now_us(), before_us = w->called_us;
    struct dd_picture picture;

    w->called_us = start_us;
    w->io.deadline_us = (due_us > start_us ? due_us : start_us) + HANG_US;
    ck_assert_int_eq(dd_vnc_source.next(w->state, &w->io, due_us, &picture), 0);
    ck_assert_uint_eq((unsigned)picture.width, w->server.width);
    ck_assert_int_eq(picture.height, HEIGHT);
    uint64_t end_us = dd_clock_now_us();
    ck_assert_uint_ge(picture.captured_us + w->slowest_us, before_us);
    ck_assert_uint_le(picture.captured_us, end_us);
    if (end_us - before_us > w->slowest_us)
        w->slowest_us = end_us - before_us;
    for (int i = 0; i < picture.width * HEIGHT * 4; i++)
        ck_assert_uint_eq(picture.plane[0][i], colour);
}

START_TEST(shows_changes)
{
    struct world w;

    begin(&w, 0);
    check_picture(&w, 0, 10);
    for (unsigned i = 11; i < 20; i++) {
        w.server.colour = i;
        check_picture(&w, dd_clock_now_us() + SECOND_US / 50, i);
    }
    end(&w);
}
END_TEST

/* How long the fastest of several runs takes: on a busy machine not each is fast. The first within limit_us is the last. */
static uint64_t fastest_us(uint64_t (*run)(void), uint64_t limit_us)
{
    uint64_t fastest_us = UINT64_MAX;

    for (int i = 0; i < RUNS_MAX && fastest_us >= limit_us; i++) {
        uint64_t taken_us = run();
        fastest_us = taken_us < fastest_us ? taken_us : fastest_us;
    }
    return fastest_us;
}

static uint64_t find_nothing_changed(void)
{
    struct dd_picture picture;
    struct world w;

    begin(&w, 0);
    check_picture(&w, 0, 10);
    uint64_t start_us = dd_clock_now_us();
    /* whether a picture is due already or not */
    ck_assert_int_eq(dd_vnc_source.next(w.state, &w.io, start_us, &picture), DD_ERROR_AGAIN);
    ck_assert_int_eq(dd_vnc_source.next(w.state, &w.io, start_us + HANG_US, &picture), DD_ERROR_AGAIN);
    uint64_t taken_us = dd_clock_now_us() - start_us;
    ck_assert_uint_ge(w.server.probes, 2);
    end(&w);
    return taken_us;
}

START_TEST(says_that_nothing_has_changed)
{
    ck_assert_uint_lt(fastest_us(find_nothing_changed, 3 * SECOND_US), 3 * SECOND_US); /* a probe each second */
}
END_TEST

static uint64_t wait_for_silent_server(void)
{
    struct dd_picture picture;
    struct world w;

    uint64_t start_us = dd_clock_now_us();
    begin(&w, 40); /* in the middle of a rectangle */
    w.options.timeout = TIMEOUT_US;
    ck_assert_int_eq(dd_vnc_source.next(w.state, &w.io, 0, &picture), DD_ERROR_SOURCE);
    ck_assert_uint_eq(w.io.reason, DD_WIRE_REASON_TIMEOUT);
    uint64_t taken_us = dd_clock_now_us() - start_us;
    ck_assert_uint_ge(taken_us, TIMEOUT_US - SECOND_US / 10);
    end(&w);
    return taken_us;
}

START_TEST(gives_up_on_a_silent_server)
{
    ck_assert_uint_lt(fastest_us(wait_for_silent_server, 2 * TIMEOUT_US), 2 * TIMEOUT_US);
}
END_TEST

static uint64_t stop(void)
{
    struct dd_picture picture;
    struct world w;

    begin(&w, 40);
    w.options.timeout = TIMEOUT_US + SECOND_US;
    w.stop_us = dd_clock_now_us() + SECOND_US / 10;
    ck_assert_int_eq(dd_vnc_source.next(w.state, &w.io, 0, &picture), DD_ERROR_STOPPED);
    uint64_t taken_us = dd_clock_now_us() - w.stop_us;
    end(&w);
    return taken_us;
}

START_TEST(stops_at_once)
{
    ck_assert_uint_lt(fastest_us(stop, SECOND_US), SECOND_US);
}
END_TEST

static uint64_t find_server_gone(void)
{
    struct dd_picture picture;
    struct world w;

    begin(&w, 0);
    check_picture(&w, 0, 10);
    shutdown(w.server.fd, SHUT_WR); /* in one direction is enough */
    uint64_t start_us = dd_clock_now_us();
    ck_assert_int_eq(dd_vnc_source.next(w.state, &w.io, start_us + HANG_US, &picture), DD_ERROR_SOURCE);
    ck_assert_uint_eq(w.io.reason, DD_WIRE_REASON_ENDED);
    uint64_t taken_us = dd_clock_now_us() - start_us;
    end(&w);
    return taken_us;
}

START_TEST(says_that_the_server_is_gone)
{
    ck_assert_uint_lt(fastest_us(find_server_gone, SECOND_US / 2), SECOND_US / 2); /* it does not wait for the next probe */
}
END_TEST

/* Which was not asked for. The leak checker looks for its memory. */
START_TEST(ignores_the_shape_of_a_cursor)
{
    struct world w;

    begin_with(&w, &(struct server){.has_cursor = true});
    check_picture(&w, 0, 10);
    end(&w);
}
END_TEST

START_TEST(is_whole_once_every_pixel_has_arrived)
{
    struct world w;

    begin_with(&w, &(struct server){.repeats = true});
    check_picture(&w, 0, 10);
    end(&w);
}
END_TEST

START_TEST(is_idle_though_neighbours_of_the_pixel_come)
{
    struct dd_picture picture;
    struct world w;

    begin_with(&w, &(struct server){.sends_neighbours = true});
    check_picture(&w, 0, 10);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(dd_vnc_source.next(w.state, &w.io, 0, &picture), DD_ERROR_AGAIN);
    w.server.colour = 20;
    check_picture(&w, 0, 20);
    end(&w);
}
END_TEST

/* The pixel of the probe was of the old size, so another has to be requested: the probe is answered, and the server not given up.
 */
START_TEST(goes_on_after_a_new_size_during_a_probe)
{
    struct world w;

    begin(&w, 0);
    check_picture(&w, 0, 10);
    w.server.probe_width = WIDTH / 2;
    check_picture(&w, 0, 10);
    ck_assert_uint_eq(w.server.width, WIDTH / 2);
    end(&w);
}
END_TEST

/* A picture, or that nothing has changed, is as old as the request, not as the answer. */
START_TEST(knows_how_old_it_is)
{
    const unsigned delay_us = SECOND_US / 2;
    struct dd_picture picture;
    struct world w;

    begin_with(&w, &(struct server){.delay_us = delay_us});
    w.io.deadline_us = UINT64_MAX;
    uint64_t start_us = dd_clock_now_us();
    ck_assert_int_eq(dd_vnc_source.next(w.state, &w.io, 0, &picture), 0);
    ck_assert_uint_ge(dd_clock_now_us(), start_us + delay_us - SECOND_US / 20);
    ck_assert_uint_le(picture.captured_us + delay_us, dd_clock_now_us() + SECOND_US / 20);
    ck_assert_int_eq(dd_vnc_source.next(w.state, &w.io, 0, &picture), DD_ERROR_AGAIN);
    ck_assert_uint_gt(picture.captured_us, start_us);
    ck_assert_uint_le(picture.captured_us + delay_us, dd_clock_now_us() + SECOND_US / 20);
    w.server.colour = 20;
    ck_assert_int_eq(dd_vnc_source.next(w.state, &w.io, 0, &picture), 0);
    ck_assert_uint_le(picture.captured_us + delay_us, dd_clock_now_us() + SECOND_US / 20);
    end(&w);
}
END_TEST

/* libvncclient's select() would write beyond its fd_set: it must not be reached. */
START_TEST(works_with_high_descriptors)
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
    w.server.colour = 30;
    check_picture(&w, dd_clock_now_us() + SECOND_US / 50, 30);
    end(&w);
}
END_TEST

/* Sends a change to a client that has been waiting for it, and is away when it comes. */
static void *send_change(void *argument)
{
    struct world *w = argument;

    usleep(200000);
    w->away = true;
    w->server.colour = 30;
    w->sent_us = dd_clock_now_us();
    put_update(&w->server, 30, WIDTH, 0);
    return NULL;
}

/* How long it waited, nobody knows: it is as old as what was known before. */
START_TEST(a_change_that_came_while_nobody_was_there_is_old)
{
    struct world w;
    struct dd_picture picture;
    pthread_t thread;

    begin(&w, 0);
    check_picture(&w, 0, 10);
    ck_assert_int_eq(pthread_create(&thread, NULL, send_change, &w), 0);
    int error = DD_ERROR_AGAIN;
    while (error == DD_ERROR_AGAIN) {
        w.io.deadline_us = dd_clock_now_us() + HANG_US;
        error = dd_vnc_source.next(w.state, &w.io, 0, &picture);
    }
    pthread_join(thread, NULL);
    ck_assert_int_eq(error, 0);
    ck_assert_uint_eq(picture.plane[0][0], 30);
    ck_assert_uint_lt(picture.captured_us, w.sent_us);
    end(&w);
}
END_TEST

SUITE("send/capture/vnc/vnc_source", shows_changes, says_that_nothing_has_changed, gives_up_on_a_silent_server, stops_at_once,
      says_that_the_server_is_gone, ignores_the_shape_of_a_cursor, is_whole_once_every_pixel_has_arrived,
      is_idle_though_neighbours_of_the_pixel_come, goes_on_after_a_new_size_during_a_probe, knows_how_old_it_is,
      works_with_high_descriptors, a_change_that_came_while_nobody_was_there_is_old)
