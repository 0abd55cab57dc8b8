#include "recv/session_store_set.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "recv/intake/intake_role.h"
#include "recv/intake/session_store.h"
#include "recv/role_config.h"

/* The descriptor of the store with that name; -1: none. */
static int find(const struct dd_session_store_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->rows[i].name, name) == 0)
            return set->rows[i].fd;
    return -1;
}

static int create(const char *state_dir, const char *name, bool lenient)
{
    int fd = dd_recv_session_store_open_file(state_dir, name);
    if (fd != DD_ERROR_SYSTEM || !lenient)
        return fd;
    dd_log_warning("going on without it: %s", DD_SESSION_STORE_SET_LOST_TEXT);
    return dd_recv_session_store_open_file("", name);
}

int dd_session_store_set_prepare(const struct dd_session_store_set *current, const struct dd_recv_role_config *config,
                                 const char *state_dir, bool lenient, struct dd_session_store_set *wanted)
{
    wanted->count = 0;
    for (size_t i = 0; i < config->stream_count; i++) {
        const char *name = config->intake->streams[i].store_name;
        int fd = find(current, name);
        if (fd < 0)
            fd = create(state_dir, name, lenient);
        if (fd < 0) {
            dd_session_store_set_discard(current, wanted);
            return fd;
        }
        snprintf(wanted->rows[i].name, sizeof wanted->rows[i].name, "%s", name);
        wanted->rows[i].fd = fd;
        wanted->count++;
    }
    return 0;
}

/* Closes the stores of a set that another set does not hold. */
static void close_others(const struct dd_session_store_set *set, const struct dd_session_store_set *other)
{
    for (size_t i = 0; i < set->count; i++)
        if (find(other, set->rows[i].name) < 0)
            dd_recv_session_store_close_file(set->rows[i].fd);
}

void dd_session_store_set_discard(const struct dd_session_store_set *current, const struct dd_session_store_set *wanted)
{
    close_others(wanted, current);
}

void dd_session_store_set_commit(struct dd_session_store_set *current, const struct dd_session_store_set *wanted)
{
    close_others(current, wanted);
    *current = *wanted;
}
