#include "dd/base/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "suite.h"

static char folder[64], path[96];

static void set_up(void)
{
    snprintf(folder, sizeof folder, "/tmp/dd-test-file-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
}

START_TEST(replaces_and_reads)
{
    char bytes[8];
    set_up();
    ck_assert_int_eq(dd_file_replace(path, "old content", 11), 0);
    ck_assert_int_eq(dd_file_replace(path, "new", 3), 0);
    ck_assert_int_eq(dd_file_read(path, bytes, sizeof bytes, true), 3);
    ck_assert_int_eq(memcmp(bytes, "new", 3), 0);
    ck_assert_int_eq(dd_file_read(path, bytes, 3, false), 3);
    ck_assert_int_eq(dd_file_read(path, bytes, 2, false), DD_ERROR_SPACE);
    unlink(path);
    ck_assert_int_eq(dd_file_read(path, bytes, sizeof bytes, false), DD_ERROR_SYSTEM);
    tear_down();
}
END_TEST

START_TEST(refuses_secrets_that_others_can_read_or_write)
{
    char text[16];
    set_up();
    ck_assert_int_eq(dd_file_replace(path, "secret \r\nrest", 13), 0);
    ck_assert_int_eq(dd_file_read_secret_line(path, text, sizeof text), 0);
    ck_assert_str_eq(text, "secret");
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(dd_file_read_secret_line(path, text, sizeof text), 0);
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(dd_file_read_secret_line(path, text, sizeof text), DD_ERROR_INPUT);
    ck_assert_ptr_null(memmem(text, sizeof text, "secret", 6));
    ck_assert_int_eq(chmod(path, 0620), 0);
    ck_assert_int_eq(dd_file_read_secret_line(path, text, sizeof text), DD_ERROR_INPUT);
    tear_down();
}
END_TEST

/* Whoever owns it can change it. Only root can give a file away. */
START_TEST(refuses_secrets_that_belong_to_others)
{
    char text[16] = "";
    if (geteuid() != 0)
        return;
    set_up();
    ck_assert_int_eq(dd_file_replace(path, "secret", 6), 0);
    ck_assert_int_eq(dd_file_check_secret(path, "key"), 0);
    ck_assert_int_eq(chown(path, 1234567, 0), 0);
    ck_assert_int_eq(dd_file_check_secret(path, "key"), DD_ERROR_INPUT);
    ck_assert_int_eq(dd_file_read_secret_line(path, text, sizeof text), DD_ERROR_INPUT);
    ck_assert_ptr_null(memmem(text, sizeof text, "secret", 6));
    ck_assert_int_eq(dd_file_read(path, text, sizeof text, false), 6);
    /* root's, for a process of another user; and that user's own */
    ck_assert_int_eq(chown(folder, 1234567, 0), 0);
    ck_assert_int_eq(seteuid(1234567), 0);
    ck_assert_int_eq(dd_file_check_secret(path, "key"), 0);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(chown(path, 0, 0), 0);
    ck_assert_int_eq(seteuid(1234567), 0);
    ck_assert_int_eq(dd_file_check_secret(path, "key"), 0);
    ck_assert_int_eq(seteuid(0), 0);
    tear_down();
}
END_TEST

/* What somebody else has put where the new content is written does no harm: nothing is written through a link, and nobody waits
 * for the reader of a pipe. */
START_TEST(replaces_whatever_is_in_the_way)
{
    char temporary[128], victim[128], bytes[8];
    set_up();
    snprintf(temporary, sizeof temporary, "%s.new", path);
    snprintf(victim, sizeof victim, "%s/victim", folder);
    ck_assert_int_eq(dd_file_replace(victim, "victim", 6), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(i == 0 ? mkfifo(temporary, 0666) : i == 1 ? symlink(victim, temporary) : link(victim, temporary), 0);
        ck_assert_int_eq(dd_file_replace(path, "mine", 4), 0);
        ck_assert_int_eq(dd_file_read(path, bytes, sizeof bytes, false), 4);
        ck_assert_int_eq(dd_file_read(victim, bytes, sizeof bytes, false), 6);
    }
    unlink(victim);
    tear_down();
}
END_TEST

START_TEST(refuses_a_state_folder_in_which_others_can_write)
{
    char got[128];
    set_up();
    ck_assert_int_eq(dd_file_state_dir("test", folder, got, sizeof got), 0);
    chmod(folder, 0755);
    ck_assert_int_eq(dd_file_state_dir("test", folder, got, sizeof got), 0);
    chmod(folder, 0777);
    ck_assert_int_eq(dd_file_state_dir("test", folder, got, sizeof got), DD_ERROR_INPUT);
    chmod(folder, 01777);
    ck_assert_int_eq(dd_file_state_dir("test", folder, got, sizeof got), DD_ERROR_INPUT);
    chmod(folder, 0700);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(folder, 12345, 12345), 0);
        ck_assert_int_eq(dd_file_state_dir("test", folder, got, sizeof got), DD_ERROR_INPUT);
    }
    tear_down();
}
END_TEST

START_TEST(makes_the_state_folder)
{
    char wanted[128], got[128], inner[160];
    struct stat s;
    set_up();
    snprintf(wanted, sizeof wanted, "%s/a/b", folder);
    ck_assert_int_eq(dd_file_state_dir("test", wanted, got, sizeof got), 0);
    ck_assert_str_eq(got, wanted);
    ck_assert_int_eq(stat(wanted, &s), 0);
    ck_assert_uint_eq(s.st_mode & 0777, 0700);
    setenv("STATE_DIRECTORY", folder, 1);
    ck_assert_int_eq(dd_file_state_dir("test", "", got, sizeof got), 0);
    ck_assert_str_eq(got, folder);
    unsetenv("STATE_DIRECTORY");
    rmdir(wanted);
    snprintf(inner, sizeof inner, "%s/a", folder);
    rmdir(inner);
    tear_down();
}
END_TEST

SUITE("base/file", replaces_and_reads, refuses_secrets_that_others_can_read_or_write, refuses_secrets_that_belong_to_others,
      replaces_whatever_is_in_the_way, refuses_a_state_folder_in_which_others_can_write, makes_the_state_folder)
