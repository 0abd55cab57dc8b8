/* The supervisor starts roles, each in a process of its own, watches, restarts and stops them, and notifies systemd
 * (sd_notify(3): READY, WATCHDOG, RELOADING, STOPPING).
 *   - A role whose heartbeat stops is killed. What a dead role leaves behind is killed, too (the supervisor is a child
 *     subreaper). The role is restarted after a back-off of 1 s, doubling up to 30 s, with jitter; a minute of life resets it.
 *   - The death of an essential role ends the daemon.
 *   - SIGTERM and SIGINT stop, SIGHUP asks for a reload. Signals are read from a signalfd; nothing happens in handlers.
 * One supervisor per process, single-threaded. */
#ifndef DD_BASE_SUPERVISOR_H
#define DD_BASE_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dd/base/role.h"

struct dd_privileges_user;
struct dd_supervisor;

enum dd_supervisor_event {
    DD_SUPERVISOR_STOP = 1,   /* a signal asks the daemon to stop */
    DD_SUPERVISOR_RELOAD = 2, /* a signal asks it to read its configuration again */
    DD_SUPERVISOR_FAILED = 3, /* an essential role died; logged */
};

struct dd_supervisor_role {
    struct dd_role_boot boot;              /* what it points to is borrowed, copied */
    const int *fds;                        /* borrowed, the array copied; the descriptors stay open until the role is ended */
    size_t fd_count;                       /* at most DD_ROLE_FDS_MAX */
    const struct dd_privileges_user *user; /* borrowed, copied; NULL: the supervisor's own */
    bool essential; /* its death ends the daemon; its boot record, with the secrets in it, is closed once it runs */
};

/* program: the beginning of the roles' process titles, "ddsend"; static. Returned-owned: dd_supervisor_free(). NULL, logged, if a
 * system call fails or memory is exhausted. */
struct dd_supervisor *dd_supervisor_new(const char *program);

/* Starts a role, and restarts it from then on. Returns its id, >= 0; DD_ERROR_STOPPED if a signal has asked the daemon to stop,
 * so nothing is started any more; or another negative enum dd_error, logged. */
int dd_supervisor_start(struct dd_supervisor *s, const struct dd_supervisor_role *role);

/* Waits until a role is ready. 0, DD_ERROR_TIMEOUT, DD_ERROR_GONE (it died) or DD_ERROR_STOPPED. */
int dd_supervisor_await(struct dd_supervisor *s, int id, unsigned timeout_ms);

/* Stops and removes these roles, by SIGTERM and then SIGKILL, all within 1.7 s. Negative ids are none. The others continue. */
void dd_supervisor_end(struct dd_supervisor *s, const int *ids, size_t count);

/* Watches the roles until an event needs the daemon's decision, and returns it. tick, which may be NULL, is called with data at
 * least every 250 ms. */
enum dd_supervisor_event dd_supervisor_run(struct dd_supervisor *s, void (*tick)(void *data), void *data);

/* Tells systemd that the reload after DD_SUPERVISOR_RELOAD is done, with a line for its status. */
void dd_supervisor_reloaded(struct dd_supervisor *s, const char *status);

/* The process id of a role; 0 while it does not run. */
int dd_supervisor_pid(const struct dd_supervisor *s, int id);

/* Stops all roles together, within 1.7 s, kills what they left behind, and frees s, which may be NULL. */
void dd_supervisor_free(struct dd_supervisor *s);

#endif
