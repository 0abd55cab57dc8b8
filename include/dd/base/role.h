/* A role, from its own point of view: one of the processes that a daemon's supervisor starts by fork and exec of its own program
 * (see supervisor.h). A role inherits only
 *   - a pipe to the supervisor's log as standard error, and /dev/null as standard input and output;
 *   - the boot record: a sealed memfd with its part of the configuration;
 *   - the pulse: a page shared with the supervisor, for the heartbeat;
 *   - the descriptors that its work needs, in an order that both sides know.
 * It is made non-dumpable before it reads anything, and dies with its supervisor. It is stopped with SIGTERM, which is blocked in
 * all threads and read from dd_role_stop_fd(). */
#ifndef DD_BASE_ROLE_H
#define DD_BASE_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DD_ROLE_NAME_SIZE = 96, DD_ROLE_FDS_MAX = 800 };

struct dd_role;

/* True if this process was executed as a role; main() then has to call dd_role_enter(). */
bool dd_role_invoked(int argc, char *const argv[]);

/* Sets the process up as a role: its name, log, protections and boot record. Returned-owned: dd_role_leave(). NULL, logged, if
 * the process was not started by its supervisor. */
struct dd_role *dd_role_enter(int argc, char *const argv[]);

/* The kind of role in the boot record, a number whose meaning is up to the daemon. */
uint32_t dd_role_kind(const struct dd_role *role);
/* A copy of the configuration in the boot record, and its size. Returned-owned: the caller wipes and frees it. Call it once: it
 * closes the boot record. NULL, logged, if memory is exhausted or there are fewer than minimum bytes. */
void *dd_role_config(struct dd_role *role, size_t minimum, size_t *size);

/* The descriptors that the supervisor passed, 0 <= i < dd_role_fd_count(); borrowed, open until the process ends. */
size_t dd_role_fd_count(const struct dd_role *role);
int dd_role_fd(const struct dd_role *role, size_t i);

/* A descriptor that becomes readable when the role has to stop. Borrowed; never read it. */
int dd_role_stop_fd(const struct dd_role *role);
/* True once the role has to stop. Never waits. Thread-safe. */
bool dd_role_stopping(const struct dd_role *role);

/* Tells the supervisor that the role has finished its set-up. */
void dd_role_ready(struct dd_role *role);
/* The heartbeat: promises the supervisor the next one within within_ms. The supervisor kills the role if it fails to come.
 * Thread-safe. */
void dd_role_beat(struct dd_role *role, unsigned within_ms);

/* Frees role, which may be NULL. The process ends next. */
void dd_role_leave(struct dd_role *role);

/* For role_process.c, the other side: the pulse and the boot record. */
struct dd_role_pulse {
    _Atomic uint64_t alive_until_us; /* dd_clock_now_us(), written by the role */
    _Atomic uint32_t ready;          /* 1 once set up, written by the role */
    uint32_t fd_count;               /* number of its descriptors, written by the supervisor before it starts the role */
};

struct dd_role_boot {
    const char *name; /* borrowed; "capture lobby" */
    uint32_t kind;
    const void *config; /* borrowed, copied into the record */
    size_t config_size;
};

/* Creates the boot record: a sealed, close-on-exec memfd, returned-owned; or a negative enum dd_error, logged. */
int dd_role_boot_open(const struct dd_role_boot *boot);

/* All borrowed. */
struct dd_role_launch {
    const char *program, *name;    /* the role's process is named PROGRAM: NAME */
    const char *home;              /* for $HOME; NULL: the supervisor's */
    int boot_fd, pulse_fd, log_fd; /* log_fd: its standard error */
    const int *fds;                /* of its work */
    size_t fd_count;
};

/* In the forked child: moves the descriptors to where dd_role_enter() expects them, closes all others, and executes this program
 * as the role. Standard error is log_fd already. Returns only on failure, logged. */
void dd_role_execute(const struct dd_role_launch *launch);

#endif
