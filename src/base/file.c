#include "dd/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"

/* Writes the name of uid, or its number if it has none. */
static void write_user(uid_t uid, char *text, size_t size)
{
    struct passwd entry, *found = NULL;
    char room[4096];
    if (getpwuid_r(uid, &entry, room, sizeof room, &found) == 0 && found)
        snprintf(text, size, "%s", found->pw_name);
    else
        snprintf(text, size, "uid %u", uid);
}

/* The owner of a file can read and change it whatever its mode is. */
static int check_owner(const struct stat *s, const char *path, const char *what)
{
    char owner[64], self[64];
    if (s->st_uid == 0 || s->st_uid == geteuid())
        return 0;
    write_user(s->st_uid, owner, sizeof owner);
    write_user(geteuid(), self, sizeof self);
    dd_log_error("%s holds a secret%s, but belongs to %s, who can change it: chown %s %s", path, what, owner, self, path);
    return DD_ERROR_INPUT;
}

/* what: ", " and the name of the secret; "": the file is one. */
static int check_secret(int found, const struct stat *s, const char *path, const char *what)
{
    if (found < 0) {
        dd_log_error("%s: %s", path, strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    if (!S_ISREG(s->st_mode))
        return 0;
    if (s->st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) {
        dd_log_error("%s holds a secret%s, but others can %s it (mode %04o): chmod 600 %s", path, what,
                     s->st_mode & S_IROTH ? "read" : "write", (unsigned)(s->st_mode & 07777), path);
        return DD_ERROR_INPUT;
    }
    return check_owner(s, path, what);
}

static long read_all(int fd, const char *path, uint8_t *bytes, size_t size)
{
    size_t got = 0;
    uint8_t more;
    for (;;) {
        ssize_t n = got < size ? read(fd, bytes + got, size - got) : read(fd, &more, 1);
        if (n == 0)
            return (long)got;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            dd_log_error("%s: %s", path, strerror(errno));
            return DD_ERROR_SYSTEM;
        }
        if (got == size) {
            dd_log_error("%s: larger than %zu bytes", path, size);
            return DD_ERROR_SPACE;
        }
        got += (size_t)n;
    }
}

long dd_file_read(const char *path, void *bytes, size_t size, bool secret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        dd_log_error("%s: %s", path, strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    struct stat s;
    long got = secret ? check_secret(fstat(fd, &s), &s, path, "") : 0;
    if (got == 0)
        got = read_all(fd, path, bytes, size);
    if (got < 0 && secret)
        explicit_bzero(bytes, size);
    close(fd);
    return got;
}

int dd_file_check_secret(const char *path, const char *what)
{
    struct stat s;
    char named[256];
    snprintf(named, sizeof named, ", %s", what);
    return check_secret(stat(path, &s), &s, path, named);
}

int dd_file_read_secret_line(const char *path, char *text, size_t size)
{
    text[0] = '\0';
    long got = dd_file_read(path, text, size - 1, true);
    if (got < 0)
        return (int)got;
    text[got] = '\0';
    size_t length = strcspn(text, "\r\n");
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    explicit_bzero(text + length, size - length);
    return 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, bytes + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

int dd_file_replace(const char *path, const void *bytes, size_t size)
{
    char temporary[PATH_MAX];
    int error;
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary) {
        dd_log_error("%s: the path is too long", path);
        return DD_ERROR_INPUT;
    }
    unlink(temporary); /* of a process that died while it wrote it; a file of one's own, whatever else was there */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        goto err0;
    if (write_all(fd, bytes, size) < 0 || fsync(fd) < 0)
        goto err1;
    close(fd);
    if (rename(temporary, path) < 0)
        goto err0;
    return 0;

err1:
    error = errno;
    close(fd);
    unlink(temporary);
    errno = error;
err0:
    dd_log_error("%s: %s", temporary, strerror(errno));
    return DD_ERROR_SYSTEM;
}

/* mkdir -p, mode 0700 for what it makes. */
static int make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        int made = mkdir(path, 0700);
        int reason = errno;
        if (slash)
            *slash = '/';
        if (made < 0 && reason != EEXIST && (!slash || reason != EACCES)) {
            dd_log_error("cannot make the folder %s: %s", path, strerror(reason));
            return DD_ERROR_SYSTEM;
        }
        if (!slash)
            return 0;
    }
}

/* Whoever else could write in the folder could put links, pipes or old files in the place of the daemon's, which writes there as
 * root. 0 or a negative enum dd_error, logged. */
static int check_folder(const char *path)
{
    struct stat s;
    if (access(path, R_OK | W_OK | X_OK) < 0 || stat(path, &s) < 0) {
        dd_log_error("the folder for the state, %s: %s", path, strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    bool is_root = geteuid() == 0;
    if (is_root && s.st_uid != 0) {
        dd_log_error("the folder for the state, %s, belongs to another user, who could replace what is in it: chown root %s",
                     path, path);
        return DD_ERROR_INPUT;
    }
    if (s.st_mode & (S_IWOTH | (is_root ? S_IWGRP : 0))) {
        dd_log_error("others can write in the folder for the state, %s (mode %04o): chmod 700 %s", path,
                     (unsigned)(s.st_mode & 07777), path);
        return DD_ERROR_INPUT;
    }
    return 0;
}

int dd_file_state_dir(const char *program, const char *wanted, char *path, size_t size)
{
    const char *systemd = getenv("STATE_DIRECTORY"), *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n;
    path[0] = '\0';
    if (wanted[0])
        n = snprintf(path, size, "%s", wanted);
    else if (systemd && systemd[0] == '/')
        n = snprintf(path, size, "%.*s", (int)strcspn(systemd, ":"), systemd);
    else if (geteuid() == 0)
        n = snprintf(path, size, "/var/lib/%s", program);
    else if (xdg && xdg[0] == '/')
        n = snprintf(path, size, "%s/%s", xdg, program);
    else if (home && home[0] == '/')
        n = snprintf(path, size, "%s/.local/state/%s", home, program);
    else {
        dd_log_error("no folder for the state: set state_dir, or $HOME");
        return DD_ERROR_INPUT;
    }
    if (n < 0 || (size_t)n >= size) {
        dd_log_error("the path of the folder for the state is too long");
        return DD_ERROR_INPUT;
    }
    int error = make_folders(path);
    return error ? error : check_folder(path);
}
