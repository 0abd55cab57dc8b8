#include "dd/base/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
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

/* True if a map of a user namespace has id. path: /proc/self/uid_map or gid_map. */
static bool has_id(const char *path, uintmax_t id)
{
    uintmax_t first, outside, count;
    bool found = false;
    FILE *map = fopen(path, "re");
    if (!map)
        return false;
    while (!found && fscanf(map, "%ju %ju %ju", &first, &outside, &count) == 3)
        found = id >= first && id - first < count;
    fclose(map);
    return found;
}

/* True if the user namespace of this process has these ids, so the process can become them. */
static bool is_mapped(uid_t uid, gid_t gid)
{
    return has_id("/proc/self/uid_map", uid) && has_id("/proc/self/gid_map", gid);
}

static bool is_free(uid_t uid)
{
    struct passwd entry, *found = NULL;
    char text[4096];
    return getpwuid_r(uid, &entry, text, sizeof text, &found) == 0 && !found;
}

/* Finds a uid for a role whose user is missing. Neither Debian nor systemd assigns any of 1879048192 to 1879048447. Many
 * containers map only 65536 uids; of these Debian keeps 65000 to 65533 free. */
static bool find_spare(unsigned spare, struct dd_privileges_user *user)
{
    const uid_t uids[] = {1879048447 - spare, 65533 - spare};
    for (size_t i = 0; i < sizeof uids / sizeof *uids; i++) {
        if (!is_mapped(uids[i], (gid_t)uids[i]) || !is_free(uids[i]))
            continue;
        user->uid = uids[i];
        user->gid = (gid_t)uids[i];
        snprintf(user->home, sizeof user->home, "/nonexistent");
        snprintf(user->name, sizeof user->name, "%u", user->uid);
        return true;
    }
    return false;
}

int dd_privileges_find_user(const char *name, unsigned spare, struct dd_privileges_user *user)
{
    memset(user, 0, sizeof *user);
    bool is_there = look_up(name, user);
    if (is_there && is_mapped(user->uid, user->gid))
        return 0;
    if (is_there) {
        dd_log_error("user %s is uid %u with gid %u, which this container does not map", name, user->uid, user->gid);
        return DD_ERROR_INPUT;
    }
    if (!find_spare(spare, user)) {
        dd_log_error(
            "there is no user %s to run as, and this container maps no spare uid: let it map 65536, or make the user: useradd "
            "--system --shell /usr/sbin/nologin %s",
            name, name);
        return DD_ERROR_INPUT;
    }
    dd_log_warning(
        "there is no user %s: uid %u takes its place; systemd-sysusers makes the users after the installation, or: useradd "
        "--system --shell /usr/sbin/nologin %s",
        name, user->uid, name);
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
