#include "base/log_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/fd.h"
#include "dd/base/log.h"
#include "dd/base/role.h"

enum {
    READ_SIZE = 16 * 1024,               /* in a turn: the others, and the roles' heartbeats, get theirs */
    PAUSE_US = 250 * DD_CLOCK_US_PER_MS, /* between two turns that read from a role that logs too much */
    LINE_COST = 64,                      /* of what is put in front */
    LAST_CREDIT = 16 * 1024,             /* more for what a process that died said last; back-off limits how often that is */
    PIPE_SIZE = 64 * 1024,               /* pipe(7) */
};

/* Bytes that a role may log at once (intake with 256 streams needs half of that at its start, a report of a sanitizer a tenth),
 * and a second afterwards: 90 MB a day. With
 * --debug it is so many times as much. */
static const double burst = 256 * 1024, rate = 1024, debug_factor = 16;
/* A role that logged too much is left out until so many bytes are allowed again. */
static const double listen_again = 8 * 1024;

struct dd_log_relay {
    char role[DD_ROLE_NAME_SIZE];
    int fd; /* -1: no process */
    char line[DD_LOG_LINE_SIZE];
    size_t length; /* of a line that is not complete yet */
    double credit; /* bytes that may be passed on */
    /* dd_clock_now_us(): a sleep of the machine fills the credit, no more. */
    uint64_t filled_us, paused_until_us;
    bool too_much;    /* lines are left out */
    uint64_t dropped; /* lines left out since the last note of it */
};

struct dd_log_relay *dd_log_relay_new(const char *role)
{
    struct dd_log_relay *relay = calloc(1, sizeof *relay);
    if (!relay) {
        dd_log_error("out of memory");
        return NULL;
    }
    snprintf(relay->role, sizeof relay->role, "%s", role);
    relay->fd = -1;
    relay->credit = burst;
    relay->filled_us = dd_clock_now_us();
    return relay;
}

void dd_log_relay_free(struct dd_log_relay *relay)
{
    if (!relay)
        return;
    dd_log_relay_close(relay);
    free(relay);
}

int dd_log_relay_open(struct dd_log_relay *relay)
{
    int fds[2];
    dd_log_relay_close(relay);
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        dd_log_error("cannot make the log of %s: %s", relay->role, strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    relay->fd = fds[0];
    return fds[1];
}

int dd_log_relay_fd(const struct dd_log_relay *relay)
{
    return dd_clock_now_us() < relay->paused_until_us ? -1 : relay->fd;
}

/* ---- the limit ---- */

static void refill(struct dd_log_relay *relay, uint64_t now_us)
{
    double factor = dd_log_threshold() >= DD_LOG_DEBUG ? debug_factor : 1;
    relay->credit += factor * rate * dd_clock_seconds(now_us - relay->filled_us);
    if (relay->credit > burst)
        relay->credit = burst;
    relay->filled_us = now_us;
}

/* Listens again to a role that logged too much, and says what was left out. */
static void forgive(struct dd_log_relay *relay)
{
    char text[128];
    if (!relay->too_much)
        return;
    int size = snprintf(text, sizeof text, "%ju lines were left out here: it logs too much", (uintmax_t)relay->dropped);
    dd_log_pass_on(relay->role, DD_LOG_WARNING, text, (size_t)size);
    relay->credit -= (double)(size + LINE_COST);
    relay->too_much = false;
    relay->dropped = 0;
}

/* ---- lines ---- */

/* Passes the line on, or drops it, and begins the next one. */
static void end_line(struct dd_log_relay *relay)
{
    const char *text = relay->line;
    size_t size = relay->length;
    enum dd_log_level level = DD_LOG_INFO;
    relay->length = 0;
    if (size > 3 && text[0] == '<' && text[1] >= '0' && text[1] <= '7' && text[2] == '>') {
        level = text[1] > '3' ? (enum dd_log_level)(text[1] - '0') : DD_LOG_ERROR;
        text += 3;
        size -= 3;
    }
    double cost = (double)(size + LINE_COST); /* an empty line is read, too, though it is not passed on */
    if (relay->too_much || cost > relay->credit) {
        relay->too_much = true;
        relay->dropped++;
        return;
    }
    relay->credit -= cost;
    if (size) /* reports of sanitizers have empty lines */
        dd_log_pass_on(relay->role, level, text, size);
}

static void add(struct dd_log_relay *relay, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != '\n')
            relay->line[relay->length++] = bytes[i];
        if (bytes[i] == '\n' || relay->length == sizeof relay->line)
            end_line(relay);
    }
}

static void read_some(struct dd_log_relay *relay)
{
    char bytes[READ_SIZE];
    ssize_t n = read(relay->fd, bytes, sizeof bytes);
    if (n > 0)
        add(relay, bytes, (size_t)n);
    if (n != 0)
        return;
    if (relay->length)
        end_line(relay);
    dd_fd_close(&relay->fd); /* the role closed it: it would always poll readable */
}

void dd_log_relay_turn(struct dd_log_relay *relay, bool readable)
{
    uint64_t now_us = dd_clock_now_us();
    refill(relay, now_us);
    if (relay->credit >= listen_again)
        forgive(relay);
    if (!readable || relay->fd < 0)
        return;
    read_some(relay);
    if (relay->too_much)
        relay->paused_until_us = now_us + PAUSE_US;
}

/* Returns where the last lines of bytes begin that LAST_CREDIT is enough for. */
static size_t find_last_lines(const char *bytes, size_t size)
{
    size_t cost = LINE_COST, start = size;
    while (start > 0 && cost + 1 + LINE_COST <= LAST_CREDIT) {
        start--;
        cost += bytes[start] == '\n' ? LINE_COST : 1;
    }
    return start;
}

/* Passes on what a process that has died left in the pipe: all of it, or the end only if it logged too much. What a crash has to
 * say comes last. */
static void read_last_words(struct dd_log_relay *relay)
{
    static char bytes[PIPE_SIZE];
    ssize_t n = read(relay->fd, bytes, sizeof bytes);
    size_t size = n > 0 ? (size_t)n : 0, start = relay->too_much ? find_last_lines(bytes, size) : 0;
    for (size_t i = 0; i < start; i++)
        relay->dropped += bytes[i] == '\n';
    if (start)
        relay->length = 0;
    forgive(relay);
    relay->credit += (double)LAST_CREDIT;
    add(relay, bytes + start, size - start);
    if (relay->length)
        end_line(relay);
}

void dd_log_relay_close(struct dd_log_relay *relay)
{
    refill(relay, dd_clock_now_us());
    if (relay->fd >= 0)
        read_last_words(relay);
    forgive(relay);
    dd_fd_close(&relay->fd);
    relay->paused_until_us = 0;
}
