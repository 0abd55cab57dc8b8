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

/* Without a new picture, the last one is sent again after this time. Writing is also the only way to find out that a viewer is
 * gone: a suspended connection does not notice. */
static const uint64_t repeat_us = DD_CLOCK_US_PER_S;
/* In an <img>, Chromium shows a picture only once the next part's header has arrived. So a new picture is repeated once after
 * this time if no newer one follows. Readers of raw=1 are scripts, and need no repetition. */
static const uint64_t echo_us = DD_CLOCK_US_PER_S / 4;
/* How often the watcher evaluates a stream's freshness for its suspended viewers. */
static const uint64_t evaluate_period_us = DD_CLOCK_US_PER_S / 4;
/* A mark costs a decoding and an encoding. In a stream that moves, but is delayed, not every picture gets one. */
static const uint64_t mark_period_us = DD_CLOCK_US_PER_S / 4;

LIST_HEAD(subscriber_list, dd_broadcast_subscriber);

struct dd_broadcast_subscriber {
    struct dd_broadcast *broadcast;
    struct dd_broadcast_subscription subscription; /* immutable */
    LIST_ENTRY(dd_broadcast_subscriber) link;      /* while in stream->waiting: stream->lock; then only the watcher's */
    uint64_t served_count;                         /* stream->newest_count of the picture sent last; stream->lock */
    uint64_t earliest_us, repeat_us;               /* when it may get a new picture, and the same one again; stream->lock */
    bool echo;                                     /* number or level of the picture sent last were new to it; stream->lock */
    enum dd_freshness_level level;                 /* sent with the last picture; stream->lock */
    uint64_t level_us;                             /* when it may get the same picture with another level; stream->lock */
};

struct stream {
    pthread_mutex_t lock;
    struct dd_frame_ring *ring;           /* immutable */
    const struct dd_serve_stream *config; /* immutable */
    struct dd_shared_picture *newest;     /* NULL before the first; lock */
    uint64_t newest_count;                /* the ring's count when newest was its last entry; lock */
    uint64_t tried_count;                 /* the ring's count at the last attempt to copy its last entry; lock */
    struct dd_stream_state state;         /* intake's last state that could be read; lock */
    enum dd_freshness_level level;        /* as last evaluated; lock */
    uint64_t evaluate_us;                 /* when the watcher evaluates it next; lock */
    /* The picture that viewers get marked until mark_us; kept here without its mark. Both: lock. */
    struct dd_shared_picture *to_mark;
    uint64_t mark_us;
    /* NULL: stale_mark is off. The pointer is immutable. Lock order: lock, then the cache's own. */
    struct dd_stale_mark_cache *mark_cache;
    struct subscriber_list waiting; /* those whose viewer is suspended; lock */
    unsigned viewers;               /* lock */
    bool stopping;                  /* lock */
};

struct dd_broadcast {
    const struct dd_serve_config *config; /* immutable */
    atomic_uint viewers;                  /* of all streams */
    size_t stream_count;                  /* streams that are open; immutable once new returns */
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
        stream->mark_cache = dd_stale_mark_cache_new(config->max_frame_bytes);
        if (!stream->mark_cache) {
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
    struct dd_broadcast *broadcast = calloc(1, sizeof *broadcast + config->stream_count * sizeof *broadcast->streams);
    if (!broadcast) {
        dd_log_error("no memory for %u streams", config->stream_count);
        return NULL;
    }
    broadcast->config = config;
    atomic_init(&broadcast->viewers, 0);
    for (size_t i = 0; i < config->stream_count; i++) {
        if (open_stream(&broadcast->streams[i], &config->streams[i], ring_fds[i]) != 0) {
            dd_broadcast_free(broadcast);
            return NULL;
        }
        broadcast->stream_count++;
    }
    return broadcast;
}

void dd_broadcast_free(struct dd_broadcast *broadcast)
{
    if (!broadcast)
        return;
    for (size_t i = 0; i < broadcast->stream_count; i++) {
        dd_shared_picture_unref(&broadcast->streams[i].newest);
        dd_shared_picture_unref(&broadcast->streams[i].to_mark);
        dd_stale_mark_cache_free(broadcast->streams[i].mark_cache);
        dd_frame_ring_close(broadcast->streams[i].ring);
        pthread_mutex_destroy(&broadcast->streams[i].lock);
    }
    free(broadcast);
}

/* Copies the ring's last entry into newest if there is a new one; stream->lock is held. An entry that can't be copied is not
 * tried again: another one will follow, and the picture before it still counts. */
static void fetch_newest(struct stream *stream)
{
    uint64_t count = dd_frame_ring_count(stream->ring);
    if (count == 0 || count == stream->tried_count)
        return;
    stream->tried_count = count;
    struct dd_shared_picture *picture = dd_shared_picture_copy(stream->ring, count - 1, stream->config->max_frame_bytes);
    if (!picture)
        return;
    dd_shared_picture_unref(&stream->newest);
    stream->newest = picture;
    stream->newest_count = count;
}

/* Computes the freshness, and drops marked pictures once it is live; stream->lock is held. */
static void evaluate(struct stream *stream, uint64_t now_us, struct dd_freshness *freshness)
{
    const struct dd_freshness_limits limits = {.live_us = stream->config->live_us, .stale_us = stream->config->stale_us};
    /* If intake is just writing its state, the one read before is kept. */
    dd_frame_ring_observe(stream->ring, &stream->state, sizeof stream->state);
    dd_freshness_evaluate(&stream->state, &limits, now_us, freshness);
    stream->level = freshness->level;
    if (stream->mark_cache && stream->level == DD_FRESHNESS_LIVE) {
        dd_stale_mark_cache_drop(stream->mark_cache);
        dd_shared_picture_unref(&stream->to_mark);
    }
}

/* What the mark says at this freshness; level DD_FRESHNESS_LIVE: there is none. */
static struct dd_stale_mark_words mark_words(const struct stream *stream, const struct dd_freshness *freshness)
{
    return stream->mark_cache ? dd_stale_mark_words(freshness) : (struct dd_stale_mark_words){.level = DD_FRESHNESS_LIVE};
}

/* The picture to mark for a viewer now, with one reference; stream->newest exists, stream->lock is held. */
static struct dd_shared_picture *picture_to_mark(struct stream *stream, uint64_t now_us)
{
    if (!stream->to_mark || now_us >= stream->mark_us) {
        dd_shared_picture_unref(&stream->to_mark);
        stream->to_mark = dd_shared_picture_ref(stream->newest);
        stream->mark_us = now_us + mark_period_us;
    }
    return dd_shared_picture_ref(stream->to_mark);
}

/* Takes picture, and returns it with its mark; NULL if there is no memory. It decodes and encodes, so not under the lock. */
static struct dd_shared_picture *apply_mark(const struct stream *stream, struct dd_shared_picture *picture,
                                            const struct dd_stale_mark_words *words)
{
    if (words->level == DD_FRESHNESS_LIVE)
        return picture;
    struct dd_shared_picture *marked = dd_stale_mark_cache_get(stream->mark_cache, picture, words);
    dd_shared_picture_unref(&picture);
    return marked;
}

/* ---- the watcher ---- */

/* When subscriber is due for its next part; stream->lock is held. */
static uint64_t due_us(const struct stream *stream, const struct dd_broadcast_subscriber *subscriber)
{
    uint64_t us = subscriber->served_count != stream->newest_count ? subscriber->earliest_us : subscriber->repeat_us;
    return subscriber->level != stream->level && subscriber->level_us < us ? subscriber->level_us : us;
}

/* Moves the subscribers that are due by now_us from stream->waiting to due. Returns when the next one is due. */
static uint64_t collect_due(struct stream *stream, uint64_t now_us, struct subscriber_list *due)
{
    uint64_t next_us = UINT64_MAX;
    struct dd_broadcast_subscriber *after = NULL;
    pthread_mutex_lock(&stream->lock);
    if (!LIST_EMPTY(&stream->waiting)) {
        fetch_newest(stream);
        if (stream->evaluate_us <= now_us) {
            struct dd_freshness freshness;
            evaluate(stream, now_us, &freshness);
            stream->evaluate_us = now_us + evaluate_period_us;
        }
    }
    for (struct dd_broadcast_subscriber *subscriber = LIST_FIRST(&stream->waiting); subscriber; subscriber = after) {
        after = LIST_NEXT(subscriber, link);
        uint64_t subscriber_us = due_us(stream, subscriber);
        if (subscriber_us <= now_us) {
            LIST_REMOVE(subscriber, link);
            LIST_INSERT_HEAD(due, subscriber, link);
        } else if (subscriber_us < next_us) {
            next_us = subscriber_us;
        }
    }
    pthread_mutex_unlock(&stream->lock);
    return next_us;
}

/* Without the lock: nobody else touches a subscriber that is suspended and no longer in waiting. Once resumed it can be back
 * there, or freed, at once. */
static void resume_all(struct subscriber_list *due)
{
    struct dd_broadcast_subscriber *after = NULL;
    for (struct dd_broadcast_subscriber *subscriber = LIST_FIRST(due); subscriber; subscriber = after) {
        after = LIST_NEXT(subscriber, link);
        subscriber->subscription.resume(subscriber->subscription.owner);
    }
}

uint64_t dd_broadcast_watch(struct dd_broadcast *broadcast, uint64_t now_us)
{
    uint64_t next_us = UINT64_MAX;
    for (size_t i = 0; i < broadcast->stream_count; i++) {
        struct subscriber_list due = LIST_HEAD_INITIALIZER(due);
        uint64_t stream_us = collect_due(&broadcast->streams[i], now_us, &due);
        next_us = stream_us < next_us ? stream_us : next_us;
        resume_all(&due);
    }
    return next_us;
}

void dd_broadcast_stop(struct dd_broadcast *broadcast)
{
    for (size_t i = 0; i < broadcast->stream_count; i++) {
        struct subscriber_list due = LIST_HEAD_INITIALIZER(due);
        pthread_mutex_lock(&broadcast->streams[i].lock);
        broadcast->streams[i].stopping = true;
        pthread_mutex_unlock(&broadcast->streams[i].lock);
        collect_due(&broadcast->streams[i], UINT64_MAX, &due);
        resume_all(&due);
    }
}

/* ---- viewers ---- */

int dd_broadcast_subscribe(struct dd_broadcast *broadcast, const struct dd_broadcast_subscription *subscription,
                           struct dd_broadcast_subscriber **subscriber)
{
    *subscriber = NULL;
    if (atomic_fetch_add(&broadcast->viewers, 1) >= broadcast->config->max_viewers) {
        atomic_fetch_sub(&broadcast->viewers, 1);
        return DD_ERROR_SPACE;
    }
    struct dd_broadcast_subscriber *s = calloc(1, sizeof *s);
    if (!s) {
        atomic_fetch_sub(&broadcast->viewers, 1);
        return DD_ERROR_MEMORY;
    }
    s->broadcast = broadcast;
    s->subscription = *subscription;
    struct stream *stream = &broadcast->streams[subscription->stream];
    pthread_mutex_lock(&stream->lock);
    stream->viewers++;
    pthread_mutex_unlock(&stream->lock);
    *subscriber = s;
    return 0;
}

void dd_broadcast_unsubscribe(struct dd_broadcast_subscriber *subscriber)
{
    if (!subscriber)
        return;
    struct stream *stream = &subscriber->broadcast->streams[subscriber->subscription.stream];
    pthread_mutex_lock(&stream->lock);
    stream->viewers--;
    pthread_mutex_unlock(&stream->lock);
    atomic_fetch_sub(&subscriber->broadcast->viewers, 1);
    free(subscriber);
}

/* Notes that subscriber gets stream's newest picture now, and when it may get the next; stream->lock is held. */
static void note_sent(const struct stream *stream, struct dd_broadcast_subscriber *subscriber, uint64_t now_us)
{
    uint64_t period_us = subscriber->subscription.period_us;
    bool is_new = subscriber->served_count != stream->newest_count || subscriber->level != stream->level;
    subscriber->echo = is_new && !subscriber->subscription.raw;
    subscriber->served_count = stream->newest_count;
    subscriber->earliest_us = now_us + period_us;
    subscriber->repeat_us = now_us + (period_us > repeat_us ? period_us : repeat_us);
    subscriber->level_us = now_us + (period_us < repeat_us ? period_us : repeat_us);
    subscriber->level = stream->level;
}

/* Suspends subscriber's viewer until it is due; stream->lock is held. */
static void suspend(struct stream *stream, struct dd_broadcast_subscriber *subscriber, uint64_t now_us)
{
    uint64_t soon_us = now_us + echo_us > subscriber->earliest_us ? now_us + echo_us : subscriber->earliest_us;
    if (subscriber->echo && soon_us < subscriber->repeat_us)
        subscriber->repeat_us = soon_us;
    subscriber->echo = false;
    /* Under the lock, so that the watcher can't resume it before it is suspended. */
    subscriber->subscription.suspend(subscriber->subscription.owner);
    LIST_INSERT_HEAD(&stream->waiting, subscriber, link);
}

int dd_broadcast_next(struct dd_broadcast_subscriber *subscriber, struct dd_shared_picture **picture,
                      enum dd_freshness_level *level)
{
    struct stream *stream = &subscriber->broadcast->streams[subscriber->subscription.stream];
    struct dd_stale_mark_words words = {.level = DD_FRESHNESS_LIVE};
    struct dd_freshness freshness;
    int result = 0;
    *picture = NULL;
    *level = DD_FRESHNESS_STALE;

    pthread_mutex_lock(&stream->lock);
    fetch_newest(stream);
    uint64_t now_us = dd_clock_now_us();
    if (stream->stopping) {
        result = DD_ERROR_STOPPED;
    } else if (due_us(stream, subscriber) > now_us) {
        result = DD_ERROR_AGAIN;
        suspend(stream, subscriber, now_us);
    } else {
        evaluate(stream, now_us, &freshness);
        note_sent(stream, subscriber, now_us);
        *level = freshness.level;
        if (!subscriber->subscription.raw)
            words = mark_words(stream, &freshness);
        if (stream->newest)
            *picture = words.level == DD_FRESHNESS_LIVE ? dd_shared_picture_ref(stream->newest) : picture_to_mark(stream, now_us);
    }
    pthread_mutex_unlock(&stream->lock);
    if (*picture) {
        *picture = apply_mark(stream, *picture, &words);
        result = *picture ? 0 : DD_ERROR_MEMORY;
    }
    return result;
}

/* ---- queries ---- */

struct dd_shared_picture *dd_broadcast_newest(struct dd_broadcast *broadcast, size_t stream, struct dd_stale_mark_words *words)
{
    struct stream *s = &broadcast->streams[stream];
    struct dd_freshness freshness;
    pthread_mutex_lock(&s->lock);
    fetch_newest(s);
    struct dd_shared_picture *picture = s->newest ? dd_shared_picture_ref(s->newest) : NULL;
    evaluate(s, dd_clock_now_us(), &freshness);
    if (words)
        *words = mark_words(s, &freshness);
    pthread_mutex_unlock(&s->lock);
    return picture;
}

struct dd_shared_picture *dd_broadcast_mark(struct dd_broadcast *broadcast, size_t stream, struct dd_shared_picture *picture,
                                            const struct dd_stale_mark_words *words)
{
    return apply_mark(&broadcast->streams[stream], dd_shared_picture_ref(picture), words);
}

void dd_broadcast_freshness(struct dd_broadcast *broadcast, size_t stream, struct dd_freshness *freshness)
{
    struct stream *s = &broadcast->streams[stream];
    pthread_mutex_lock(&s->lock);
    evaluate(s, dd_clock_now_us(), freshness);
    pthread_mutex_unlock(&s->lock);
}

void dd_broadcast_state(struct dd_broadcast *broadcast, size_t stream, struct dd_stream_state *state)
{
    struct stream *s = &broadcast->streams[stream];
    pthread_mutex_lock(&s->lock);
    dd_frame_ring_observe(s->ring, &s->state, sizeof s->state);
    *state = s->state;
    pthread_mutex_unlock(&s->lock);
}

unsigned dd_broadcast_viewers(struct dd_broadcast *broadcast, size_t stream)
{
    struct stream *s = &broadcast->streams[stream];
    pthread_mutex_lock(&s->lock);
    unsigned viewers = s->viewers;
    pthread_mutex_unlock(&s->lock);
    return viewers;
}

const struct dd_frame_ring *dd_broadcast_ring(const struct dd_broadcast *broadcast, size_t stream)
{
    return broadcast->streams[stream].ring;
}

bool dd_broadcast_intake_alive(const struct dd_broadcast *broadcast)
{
    uint64_t now_us = dd_clock_now_us();
    for (size_t i = 0; i < broadcast->stream_count; i++)
        if (dd_frame_ring_alive_until(broadcast->streams[i].ring) < now_us)
            return false;
    return true;
}
