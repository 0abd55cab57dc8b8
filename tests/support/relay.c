/* A UDP relay that loses, delays, duplicates, reorders and corrupts datagrams, to test what the link survives.
 *
 * What happens to a datagram depends only on the seed and on its number, counted from 0 in order of arrival. So a run can be
 * repeated at any speed, and changing one rate does not change the other choices. Only bursts have a memory. Commands are lines
 * on standard input; each is answered with a line of JSON. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    DATAGRAM_MAX = 65536,
    BATCH = 64,                      /* datagrams received before those that are due are sent */
    BUFFER_BYTES = 16 * 1024 * 1024, /* of the socket: seconds of video, so that no loss is our own */
    QUEUE_MAX = 200000,              /* datagrams held; more are dropped and counted as overflow */
    RANGES_MAX = 256,                /* in a drop list */
    LINE_MAX_BYTES = 4096,
    LATE_US = 500000, /* a datagram that waits to be overtaken is sent after this time in any case */
};

/* splitmix64 (S. Vigna, public domain): a mixed Weyl sequence */
#define WEYL UINT64_C(0x9e3779b97f4a7c15)

struct range {
    uint64_t first, last;
};

/* The settings of options and "set"; rates are 0 … 1. */
struct plan {
    uint64_t seed;
    double drop, duplicate, reorder, corrupt, truncate;
    uint64_t reorder_within;
    double burst_begin, burst_end; /* Gilbert-Elliott: chances to go into and out of the state that loses everything */
    uint64_t delay_us;
    struct range ranges[RANGES_MAX];
    size_t range_count;
};

struct counters {
    uint64_t received, sent, dropped, duplicated, reordered, corrupted, truncated, overflow, unsent;
};

struct parcel {
    struct parcel *next;
    uint64_t due_us;
    uint64_t overtakers; /* number of datagrams that have yet to overtake it */
    size_t size;
    uint8_t bytes[];
};

/* a list with its tail */
struct queue {
    struct parcel *first, **last;
};

struct relay {
    int fd;
    struct sockaddr_in to;
    struct plan plan;
    struct counters counters;
    struct queue out;  /* in order of sending: a change of the delay does not reorder */
    struct queue late; /* waiting to be overtaken */
    uint64_t queued;   /* in both */
    bool in_burst, holding;
    char line[LINE_MAX_BYTES];
    size_t line_size;
    bool control_open;
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += WEYL;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* True with this probability; always uses one draw. */
static bool chance(uint64_t *state, double rate)
{
    return (double)(draw(state) >> 11) * 0x1p-53 < rate;
}

static bool parse_number(const char *text, double min, double max, double *value)
{
    char *end;
    errno = 0;
    double parsed = strtod(text, &end);
    if (errno || end == text || *end || !(parsed >= min && parsed <= max))
        return false;
    *value = parsed;
    return true;
}

/* "A:B", both at least 0 */
static bool parse_pair(const char *text, double *a, double *b)
{
    int end = 0;
    return sscanf(text, "%lf:%lf%n", a, b, &end) == 2 && !text[end] && *a >= 0 && *b >= 0;
}

/* "3,10-19"; "" is an empty list */
static bool parse_ranges(const char *text, struct plan *plan)
{
    struct range ranges[RANGES_MAX];
    size_t count = 0;
    while (*text) {
        struct range *r = &ranges[count++];
        int end = 0;
        if (count > RANGES_MAX || sscanf(text, "%" SCNu64 "%n", &r->first, &end) != 1)
            return false;
        r->last = r->first;
        text += end;
        if (*text == '-' && sscanf(++text, "%" SCNu64 "%n", &r->last, &end) == 1)
            text += end;
        if (*text == ',' && text[1])
            text++;
        else if (*text || text[-1] == '-')
            return false;
    }
    memcpy(plan->ranges, ranges, count * sizeof *ranges);
    plan->range_count = count;
    return true;
}

/* "MEANLEN:LOSS", or 0: bursts of that mean length which lose that share of all datagrams */
static bool parse_burst(const char *text, struct plan *plan)
{
    double length = 1, loss = 0;
    if (strcmp(text, "0") != 0 && (!parse_pair(text, &length, &loss) || length < 1 || loss >= 1))
        return false;
    double begin = loss / (length * (1 - loss));
    if (begin > 1)
        return false; /* so short bursts cannot lose so much */
    plan->burst_begin = begin;
    plan->burst_end = 1 / length;
    return true;
}

/* "RATE:WITHIN", or 0 */
static bool parse_reorder(const char *text, struct plan *plan)
{
    double rate = 0, within = 1;
    if (strcmp(text, "0") != 0 && (!parse_pair(text, &rate, &within) || rate > 1 || within < 1 || within > 10000))
        return false;
    plan->reorder = rate;
    plan->reorder_within = (uint64_t)within;
    return true;
}

/* Sets what the command line and "set" name alike. False if there is no such name or the value is wrong. */
static bool plan_set(struct plan *plan, const char *name, const char *value)
{
    static const char *const rate_names[] = {"drop", "duplicate", "corrupt", "truncate"};
    double *const rates[] = {&plan->drop, &plan->duplicate, &plan->corrupt, &plan->truncate};
    double number = 0;

    for (size_t i = 0; i < 4; i++)
        if (!strcmp(name, rate_names[i]))
            return parse_number(value, 0, 1, rates[i]);
    if (!strcmp(name, "burst"))
        return parse_burst(value, plan);
    if (!strcmp(name, "reorder"))
        return parse_reorder(value, plan);
    if (!strcmp(name, "drop-list"))
        return parse_ranges(value, plan);
    if (!strcmp(name, "delay") && parse_number(value, 0, 3600e3, &number))
        plan->delay_us = (uint64_t)(number * 1000);
    else if (!strcmp(name, "seed") && parse_number(value, 0, 0x1p53, &number))
        plan->seed = (uint64_t)number;
    else
        return false;
    return true;
}

static bool plan_drops(const struct plan *plan, uint64_t number)
{
    for (size_t i = 0; i < plan->range_count; i++)
        if (number >= plan->ranges[i].first && number <= plan->ranges[i].last)
            return true;
    return false;
}

static void queue_reset(struct queue *queue)
{
    queue->first = NULL;
    queue->last = &queue->first;
}

static void queue_append(struct queue *queue, struct parcel *parcel)
{
    parcel->next = NULL;
    *queue->last = parcel;
    queue->last = &parcel->next;
}

static struct parcel *queue_take(struct queue *queue)
{
    struct parcel *parcel = queue->first;
    if (parcel)
        queue->first = parcel->next;
    if (!queue->first)
        queue_reset(queue);
    return parcel;
}

static struct parcel *parcel_new(struct relay *relay, const uint8_t *bytes, size_t size, uint64_t due_us)
{
    struct parcel *parcel = relay->queued < QUEUE_MAX ? malloc(sizeof *parcel + size) : NULL;
    if (!parcel) {
        relay->counters.overflow++;
        return NULL;
    }
    parcel->next = NULL;
    parcel->due_us = due_us;
    parcel->overtakers = 0;
    parcel->size = size;
    memcpy(parcel->bytes, bytes, size);
    relay->queued++;
    return parcel;
}

/* Another datagram has passed: those that have been overtaken often enough follow it. */
static void relay_overtaken(struct relay *relay)
{
    struct queue waiting = relay->late;
    queue_reset(&relay->late);
    for (struct parcel *parcel; (parcel = queue_take(&waiting));)
        queue_append(--parcel->overtakers ? &relay->late : &relay->out, parcel);
}

static void relay_take(struct relay *relay, uint8_t *bytes, size_t size, uint64_t now)
{
    const struct plan *plan = &relay->plan;
    struct counters *counters = &relay->counters;
    uint64_t number = counters->received++;
    uint64_t state = plan->seed * WEYL + number;
    state = draw(&state); /* neighbours share nothing */

    /* Every draw is made, whatever the others give. */
    bool drop = chance(&state, plan->drop);
    relay->in_burst = relay->in_burst ? !chance(&state, plan->burst_end) : chance(&state, plan->burst_begin);
    bool duplicate = chance(&state, plan->duplicate);
    bool reorder = chance(&state, plan->reorder);
    uint64_t overtakers = 1 + draw(&state) % (plan->reorder_within ? plan->reorder_within : 1);
    bool corrupt = chance(&state, plan->corrupt);
    uint64_t bit = draw(&state);
    bool truncate = chance(&state, plan->truncate);
    uint64_t cut = draw(&state);

    drop = drop || relay->in_burst || plan_drops(plan, number);
    if (drop)
        counters->dropped++;
    if (!drop && truncate && size > 0) {
        size = cut % size;
        counters->truncated++;
    }
    if (!drop && corrupt && size > 0) {
        bit %= size * 8;
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        counters->corrupted++;
    }

    struct parcel *parcel = drop ? NULL : parcel_new(relay, bytes, size, now + plan->delay_us);
    struct parcel *copy = parcel && duplicate ? parcel_new(relay, bytes, size, now + plan->delay_us) : NULL;
    if (copy) {
        counters->duplicated++;
        queue_append(&relay->out, copy);
    }
    if (parcel && !reorder)
        queue_append(&relay->out, parcel);
    relay_overtaken(relay);
    if (parcel && reorder) {
        counters->reordered++;
        parcel->overtakers = overtakers;
        queue_append(&relay->late, parcel);
    }
}

static void relay_receive(struct relay *relay)
{
    static uint8_t bytes[DATAGRAM_MAX];
    for (int i = 0; i < BATCH; i++) {
        ssize_t size = recv(relay->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (size < 0)
            return;
        relay_take(relay, bytes, (size_t)size, now_us());
    }
}

static void relay_send(struct relay *relay, uint64_t now)
{
    if (relay->holding)
        return;
    while (relay->late.first && relay->late.first->due_us + LATE_US <= now)
        queue_append(&relay->out, queue_take(&relay->late));
    while (relay->out.first && relay->out.first->due_us <= now) {
        struct parcel *parcel = queue_take(&relay->out);
        if (sendto(relay->fd, parcel->bytes, parcel->size, 0, (struct sockaddr *)&relay->to, sizeof relay->to) < 0)
            relay->counters.unsent++;
        else
            relay->counters.sent++;
        relay->queued--;
        free(parcel);
    }
}

/* Microseconds until the next datagram is due; -1 if none is. */
static int64_t relay_wait_us(const struct relay *relay, uint64_t now)
{
    uint64_t due = UINT64_MAX;
    if (relay->holding)
        return -1;
    if (relay->out.first)
        due = relay->out.first->due_us;
    if (relay->late.first && relay->late.first->due_us + LATE_US < due)
        due = relay->late.first->due_us + LATE_US;
    if (due == UINT64_MAX)
        return -1;
    return due > now ? (int64_t)(due - now) : 0;
}

static void print_stats(const struct relay *relay)
{
    const struct counters *c = &relay->counters;
    printf("{\"received\": %" PRIu64 ", \"sent\": %" PRIu64 ", \"dropped\": %" PRIu64 ", \"duplicated\": %" PRIu64
           ", \"reordered\": %" PRIu64 ", \"corrupted\": %" PRIu64 ", \"truncated\": %" PRIu64 ", \"queued\": %" PRIu64
           ", \"overflow\": %" PRIu64 ", \"unsent\": %" PRIu64 "}\n",
           c->received, c->sent, c->dropped, c->duplicated, c->reordered, c->corrupted, c->truncated, relay->queued, c->overflow,
           c->unsent);
    fflush(stdout);
}

static void command(struct relay *relay, char *line)
{
    char *rest = NULL;
    const char *verb = strtok_r(line, " \t\r", &rest);
    const char *name = strtok_r(NULL, " \t\r", &rest);
    const char *value = strtok_r(NULL, " \t\r", &rest);
    bool done = false;

    if (!verb)
        return;
    if (!strcmp(verb, "stats")) {
        print_stats(relay);
        return;
    }
    if (!strcmp(verb, "hold") || !strcmp(verb, "release")) {
        relay->holding = !strcmp(verb, "hold");
        done = true;
    } else if (!strcmp(verb, "set") && name)
        done = plan_set(&relay->plan, name, value ? value : "");
    puts(done ? "{\"ok\": true}" : "{\"ok\": false, \"error\": \"set NAME VALUE, stats, hold or release\"}");
    fflush(stdout);
}

static void control_read(struct relay *relay)
{
    ssize_t size = read(STDIN_FILENO, relay->line + relay->line_size, sizeof relay->line - relay->line_size);
    if (size <= 0) {
        relay->control_open = false;
        return;
    }
    relay->line_size += (size_t)size;
    char *newline;
    while ((newline = memchr(relay->line, '\n', relay->line_size))) {
        size_t taken = (size_t)(newline - relay->line) + 1;
        *newline = '\0';
        command(relay, relay->line);
        relay->line_size -= taken;
        memmove(relay->line, newline + 1, relay->line_size);
    }
    if (relay->line_size == sizeof relay->line) /* no command is so long */
        relay->line_size = 0;
}

/* "127.0.0.1:5005", or a port alone */
static bool parse_address(const char *text, struct sockaddr_in *address)
{
    char host[32] = "127.0.0.1";
    const char *colon = strrchr(text, ':');
    double port;
    if (colon && (size_t)(colon - text) >= sizeof host)
        return false;
    if (colon)
        memcpy(mempcpy(host, text, (size_t)(colon - text)), "", 1);
    if (!parse_number(colon ? colon + 1 : text, 0, 65535, &port))
        return false;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

static bool open_socket(struct relay *relay, const char *listen_text)
{
    static const int bytes = BUFFER_BYTES;
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    if (!parse_address(listen_text, &address)) {
        fprintf(stderr, "relay: --listen %s is not 127.0.0.1:PORT or a port\n", listen_text);
        return false;
    }
    relay->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (relay->fd < 0 || bind(relay->fd, (struct sockaddr *)&address, size)) {
        fprintf(stderr, "relay: cannot listen on %s: %s\n", listen_text, strerror(errno));
        return false;
    }
    if (setsockopt(relay->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes)) /* needs root */
        setsockopt(relay->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);

    getsockname(relay->fd, (struct sockaddr *)&address, &size);
    printf("ready %u\n", ntohs(address.sin_port));
    fflush(stdout);
    return true;
}

static bool parse_options(struct relay *relay, int argc, char **argv, const char **listen_text)
{
    static const char usage[] =
        "relay --listen [ADDRESS:]PORT --to [ADDRESS:]PORT [--seed N] [--drop RATE] [--burst MEANLEN:LOSS]\n"
        "      [--duplicate RATE] [--reorder RATE:WITHIN] [--delay MS] [--corrupt RATE] [--truncate RATE]\n"
        "      [--drop-list N,N-M...]\n";
    const char *to = NULL;
    int at = 1;
    for (; at + 1 < argc; at += 2) {
        const char *name = strncmp(argv[at], "--", 2) ? "" : argv[at] + 2;
        if (!strcmp(name, "listen"))
            *listen_text = argv[at + 1];
        else if (!strcmp(name, "to"))
            to = argv[at + 1];
        else if (!plan_set(&relay->plan, name, argv[at + 1])) {
            fprintf(stderr, "relay: %s %s is not right\n%s", argv[at], argv[at + 1], usage);
            return false;
        }
    }
    if (at == argc && *listen_text && to && parse_address(to, &relay->to))
        return true;
    fputs(usage, stderr);
    return false;
}

static int catch_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
    static struct relay relay = {.fd = -1, .control_open = true, .plan = {.seed = 1, .burst_end = 1, .reorder_within = 1}};
    const char *listen_text = NULL;
    queue_reset(&relay.out);
    queue_reset(&relay.late);
    int signals = catch_signals();
    if (signals < 0 || !parse_options(&relay, argc, argv, &listen_text) || !open_socket(&relay, listen_text))
        return EXIT_FAILURE;

    for (;;) {
        struct pollfd fds[] = {
            {.fd = signals, .events = POLLIN},
            {.fd = relay.fd, .events = POLLIN},
            {.fd = relay.control_open ? STDIN_FILENO : -1, .events = POLLIN},
        };
        int64_t wait_us = relay_wait_us(&relay, now_us());
        struct timespec wait = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
        if (ppoll(fds, 3, wait_us < 0 ? NULL : &wait, NULL) < 0 && errno != EINTR)
            break;
        if (fds[0].revents)
            break;
        if (fds[1].revents)
            relay_receive(&relay);
        if (fds[2].revents)
            control_read(&relay);
        relay_send(&relay, now_us());
    }
    print_stats(&relay);
    return EXIT_SUCCESS;
}
