/* The main thread watches the rings, and the sockets that take no more. The HTTP server's threads do the rest. */
#include "recv/serve/serve_role.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/role.h"
#include "dd/base/wakeup.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/freshness.h"
#include "recv/serve/http_server.h"
#include "recv/serve/json_response.h"
#include "recv/serve/pages.h"
#include "recv/serve/response.h"
#include "recv/serve/serve_memory.h"
#include "recv/serve/viewer.h"
#include "recv/serve/write_wait.h"

enum {
    POLL_MS = 250,        /* the longest wait between heartbeats, and between looks at the rings */
    POLL_MS_UNWOKEN = 20, /* the same once intake's end of the wake-up pipe is closed */
    MMAP_BYTES = 64 * 1024,
    BEAT_MS = 3000, /* how long a heartbeat counts */
};
static const uint64_t report_period_us = DD_CLOCK_US_PER_S;

/* What strangers send to a port can change the reason, but not the level: so only the reason's lines are limited. */
enum { REASON_LOG_MS = 60000, REASON_LOG_BURST = 4 };

struct report {
    enum dd_freshness_level level;
    const char *reason; /* static; NULL: none */
    struct dd_log_limit reason_log;
};

struct serve {
    struct dd_role *role;
    struct dd_serve_config *config;
    int ring_fds[DD_OPTIONS_STREAMS_MAX];
    struct dd_broadcast *broadcast;
    struct dd_pages *pages;
    struct dd_write_wait *write_wait;
    struct dd_json_response_cache *json_cache;
    struct dd_response_site site;
    struct dd_http_server *http;
    uint64_t next_report_us; /* dd_clock_now_us() */
    struct report *reports;  /* per stream: what was logged last */
};

/* 0, or DD_ERROR_INPUT, logged, if the boot record contradicts itself, or the number of descriptors. */
static int check_config(const struct dd_serve_config *config, size_t size, size_t fd_count)
{
    size_t count = config->stream_count;
    if (count == 0 || count > DD_OPTIONS_STREAMS_MAX || size != sizeof *config + count * sizeof *config->streams ||
        fd_count != DD_SERVE_FD_RINGS + count) {
        dd_log_error("the boot record does not fit: %zu streams, %zu bytes, %zu descriptors", count, size, fd_count);
        return DD_ERROR_INPUT;
    }
    return 0;
}

/* Holds the memory to what --check-config promises. Blocks that the kernel gets back when they are freed begin at a fixed size:
 * otherwise, as larger ones are freed, malloc() keeps them. */
static void limit_memory(const struct dd_serve_config *config)
{
    struct dd_serve_memory memory;
    dd_serve_memory_compute(config, &memory);
    dd_shared_picture_set_limits(&memory.limits);
    mallopt(M_MMAP_THRESHOLD, MMAP_BYTES);
}

static int set_up(struct serve *s)
{
    size_t size = 0;
    s->config = dd_role_config(s->role, sizeof *s->config, &size);
    if (!s->config || check_config(s->config, size, dd_role_fd_count(s->role)) != 0)
        return DD_ERROR_INPUT;
    for (size_t i = 0; i < s->config->stream_count; i++)
        s->ring_fds[i] = dd_role_fd(s->role, DD_SERVE_FD_RINGS + i);
    limit_memory(s->config);
    s->reports = calloc(s->config->stream_count, sizeof *s->reports);
    s->broadcast = dd_broadcast_new(s->config, s->ring_fds);
    s->pages = dd_pages_new(s->config);
    s->json_cache = dd_json_response_cache_new(s->config->stream_count);
    s->write_wait = dd_write_wait_new(DD_VIEWER_TIMEOUT_S * (uint64_t)DD_CLOCK_US_PER_S);
    if (!s->reports || !s->broadcast || !s->pages || !s->write_wait || !s->json_cache)
        return DD_ERROR_MEMORY;
    for (size_t i = 0; i < s->config->stream_count; i++) {
        s->reports[i].level = DD_FRESHNESS_STALE; /* the level before the first picture is not logged by itself */
        s->reports[i].reason = dd_freshness_reason_text(DD_FRESHNESS_REASON_WAITING);
        s->reports[i].reason_log.period_ms = REASON_LOG_MS;
        s->reports[i].reason_log.burst = REASON_LOG_BURST; /* one trouble may show itself by and by */
    }
    s->site = (struct dd_response_site){.config = s->config,
                                        .broadcast = s->broadcast,
                                        .pages = s->pages,
                                        .write_wait = s->write_wait,
                                        .json_cache = s->json_cache};
    s->http = dd_http_server_start(&s->site, dd_role_fd(s->role, DD_SERVE_FD_LISTEN));
    return s->http ? 0 : DD_ERROR_SYSTEM;
}

static void tear_down(struct serve *s)
{
    dd_http_server_stop(s->http);
    dd_json_response_cache_free(s->json_cache);
    dd_write_wait_free(s->write_wait);
    dd_pages_free(s->pages);
    dd_broadcast_free(s->broadcast);
    free(s->reports);
    free(s->config);
}

/* Logs the stream's freshness if its level has changed, or its reason, which may be there while it is live. */
static void report_change(struct report *report, const char *name, const struct dd_freshness *freshness)
{
    uint64_t suppressed;
    bool is_other_level = freshness->level != report->level;
    /* reasons are static texts: equal if they are the same */
    if (!is_other_level && (freshness->reason == report->reason || !dd_log_allowed(&report->reason_log, &suppressed)))
        return;
    report->level = freshness->level;
    report->reason = freshness->reason;
    dd_log_notice("stream %s is %s%s%s", name, dd_freshness_level_text(freshness->level),
                  !freshness->reason                      ? ""
                  : freshness->level == DD_FRESHNESS_LIVE ? ", but in trouble: "
                                                          : ": ",
                  freshness->reason ? freshness->reason : "");
}

/* Once a second. */
static void report_changes(struct serve *s, uint64_t now_us)
{
    if (now_us < s->next_report_us)
        return;
    s->next_report_us = now_us + report_period_us;
    for (size_t i = 0; i < s->config->stream_count; i++) {
        struct dd_freshness freshness;
        dd_broadcast_freshness(s->broadcast, i, &freshness);
        report_change(&s->reports[i], s->config->streams[i].name, &freshness);
    }
}

static int run(struct serve *s)
{
    enum { STOP, WAKE, WRITABLE, FDS };
    struct pollfd fds[FDS] = {
        [STOP] = {.fd = dd_role_stop_fd(s->role), .events = POLLIN},
        [WAKE] = {.fd = dd_role_fd(s->role, DD_SERVE_FD_WAKE), .events = POLLIN},
        [WRITABLE] = {.fd = dd_write_wait_fd(s->write_wait), .events = POLLIN},
    };
    while (!dd_role_stopping(s->role)) {
        dd_role_beat(s->role, BEAT_MS);
        uint64_t now_us = dd_clock_now_us();
        uint64_t expires_us = dd_write_wait_watch(s->write_wait, now_us);
        uint64_t due_us = dd_broadcast_watch(s->broadcast, now_us);
        due_us = expires_us < due_us ? expires_us : due_us;
        report_changes(s, now_us);
        /* The time that poll() counts stands still while the machine sleeps: so a turn comes at most that late. */
        int limit_ms = fds[WAKE].fd >= 0 ? POLL_MS : POLL_MS_UNWOKEN;
        if (poll(fds, FDS, dd_clock_wait_ms(dd_clock_now_us(), due_us, limit_ms)) < 0 && errno != EINTR) {
            dd_log_error("poll: %s", strerror(errno));
            return DD_ERROR_SYSTEM;
        }
        /* A pipe without a writer is always ready: poll() would spin. */
        if (fds[WAKE].revents && !dd_wakeup_drain(fds[WAKE].fd))
            fds[WAKE].fd = -1;
    }
    return 0;
}

int dd_serve_role_run(struct dd_role *role)
{
    struct serve s = {.role = role};
    int error = set_up(&s);
    if (!error) {
        dd_role_ready(role);
        error = run(&s);
    }
    tear_down(&s);
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
