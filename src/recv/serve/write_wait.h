/* Connections that wait until their socket takes more. A part of a viewer's pictures is made only then: what is made earlier
 * grows old in a queue, with a label that was true once. Meanwhile the connection is suspended.
 *
 * When a socket takes more, is decided by the kernel: for TCP once less than half of TCP_NOTSENT_LOWAT waits to be sent, for a
 * Unix socket once three quarters of SO_SNDBUF are free. */
#ifndef DD_RECV_SERVE_WRITE_WAIT_H
#define DD_RECV_SERVE_WRITE_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct dd_write_wait;

/* One connection, part of its owner. */
struct dd_write_wait_entry {
    int fd; /* its socket; borrowed */
    /* suspend is called by dd_write_wait_add() in the connection's thread, with a lock held: it must not call back. Then resume
     * is called once by the watcher, likewise. */
    void (*suspend)(void *owner);
    void (*resume)(void *owner);
    void *owner;
    bool expired; /* set before resume: the socket took nothing in all the time that it may */
    /* what follows is write_wait.c's own, under its lock */
    uint64_t deadline_us;
    TAILQ_ENTRY(dd_write_wait_entry) link;
};

/* limit_us: how long a socket may take nothing. Time in which the watcher was away does not count: neither a sleep of the
 * machine, nor a stop of this process. Returned-owned: dd_write_wait_free(). NULL, logged, if the system refuses. */
struct dd_write_wait *dd_write_wait_new(uint64_t limit_us);
/* No entry may be waiting. wait may be NULL. */
void dd_write_wait_free(struct dd_write_wait *wait);

/* True if fd takes more at once, or has failed, which a write then tells. */
bool dd_write_wait_writable(int fd);

/* Suspends entry's connection, and resumes it when its socket takes more, or has not for limit_us. entry is borrowed until it is
 * resumed. DD_ERROR_AGAIN; DD_ERROR_STOPPED if the wait was stopped; DD_ERROR_SYSTEM, logged: then it is not suspended.
 * Thread-safe. */
int dd_write_wait_add(struct dd_write_wait *wait, struct dd_write_wait_entry *entry);

/* ---- the watcher, one thread ---- */

/* A descriptor for poll(2): readable while a socket takes more. */
int dd_write_wait_fd(const struct dd_write_wait *wait);
/* Resumes what is due at now_us (dd_clock_now_us()); to be called each second at least. Returns when the next entry expires;
 * UINT64_MAX if none waits. */
uint64_t dd_write_wait_watch(struct dd_write_wait *wait, uint64_t now_us);
/* Resumes all; from now on none is suspended. */
void dd_write_wait_stop(struct dd_write_wait *wait);

#endif
