/* What a process gives up: its user, its readability for others, and more of its rights by and by. */
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

/* Looks name up; where there is none, says so and takes nobody. 0, or DD_ERROR_INPUT if nobody is missing, too. */
int dd_privileges_find_user(const char *name, struct dd_privileges_user *user);

/* Becomes user for good: groups, group, user. Needs root. 0 or DD_ERROR_SYSTEM, logged. */
int dd_privileges_become(const struct dd_privileges_user *user);

/* No core dumps, no ptrace by equals, no reading of /proc/PID/mem by equals. 0 or DD_ERROR_SYSTEM, logged. */
int dd_privileges_hide(void);

#endif
