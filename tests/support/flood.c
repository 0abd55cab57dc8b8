/* An attacker on the path: records a stream's datagrams and floods its receiver with random bytes, and with everything that can
 * be made of the recorded ones without the key. Counts the datagrams by the cause for which each must be refused.
 *
 *   flood PORT [SEED]     prints "ready TAP": send the stream to 127.0.0.1:TAP as well. A line "RATE SECONDS" on standard input
 *                         floods, RATE datagrams a second, and is answered with a line of JSON: how many went, by cause */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"

enum {
    DATAGRAM = 1500,
    RECORDS = 4096,
    RECORDS_MIN = 64,
    ARRIVED_US = 200000, /* after this the receiver has it, too */
    PATIENCE_US = 20 * DD_CLOCK_US_PER_S,
    BATCH = 64,
    UNUSED_COUNTERS = 4000000, /* and above, up to what a session may have */
};
#define HOUR_US (UINT64_C(3600) * DD_CLOCK_US_PER_S)

enum cause { SHORT, VERSION, KEY, SESSION, REPLAY, FORGED, CAUSES };
static const char *const cause_names[CAUSES] = {"short", "version", "key", "session", "replay", "forged"};

struct record {
    uint64_t at_us;
    size_t size;
    struct dd_wire_header header;
    uint8_t bytes[DATAGRAM];
};

static struct {
    int tap_fd, out_fd;
    uint64_t random; /* the state of draw() */
    struct record records[RECORDS];
    size_t recorded, arrived; /* the first ones are at the receiver */
    uint64_t sent[CAUSES];
    uint8_t bytes[BATCH][DATAGRAM];
    struct iovec vectors[BATCH];
    struct mmsghdr messages[BATCH];
} f;

/* splitmix64 (S. Vigna, public domain) */
static uint64_t draw(void)
{
    uint64_t z = f.random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t draw_between(uint64_t least, uint64_t most)
{
    return least + draw() % (most - least + 1);
}

static void fill(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t word = draw();
        memcpy(bytes + i, &word, size - i < sizeof word ? size - i : sizeof word);
    }
}

/* Receives the sender's datagrams and keeps the first RECORDS of them. */
static void record(void)
{
    static uint8_t bytes[65536];
    uint64_t now_us = dd_clock_now_us();
    for (;;) {
        ssize_t size = recv(f.tap_fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (size < 0)
            break;
        struct record *r = &f.records[f.recorded];
        if (f.recorded == RECORDS || size > DATAGRAM || dd_wire_read_header(&r->header, bytes, (size_t)size))
            continue;
        memcpy(r->bytes, bytes, (size_t)size);
        r->size = (size_t)size;
        r->at_us = now_us;
        f.recorded++;
    }
    while (f.arrived < f.recorded && f.records[f.arrived].at_us + ARRIVED_US <= now_us)
        f.arrived++;
}

/* ---- forged datagrams ---- */

static void flip_bit(uint8_t *bytes, size_t first, size_t size)
{
    uint64_t bit = draw_between(first * 8, size * 8 - 1);
    bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

/* Random bytes. Returns their number. */
static size_t make_rubbish(enum cause cause, uint8_t *bytes)
{
    size_t size = cause == SHORT ? draw_between(0, DD_WIRE_DATAGRAM_MIN - 1) : draw_between(DD_WIRE_DATAGRAM_MIN, DATAGRAM);
    fill(bytes, size);
    if (cause == VERSION && bytes[0] == DD_WIRE_VERSION)
        bytes[draw_between(0, 3)] |= 2;
    if (cause == KEY)
        memcpy(bytes, (const uint8_t[]){DD_WIRE_VERSION, 0, 0, 0}, 4);
    return size;
}

/* A recorded datagram: whole, cut, or with a wrong bit behind its header. Its counter has been seen, so the rest is not looked
 * at. */
static size_t make_replay(const struct record *r, uint8_t *bytes)
{
    size_t size = r->size;
    memcpy(bytes, r->bytes, size);
    switch (draw() % 3) {
    case 0:
        size = draw_between(DD_WIRE_DATAGRAM_MIN, size);
        break;
    case 1:
        flip_bit(bytes, DD_WIRE_HEADER_BYTES, size);
        break;
    default:
        break;
    }
    return size;
}

/* A recorded datagram with another header: of a session that is refused; or of an accepted one, with an unseen counter. */
static size_t make_forgery(enum cause cause, const struct record *r, uint8_t *bytes)
{
    struct dd_wire_header header = r->header;
    size_t size = draw() % 2 ? r->size : draw_between(DD_WIRE_DATAGRAM_MIN, r->size);
    memcpy(bytes, r->bytes, size);
    header.counter = draw_between(UNUSED_COUNTERS, DD_WIRE_SESSION_DATAGRAMS - 1);
    if (cause == SESSION) {
        switch (draw() % 3) {
        case 0:
            header.session_start_us -= draw_between(1, HOUR_US);
            break;
        case 1:
            header.session_salt ^= UINT64_C(1) << draw() % 64;
            break;
        default:
            header.session_start_us = dd_clock_wall_us() + 25 * HOUR_US + draw() % HOUR_US;
            break;
        }
    } else if (draw() % 2) {
        header.session_start_us += draw_between(1, HOUR_US);
        header.session_salt = draw();
    }
    dd_wire_write_header(&header, bytes);
    return size;
}

static size_t make(enum cause cause, uint8_t *bytes)
{
    const struct record *r = &f.records[draw() % f.arrived];
    if (cause == SHORT || cause == VERSION || cause == KEY)
        return make_rubbish(cause, bytes);
    return cause == REPLAY ? make_replay(r, bytes) : make_forgery(cause, r, bytes);
}

/* ---- the flood ---- */

/* Sends up to count datagrams. Returns how many were sent. */
static size_t send_batch(size_t count)
{
    enum cause causes[BATCH];
    count = count < BATCH ? count : BATCH;
    for (size_t i = 0; i < count; i++) {
        causes[i] = (enum cause)(draw() % CAUSES);
        f.vectors[i] = (struct iovec){f.bytes[i], make(causes[i], f.bytes[i])};
        f.messages[i].msg_hdr = (struct msghdr){.msg_iov = &f.vectors[i], .msg_iovlen = 1};
    }
    int sent = sendmmsg(f.out_fd, f.messages, (unsigned)count, 0);
    for (int i = 0; i < sent; i++)
        f.sent[causes[i]]++;
    return sent > 0 ? (size_t)sent : 0;
}

static bool wait_for_records(void)
{
    uint64_t until_us = dd_clock_now_us() + PATIENCE_US;
    while (f.arrived < RECORDS_MIN && dd_clock_now_us() < until_us) {
        usleep(10000);
        record();
    }
    return f.arrived >= RECORDS_MIN;
}

static void flood(double rate, double seconds)
{
    uint64_t start_us = dd_clock_now_us(), now_us, total = 0;
    memset(f.sent, 0, sizeof f.sent);
    while ((now_us = dd_clock_now_us()) < start_us + (uint64_t)(seconds * (double)DD_CLOCK_US_PER_S)) {
        uint64_t due = (uint64_t)((double)(now_us - start_us) * rate / (double)DD_CLOCK_US_PER_S);
        record();
        if (total < due)
            total += send_batch(due - total);
        else
            usleep(500);
    }
    printf("{\"sent\": %" PRIu64 ", \"seconds\": %.3f", total, dd_clock_seconds(now_us - start_us));
    for (size_t i = 0; i < CAUSES; i++)
        printf(", \"%s\": %" PRIu64, cause_names[i], f.sent[i]);
    puts("}");
    fflush(stdout);
}

static bool open_sockets(const char *port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof v4;
    int buffer = 4 << 20;
    f.tap_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    f.out_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(f.tap_fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    if (bind(f.tap_fd, (struct sockaddr *)&v4, size) || getsockname(f.tap_fd, (struct sockaddr *)&v4, &size))
        return false;
    printf("ready %u\n", ntohs(v4.sin_port));
    fflush(stdout);
    v4.sin_port = htons((uint16_t)atoi(port));
    return connect(f.out_fd, (struct sockaddr *)&v4, size) == 0;
}

int main(int argc, char **argv)
{
    char line[128];
    double rate, seconds;
    dd_log_open("flood", DD_LOG_INFO);
    if (argc < 2 || !open_sockets(argv[1])) {
        fprintf(stderr, "flood PORT [SEED]\n");
        return EXIT_FAILURE;
    }
    f.random = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "%lf %lf", &rate, &seconds) != 2 || !wait_for_records()) {
            fprintf(stderr, "flood: RATE SECONDS, and somebody who sends\n");
            return EXIT_FAILURE;
        }
        flood(rate, seconds);
    }
    return EXIT_SUCCESS;
}
