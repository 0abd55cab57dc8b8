/* The share of pictures that arrive over paths with losses: tests/simulate [FRAMES [BURST [SEED]]].
 *
 * Frames of 85 to 95 KB of random bytes, the size of a 1080p camera's, pass through the code of both ends: fragmenter, parity and
 * reassembly. Every frame that arrives is compared byte by byte. Encryption is left out, since it changes nothing here, and so is
 * the replay window, which would hide duplicates. The same seed gives the same losses. Exits with 1 if a share is below its
 * target. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/link/block_plan.h"
#include "dd/link/fragmenter.h"
#include "dd/link/reassembly.h"
#include "dd/link/wire.h"

enum {
    FRAMES = 100000,
    FRAMES_MAX = 10000000,
    BURST = 16, /* datagrams of a send call */
    BURST_MAX = 64,
    SHORT_BURST = 2, /* of a send call at the default rate_limit, 100 Mbit/s */
    PACKET = 1400,
    FRAME_MIN = 85000,
    FRAME_MAX = 95000,
    KEPT = 4, /* frames whose bytes are kept for comparison */
    PERIOD_US = 40000,
    MEAN_LOSSES = 8, /* in a row, where losses come in bursts */
    LATENESS = 50,   /* datagrams that may overtake one */
    SLOTS = LATENESS + 1,
    SLOT_MAX = 2 * SLOTS, /* each datagram of the time comes twice at most */
};

/* splitmix64 (S. Vigna, public domain): a mixed Weyl sequence */
#define WEYL UINT64_C(0x9e3779b97f4a7c15)

enum lost_bursts {
    NO_BURSTS = 0,
    ANY_BURSTS = 1,    /* one send call of each frame, in turn */
    RULED_BURSTS = 2,  /* the same, where a send call has no more datagrams of a block than it has parity */
    RANDOM_BURSTS = 3, /* Gilbert-Elliott: MEAN_LOSSES in a row on the average */
    WHOLE_CALLS = 4,   /* any send call, with all its datagrams: firewalls and policers drop them as one */
    SHORT_CALLS = 5,   /* the same, of SHORT_BURST datagrams */
};

struct path {
    const char *name;
    double tolerance, loss, reorder, duplicate;
    enum lost_bursts bursts;
    double target; /* share of frames; 0: none, for comparison */
};

/* clang-format off */
static const struct path paths[] = {
    {"no loss",                                0.05, 0,    0,   0,    NO_BURSTS,     0.9999},
    {"1 % lost",                               0.05, 0.01, 0,   0,    NO_BURSTS,     0.9999},
    {"5 % lost",                               0.05, 0.05, 0,   0,    NO_BURSTS,     0.9999},
    {"10 % lost",                              0.1,  0.1,  0,   0,    NO_BURSTS,     0.999},
    {"20 % lost",                              0.2,  0.2,  0,   0,    NO_BURSTS,     0.999},
    {"10 % within 50 later, 5 % twice",        0.05, 0,    0.1, 0.05, NO_BURSTS,     0.9999},
    {"the same, and 5 % lost",                 0.05, 0.05, 0.1, 0.05, NO_BURSTS,     0.999},
    {"2 % lost, 8 in a row",                   0.15, 0.02, 0,   0,    RANDOM_BURSTS, 0.995},
    {"2 % lost, 8 in a row",                   0.05, 0.02, 0,   0,    RANDOM_BURSTS, 0},
    {"a send call lost of each frame",         0.05, 0,    0,   0,    RULED_BURSTS,  1},
    {"the same, without the rule of bursts",   0.05, 0,    0,   0,    ANY_BURSTS,    0},
    {"1 % of send calls of 2 lost",            0.05, 0.01, 0,   0,    SHORT_CALLS,   0.999},
    {"5 % of send calls of 2 lost",            0.05, 0.05, 0,   0,    SHORT_CALLS,   0.99},
    {"10 % of send calls of 2 lost",           0.1,  0.1,  0,   0,    SHORT_CALLS,   0.99},
    {"5 % of long send calls lost",            0.05, 0.05, 0,   0,    WHOLE_CALLS,   0},
    {"1 % lost, without parity",               0,    0.01, 0,   0,    NO_BURSTS,     0},
};
/* clang-format on */

struct parcel {
    struct dd_wire_fragment fragment;
    uint8_t symbol[PACKET];
};

struct simulation {
    const struct path *path;
    uint64_t random;
    uint32_t burst;
    bool in_burst;
    struct dd_fragmenter *symbols;
    struct dd_reassembly *reassemble;
    uint8_t *frames[KEPT];
    uint32_t sizes[KEPT];
    uint64_t now_us;
    /* Datagrams under way, by time of arrival: slot now is next. */
    struct parcel (*slots)[SLOT_MAX];
    size_t counts[SLOTS], now;
    uint64_t sent, data, lost, delivered;
};

static uint64_t draw(struct simulation *s)
{
    uint64_t x = s->random += WEYL;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static bool chance(struct simulation *s, double rate)
{
    return (double)(draw(s) >> 11) * 0x1p-53 < rate;
}

static void fail(const char *what)
{
    fprintf(stderr, "simulate: %s\n", what);
    exit(EXIT_FAILURE);
}

static void make_frame(struct simulation *s, uint64_t number)
{
    uint8_t *bytes = s->frames[number % KEPT];
    uint32_t size = FRAME_MIN + (uint32_t)(draw(s) % (FRAME_MAX - FRAME_MIN + 1));
    for (uint32_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t random = draw(s);
        memcpy(bytes + i, &random, sizeof random);
    }
    s->sizes[number % KEPT] = size;
}

static void receive(struct simulation *s, const struct dd_wire_fragment *fragment)
{
    struct dd_reassembly_frame frame;
    enum dd_reassembly_verdict verdict = dd_reassembly_add(s->reassemble, 1, fragment, s->now_us, &frame);
    if (verdict == DD_REASSEMBLY_MALFORMED || verdict == DD_REASSEMBLY_MEMORY)
        fail("a datagram was refused");
    if (verdict != DD_REASSEMBLY_COMPLETE)
        return;
    if (frame.size != s->sizes[frame.number % KEPT] || memcmp(frame.bytes, s->frames[frame.number % KEPT], frame.size))
        fail("a frame arrived that was not sent");
    s->delivered++;
}

static void arrive_later(struct simulation *s, const struct dd_wire_fragment *fragment, size_t later)
{
    size_t slot = (s->now + later) % SLOTS;
    struct parcel *p = &s->slots[slot][s->counts[slot]++];
    if (s->counts[slot] > SLOT_MAX)
        fail("too many datagrams at one time");
    memcpy(p->symbol, fragment->symbol, fragment->symbol_bytes);
    p->fragment = *fragment;
    p->fragment.symbol = p->symbol;
}

/* Delivers a datagram that is not lost. */
static void carry(struct simulation *s, const struct dd_wire_fragment *fragment)
{
    const struct path *p = s->path;
    if (!(p->reorder > 0) && !(p->duplicate > 0)) {
        receive(s, fragment);
        return;
    }
    arrive_later(s, fragment, chance(s, p->reorder) ? 1 + draw(s) % LATENESS : 0);
    if (chance(s, p->duplicate))
        arrive_later(s, fragment, draw(s) % (LATENESS + 1));
}

/* Delivers the datagrams that are due. */
static void tick(struct simulation *s)
{
    for (size_t i = 0; i < s->counts[s->now]; i++)
        receive(s, &s->slots[s->now][i].fragment);
    s->counts[s->now] = 0;
    s->now = (s->now + 1) % SLOTS;
}

/* The length of the send call that begins with datagram n. */
static uint32_t burst_at(const struct simulation *s, const struct dd_block_plan *plan, uint32_t n)
{
    uint32_t left = dd_block_plan_datagrams(plan) - n;
    if (s->path->bursts == ANY_BURSTS)
        return left < s->burst ? left : s->burst;
    return dd_block_plan_burst(plan, n, s->path->bursts == SHORT_CALLS ? SHORT_BURST : s->burst);
}

static uint32_t count_bursts(const struct simulation *s, const struct dd_block_plan *plan)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < dd_block_plan_datagrams(plan); n += burst_at(s, plan, n))
        count++;
    return count;
}

/* Gilbert-Elliott: everything is lost during a burst. */
static bool random_burst(struct simulation *s)
{
    double end = 1.0 / (double)MEAN_LOSSES, begin = end * s->path->loss / (1 - s->path->loss);
    s->in_burst = s->in_burst ? !chance(s, end) : chance(s, begin);
    return s->in_burst;
}

static void send_frame(struct simulation *s, uint64_t number)
{
    struct dd_block_plan plan;
    struct dd_wire_fragment fragment = {.frame = number, .captured_us = s->now_us + 1};
    if (dd_block_plan_compute(&plan, s->sizes[number % KEPT], PACKET, s->path->tolerance) ||
        dd_fragmenter_begin(s->symbols, &plan, s->frames[number % KEPT]))
        fail("a frame cannot be sent");
    bool in_turn = s->path->bursts == ANY_BURSTS || s->path->bursts == RULED_BURSTS;
    bool in_calls = in_turn || s->path->bursts == WHOLE_CALLS || s->path->bursts == SHORT_CALLS, lost = false;
    uint32_t bursts = in_turn ? count_bursts(s, &plan) : 0, burst = 0, burst_end = 0;
    for (uint32_t n = 0; dd_fragmenter_left(s->symbols); n++) {
        if (in_calls && n == burst_end) {
            burst_end += burst_at(s, &plan, n);
            lost = in_turn ? burst == number % bursts : chance(s, s->path->loss);
            burst++;
        }
        if (dd_fragmenter_next(s->symbols, &fragment))
            fail("a symbol cannot be made");
        if (!in_calls)
            lost = s->path->bursts == RANDOM_BURSTS ? random_burst(s) : chance(s, s->path->loss);
        s->sent++;
        s->lost += lost;
        if (!lost)
            carry(s, &fragment);
        tick(s);
    }
    s->data += plan.symbols;
}

/* True if the share of frames that arrive is not below its target. */
static bool run(struct simulation *s, uint64_t frames)
{
    for (uint64_t number = 1; number <= frames; number++) {
        make_frame(s, number);
        send_frame(s, number);
        s->now_us += PERIOD_US;
        dd_reassembly_expire(s->reassemble, s->now_us);
    }
    for (size_t i = 0; i < SLOTS; i++)
        tick(s);
    const struct dd_reassembly_counters *c = dd_reassembly_counters(s->reassemble);
    double share = (double)s->delivered / (double)frames, n = (double)frames;
    bool good = share >= s->path->target;
    char target[16] = "-";
    if (s->path->target > 0)
        snprintf(target, sizeof target, "%.2f %%", s->path->target * 100);
    printf("%-38s %9.2f %8.1f %% %9.2f %% %9.2f %10.4f %% %9s%s\n", s->path->name, s->path->tolerance,
           (double)(s->sent - s->data) / (double)s->data * 100, (double)s->lost / (double)s->sent * 100, (double)c->recovered / n,
           share * 100, target, good ? "" : "  MISSED");
    fflush(stdout);
    return good;
}

static bool simulate(const struct path *path, uint64_t frames, uint32_t burst, uint64_t seed)
{
    struct simulation s = {.path = path, .random = seed, .burst = burst};
    s.symbols = dd_fragmenter_new();
    s.reassemble = dd_reassembly_new(FRAME_MAX);
    s.slots = malloc(SLOTS * sizeof *s.slots);
    for (size_t i = 0; i < KEPT; i++)
        s.frames[i] = malloc(FRAME_MAX + sizeof(uint64_t) + DD_FRAGMENTER_SLACK);
    if (!s.symbols || !s.reassemble || !s.slots || !s.frames[0] || !s.frames[1] || !s.frames[2] || !s.frames[3])
        fail("out of memory");
    bool good = run(&s, frames);
    dd_fragmenter_free(s.symbols);
    dd_reassembly_free(s.reassemble);
    for (size_t i = 0; i < KEPT; i++)
        free(s.frames[i]);
    free(s.slots);
    return good;
}

static uint64_t argument(int argc, char **argv, int i, uint64_t fallback, uint64_t max)
{
    char *end = NULL;
    if (i >= argc)
        return fallback;
    uint64_t value = strtoull(argv[i], &end, 10);
    if (*argv[i] < '0' || *argv[i] > '9' || *end || value > max || !value)
        fail("usage: simulate [FRAMES [BURST [SEED]]], whole numbers from 1 on; a burst has at most 64 datagrams");
    return value;
}

int main(int argc, char **argv)
{
    uint64_t frames = argument(argc, argv, 1, FRAMES, FRAMES_MAX), seed = argument(argc, argv, 3, 1, UINT32_MAX);
    uint32_t burst = (uint32_t)argument(argc, argv, 2, BURST, BURST_MAX);
    bool good = true;
    printf("%" PRIu64 " frames of %d to %d bytes in datagrams of up to %d, send calls of up to %u, seed %" PRIu64 "\n", frames,
           FRAME_MIN, FRAME_MAX, PACKET, burst, seed);
    printf("%-38s %9s %10s %11s %9s %12s %9s\n", "path", "tolerance", "parity", "lost", "recovered", "arrived", "target");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        good &= simulate(&paths[i], frames, burst, seed);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
