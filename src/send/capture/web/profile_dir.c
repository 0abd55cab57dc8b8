#include "send/capture/web/profile_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "send/capture/web/process_tree.h"

enum { OPEN_DIRS = 16, ATTEMPTS = 8 };

#define NAME "ddsend-browser-"

static const char *parent(void)
{
    const char *dir = getenv("TMPDIR");

    return dir && dir[0] == '/' && strlen(dir) + sizeof NAME + 8 < DD_PROFILE_DIR_PATH_SIZE ? dir : "/tmp";
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)where;
    if (kind == FTW_DP || kind == FTW_D)
        rmdir(path);
    else
        unlink(path);
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, OPEN_DIRS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* Opens and locks the directory path. Returns its descriptor; -1 if it is locked, not ours, or was replaced meanwhile. */
static int lock(const char *path)
{
    struct stat held, named;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -1;
    if (fstat(fd, &held) == 0 && held.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0 && lstat(path, &named) == 0 &&
        named.st_ino == held.st_ino && named.st_dev == held.st_dev)
        return fd;
    close(fd);
    return -1;
}

/* Kills the browser that uses the directory path: one that hangs does not notice that its role was killed. */
static void kill_strays(const char *path)
{
    char argument[DD_PROFILE_DIR_PATH_SIZE + sizeof DD_PROFILE_DIR_ARGUMENT];

    snprintf(argument, sizeof argument, DD_PROFILE_DIR_ARGUMENT "%s/", path);
    dd_process_tree_kill_by_argument(argument);
}

/* Removes directories whose role has died: the kernel released their locks, however the role ended. */
static void remove_leftovers(void)
{
    char path[DD_PROFILE_DIR_PATH_SIZE];
    const struct dirent *entry;
    DIR *dir = opendir(parent());

    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, NAME, strlen(NAME)) != 0 ||
            (size_t)snprintf(path, sizeof path, "%s/%s", parent(), entry->d_name) >= sizeof path)
            continue;
        int fd = lock(path);
        if (fd < 0)
            continue;
        dd_log_info("removing %s, which a browser left behind", path);
        kill_strays(path);
        remove_tree(path);
        close(fd);
    }
    if (dir)
        closedir(dir);
}

int dd_profile_dir_create(struct dd_profile_dir *dir)
{
    *dir = (struct dd_profile_dir){.fd = -1};
    remove_leftovers();
    /* another role may take the new directory for a leftover before it is locked: then try again */
    for (int i = 0; i < ATTEMPTS; i++) {
        snprintf(dir->path, sizeof dir->path, "%s/%sXXXXXX", parent(), NAME);
        if (!mkdtemp(dir->path))
            break;
        dir->fd = lock(dir->path);
        if (dir->fd >= 0)
            return 0;
    }
    dd_log_error("cannot make a folder for the browser in %s: %s", parent(), strerror(errno));
    dir->path[0] = '\0';
    return DD_ERROR_SYSTEM;
}

void dd_profile_dir_clear(struct dd_profile_dir *dir)
{
    if (dir->path[0])
        remove_tree(dir->path);
}

void dd_profile_dir_remove(struct dd_profile_dir *dir)
{
    if (!dir->path[0])
        return;
    remove_tree(dir->path);
    close(dir->fd);
    *dir = (struct dd_profile_dir){.fd = -1};
}
