#include "recv/session_store_set.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "recv/intake/intake_role.h"
#include "recv/intake/session_store.h"
#include "recv/role_config.h"

/* The index of the store with that name; set->count: there is none. */
static size_t find(const struct dd_session_store_set *set, const char *name)
{
    size_t i = 0;
    while (i < set->count && strcmp(set->rows[i].name, name) != 0)
        i++;
    return i;
}

/* Opens a store: row->fd and row->file_fd. 0 or a negative enum dd_error, logged. */
static int open_store(struct dd_session_store_set_row *row, const char *state_dir, bool lenient)
{
    row->file_fd = -1;
    row->fd = *state_dir ? dd_recv_session_store_open_file(state_dir, row->name) : DD_ERROR_SYSTEM;
    if (row->fd >= 0) {
        row->file_fd = row->fd;
        row->fd = dd_recv_session_store_load(row->file_fd);
        if (row->fd < 0) {
            dd_recv_session_store_close_file(row->file_fd);
            row->file_fd = -1;
        }
    }
    if (*state_dir && (row->fd != DD_ERROR_SYSTEM || !lenient))
        return row->fd < 0 ? row->fd : 0;
    if (*state_dir)
        dd_log_warning("going on without it: %s", DD_SESSION_STORE_SET_LOST_TEXT);
    row->fd = dd_recv_session_store_open_file("", row->name);
    return row->fd < 0 ? row->fd : 0;
}

int dd_session_store_set_prepare(const struct dd_session_store_set *current, const struct dd_recv_role_config *config,
                                 const char *state_dir, bool lenient, struct dd_session_store_set *wanted)
{
    wanted->count = 0;
    for (size_t i = 0; i < config->stream_count; i++) {
        const char *name = config->intake->streams[i].store_name;
        struct dd_session_store_set_row *row = &wanted->rows[i];
        size_t open = find(current, name);
        int error = 0;
        if (open < current->count) {
            *row = current->rows[open];
        } else {
            snprintf(row->name, sizeof row->name, "%s", name);
            error = open_store(row, state_dir, lenient);
        }
        if (error) {
            dd_session_store_set_discard(current, wanted);
            return error;
        }
        wanted->count++;
    }
    return 0;
}

/* Saves and closes the stores of a set that another set does not hold. */
static void close_others(const struct dd_session_store_set *set, const struct dd_session_store_set *other)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct dd_session_store_set_row *row = &set->rows[i];
        if (find(other, row->name) < other->count)
            continue;
        int error = row->file_fd < 0 ? 0 : dd_recv_session_store_save(row->fd, row->file_fd, true);
        if (error)
            dd_log_warning("the replay state of %s does not get to the disk: %s", row->name, strerror(error));
        if (row->file_fd >= 0)
            dd_recv_session_store_close_file(row->file_fd);
        close(row->fd);
    }
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
