#include "send/capture/web/profile_dir.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"

static char parent[] = "/tmp/dd-test-folder-XXXXXX";

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void fill(const struct dd_profile_dir *folder)
{
    char path[256];
    snprintf(path, sizeof path, "%s/profile", folder->path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/profile/file", folder->path);
    ck_assert_int_eq(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
    snprintf(path, sizeof path, "%s/out", folder->path);
    ck_assert_int_eq(symlink("/etc", path), 0);
}

START_TEST(it_is_private_and_goes_with_all_in_it)
{
    struct dd_profile_dir folder;
    struct stat status;
    char path[256];

    ck_assert_ptr_nonnull(mkdtemp(parent));
    setenv("TMPDIR", parent, 1);
    ck_assert_int_eq(dd_profile_dir_create(&folder), 0);
    ck_assert_int_eq(strncmp(folder.path, parent, strlen(parent)), 0);
    ck_assert_int_eq(stat(folder.path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0700);
    fill(&folder);
    snprintf(path, sizeof path, "%s", folder.path);
    dd_profile_dir_remove(&folder);
    ck_assert(!is_there(path));
    ck_assert(is_there("/etc/passwd"));
    ck_assert_str_eq(folder.path, "");
    dd_profile_dir_remove(&folder);
    ck_assert_int_eq(rmdir(parent), 0);
}
END_TEST

START_TEST(what_the_dead_left_goes_what_is_in_use_stays)
{
    struct dd_profile_dir dead, used, next;
    char path[256];
    int status;

    ck_assert_ptr_nonnull(mkdtemp(parent));
    setenv("TMPDIR", parent, 1);
    ck_assert_int_eq(dd_profile_dir_create(&used), 0);
    pid_t pid = fork();
    if (pid == 0) {
        bool made = dd_profile_dir_create(&dead) == 0;
        if (made)
            fill(&dead);
        _exit(made ? EXIT_SUCCESS : EXIT_FAILURE); /* its lock goes with it */
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    snprintf(path, sizeof path, "%s/elses", parent);
    ck_assert_int_eq(mkdir(path, 0700), 0);

    ck_assert_int_eq(dd_profile_dir_create(&next), 0);
    ck_assert(is_there(used.path));
    ck_assert(is_there(next.path));
    ck_assert(is_there(path));
    rmdir(path);
    dd_profile_dir_remove(&next);
    dd_profile_dir_remove(&used);
    ck_assert_int_eq(rmdir(parent), 0); /* nothing else was in it */
}
END_TEST

SUITE("send/capture/web/profile_dir", it_is_private_and_goes_with_all_in_it, what_the_dead_left_goes_what_is_in_use_stays)
