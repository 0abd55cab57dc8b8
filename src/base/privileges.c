#include "dd/base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"

static bool look_up(const char *name, struct dd_privileges_user *user)
{
    struct passwd entry, *found = NULL;
    char text[4096];
    if (getpwnam_r(name, &entry, text, sizeof text, &found) || !found)
        return false;
    snprintf(user->name, sizeof user->name, "%s", name);
    snprintf(user->home, sizeof user->home, "%s", entry.pw_dir);
    user->uid = entry.pw_uid;
    user->gid = entry.pw_gid;
    return true;
}

int dd_privileges_find_user(const char *name, struct dd_privileges_user *user)
{
    memset(user, 0, sizeof *user);
    if (look_up(name, user))
        return 0;
    if (!look_up("nobody", user)) {
        dd_log_error("there is neither a user %s nor a user nobody to run as", name);
        return DD_ERROR_INPUT;
    }
    dd_log_notice("there is no user %s: its roles run as nobody", name);
    return 0;
}

int dd_privileges_become(const struct dd_privileges_user *user)
{
    if (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0) {
        dd_log_error("cannot become user %s: %s", user->name, strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    /* Belt and braces: a way back would mean that all roles share root's powers. */
    if (user->uid != 0 && setuid(0) == 0) {
        dd_log_error("became user %s, but could become root again", user->name);
        return DD_ERROR_SYSTEM;
    }
    return 0;
}

int dd_privileges_hide(void)
{
    struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0) {
        dd_log_error("cannot make the process unreadable for others: %s", strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    return 0;
}
