#include "recv/reset_delay.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/daemon.h"
#include "dd/base/file.h"
#include "dd/base/log.h"
#include "recv/intake/session_store.h"
#include "recv/options.h"
#include "recv/role_config.h"

/* Sets wanted[i] for each stream i that the comma-separated list names. False, logged, if there is none of such a name. */
static bool read_streams(const struct dd_options *options, const char *list, bool wanted[static DD_OPTIONS_STREAMS_MAX])
{
    size_t count = dd_options_stream_count(options);
    for (const char *text = list;; text++) {
        size_t length = strcspn(text, ","), i = 0;
        while (i < count && (strncmp(dd_options_stream_name(options, i), text, length) != 0 ||
                             dd_options_stream_name(options, i)[length] != '\0'))
            i++;
        if (i == count) {
            dd_log_error("--reset-delay: there is no stream '%.*s'", (int)length, text);
            return false;
        }
        wanted[i] = true;
        text += length;
        if (!*text)
            return true;
    }
}

int dd_reset_delay_run(struct dd_options *options)
{
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    bool wanted[DD_OPTIONS_STREAMS_MAX] = {false};
    char state_dir[PATH_MAX], store[DD_OPTIONS_NAME_SIZE];
    int code = EXIT_SUCCESS;
    if (!dd_recv_role_config_knows_stores(options, "--reset-delay") || !read_streams(options, daemon->reset_delay, wanted) ||
        dd_file_state_dir("ddrecv", daemon->common.state_dir, state_dir, sizeof state_dir))
        return DD_DAEMON_EXIT_USAGE;
    for (size_t i = 0; i < dd_options_stream_count(options); i++) {
        if (!wanted[i])
            continue;
        dd_recv_role_config_store_name(options, i, store);
        if (dd_recv_session_store_request_delay_reset(state_dir, store))
            code = DD_DAEMON_EXIT_USAGE;
        else
            printf("the delay of %s is learnt anew from its next datagrams on\n", dd_options_stream_name(options, i));
    }
    return code;
}
