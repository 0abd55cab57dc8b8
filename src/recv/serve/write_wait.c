#include "recv/serve/write_wait.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"

enum { EVENTS_MAX = 64 };                          /* taken at once; more are taken in the next turn */
static const uint64_t turn_us = DD_CLOCK_US_PER_S; /* of the watcher, at most */

TAILQ_HEAD(entry_list, dd_write_wait_entry);

struct dd_write_wait {
    uint64_t limit_us; /* immutable */
    int epoll_fd;      /* has the sockets of the waiting entries, and no other */
    pthread_mutex_t lock;
    struct entry_list waiting; /* the next one to expire first; lock */
    bool stopped;              /* lock */
    struct dd_clock_loop loop; /* its turns are the watcher's; lock */
};

struct dd_write_wait *dd_write_wait_new(uint64_t limit_us)
{
    struct dd_write_wait *wait = calloc(1, sizeof *wait);
    int fd = wait ? epoll_create1(EPOLL_CLOEXEC) : -1;
    if (fd < 0) {
        dd_log_error("cannot watch the viewers' sockets: %s", strerror(errno));
        free(wait);
        return NULL;
    }
    wait->limit_us = limit_us;
    wait->epoll_fd = fd;
    TAILQ_INIT(&wait->waiting);
    pthread_mutex_init(&wait->lock, NULL);
    return wait;
}

void dd_write_wait_free(struct dd_write_wait *wait)
{
    if (!wait)
        return;
    close(wait->epoll_fd);
    pthread_mutex_destroy(&wait->lock);
    free(wait);
}

bool dd_write_wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) != 0;
}

int dd_write_wait_add(struct dd_write_wait *wait, struct dd_write_wait_entry *entry)
{
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = entry};
    int result = DD_ERROR_AGAIN;
    pthread_mutex_lock(&wait->lock);
    if (wait->stopped) {
        result = DD_ERROR_STOPPED;
    } else if (epoll_ctl(wait->epoll_fd, EPOLL_CTL_ADD, entry->fd, &event) != 0) {
        dd_log_error("cannot watch a viewer's socket: %s", strerror(errno));
        result = DD_ERROR_SYSTEM;
    } else {
        entry->deadline_us = dd_clock_now_us() + wait->limit_us;
        TAILQ_INSERT_TAIL(&wait->waiting, entry, link);
        /* Under the lock, so that the watcher can't resume it before it is suspended. */
        entry->suspend(entry->owner);
    }
    pthread_mutex_unlock(&wait->lock);
    return result;
}

int dd_write_wait_fd(const struct dd_write_wait *wait)
{
    return wait->epoll_fd;
}

/* The lock is held. Once resumed, entry can be waiting again, or freed, at once: the socket leaves the set before, so that no
 * event names an entry that is gone. */
static void resume(struct dd_write_wait *wait, struct dd_write_wait_entry *entry)
{
    epoll_ctl(wait->epoll_fd, EPOLL_CTL_DEL, entry->fd, NULL);
    TAILQ_REMOVE(&wait->waiting, entry, link);
    entry->resume(entry->owner);
}

uint64_t dd_write_wait_watch(struct dd_write_wait *wait, uint64_t now_us)
{
    struct epoll_event events[EVENTS_MAX];
    pthread_mutex_lock(&wait->lock);
    int count = epoll_wait(wait->epoll_fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++)
        resume(wait, events[i].data.ptr);
    struct dd_write_wait_entry *entry = NULL;
    uint64_t late_us = dd_clock_loop_late_us(&wait->loop, now_us, turn_us);
    if (late_us) {
        TAILQ_FOREACH(entry, &wait->waiting, link)
        {
            entry->deadline_us += late_us;
        }
    }
    while ((entry = TAILQ_FIRST(&wait->waiting)) && entry->deadline_us <= now_us) {
        entry->expired = true;
        resume(wait, entry);
    }
    uint64_t next_us = entry ? entry->deadline_us : UINT64_MAX;
    pthread_mutex_unlock(&wait->lock);
    return next_us;
}

void dd_write_wait_stop(struct dd_write_wait *wait)
{
    struct dd_write_wait_entry *entry = NULL;
    pthread_mutex_lock(&wait->lock);
    wait->stopped = true;
    while ((entry = TAILQ_FIRST(&wait->waiting)))
        resume(wait, entry);
    pthread_mutex_unlock(&wait->lock);
}
