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

/* Parses "START:SALT": a decimal and a hexadecimal number of 64 bits, digits only. */
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

/* Parses "STREAM=START:SALT", as ddsend and ddrecv log sessions. Returns the index of the stream; stream_count after an error,
 * logged. */
static size_t read_session(const struct dd_recv_role_config *config, const char *text, uint64_t *start_us, uint64_t *salt)
{
    const char *equals = strchr(text, '=');
    size_t i = 0;
    while (equals && i < config->stream_count &&
           (strncmp(config->intake->streams[i].name, text, (size_t)(equals - text)) != 0 ||
            config->intake->streams[i].name[equals - text] != '\0'))
        i++;
    if (!equals || i == config->stream_count)
        dd_log_error("--forget-session: '%s' does not begin with the name of a stream and '='", text);
    else if (read_numbers(equals + 1, start_us, salt))
        return i;
    else
        dd_log_error("--forget-session: '%s' is not a session: it takes STREAM=START:SALT, as ddsend logs at its start", text);
    return config->stream_count;
}

int dd_forget_session_run(struct dd_options *options)
{
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    char state_dir[DD_RECV_PATH];
    uint64_t start_us = 0, salt = 0;
    struct dd_recv_role_config config;
    int code = DD_DAEMON_EXIT_USAGE;
    if (dd_recv_role_config_build(&config, options))
        return code;
    size_t i = read_session(&config, daemon->forget_session, &start_us, &salt);
    if (i < config.stream_count && dd_file_state_dir("ddrecv", daemon->common.state_dir, state_dir, sizeof state_dir) == 0 &&
        dd_recv_session_store_request_admission(state_dir, config.intake->streams[i].store_name, start_us, salt) == 0)
        code = EXIT_SUCCESS;
    if (code == EXIT_SUCCESS)
        printf("session %" PRIu64 ":%016" PRIx64 " of %s is admitted with its next datagram\n", start_us, salt,
               config.intake->streams[i].name);
    dd_recv_role_config_free(&config);
    return code;
}
