#include "recv/forget_session.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/daemon.h"
#include "dd/base/file.h"
#include "dd/base/log.h"
#include "recv/intake/session_store.h"
#include "recv/options.h"
#include "recv/role_config.h"

struct admission {
    size_t stream; /* index in the options */
    uint64_t start_us, salt;
};

/* Parses "START:SALT" of length bytes: a decimal and a hexadecimal number of 64 bits, digits only. */
static bool read_numbers(const char *text, size_t length, struct admission *admission)
{
    size_t digits = strspn(text, "0123456789"), colon = digits + 1;
    if (digits < 1 || digits > 19 || text[digits] != ':')
        return false;
    size_t hex = strspn(text + colon, "0123456789abcdefABCDEF");
    if (hex < 1 || hex > 16 || colon + hex != length)
        return false;
    admission->start_us = strtoull(text, NULL, 10);
    admission->salt = strtoull(text + colon, NULL, 16);
    return admission->start_us != 0;
}

/* Parses "STREAM=START:SALT" of length bytes, as ddsend and ddrecv log sessions. False, logged, if it is not that. */
static bool read_admission(const struct dd_options *options, const char *text, size_t length, struct admission *admission)
{
    const char *equals = memchr(text, '=', length);
    size_t name = equals ? (size_t)(equals - text) : 0, count = dd_options_stream_count(options), i = 0;
    while (equals && i < count &&
           (strncmp(dd_options_stream_name(options, i), text, name) != 0 || dd_options_stream_name(options, i)[name] != '\0'))
        i++;
    admission->stream = i;
    if (!equals || i == count)
        dd_log_error("--forget-session: '%.*s' does not begin with the name of a stream and '='", (int)length, text);
    else if (read_numbers(equals + 1, length - name - 1, admission))
        return true;
    else
        dd_log_error("--forget-session: '%.*s' is not a session: it takes STREAM=START:SALT, as ddsend logs at its start",
                     (int)length, text);
    return false;
}

/* Parses a comma-separated list. Returns how many there are; 0, logged, if one is wrong. */
static size_t read_admissions(const struct dd_options *options, const char *text,
                              struct admission admissions[static DD_OPTIONS_STREAMS_MAX])
{
    for (size_t count = 0; count < DD_OPTIONS_STREAMS_MAX; count++) {
        size_t length = strcspn(text, ",");
        if (!read_admission(options, text, length, &admissions[count]))
            return 0;
        if (!text[length])
            return count + 1;
        text += length + 1;
    }
    dd_log_error("--forget-session: takes at most %d sessions", DD_OPTIONS_STREAMS_MAX);
    return 0;
}

static int request(struct dd_options *options, const char *state_dir, const struct admission *admission)
{
    char store[DD_OPTIONS_NAME_SIZE];
    dd_recv_role_config_store_name(options, admission->stream, store);
    int error = dd_recv_session_store_request_admission(state_dir, store, admission->start_us, admission->salt);
    if (!error)
        printf("session %" PRIu64 ":%016" PRIx64 " of %s is admitted with its next datagram\n", admission->start_us,
               admission->salt, dd_options_stream_name(options, admission->stream));
    return error;
}

int dd_forget_session_run(struct dd_options *options)
{
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    struct admission admissions[DD_OPTIONS_STREAMS_MAX];
    char state_dir[PATH_MAX];
    int code = EXIT_SUCCESS;
    if (!dd_recv_role_config_knows_stores(options, "--forget-session"))
        return DD_DAEMON_EXIT_USAGE;
    size_t count = read_admissions(options, daemon->forget_session, admissions);
    if (!count || dd_file_state_dir("ddrecv", daemon->common.state_dir, state_dir, sizeof state_dir))
        return DD_DAEMON_EXIT_USAGE;
    for (size_t i = 0; i < count; i++)
        if (request(options, state_dir, &admissions[i]))
            code = DD_DAEMON_EXIT_USAGE;
    return code;
}

/* ---- the way to the daemon ---- */

/* Writes text for a shell: in quotes if it has anything but the usual characters of paths. */
static void put_quoted(FILE *out, const char *text)
{
    bool plain = text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%")] == '\0';
    if (!plain)
        fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\'", out);
        fputc(*text, out);
    }
    if (!plain)
        fputc('\'', out);
}

/* Writes an option whose value is a path that means the same in every folder. */
static void put_path(FILE *out, const char *option, const char *path)
{
    char absolute[2 * PATH_MAX], folder[PATH_MAX];
    if (path[0] == '/' || !getcwd(folder, sizeof folder))
        snprintf(absolute, sizeof absolute, "%s", path);
    else
        snprintf(absolute, sizeof absolute, "%s/%s", folder, path);
    fprintf(out, " %s ", option);
    put_quoted(out, absolute);
}

/* Where a shell would find another folder for the state than the daemon: it was given on its command line, is relative, or is
 * systemd's. */
static void put_state_dir(FILE *out, struct dd_options *options)
{
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    const char *set = daemon->common.state_dir, *systemd = getenv("STATE_DIRECTORY");
    char first[PATH_MAX];
    if (set[0]) {
        if (set[0] != '/' || strncmp(dd_options_where(options, 0, "state_dir"), "--", 2) == 0)
            put_path(out, "--state-dir", set);
    } else if (systemd && systemd[0] == '/') {
        snprintf(first, sizeof first, "%.*s", (int)strcspn(systemd, ":"), systemd);
        if (strcmp(first, "/var/lib/ddrecv") != 0) /* where root's shell finds it */
            put_path(out, "--state-dir", first);
    }
}

void dd_forget_session_write_command(struct dd_options *options, char *command, size_t size)
{
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    char *text = NULL;
    size_t length = 0;
    command[0] = '\0';
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return;
    fputs("ddrecv", out);
    if (daemon->common.config[0])
        put_path(out, "--config", daemon->common.config);
    else
        fprintf(out, " --udp-port %jd", (intmax_t)((const struct dd_recv_stream *)dd_options_stream(options, 0))->udp_port);
    put_state_dir(out, options);
    if (fclose(out) == 0 && length < size)
        memcpy(command, text, length + 1);
    free(text);
}
