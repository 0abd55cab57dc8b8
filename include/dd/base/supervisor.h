/* The supervisor: starts roles, each in a process of its own, watches them, starts them again, stops them, and speaks
 * with systemd (sd_notify(3): READY, WATCHDOG, RELOADING, STOPPING).
 *   - A role that dies, or whose pulse stops, is killed with all that it leaves behind (the supervisor is a child
 *     subreaper), and started again after a back-off of 1 s, doubling up to 30 s, with jitter; a minute of life resets it.
 *   - The death of an essential role ends the daemon.
 *   - SIGTERM and SIGINT stop, SIGHUP asks for a reload. Signals are read from a signalfd; nothing happens in handlers.
 * One supervisor per process, single-threaded. */
#ifndef DD_BASE_SUPERVISOR_H
#define DD_BASE_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_privileges_user;
struct dd_supervisor;

enum dd_supervisor_event {
    DD_SUPERVISOR_STOP = 1,   /* a signal asks the daemon to stop */
    DD_SUPERVISOR_RELOAD = 2, /* a signal asks it to read its configuration again */
    DD_SUPERVISOR_FAILED = 3, /* an essential role died; logged */
};

struct dd_supervisor_role {
    const char *name;                      /* borrowed, copied; "transmit", "capture lobby" */
    int boot_fd;                           /* taken: closed when the role cannot be started again any more */
    const int *fds;                        /* borrowed, the array copied; the descriptors stay open until the role is ended */
    size_t fd_count;                       /* at most DD_ROLE_FDS_MAX */
    const struct dd_privileges_user *user; /* borrowed, copied; NULL: the supervisor's own */
    bool essential;                        /* its death ends the daemon; its boot record is closed once it runs */
};

/* program: as the roles' titles begin, "ddsend"; static. NULL, logged, if the system refuses. */
struct dd_supervisor *dd_supervisor_new(const char *program);

/* Starts a role, and goes on starting it. Returns its id, >= 0; or a negative enum dd_error, logged; or DD_ERROR_STOPPED: a
 * signal asks the daemon to stop, so that nothing is started any more. */
int dd_supervisor_start(struct dd_supervisor *s, const struct dd_supervisor_role *role);

/* Waits until a role says that it is ready. DD_ERROR_TIMEOUT, DD_ERROR_GONE (it died) or DD_ERROR_STOPPED. */
int dd_supervisor_await(struct dd_supervisor *s, int id, unsigned timeout_ms);

/* Stops roles, all of them within 1.7 s, by SIGTERM and then SIGKILL, and forgets them. The others go on. */
void dd_supervisor_end(struct dd_supervisor *s, const int *ids, size_t count);

/* Watches until there is something to decide. tick (may be NULL) is called with data at least every 250 ms. */
enum dd_supervisor_event dd_supervisor_run(struct dd_supervisor *s, void (*tick)(void *data), void *data);

/* Tells systemd that the daemon is ready again after DD_SUPERVISOR_RELOAD, with a line for its status. */
void dd_supervisor_reloaded(struct dd_supervisor *s, const char *status);

/* Process id of a role, 0 while it does not run. */
int dd_supervisor_pid(const struct dd_supervisor *s, int id);

/* Stops all roles, together, within 1.7 s, and frees s. Unnamed processes that they left behind are killed. */
void dd_supervisor_free(struct dd_supervisor *s);

#endif
