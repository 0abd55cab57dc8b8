#include "recv/serve/newest_picture.h"

#include <stdlib.h>

#include "dd/base/clock.h"
#include "dd/base/log.h"
#include "dd/link/frame_ring.h"
#include "recv/serve/freshness.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_picture.h"
#include "recv/stream_state.h"

/* Often enough not to be noticed; seldom enough that what can never be copied costs nothing. */
static const uint64_t retry_period_us = DD_CLOCK_US_PER_S / 4;
enum { TRIES = 3 }; /* if intake is just writing */

/* What the state says of its frame, as in struct dd_stream_state. */
struct frame {
    uint64_t number, us, captured_us, age_us, confirmed_us, confirmed_age_us;
};

struct dd_newest_picture {
    struct dd_frame_ring *ring;
    const struct dd_serve_stream *config;
    struct dd_shared_picture *picture; /* NULL before the first */
    struct frame own;                  /* by the newest state seen that is of picture; zeroes: none was */
    struct dd_stream_state state;      /* the newest state that could be read */
    uint64_t count;                    /* the ring's when picture was its last entry */
    uint64_t tried_count, retry_us;    /* the ring's at the last attempt to copy; until when this one is not tried again */
};

struct dd_newest_picture *dd_newest_picture_open(int ring_fd, const struct dd_serve_stream *config)
{
    struct dd_newest_picture *newest = calloc(1, sizeof *newest);
    if (!newest) {
        dd_log_error("no memory for stream %s", config->name);
        return NULL;
    }
    newest->config = config;
    newest->ring = dd_frame_ring_open_reader(ring_fd, &config->ring);
    if (!newest->ring) {
        free(newest);
        return NULL;
    }
    return newest;
}

void dd_newest_picture_close(struct dd_newest_picture *newest)
{
    if (!newest)
        return;
    dd_shared_picture_unref(&newest->picture);
    dd_frame_ring_close(newest->ring);
    free(newest);
}

static bool is_of(const struct dd_stream_state *state, const struct dd_shared_picture *picture)
{
    return state->frame == dd_shared_picture_number(picture) &&
           state->frame_captured_us == dd_shared_picture_captured_us(picture);
}

/* Reads the state. If intake is just writing it, the one read before is kept. True if it is of picture. */
static bool observe(struct dd_newest_picture *newest, const struct dd_shared_picture *picture)
{
    dd_frame_ring_observe(newest->ring, &newest->state, sizeof newest->state);
    return picture && is_of(&newest->state, picture);
}

static void note_own(struct dd_newest_picture *newest)
{
    const struct dd_stream_state *s = &newest->state;
    newest->own =
        (struct frame){s->frame, s->frame_us, s->frame_captured_us, s->frame_age_us, s->confirmed_us, s->confirmed_age_us};
}

/* The ring's last frame, with one reference, if it is new and due to be tried; else NULL. */
static struct dd_shared_picture *copy_last(struct dd_newest_picture *newest, uint64_t now_us)
{
    uint64_t count = dd_frame_ring_count(newest->ring);
    if (count == 0 || count == newest->count || (count == newest->tried_count && now_us < newest->retry_us))
        return NULL;
    newest->tried_count = count;
    newest->retry_us = now_us + retry_period_us;
    return dd_shared_picture_copy(newest->ring, count - 1, newest->config->max_frame_bytes);
}

bool dd_newest_picture_update(struct dd_newest_picture *newest, uint64_t now_us)
{
    for (int i = 0; i < TRIES; i++) {
        struct dd_shared_picture *picture = copy_last(newest, now_us);
        if (!picture)
            return false;
        bool is_known = observe(newest, picture);
        /* A picture of which nothing is known is stale. It must not take the place of one that may be live. */
        if (is_known || !newest->own.number) {
            dd_shared_picture_unref(&newest->picture);
            newest->picture = picture;
            newest->count = newest->tried_count;
            if (is_known)
                note_own(newest);
            return true;
        }
        dd_shared_picture_unref(&picture); /* intake was faster: there is a newer one, or will be at once */
    }
    return false;
}

struct dd_shared_picture *dd_newest_picture_get(const struct dd_newest_picture *newest)
{
    return newest->picture;
}

static void evaluate(const struct dd_newest_picture *newest, const struct dd_stream_state *state, uint64_t now_us,
                     struct dd_freshness *freshness)
{
    const struct dd_freshness_limits limits = {.live_us = newest->config->live_us, .stale_us = newest->config->stale_us};
    dd_freshness_evaluate(state, &limits, now_us, freshness);
}

/* The state as it would be without the newer frame of which it is. */
static struct dd_stream_state own_state(const struct dd_newest_picture *newest)
{
    struct dd_stream_state state = newest->state;
    const struct frame *own = &newest->own;
    if (!state.newer_announced_us || state.newer_announced_us > state.frame_us)
        state.newer_announced_us = state.frame_us;
    state.frame = own->number;
    state.frame_us = own->us;
    state.frame_captured_us = own->captured_us;
    state.frame_age_us = own->age_us;
    state.confirmed_us = own->confirmed_us;
    state.confirmed_age_us = own->confirmed_age_us;
    return state;
}

void dd_newest_picture_evaluate(struct dd_newest_picture *newest, uint64_t now_us, struct dd_freshness *freshness)
{
    bool is_own = observe(newest, newest->picture);
    if (is_own)
        note_own(newest);
    if (is_own || !newest->picture) {
        evaluate(newest, &newest->state, now_us, freshness);
    } else {
        const struct dd_stream_state state = own_state(newest);
        evaluate(newest, &state, now_us, freshness);
    }
}

void dd_newest_picture_evaluate_stream(struct dd_newest_picture *newest, uint64_t now_us, struct dd_freshness *freshness)
{
    evaluate(newest, dd_newest_picture_state(newest), now_us, freshness);
}

const struct dd_stream_state *dd_newest_picture_state(struct dd_newest_picture *newest)
{
    if (observe(newest, newest->picture))
        note_own(newest);
    return &newest->state;
}

const struct dd_frame_ring *dd_newest_picture_ring(const struct dd_newest_picture *newest)
{
    return newest->ring;
}
