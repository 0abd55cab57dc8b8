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

/* Looks a user up by name. If there is none, warns, and takes a uid without a name, with the gid of the same number: number
 * spare, counted from 0, of those that no other user has. So no two roles share a uid, if each has a spare of its own. 0; or
 * DD_ERROR_INPUT, logged, if the user namespace of this container maps neither. */
int dd_privileges_find_user(const char *name, unsigned spare, struct dd_privileges_user *user);

/* Switches the process to user for good: supplementary groups, group, user. Needs root. 0 or DD_ERROR_SYSTEM, logged. */
int dd_privileges_become(const struct dd_privileges_user *user);

/* Makes the process non-dumpable: no core dumps, and no ptrace(2) or /proc/PID/mem for processes of the same user. 0 or
 * DD_ERROR_SYSTEM, logged. */
int dd_privileges_hide(void);

#endif
