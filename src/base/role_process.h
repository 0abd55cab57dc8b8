/* What the supervisor keeps of a role, to run it in one process after the other: its boot record, its pulse, its log, and its
 * descriptors. One owner, one thread. */
#ifndef DD_BASE_ROLE_PROCESS_H
#define DD_BASE_ROLE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dd/base/privileges.h"
#include "dd/base/role.h"

struct dd_log_relay;
struct dd_supervisor_role;

struct dd_role_process {
    char name[DD_ROLE_NAME_SIZE];
    pid_t pid; /* 0: not running; set to 0 by the caller once it has reaped the process */
    struct dd_role_pulse *pulse;
    struct dd_log_relay *log;
    /* For starting it: */
    struct dd_privileges_user user;
    bool change_user;
    int boot_fd, pulse_fd; /* boot_fd -1: it is not started again */
    int *fds;
    size_t fd_count;
};

/* Copies what is needed to start the role again and again, and makes boot record, pulse and log. 0; or a negative enum dd_error,
 * logged, and there is nothing to close. */
int dd_role_process_open(struct dd_role_process *p, const struct dd_supervisor_role *role);
/* Closes and frees everything, the last words in the log passed on. The process has ended. */
void dd_role_process_close(struct dd_role_process *p);

/* Starts the process. program: the beginning of its title, "ddsend". Its first heartbeat counts as given until alive_until_us. 0
 * or DD_ERROR_SYSTEM, logged. */
int dd_role_process_start(struct dd_role_process *p, const char *program, uint64_t alive_until_us);

/* How long a process is ready to run, and gets no CPU. */
struct dd_role_process_starvation {
    uint64_t ran_ns, waited_ns; /* of the kernel, in sum: at the last look; at the beginning */
    uint64_t ran_us;            /* dd_clock_now_us() of the last look at which the process had run, or was not ready to run */
};

/* Begins to watch, at now_us (dd_clock_now_us()). */
void dd_role_process_watch_cpu(const struct dd_role_process *p, struct dd_role_process_starvation *s, uint64_t now_us);
/* Microseconds without a CPU since then, as far as they are known; 0 if the kernel does not count them. Call it several times a
 * second. */
uint64_t dd_role_process_starved_us(const struct dd_role_process *p, struct dd_role_process_starvation *s, uint64_t now_us);

enum { DD_ROLE_PROCESS_DESCRIPTION_SIZE = 96 };
/* Writes what its main thread does, for the log: "state D in jbd2_log_wait_commit", the letter and the kernel's function as of
 * proc(5). */
void dd_role_process_describe(const struct dd_role_process *p, char text[static DD_ROLE_PROCESS_DESCRIPTION_SIZE]);

#endif
