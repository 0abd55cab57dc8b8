/* A role, seen from inside: one of the processes that a daemon's supervisor starts by fork and exec of its own program
 * (see supervise.h). A role begins with nothing but
 *   - standard error, and /dev/null as standard input and output;
 *   - a sealed memfd with its part of the configuration, the boot record;
 *   - a page that it shares with the supervisor, to show that it lives;
 *   - the descriptors that its work needs, in an order that both sides know.
 * It is not dumpable before it has read anything, dies with its supervisor, and is stopped with SIGTERM, which is blocked
 * in all threads and read from dd_role_stop_fd(). */
#ifndef DD_BASE_ROLE_H
#define DD_BASE_ROLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DD_ROLE_NAME_SIZE = 96, DD_ROLE_FDS_MAX = 800 };

struct dd_role;

/* True if this process was executed as a role and main() has to call dd_role_enter(). */
bool dd_role_invoked(int argc, char *const argv[]);

/* Makes the process a role: its name, log, protections, boot record. Returns NULL, logged, if the process was not
 * started by its supervisor. Returned-owned: dd_role_leave(). */
struct dd_role *dd_role_enter(int argc, char *const argv[]);

/* What the supervisor put into the boot record: the kind, a number that the daemon gives meaning to; */
uint32_t dd_role_kind(const struct dd_role *role);
/* and the configuration, as a copy. Returned-owned: the caller wipes and frees it. Can be read once; the boot record is
 * closed then. NULL, logged, if there is no memory or there are not at least minimum bytes. */
void *dd_role_config(struct dd_role *role, size_t minimum, size_t *size);

/* The descriptors that the supervisor passed, 0 <= i < dd_role_fd_count(); borrowed, open until the process ends. */
size_t dd_role_fd_count(const struct dd_role *role);
int dd_role_fd(const struct dd_role *role, size_t i);

/* A descriptor that polls readable once the role is to stop, borrowed; never read it. */
int dd_role_stop_fd(const struct dd_role *role);
/* True once the role is to stop. Never waits. Thread-safe. */
bool dd_role_stopping(const struct dd_role *role);

/* Tells the supervisor that the role has set itself up. */
void dd_role_ready(struct dd_role *role);
/* Tells the supervisor that the role is at work and will say so again within within_ms; it is killed when it does not.
 * Thread-safe. */
void dd_role_beat(struct dd_role *role, unsigned within_ms);

/* Frees role; the process ends next. free(NULL) rule. */
void dd_role_leave(struct dd_role *role);

/* For supervise.c, the other side: the page and the boot record. */
struct dd_role_pulse {
    _Atomic uint64_t alive_until_us; /* dd_clock_now_us(), written by the role */
    _Atomic uint32_t ready;          /* 1 once set up, written by the role */
    uint32_t fd_count;               /* descriptors of its work, written by the supervisor before it starts the role */
};

struct dd_role_boot {
    const char *name; /* borrowed; "capture lobby" */
    uint32_t kind;
    const void *config; /* borrowed, copied into the record */
    size_t config_size;
};

/* A sealed memfd with the record, close-on-exec. Returned-owned; a negative enum dd_error, logged, if it fails. */
int dd_role_boot_open(const struct dd_role_boot *boot);

/* In the forked child: puts boot_fd, pulse_fd and fds where dd_role_enter() finds them, closes all others and executes
 * this program as the role program ": " name. Returns only if that failed, logged. */
void dd_role_execute(const char *program, const char *name, int boot_fd, int pulse_fd, const int *fds, size_t fd_count);

#endif
