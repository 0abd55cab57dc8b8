#include "recv/serve/broadcast.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/frame_ring.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_picture.h"
#include "recv/serve/stale_mark_cache.h"
#include "recv/stream_state.h"

/* The last picture goes out again after this time without a new one: that is also how dead viewers are found, since nobody
 * notices that a sleeping one is gone. */
static const uint64_t repeat_us = DD_CLOCK_US_PER_S;
/* Chromium shows a picture in an <img> only when the header of the part behind it is there: a viewer that has a new one and
 * nothing else to take gets it again after this time, once. Who reads raw=1 is no <img>. */
static const uint64_t echo_us = DD_CLOCK_US_PER_S / 4;
/* How often the watcher judges a stream for its sleeping viewers. */
static const uint64_t judge_period_us = DD_CLOCK_US_PER_S / 4;
/* A mark takes decoding and encoding: of a stream that moves, but is held back on its way, not every picture gets one. */
static const uint64_t mark_period_us = DD_CLOCK_US_PER_S / 4;

LIST_HEAD(seat_list, dd_broadcast_subscriber);

struct dd_broadcast_subscriber {
    struct dd_broadcast *hub;
    struct dd_broadcast_viewer viewer;        /* immutable */
    LIST_ENTRY(dd_broadcast_subscriber) link; /* in waiting: stream->lock; once taken from there: the watcher */
    uint64_t served_count;                    /* stream->newest_count of what it got last; stream->lock */
    uint64_t earliest_us, repeat_us;          /* when it may get a new picture, and when the same again; stream->lock */
    bool echo;                                /* what it got last was new to it, in number or level; stream->lock */
    enum dd_freshness_level level;            /* with what it got last; stream->lock */
    uint64_t level_us;                        /* when it may get the same with another level; stream->lock */
};

struct stream {
    pthread_mutex_t lock;
    struct dd_frame_ring *ring;           /* immutable */
    const struct dd_serve_stream *config; /* immutable */
    struct dd_shared_picture *newest;     /* lock */
    uint64_t newest_count;                /* the ring's count when newest was its last frame; lock */
    uint64_t tried_count;                 /* the ring's count when it was last looked for a frame; lock */
    struct dd_stream_state state;         /* the last that could be observed; lock */
    enum dd_freshness_level level;        /* as it was last judged; lock */
    uint64_t judge_us;                    /* when the watcher judges it next; lock */
    struct dd_shared_picture *marked;     /* what viewers get marked until mark_us, without its mark; lock */
    uint64_t mark_us;                     /* lock */
    struct dd_stale_mark_cache *marks;    /* NULL: stale_mark is off; immutable, with locks that may be taken under lock */
    struct seat_list waiting;             /* lock */
    unsigned viewers;                     /* lock */
    bool stopping;                        /* lock */
};

struct dd_broadcast {
    const struct dd_serve_config *config;
    atomic_uint viewers; /* of all streams */
    size_t stream_count; /* those that are set up */
    struct stream streams[];
};

static int open_stream(struct stream *stream, const struct dd_serve_stream *config, int fd)
{
    stream->config = config;
    LIST_INIT(&stream->waiting);
    stream->level = DD_FRESHNESS_STALE;
    stream->ring = dd_frame_ring_open_reader(fd, &config->ring);
    if (!stream->ring)
        return DD_ERROR_INPUT;
    if (config->stale_mark) {
        stream->marks = dd_stale_mark_cache_new(config->max_frame_bytes);
        if (!stream->marks) {
            dd_log_error("no memory for stream %s", config->name);
            dd_frame_ring_close(stream->ring);
            return DD_ERROR_MEMORY;
        }
    }
    pthread_mutex_init(&stream->lock, NULL);
    return 0;
}

struct dd_broadcast *dd_broadcast_new(const struct dd_serve_config *config, const int *ring_fds)
{
    struct dd_broadcast *hub = calloc(1, sizeof *hub + config->stream_count * sizeof *hub->streams);
    if (!hub) {
        dd_log_error("no memory for %u streams", config->stream_count);
        return NULL;
    }
    hub->config = config;
    atomic_init(&hub->viewers, 0);
    for (size_t i = 0; i < config->stream_count; i++) {
        if (open_stream(&hub->streams[i], &config->streams[i], ring_fds[i]) != 0) {
            dd_broadcast_free(hub);
            return NULL;
        }
        hub->stream_count++;
    }
    return hub;
}

void dd_broadcast_free(struct dd_broadcast *hub)
{
    if (!hub)
        return;
    for (size_t i = 0; i < hub->stream_count; i++) {
        dd_shared_picture_unref(&hub->streams[i].newest);
        dd_shared_picture_unref(&hub->streams[i].marked);
        dd_stale_mark_cache_free(hub->streams[i].marks);
        dd_frame_ring_close(hub->streams[i].ring);
        pthread_mutex_destroy(&hub->streams[i].lock);
    }
    free(hub);
}

/* Takes the ring's last frame if it is another one than before; stream->lock is held. What can't be taken is not tried
 * again: another one will follow, and the one before is still true. */
static void look_for_frame(struct stream *stream)
{
    uint64_t count = dd_frame_ring_count(stream->ring);
    if (count == 0 || count == stream->tried_count)
        return;
    stream->tried_count = count;
    struct dd_shared_picture *frame = dd_shared_picture_copy(stream->ring, count - 1, stream->config->max_frame_bytes);
    if (!frame)
        return;
    dd_shared_picture_unref(&stream->newest);
    stream->newest = frame;
    stream->newest_count = count;
}

/* stream->lock is held. */
static void judge(struct stream *stream, uint64_t now_us, struct dd_freshness *freshness)
{
    const struct dd_freshness_limits limits = {.live_us = stream->config->live_us, .stale_us = stream->config->stale_us};
    /* A state that is being written is as good as the one before. */
    dd_frame_ring_observe(stream->ring, &stream->state, sizeof stream->state);
    dd_freshness_evaluate(&stream->state, &limits, now_us, freshness);
    stream->level = freshness->level;
    if (stream->marks && stream->level == DD_FRESHNESS_LIVE) {
        dd_stale_mark_cache_drop(stream->marks);
        dd_shared_picture_unref(&stream->marked);
    }
}

/* What the mark is to say of a picture of this freshness. */
static struct dd_stale_mark_words choose_words(const struct stream *stream, const struct dd_freshness *freshness)
{
    return stream->marks ? dd_stale_mark_words(freshness) : (struct dd_stale_mark_words){.level = DD_FRESHNESS_LIVE};
}

/* The frame that a viewer is to get marked, with one reference; stream->lock is held. */
static struct dd_shared_picture *choose_marked(struct stream *stream, uint64_t now_us)
{
    if (!stream->marked || now_us >= stream->mark_us) {
        dd_shared_picture_unref(&stream->marked);
        stream->marked = dd_shared_picture_ref(stream->newest);
        stream->mark_us = now_us + mark_period_us;
    }
    return dd_shared_picture_ref(stream->marked);
}

/* Takes frame, and returns it with its mark. Not under the lock: it takes its time. */
static struct dd_shared_picture *mark(const struct stream *stream, struct dd_shared_picture *frame,
                                      const struct dd_stale_mark_words *words)
{
    if (words->level == DD_FRESHNESS_LIVE)
        return frame;
    struct dd_shared_picture *marked = dd_stale_mark_cache_get(stream->marks, frame, words);
    dd_shared_picture_unref(&frame);
    return marked;
}

/* ---- the watcher ---- */

/* When seat is to be woken; stream->lock is held. */
static uint64_t due_us(const struct stream *stream, const struct dd_broadcast_subscriber *seat)
{
    uint64_t us = seat->served_count != stream->newest_count ? seat->earliest_us : seat->repeat_us;
    return seat->level != stream->level && seat->level_us < us ? seat->level_us : us;
}

/* Moves the seats that are due by now_us to woken. Returns when the next one is. */
static uint64_t take_due(struct stream *stream, uint64_t now_us, struct seat_list *woken)
{
    uint64_t next_us = UINT64_MAX;
    struct dd_broadcast_subscriber *after = NULL;
    pthread_mutex_lock(&stream->lock);
    if (!LIST_EMPTY(&stream->waiting)) {
        look_for_frame(stream);
        if (stream->judge_us <= now_us) {
            struct dd_freshness freshness;
            judge(stream, now_us, &freshness);
            stream->judge_us = now_us + judge_period_us;
        }
    }
    for (struct dd_broadcast_subscriber *seat = LIST_FIRST(&stream->waiting); seat; seat = after) {
        after = LIST_NEXT(seat, link);
        uint64_t seat_us = due_us(stream, seat);
        if (seat_us <= now_us) {
            LIST_REMOVE(seat, link);
            LIST_INSERT_HEAD(woken, seat, link);
        } else if (seat_us < next_us) {
            next_us = seat_us;
        }
    }
    pthread_mutex_unlock(&stream->lock);
    return next_us;
}

/* Without the lock: nobody else touches a seat that sleeps and is in no list of the hub's, but once woken it can be back
 * in one, or gone, at once. */
static void wake_all(struct seat_list *woken)
{
    struct dd_broadcast_subscriber *after = NULL;
    for (struct dd_broadcast_subscriber *seat = LIST_FIRST(woken); seat; seat = after) {
        after = LIST_NEXT(seat, link);
        seat->viewer.wake(seat->viewer.owner);
    }
}

uint64_t dd_broadcast_watch(struct dd_broadcast *hub, uint64_t now_us)
{
    uint64_t next_us = UINT64_MAX;
    for (size_t i = 0; i < hub->stream_count; i++) {
        struct seat_list woken = LIST_HEAD_INITIALIZER(woken);
        uint64_t stream_us = take_due(&hub->streams[i], now_us, &woken);
        next_us = stream_us < next_us ? stream_us : next_us;
        wake_all(&woken);
    }
    return next_us;
}

void dd_broadcast_stop(struct dd_broadcast *hub)
{
    for (size_t i = 0; i < hub->stream_count; i++) {
        struct seat_list woken = LIST_HEAD_INITIALIZER(woken);
        pthread_mutex_lock(&hub->streams[i].lock);
        hub->streams[i].stopping = true;
        pthread_mutex_unlock(&hub->streams[i].lock);
        take_due(&hub->streams[i], UINT64_MAX, &woken);
        wake_all(&woken);
    }
}

/* ---- viewers ---- */

int dd_broadcast_subscribe(struct dd_broadcast *hub, const struct dd_broadcast_viewer *viewer,
                           struct dd_broadcast_subscriber **seat)
{
    *seat = NULL;
    if (atomic_fetch_add(&hub->viewers, 1) >= hub->config->max_viewers) {
        atomic_fetch_sub(&hub->viewers, 1);
        return DD_ERROR_SPACE;
    }
    struct dd_broadcast_subscriber *s = calloc(1, sizeof *s);
    if (!s) {
        atomic_fetch_sub(&hub->viewers, 1);
        return DD_ERROR_MEMORY;
    }
    s->hub = hub;
    s->viewer = *viewer;
    struct stream *stream = &hub->streams[viewer->stream];
    pthread_mutex_lock(&stream->lock);
    stream->viewers++;
    pthread_mutex_unlock(&stream->lock);
    *seat = s;
    return 0;
}

void dd_broadcast_unsubscribe(struct dd_broadcast_subscriber *seat)
{
    if (!seat)
        return;
    struct stream *stream = &seat->hub->streams[seat->viewer.stream];
    pthread_mutex_lock(&stream->lock);
    stream->viewers--;
    pthread_mutex_unlock(&stream->lock);
    atomic_fetch_sub(&seat->hub->viewers, 1);
    free(seat);
}

/* stream->lock is held. */
static void serve_seat(struct stream *stream, struct dd_broadcast_subscriber *seat, uint64_t now_us)
{
    uint64_t period_us = seat->viewer.period_us;
    seat->echo = !seat->viewer.raw && (seat->served_count != stream->newest_count || seat->level != stream->level);
    seat->served_count = stream->newest_count;
    seat->earliest_us = now_us + period_us;
    seat->repeat_us = now_us + (period_us > repeat_us ? period_us : repeat_us);
    seat->level_us = now_us + (period_us < repeat_us ? period_us : repeat_us);
    seat->level = stream->level;
}

/* stream->lock is held. */
static void rest_seat(struct stream *stream, struct dd_broadcast_subscriber *seat, uint64_t now_us)
{
    uint64_t soon_us = now_us + echo_us > seat->earliest_us ? now_us + echo_us : seat->earliest_us;
    if (seat->echo && soon_us < seat->repeat_us)
        seat->repeat_us = soon_us;
    seat->echo = false;
    /* Under the lock, so that the watcher can't wake it before it sleeps. */
    seat->viewer.sleep(seat->viewer.owner);
    LIST_INSERT_HEAD(&stream->waiting, seat, link);
}

int dd_broadcast_next(struct dd_broadcast_subscriber *seat, struct dd_shared_picture **frame, enum dd_freshness_level *level)
{
    struct stream *stream = &seat->hub->streams[seat->viewer.stream];
    struct dd_stale_mark_words words = {.level = DD_FRESHNESS_LIVE};
    struct dd_freshness freshness;
    int result = 0;
    *frame = NULL;
    *level = DD_FRESHNESS_STALE;

    pthread_mutex_lock(&stream->lock);
    look_for_frame(stream);
    uint64_t now_us = dd_clock_now_us();
    if (stream->stopping) {
        result = DD_ERROR_STOPPED;
    } else if (due_us(stream, seat) > now_us) {
        result = DD_ERROR_AGAIN;
        rest_seat(stream, seat, now_us);
    } else {
        judge(stream, now_us, &freshness);
        serve_seat(stream, seat, now_us);
        *level = freshness.level;
        if (!seat->viewer.raw)
            words = choose_words(stream, &freshness);
        if (stream->newest)
            *frame = words.level == DD_FRESHNESS_LIVE ? dd_shared_picture_ref(stream->newest) : choose_marked(stream, now_us);
    }
    pthread_mutex_unlock(&stream->lock);
    if (*frame) {
        *frame = mark(stream, *frame, &words);
        result = *frame ? 0 : DD_ERROR_MEMORY;
    }
    return result;
}

/* ---- what a stream is like ---- */

struct dd_shared_picture *dd_broadcast_newest(struct dd_broadcast *hub, size_t stream, struct dd_stale_mark_words *words)
{
    struct stream *s = &hub->streams[stream];
    struct dd_freshness freshness;
    pthread_mutex_lock(&s->lock);
    look_for_frame(s);
    struct dd_shared_picture *frame = s->newest ? dd_shared_picture_ref(s->newest) : NULL;
    judge(s, dd_clock_now_us(), &freshness);
    if (words)
        *words = choose_words(s, &freshness);
    pthread_mutex_unlock(&s->lock);
    return frame;
}

struct dd_shared_picture *dd_broadcast_mark(struct dd_broadcast *hub, size_t stream, struct dd_shared_picture *frame,
                                            const struct dd_stale_mark_words *words)
{
    return mark(&hub->streams[stream], dd_shared_picture_ref(frame), words);
}

void dd_broadcast_freshness(struct dd_broadcast *hub, size_t stream, struct dd_freshness *freshness)
{
    struct stream *s = &hub->streams[stream];
    pthread_mutex_lock(&s->lock);
    judge(s, dd_clock_now_us(), freshness);
    pthread_mutex_unlock(&s->lock);
}

void dd_broadcast_state(struct dd_broadcast *hub, size_t stream, struct dd_stream_state *state)
{
    struct stream *s = &hub->streams[stream];
    pthread_mutex_lock(&s->lock);
    dd_frame_ring_observe(s->ring, &s->state, sizeof s->state);
    *state = s->state;
    pthread_mutex_unlock(&s->lock);
}

unsigned dd_broadcast_viewers(struct dd_broadcast *hub, size_t stream)
{
    struct stream *s = &hub->streams[stream];
    pthread_mutex_lock(&s->lock);
    unsigned viewers = s->viewers;
    pthread_mutex_unlock(&s->lock);
    return viewers;
}

const struct dd_frame_ring *dd_broadcast_ring(const struct dd_broadcast *hub, size_t stream)
{
    return hub->streams[stream].ring;
}

bool dd_broadcast_intake_alive(const struct dd_broadcast *hub)
{
    uint64_t now_us = dd_clock_now_us();
    for (size_t i = 0; i < hub->stream_count; i++)
        if (dd_frame_ring_alive_until(hub->streams[i].ring) < now_us)
            return false;
    return true;
}
