#include "recv/serve/broadcast.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/frame_ring.h"
#include "recv/serve/marked_picture.h"
#include "recv/serve/newest_picture.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_picture.h"
#include "recv/serve/stale_mark_worker.h"
#include "recv/stream_state.h"

/* All times here are of dd_clock_now_us(), which never steps. After a sleep of the machine, or a stop of this process, everything
 * is due at once, once, and evaluated as of then: what was live before is as old as it is. */

/* Without a new picture, the last one is sent again after this time. Writing is also the only way to find out that a viewer is
 * gone: a suspended connection does not notice. */
static const uint64_t repeat_us = DD_CLOCK_US_PER_S;
/* In an <img>, Chromium shows a picture only once the next part's header has arrived. So a new picture is repeated once after
 * this time if no newer one follows. Other programs ask to do without (repeat=0). */
static const uint64_t echo_us = DD_CLOCK_US_PER_S / 4;
/* How often the watcher evaluates a stream's freshness for its suspended viewers. */
static const uint64_t evaluate_period_us = DD_CLOCK_US_PER_S / 4;

LIST_HEAD(subscriber_list, dd_broadcast_subscriber);
LIST_HEAD(snapshot_list, snapshot_waiter);

struct dd_broadcast_subscriber {
    struct dd_broadcast *broadcast;
    struct dd_broadcast_subscription subscription; /* immutable */
    LIST_ENTRY(dd_broadcast_subscriber) link;      /* while in stream->waiting: stream->lock; then only the resuming thread's */
    uint64_t served_version;                       /* of the picture sent last; stream->lock */
    uint64_t earliest_us, repeat_us;               /* when it may get a new picture, and the same one again; stream->lock */
    bool echo;                                     /* the picture sent last, or its level, was new to it; stream->lock */
    enum dd_freshness_level level;                 /* sent with the last picture; stream->lock */
    uint64_t level_us;                             /* when it may get the same picture with another level; stream->lock */
};

/* A request for a snapshot that waits for its mark. */
struct snapshot_waiter {
    struct dd_broadcast_waiter waiter;
    LIST_ENTRY(snapshot_waiter) link; /* as that of a subscriber */
};

/* Those who were taken off a stream's lists, to be resumed without its lock. */
struct due {
    struct subscriber_list subscribers;
    struct snapshot_list snapshots;
};

struct stream {
    pthread_mutex_t lock;
    const struct dd_serve_stream *config; /* immutable */
    struct dd_newest_picture *newest;     /* its content: lock */
    uint64_t version;                     /* counts newest and marked pictures; lock */
    uint64_t newest_version;              /* 0 before the first picture; lock */
    enum dd_freshness_level level;        /* of the newest picture, as last evaluated; lock */
    uint64_t evaluate_us;                 /* when the watcher evaluates it next; lock */
    struct dd_marked_picture *marked;     /* NULL: stale_mark is off; its content: lock */
    uint64_t marked_version;              /* lock */
    struct subscriber_list waiting;       /* those whose viewer is suspended; lock */
    struct snapshot_list snapshots;       /* those who wait for a mark; lock */
    unsigned viewers, marked_viewers;     /* all; those who are not raw; lock */
    bool stopping;                        /* lock */
};

struct dd_broadcast {
    const struct dd_serve_config *config; /* immutable */
    struct dd_stale_mark_worker *worker;  /* immutable once new returns */
    atomic_uint viewers;                  /* of all streams */
    size_t stream_count;                  /* streams that are open; immutable once new returns */
    struct stream streams[];
};

/* ---- the picture of a stream: stream->lock is held ---- */

/* True if there is a newer picture than before. */
static bool update(struct stream *stream, uint64_t now_us)
{
    if (!dd_newest_picture_update(stream->newest, now_us))
        return false;
    stream->newest_version = ++stream->version;
    return true;
}

/* Computes the freshness of the newest picture, and drops the marked one once that is live. */
static void evaluate(struct stream *stream, uint64_t now_us, struct dd_freshness *freshness)
{
    dd_newest_picture_evaluate(stream->newest, now_us, freshness);
    stream->level = freshness->level;
    if (stream->marked && stream->level == DD_FRESHNESS_LIVE)
        dd_marked_picture_drop(stream->marked);
}

static bool needs_mark(const struct stream *stream)
{
    return stream->marked && stream->level != DD_FRESHNESS_LIVE && dd_newest_picture_get(stream->newest);
}

/* Has another mark made if there is none that says this of the newest picture. */
static void want_mark(struct dd_broadcast *broadcast, struct stream *stream, const struct dd_freshness *freshness,
                      uint64_t now_us)
{
    const struct dd_stale_mark_words words = dd_stale_mark_words(freshness);
    if (needs_mark(stream) && dd_marked_picture_want(stream->marked, dd_newest_picture_get(stream->newest), &words, now_us))
        dd_stale_mark_worker_want(broadcast->worker, (size_t)(stream - broadcast->streams));
}

/* What is sent to somebody now. */
struct shown {
    struct dd_shared_picture *picture; /* borrowed; NULL: there is none yet, or it must be waited for */
    bool missing;                      /* it must be waited for: its mark is being made */
    uint64_t version;
    enum dd_freshness_level level;
    const struct dd_stale_mark_words *words; /* borrowed; NULL: it has no mark */
};

static struct shown shown_to(const struct stream *stream, bool raw, uint64_t now_us)
{
    struct shown shown = {
        .picture = dd_newest_picture_get(stream->newest), .version = stream->newest_version, .level = stream->level};
    if (raw || !needs_mark(stream))
        return shown;
    shown.picture = dd_marked_picture_get(stream->marked, now_us, &shown.words);
    shown.missing = !shown.picture;
    shown.version = stream->marked_version;
    shown.level = shown.words->level;
    return shown;
}

/* ---- the watcher, and the thread that makes marks ---- */

/* When subscriber is due for its next part, which is shown to it; stream->lock is held. */
static uint64_t due_us(const struct shown *shown, const struct dd_broadcast_subscriber *subscriber)
{
    uint64_t us = subscriber->served_version != shown->version ? subscriber->earliest_us : subscriber->repeat_us;
    return subscriber->level != shown->level && subscriber->level_us < us ? subscriber->level_us : us;
}

/* Moves those who are due by now_us from stream's lists to due; stream->lock is held. Returns when the next one is due. */
static uint64_t collect_due(struct stream *stream, uint64_t now_us, struct due *due)
{
    uint64_t next_us = UINT64_MAX;
    struct dd_broadcast_subscriber *after = NULL;
    struct snapshot_waiter *snapshot;
    const struct shown raw = shown_to(stream, true, now_us), shown = shown_to(stream, false, now_us);
    LIST_INIT(&due->subscribers);
    LIST_INIT(&due->snapshots);
    for (struct dd_broadcast_subscriber *subscriber = LIST_FIRST(&stream->waiting); subscriber; subscriber = after) {
        const struct shown *to_it = subscriber->subscription.raw ? &raw : &shown;
        after = LIST_NEXT(subscriber, link);
        uint64_t subscriber_us = to_it->missing ? UINT64_MAX : due_us(to_it, subscriber);
        if (subscriber_us <= now_us || stream->stopping) {
            LIST_REMOVE(subscriber, link);
            LIST_INSERT_HEAD(&due->subscribers, subscriber, link);
        } else if (subscriber_us < next_us) {
            next_us = subscriber_us;
        }
    }
    while ((snapshot = LIST_FIRST(&stream->snapshots)) && (!shown.missing || stream->stopping)) {
        LIST_REMOVE(snapshot, link);
        LIST_INSERT_HEAD(&due->snapshots, snapshot, link);
    }
    return next_us;
}

/* Without the lock: nobody else touches what was taken off the lists. A subscriber can be back there, or freed, as soon as it is
 * resumed. */
static void resume_all(struct due *due)
{
    struct dd_broadcast_subscriber *after = NULL;
    struct snapshot_waiter *snapshot;
    for (struct dd_broadcast_subscriber *subscriber = LIST_FIRST(&due->subscribers); subscriber; subscriber = after) {
        const struct dd_broadcast_waiter *waiter = &subscriber->subscription.waiter;
        after = LIST_NEXT(subscriber, link);
        waiter->resume(waiter->owner);
    }
    while ((snapshot = LIST_FIRST(&due->snapshots))) {
        LIST_REMOVE(snapshot, link);
        snapshot->waiter.resume(snapshot->waiter.owner);
        free(snapshot);
    }
}

static uint64_t watch_stream(struct dd_broadcast *broadcast, struct stream *stream, uint64_t now_us, struct due *due)
{
    struct dd_freshness freshness;
    bool is_waited_for = !LIST_EMPTY(&stream->waiting) || !LIST_EMPTY(&stream->snapshots);
    if (is_waited_for && (update(stream, now_us) || stream->evaluate_us <= now_us)) {
        stream->evaluate_us = now_us + evaluate_period_us;
        evaluate(stream, now_us, &freshness);
        if (stream->marked_viewers || !LIST_EMPTY(&stream->snapshots))
            want_mark(broadcast, stream, &freshness, now_us);
    }
    return collect_due(stream, now_us, due);
}

uint64_t dd_broadcast_watch(struct dd_broadcast *broadcast, uint64_t now_us)
{
    uint64_t next_us = UINT64_MAX;
    for (size_t i = 0; i < broadcast->stream_count; i++) {
        struct due due;
        pthread_mutex_lock(&broadcast->streams[i].lock);
        uint64_t stream_us = watch_stream(broadcast, &broadcast->streams[i], now_us, &due);
        pthread_mutex_unlock(&broadcast->streams[i].lock);
        next_us = stream_us < next_us ? stream_us : next_us;
        resume_all(&due);
    }
    return next_us;
}

void dd_broadcast_stop(struct dd_broadcast *broadcast)
{
    for (size_t i = 0; i < broadcast->stream_count; i++) {
        pthread_mutex_lock(&broadcast->streams[i].lock);
        broadcast->streams[i].stopping = true;
        pthread_mutex_unlock(&broadcast->streams[i].lock);
    }
    dd_broadcast_watch(broadcast, dd_clock_now_us());
}

/* The thread that makes marks: marks the newest picture of stream i with what is to be said of it now. If that fails, or need not
 * be any more, nothing changes; in the first case it will be wanted again. */
static void make_mark(void *owner, size_t i)
{
    struct dd_broadcast *broadcast = owner;
    struct stream *stream = &broadcast->streams[i];
    struct dd_shared_picture *picture = NULL;
    struct dd_freshness freshness;
    struct due due;
    uint64_t begun_us = dd_clock_now_us();
    pthread_mutex_lock(&stream->lock);
    update(stream, begun_us);
    evaluate(stream, begun_us, &freshness);
    const struct dd_stale_mark_words words = dd_stale_mark_words(&freshness);
    if (needs_mark(stream))
        picture = dd_shared_picture_ref(dd_newest_picture_get(stream->newest));
    pthread_mutex_unlock(&stream->lock);
    struct dd_shared_picture *marked = picture ? dd_stale_mark_apply(picture, &words, stream->config->max_frame_bytes) : NULL;
    uint64_t now_us = dd_clock_now_us();
    pthread_mutex_lock(&stream->lock);
    if (marked && needs_mark(stream)) {
        dd_marked_picture_set(stream->marked, marked, &words, begun_us, now_us);
        stream->marked_version = ++stream->version;
    }
    collect_due(stream, now_us, &due);
    pthread_mutex_unlock(&stream->lock);
    dd_shared_picture_unref(&marked);
    dd_shared_picture_unref(&picture);
    resume_all(&due);
}

/* ---- beginning and end ---- */

static int open_stream(struct stream *stream, const struct dd_serve_stream *config, int fd)
{
    stream->config = config;
    LIST_INIT(&stream->waiting);
    LIST_INIT(&stream->snapshots);
    stream->level = DD_FRESHNESS_STALE;
    stream->newest = dd_newest_picture_open(fd, config);
    stream->marked = config->stale_mark ? dd_marked_picture_new() : NULL;
    if (!stream->newest || (config->stale_mark && !stream->marked)) {
        dd_newest_picture_close(stream->newest);
        dd_marked_picture_free(stream->marked);
        return DD_ERROR_MEMORY;
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
    size_t i = 0;
    for (; i < config->stream_count && open_stream(&broadcast->streams[i], &config->streams[i], ring_fds[i]) == 0; i++)
        broadcast->stream_count++;
    if (i == config->stream_count)
        broadcast->worker = dd_stale_mark_worker_start(i, make_mark, broadcast);
    if (!broadcast->worker) {
        dd_broadcast_free(broadcast);
        return NULL;
    }
    return broadcast;
}

void dd_broadcast_free(struct dd_broadcast *broadcast)
{
    if (!broadcast)
        return;
    dd_stale_mark_worker_stop(broadcast->worker);
    for (size_t i = 0; i < broadcast->stream_count; i++) {
        dd_newest_picture_close(broadcast->streams[i].newest);
        dd_marked_picture_free(broadcast->streams[i].marked);
        pthread_mutex_destroy(&broadcast->streams[i].lock);
    }
    free(broadcast);
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
    stream->marked_viewers += !subscription->raw;
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
    stream->marked_viewers -= !subscriber->subscription.raw;
    pthread_mutex_unlock(&stream->lock);
    atomic_fetch_sub(&subscriber->broadcast->viewers, 1);
    free(subscriber);
}

/* Notes that subscriber gets shown now, and when it may get the next; stream->lock is held. */
static void note_sent(struct dd_broadcast_subscriber *subscriber, const struct shown *shown, uint64_t now_us)
{
    uint64_t period_us = subscriber->subscription.period_us;
    bool is_new = subscriber->served_version != shown->version || subscriber->level != shown->level;
    subscriber->echo = is_new && !subscriber->subscription.once;
    subscriber->served_version = shown->version;
    subscriber->earliest_us = now_us + period_us;
    subscriber->repeat_us = now_us + (period_us > repeat_us ? period_us : repeat_us);
    subscriber->level_us = now_us + (period_us < repeat_us ? period_us : repeat_us);
    subscriber->level = shown->level;
}

/* Suspends subscriber's viewer until it is due; stream->lock is held. */
static void suspend(struct stream *stream, struct dd_broadcast_subscriber *subscriber, uint64_t now_us)
{
    const struct dd_broadcast_waiter *waiter = &subscriber->subscription.waiter;
    uint64_t soon_us = now_us + echo_us > subscriber->earliest_us ? now_us + echo_us : subscriber->earliest_us;
    if (subscriber->echo && soon_us < subscriber->repeat_us)
        subscriber->repeat_us = soon_us;
    subscriber->echo = false;
    /* Under the lock, so that nobody can resume it before it is suspended. */
    waiter->suspend(waiter->owner);
    LIST_INSERT_HEAD(&stream->waiting, subscriber, link);
}

/* True if it is time for subscriber's next part; stream->lock is held. */
static bool is_due(struct stream *stream, const struct dd_broadcast_subscriber *subscriber, uint64_t now_us)
{
    update(stream, now_us);
    const struct shown shown = shown_to(stream, subscriber->subscription.raw, now_us);
    return shown.missing || due_us(&shown, subscriber) <= now_us;
}

int dd_broadcast_wait(struct dd_broadcast_subscriber *subscriber)
{
    struct stream *stream = &subscriber->broadcast->streams[subscriber->subscription.stream];
    pthread_mutex_lock(&stream->lock);
    uint64_t now_us = dd_clock_now_us();
    bool waits = !stream->stopping && !is_due(stream, subscriber, now_us);
    if (waits)
        suspend(stream, subscriber, now_us);
    pthread_mutex_unlock(&stream->lock);
    return waits ? DD_ERROR_AGAIN : 0;
}

/* What is shown now of the newest picture; wants its mark; stream->lock is held. */
static struct shown evaluate_shown(struct dd_broadcast *broadcast, struct stream *stream, bool raw, uint64_t now_us)
{
    struct dd_freshness freshness;
    update(stream, now_us);
    evaluate(stream, now_us, &freshness);
    if (!raw)
        want_mark(broadcast, stream, &freshness, now_us);
    return shown_to(stream, raw, now_us);
}

int dd_broadcast_next(struct dd_broadcast_subscriber *subscriber, struct dd_shared_picture **picture,
                      enum dd_freshness_level *level)
{
    struct stream *stream = &subscriber->broadcast->streams[subscriber->subscription.stream];
    int result = 0;
    *picture = NULL;
    *level = DD_FRESHNESS_STALE;
    pthread_mutex_lock(&stream->lock);
    uint64_t now_us = dd_clock_now_us();
    const struct shown shown = evaluate_shown(subscriber->broadcast, stream, subscriber->subscription.raw, now_us);
    if (stream->stopping) {
        result = DD_ERROR_STOPPED;
    } else if (shown.missing) {
        result = DD_ERROR_AGAIN;
        suspend(stream, subscriber, now_us);
    } else {
        note_sent(subscriber, &shown, now_us);
        *level = shown.level;
        *picture = shown.picture ? dd_shared_picture_ref(shown.picture) : NULL;
    }
    pthread_mutex_unlock(&stream->lock);
    return result;
}

/* ---- queries ---- */

/* Suspends waiter until the stream's mark is there; stream->lock is held. */
static int wait_for_mark(struct stream *stream, const struct dd_broadcast_waiter *waiter)
{
    struct snapshot_waiter *s = malloc(sizeof *s);
    if (!s)
        return DD_ERROR_MEMORY;
    *s = (struct snapshot_waiter){.waiter = *waiter};
    waiter->suspend(waiter->owner);
    LIST_INSERT_HEAD(&stream->snapshots, s, link);
    return DD_ERROR_AGAIN;
}

int dd_broadcast_snapshot(struct dd_broadcast *broadcast, size_t stream, bool raw, const struct dd_broadcast_waiter *waiter,
                          struct dd_broadcast_snapshot *snapshot)
{
    struct stream *s = &broadcast->streams[stream];
    int result = 0;
    *snapshot = (struct dd_broadcast_snapshot){.words = {.level = DD_FRESHNESS_LIVE}};
    pthread_mutex_lock(&s->lock);
    const struct shown shown = evaluate_shown(broadcast, s, raw, dd_clock_now_us());
    if (s->stopping) {
        result = DD_ERROR_STOPPED;
    } else if (shown.missing) {
        result = wait_for_mark(s, waiter);
    } else if (shown.picture) {
        snapshot->picture = dd_shared_picture_ref(shown.picture);
        if (shown.words)
            snapshot->words = *shown.words;
    }
    pthread_mutex_unlock(&s->lock);
    return result;
}

void dd_broadcast_freshness(struct dd_broadcast *broadcast, size_t stream, struct dd_freshness *freshness)
{
    struct stream *s = &broadcast->streams[stream];
    pthread_mutex_lock(&s->lock);
    dd_newest_picture_evaluate_stream(s->newest, dd_clock_now_us(), freshness);
    pthread_mutex_unlock(&s->lock);
}

void dd_broadcast_state(struct dd_broadcast *broadcast, size_t stream, struct dd_stream_state *state)
{
    struct stream *s = &broadcast->streams[stream];
    pthread_mutex_lock(&s->lock);
    *state = *dd_newest_picture_state(s->newest);
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
    return dd_newest_picture_ring(broadcast->streams[stream].newest);
}

bool dd_broadcast_intake_alive(const struct dd_broadcast *broadcast)
{
    uint64_t now_us = dd_clock_now_us();
    for (size_t i = 0; i < broadcast->stream_count; i++)
        if (dd_frame_ring_alive_until(dd_newest_picture_ring(broadcast->streams[i].newest)) < now_us)
            return false;
    return true;
}
