#include "recv/session_store_set.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "recv/intake/intake_role.h"
#include "recv/intake/session_store.h"
#include "recv/role_config.h"

/* The descriptor of a name, -1 if there is none. */
static int find(const struct dd_keeps *keeps, const char *name)
{
    for (size_t i = 0; i < keeps->count; i++)
        if (strcmp(keeps->rows[i].name, name) == 0)
            return keeps->rows[i].fd;
    return -1;
}

static int create(const char *state_dir, const char *name, bool lenient)
{
    int fd = dd_keep_create(state_dir, name);
    if (fd != DD_ERROR_SYSTEM || !lenient)
        return fd;
    dd_log_warning("going on without it: after a restart, what somebody recorded before could be accepted once more");
    return dd_keep_create("", name);
}

int dd_keeps_find(const struct dd_keeps *now, const struct dd_setup *setup, const char *state_dir, bool lenient,
                  struct dd_keeps *wanted)
{
    wanted->count = 0;
    for (size_t i = 0; i < setup->stream_count; i++) {
        const char *name = setup->intake->streams[i].keep_name;
        int fd = find(now, name);
        if (fd < 0)
            fd = create(state_dir, name, lenient);
        if (fd < 0) {
            dd_keeps_drop(now, wanted);
            return fd;
        }
        snprintf(wanted->rows[i].name, sizeof wanted->rows[i].name, "%s", name);
        wanted->rows[i].fd = fd;
        wanted->count++;
    }
    return 0;
}

/* What a has and b has not. */
static void release(const struct dd_keeps *a, const struct dd_keeps *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (find(b, a->rows[i].name) < 0)
            dd_keep_release(a->rows[i].fd);
}

void dd_keeps_drop(const struct dd_keeps *now, const struct dd_keeps *wanted)
{
    release(wanted, now);
}

void dd_keeps_take(struct dd_keeps *now, const struct dd_keeps *wanted)
{
    release(now, wanted);
    *now = *wanted;
}
