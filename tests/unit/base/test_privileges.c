#include "dd/base/privileges.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/log.h"
#include "suite.h"

static struct dd_privileges_user find(const char *name, unsigned spare, char *log, size_t size)
{
    struct dd_privileges_user user;
    int fds[2], saved = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
    dup2(fds[1], STDERR_FILENO);
    dd_log_open("test", DD_LOG_INFO);
    ck_assert_int_eq(dd_privileges_find_user(name, spare, &user), 0);
    dup2(saved, STDERR_FILENO);
    ssize_t n = read(fds[0], log, size - 1);
    log[n > 0 ? n : 0] = '\0';
    close(saved);
    close(fds[0]);
    close(fds[1]);
    return user;
}

START_TEST(finds_a_user_by_name)
{
    char log[1024];
    struct dd_privileges_user user = find("daemon", 0, log, sizeof log);
    ck_assert_str_eq(user.name, "daemon");
    ck_assert_uint_eq(user.uid, 1);
    ck_assert_str_eq(log, "");
}
END_TEST

START_TEST(no_two_missing_users_share_a_uid)
{
    enum { SPARES = 4 };
    struct dd_privileges_user users[SPARES];
    char log[1024];
    for (unsigned i = 0; i < SPARES; i++) {
        users[i] = find("nobody-of-that-name", i, log, sizeof log);
        ck_assert_ptr_nonnull(strstr(log, "warning: there is no user nobody-of-that-name: uid "));
        ck_assert_ptr_nonnull(strstr(log, "useradd --system --shell /usr/sbin/nologin nobody-of-that-name\n"));
        ck_assert_uint_eq(users[i].uid, users[i].gid);
        ck_assert_uint_ne(users[i].uid, 0);
        ck_assert_uint_ne(users[i].uid, 65534); /* nobody */
        ck_assert_str_eq(users[i].home, "/nonexistent");
        for (unsigned j = 0; j < i; j++)
            ck_assert_uint_ne(users[i].uid, users[j].uid);
    }
}
END_TEST

SUITE("base/privileges", finds_a_user_by_name, no_two_missing_users_share_a_uid)
