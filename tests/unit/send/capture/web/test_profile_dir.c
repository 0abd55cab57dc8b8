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

static char parent[] = "/tmp/dd-test-dir-XXXXXX";

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static void fill(const struct dd_profile_dir *dir)
{
    char path[256];
    snprintf(path, sizeof path, "%s/profile", dir->path);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/profile/file", dir->path);
    ck_assert_int_eq(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
    snprintf(path, sizeof path, "%s/out", dir->path);
    ck_assert_int_eq(symlink("/etc", path), 0);
}

START_TEST(it_is_private_and_removed_with_all_files)
{
    struct dd_profile_dir dir;
    struct stat status;
    char path[256];

    ck_assert_ptr_nonnull(mkdtemp(parent));
    setenv("TMPDIR", parent, 1);
    ck_assert_int_eq(dd_profile_dir_create(&dir), 0);
    ck_assert_int_eq(strncmp(dir.path, parent, strlen(parent)), 0);
    ck_assert_int_eq(stat(dir.path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0700);
    fill(&dir);
    snprintf(path, sizeof path, "%s", dir.path);
    dd_profile_dir_remove(&dir);
    ck_assert(!is_there(path));
    ck_assert(is_there("/etc/passwd"));
    ck_assert_str_eq(dir.path, "");
    dd_profile_dir_remove(&dir);
    ck_assert_int_eq(rmdir(parent), 0);
}
END_TEST

START_TEST(leftovers_are_removed_unless_they_are_in_use)
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
        _exit(made ? EXIT_SUCCESS : EXIT_FAILURE); /* its lock is released */
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    snprintf(path, sizeof path, "%s/other", parent);
    ck_assert_int_eq(mkdir(path, 0700), 0);

    ck_assert_int_eq(dd_profile_dir_create(&next), 0);
    ck_assert(is_there(used.path));
    ck_assert(is_there(next.path));
    ck_assert(is_there(path));
    rmdir(path);
    dd_profile_dir_remove(&next);
    dd_profile_dir_remove(&used);
    ck_assert_int_eq(rmdir(parent), 0); /* the leftover was removed */
}
END_TEST

SUITE("send/capture/web/profile_dir", it_is_private_and_removed_with_all_files, leftovers_are_removed_unless_they_are_in_use)
