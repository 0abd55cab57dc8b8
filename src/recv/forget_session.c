#include "recv/forget_session.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/daemon.h"
#include "dd/base/file.h"
#include "dd/base/log.h"
#include "recv/intake/intake_role.h"
#include "recv/intake/session_store.h"
#include "recv/options.h"
#include "recv/role_config.h"

/* "START:SALT": digits alone, as many as there can be. */
static bool read_numbers(const char *text, uint64_t *start_us, uint64_t *salt)
{
    size_t digits = strspn(text, "0123456789"), colon = digits + 1;
    if (digits < 1 || digits > 19 || text[digits] != ':')
        return false;
    size_t hex = strspn(text + colon, "0123456789abcdefABCDEF");
    if (hex < 1 || hex > 16 || text[colon + hex])
        return false;
    *start_us = strtoull(text, NULL, 10);
    *salt = strtoull(text + colon, NULL, 16);
    return *start_us != 0;
}

/* Takes "STREAM=START:SALT" apart, as ddsend and ddrecv log sessions. The stream's place, or stream_count. */
static size_t read_session(const struct dd_recv_role_config *setup, const char *text, uint64_t *start_us, uint64_t *salt)
{
    const char *equals = strchr(text, '=');
    size_t i = 0;
    while (equals && i < setup->stream_count &&
           (strncmp(setup->intake->streams[i].name, text, (size_t)(equals - text)) != 0 ||
            setup->intake->streams[i].name[equals - text] != '\0'))
        i++;
    if (!equals || i == setup->stream_count)
        dd_log_error("--forget-session: '%s' does not begin with the name of a stream and '='", text);
    else if (read_numbers(equals + 1, start_us, salt))
        return i;
    else
        dd_log_error("--forget-session: '%s' is not a session: it takes STREAM=START:SALT, as ddsend logs at its start", text);
    return setup->stream_count;
}

int dd_forget_session_run(struct dd_options *options)
{
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    char state_dir[DD_RECV_PATH];
    uint64_t start_us = 0, salt = 0;
    struct dd_recv_role_config setup;
    int code = DD_DAEMON_EXIT_USAGE;
    if (dd_recv_role_config_build(&setup, options))
        return code;
    size_t i = read_session(&setup, daemon->forget_session, &start_us, &salt);
    if (i < setup.stream_count && dd_file_state_dir("ddrecv", daemon->state_dir, state_dir, sizeof state_dir) == 0 &&
        dd_recv_session_store_request_admission(state_dir, setup.intake->streams[i].store_name, start_us, salt) == 0)
        code = EXIT_SUCCESS;
    if (code == EXIT_SUCCESS)
        printf("session %" PRIu64 ":%016" PRIx64 " of %s is admitted with its next datagram\n", start_us, salt,
               setup.intake->streams[i].name);
    dd_recv_role_config_free(&setup);
    return code;
}
