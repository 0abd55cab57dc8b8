/* The session stores of all streams (recv/intake/session_store.h), as the supervisor of ddrecv holds them: open over the lives of
 * roles, and copied to their files every second. */
#ifndef DD_RECV_SESSION_STORE_SET_H
#define DD_RECV_SESSION_STORE_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "dd/base/options.h"

/* For the log: what may happen if the stores do not outlive the process. */
#define DD_SESSION_STORE_SET_LOST_TEXT "after a restart, what somebody recorded before could be accepted once more"

struct dd_recv_role_config;

struct dd_session_store_set {
    size_t count;
    struct dd_session_store_set_row {
        char name[DD_OPTIONS_NAME_SIZE]; /* of the store */
        int fd;                          /* the memory that intake shares */
        int file_fd;                     /* -1: there is none, and the memory is lost with the process */
    } rows[DD_OPTIONS_STREAMS_MAX];      /* in the order of the streams */
};

/* Sets *wanted to the stores of config's streams: those that are open in current, and new ones in state_dir ("": memory that is
 * lost with the process). With lenient, a store whose file cannot be opened is in memory, and a warning says so; but not if
 * another daemon has the file. 0, and dd_session_store_set_commit() or dd_session_store_set_discard() has to follow; or a
 * negative enum dd_error, logged, and nothing has changed. */
int dd_session_store_set_prepare(const struct dd_session_store_set *current, const struct dd_recv_role_config *config,
                                 const char *state_dir, bool lenient, struct dd_session_store_set *wanted);
/* Closes the stores that dd_session_store_set_prepare() opened. */
void dd_session_store_set_discard(const struct dd_session_store_set *current, const struct dd_session_store_set *wanted);
/* Sets *current to *wanted, and saves and closes the stores that are not in it. The roles that used them have ended. */
void dd_session_store_set_commit(struct dd_session_store_set *current, const struct dd_session_store_set *wanted);

#endif
