#include "send/capture/web/nss_store.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dd/base/error.h"
#include "dd/base/file.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/source.h"
#include "send/capture/web/process_spawn.h"
#include "send/capture/web/process_tree.h"

enum { POLL_EVERY_MS = 5 };

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"
#define PEM_END "-----END CERTIFICATE-----"

/* Waits until the child exits; kills it at io's deadline. Returns its exit code, or a negative enum dd_error. */
static int await_exit(pid_t pid, struct dd_source_io *io)
{
    int status;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (dd_source_interrupted(io)) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return io->checkpoint(io->context) ? DD_ERROR_STOPPED : DD_ERROR_TIMEOUT;
        }
        poll(NULL, 0, POLL_EVERY_MS);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : DD_ERROR_SYSTEM;
}

static int run(const char *program, const char *const *argv, struct dd_source_io *io)
{
    static const char *const environment[] = {"PATH=/usr/bin:/bin", NULL};
    const struct dd_process_spawn spawn = {
        .path = program, .argv = argv, .environment = environment, .fds = {-1, -1, -1, -1, -1}};

    dd_process_tree_auto_reap(false); /* we need its exit code */
    pid_t pid = dd_process_spawn_start(&spawn);
    int code = pid < 0 ? DD_ERROR_SYSTEM : await_exit(pid, io);
    dd_process_tree_auto_reap(true);
    while (waitpid(-1, NULL, WNOHANG) > 0) /* reaps children that died meanwhile */
        ;
    if (code == 0 || code == DD_ERROR_STOPPED)
        return code;
    dd_log_error("%s %s failed with the certificates of ca_file (%d)", program, argv[1], code);
    return DD_ERROR_SYSTEM;
}

/* Adds each certificate of pem by itself: certutil takes one at a time. */
static int add_each(const char *program, const char *home, const char *store, const char *pem, struct dd_source_io *io)
{
    char file[PATH_MAX], name[32];
    int error = 0, number = 0;

    snprintf(file, sizeof file, "%s/certificate.pem", home);
    for (const char *begin = strstr(pem, PEM_BEGIN), *end; begin && !error; begin = strstr(end, PEM_BEGIN)) {
        end = strstr(begin, PEM_END);
        if (!end)
            break;
        end += strlen(PEM_END);
        snprintf(name, sizeof name, "ca_file %d", ++number);
        const char *const argv[] = {"certutil", "-A", "-d", store, "-n", name, "-t", "CP,,", "-i", file, NULL};
        error = dd_file_replace(file, begin, (size_t)(end - begin));
        if (!error)
            error = run(program, argv, io);
    }
    return error;
}

int dd_nss_store_create(const char *home, const char *pem, struct dd_source_io *io)
{
    char program[PATH_MAX], folder[PATH_MAX], store[PATH_MAX + 8];

    if (!dd_process_spawn_find("certutil", program, sizeof program))
        return dd_source_fail(io, DD_WIRE_REASON_CERTIFICATE,
                              "ca_file needs the program certutil: install the Debian package libnss3-tools");
    snprintf(folder, sizeof folder, "%s/.pki", home);
    mkdir(folder, 0700);
    snprintf(folder, sizeof folder, "%s/.pki/nssdb", home);
    if (mkdir(folder, 0700) < 0) {
        dd_log_error("cannot make %s: %s", folder, strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    snprintf(store, sizeof store, "sql:%s", folder);
    const char *const argv[] = {"certutil", "-N", "-d", store, "--empty-password", NULL};
    int error = run(program, argv, io);
    return error ? error : add_each(program, home, store, pem, io);
}
