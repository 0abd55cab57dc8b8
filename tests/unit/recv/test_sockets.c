#include "recv/sockets.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "dd/base/privileges.h"
#include "recv/options.h"
#include "suite.h"

enum { USER = 12345 };

static struct dd_recv_daemon options;
static const struct dd_privileges_user owner = {.uid = USER, .gid = USER + 1};
static char folder[64], path[96], victim[96];
static void (*after_bind)(void); /* NULL: nothing */

/* Stands for the C library's: somebody who can write in the folder is quicker than the next statement. */
int bind(int fd, const struct sockaddr *address, socklen_t size)
{
    int result = (int)syscall(SYS_bind, fd, address, size);
    if (result == 0 && after_bind)
        after_bind();
    return result;
}

static void set_up(void)
{
    snprintf(folder, sizeof folder, "/tmp/dd-test-sockets-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/http.sock", folder);
    snprintf(victim, sizeof victim, "%s/victim", folder);
    snprintf(options.http_host, sizeof options.http_host, "unix:%s", path);
    snprintf(options.http_socket_mode, sizeof options.http_socket_mode, "0640");
    FILE *file = fopen(victim, "w");
    ck_assert_ptr_nonnull(file);
    fclose(file);
    ck_assert_int_eq(chmod(victim, 0600), 0);
    after_bind = NULL;
}

static void tear_down(void)
{
    after_bind = NULL;
    unlink(path);
    unlink(victim);
    ck_assert_int_eq(rmdir(folder), 0);
}

static const struct dd_privileges_user *whose(void)
{
    return geteuid() == 0 ? &owner : NULL;
}

static void check_mode(void)
{
    struct stat s;
    ck_assert_int_eq(lstat(path, &s), 0);
    ck_assert_uint_eq(s.st_mode, S_IFSOCK | 0640);
}

START_TEST(a_unix_socket_has_its_mode_from_the_first_moment)
{
    struct stat s;
    set_up();
    mode_t mask = umask(077);
    after_bind = check_mode;
    int fd = dd_sockets_open_http(&options, whose());
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(umask(mask), 077);
    check_mode();
    ck_assert_int_eq(lstat(path, &s), 0);
    ck_assert_uint_eq(s.st_uid, whose() ? USER : geteuid());
    ck_assert_uint_eq(s.st_gid, whose() ? USER + 1 : getegid());
    close(fd);
    dd_sockets_unlink_http(&options);
    ck_assert_int_lt(lstat(path, &s), 0);
    tear_down();
}
END_TEST

static void plant_symlink(void)
{
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink(victim, path), 0);
}

static void plant_hard_link(void)
{
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(link(victim, path), 0);
}

static void plant_nothing(void)
{
    ck_assert_int_eq(unlink(path), 0);
}

/* A folder of another user, who puts something else in the place of the socket just when it is there: neither the mode nor the
 * owner of that changes, and it is not removed. */
START_TEST(what_others_put_in_the_place_of_a_unix_socket_is_left_alone)
{
    static void (*const plants[])(void) = {plant_symlink, plant_hard_link, plant_nothing};
    struct stat s;
    for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
        set_up();
        if (geteuid() == 0)
            ck_assert_int_eq(chown(folder, USER + 2, USER + 2), 0);
        after_bind = plants[i];
        int fd = dd_sockets_open_http(&options, whose());
        ck_assert(fd < 0 || geteuid() != 0); /* only root has an owner to set */
        ck_assert_int_eq(stat(victim, &s), 0);
        ck_assert_uint_eq(s.st_mode, S_IFREG | 0600);
        ck_assert_uint_eq(s.st_uid, geteuid());
        dd_sockets_unlink_http(&options);
        ck_assert_int_eq(lstat(path, &s), plants[i] == plant_nothing ? -1 : 0);
        if (fd >= 0)
            close(fd);
        tear_down();
    }
}
END_TEST

/* A file that is no socket is never removed to make room. */
START_TEST(only_a_dead_socket_makes_way)
{
    struct stat s;
    set_up();
    int fd = dd_sockets_open_http(&options, NULL);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_lt(dd_sockets_open_http(&options, NULL), 0); /* it is in use */
    close(fd);
    fd = dd_sockets_open_http(&options, NULL);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(rename(victim, path), 0);
    ck_assert_int_lt(dd_sockets_open_http(&options, NULL), 0);
    dd_sockets_unlink_http(&options);
    ck_assert_int_eq(stat(path, &s), 0);
    tear_down();
}
END_TEST

/* Connects to where the options say. True if that is accepted. */
static bool connects(uint16_t port)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    snprintf(local.sun_path, sizeof local.sun_path, "%s", path);
    int fd = socket(port ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int error = port ? connect(fd, (struct sockaddr *)&v4, sizeof v4) : connect(fd, (struct sockaddr *)&local, sizeof local);
    if (error && errno == EINPROGRESS) {
        struct timeval wait = {.tv_usec = 200000};
        fd_set set;
        socklen_t size = sizeof error;
        FD_ZERO(&set);
        FD_SET(fd, &set);
        error = select(fd + 1, NULL, &set, NULL, &wait) == 1 ? 0 : ETIMEDOUT;
        if (!error)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    close(fd);
    return error == 0;
}

static void shut_down(int fd)
{
    shutdown(fd, SHUT_RDWR);
}

/* Drops all that arrives, for good. */
static void filter_all(int fd)
{
    struct sock_filter drop = {.code = BPF_RET};
    struct sock_fprog program = {.len = 1, .filter = &drop};
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof on), 0);
}

/* Has the options say a free TCP port, which is returned. */
static uint16_t use_tcp(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof any;
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(probe, (struct sockaddr *)&any, sizeof any), 0);
    ck_assert_int_eq(getsockname(probe, (struct sockaddr *)&any, &size), 0);
    close(probe);
    snprintf(options.http_host, sizeof options.http_host, "127.0.0.1");
    options.http_port = ntohs(any.sin_port);
    return ntohs(any.sin_port);
}

/* Whatever a process has done to the socket, a renewed one accepts connections, under the same number. */
START_TEST(a_renewed_socket_accepts_again)
{
    static void (*const harm[])(int) = {shut_down, filter_all};
    for (size_t i = 0; i < 2 * sizeof harm / sizeof *harm; i++) {
        bool tcp = i % 2;
        uint16_t port = 0;
        set_up();
        if (tcp)
            port = use_tcp();
        int fd = dd_sockets_open_http(&options, NULL);
        ck_assert_int_ge(fd, 0);
        ck_assert(connects(port));
        harm[i / 2](fd);
        if (tcp || harm[i / 2] == shut_down)
            ck_assert(!connects(port));
        ck_assert_int_eq(dd_sockets_renew_http(fd, &options, NULL), 0);
        ck_assert(connects(port));
        close(fd);
        dd_sockets_unlink_http(&options);
        tear_down();
    }
}
END_TEST

/* Connects the socket to one that does not read, fills its buffer, and lets its close wait until that is sent. Returns the other
 * end's listener. */
static int make_it_linger(int fd)
{
    static const char bytes[65536];
    const struct linger long_time = {.l_onoff = 1, .l_linger = 3600};
    struct sockaddr_in deaf = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof deaf;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&deaf, sizeof deaf), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&deaf, &size), 0);
    shutdown(fd, SHUT_RDWR);
    ck_assert(connect(fd, (struct sockaddr *)&deaf, sizeof deaf) == 0 || errno == EINPROGRESS);
    for (int tries = 0; tries < 1000; tries++) {
        if (send(fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN && tries)
            break;
    }
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &long_time, sizeof long_time), 0);
    return listener;
}

START_TEST(closing_does_not_wait_for_what_others_did)
{
    for (int renew = 0; renew < 2; renew++) {
        set_up();
        uint16_t port = use_tcp();
        int fd = dd_sockets_open_http(&options, NULL);
        ck_assert_int_ge(fd, 0);
        int listener = make_it_linger(fd);
        alarm(30); /* instead of an hour */
        if (renew) {
            ck_assert_int_eq(dd_sockets_renew_http(fd, &options, NULL), 0);
            ck_assert(connects(port));
        }
        dd_sockets_close_http(fd, &options);
        alarm(0);
        close(listener);
        tear_down();
    }
}
END_TEST

START_TEST(tells_which_sockets_are_the_same_and_which_collide)
{
    static const struct {
        const char *host;
        int64_t port;
        const char *mode;
    } places[] = {{"127.0.0.1", 8000, "0660"}, {"127.0.0.1", 8000, "0600"}, {"127.0.0.2", 8000, "0660"},
                  {"127.0.0.1", 8001, "0660"}, {"unix:/a", 8000, "0660"},   {"unix:/a", 8001, "0660"},
                  {"unix:/a", 8000, "0600"},   {"unix:/b", 8000, "0660"}};
    static const char same[8][9] = {"xx......", "xx......", "..x.....", "...x....",
                                    "....xx..", "....xx..", "......x.", ".......x"};
    static const char collide[8][9] = {"xxx.....", "xxx.....", "xxx.....", "...x....",
                                       "....xxx.", "....xxx.", "....xxx.", ".......x"};
    static struct dd_recv_daemon a, b;
    for (size_t i = 0; i < 64; i++) {
        snprintf(a.http_host, sizeof a.http_host, "%s", places[i / 8].host);
        snprintf(b.http_host, sizeof b.http_host, "%s", places[i % 8].host);
        snprintf(a.http_socket_mode, sizeof a.http_socket_mode, "%s", places[i / 8].mode);
        snprintf(b.http_socket_mode, sizeof b.http_socket_mode, "%s", places[i % 8].mode);
        a.http_port = places[i / 8].port;
        b.http_port = places[i % 8].port;
        ck_assert_msg(dd_sockets_same_http(&a, &b) == (same[i / 8][i % 8] == 'x'), "same %zu %zu", i / 8, i % 8);
        ck_assert_msg(dd_sockets_collide_http(&a, &b) == (collide[i / 8][i % 8] == 'x'), "collide %zu %zu", i / 8, i % 8);
    }
}
END_TEST

SUITE("recv/sockets", a_unix_socket_has_its_mode_from_the_first_moment,
      what_others_put_in_the_place_of_a_unix_socket_is_left_alone, only_a_dead_socket_makes_way, a_renewed_socket_accepts_again,
      closing_does_not_wait_for_what_others_did, tells_which_sockets_are_the_same_and_which_collide)
