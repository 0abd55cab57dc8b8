/* Drops privileges of a process: its user, and its readability for other processes. */
#ifndef DD_BASE_PRIVILEGES_H
#define DD_BASE_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

enum { DD_PRIVILEGES_USER_SIZE = 64 };

struct dd_privileges_user {
    char name[DD_PRIVILEGES_USER_SIZE];
    char home[256];
    uid_t uid;
    gid_t gid;
};

/* Looks a user up by name. If there is none, logs that and uses nobody. 0; or DD_ERROR_INPUT, logged, if nobody is missing, too.
 */
int dd_privileges_find_user(const char *name, struct dd_privileges_user *user);

/* Switches the process to user for good: supplementary groups, group, user. Needs root. 0 or DD_ERROR_SYSTEM, logged. */
int dd_privileges_become(const struct dd_privileges_user *user);

/* Makes the process non-dumpable: no core dumps, and no ptrace(2) or /proc/PID/mem for processes of the same user. 0 or
 * DD_ERROR_SYSTEM, logged. */
int dd_privileges_hide(void);

#endif
