/* What ddrecv keeps of its streams (keep.h), as the supervisor holds it: open over the lives of roles, and brought to the disk
 * every second. */
#ifndef DD_RECV_SESSION_STORE_SET_H
#define DD_RECV_SESSION_STORE_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "dd/base/options.h"

struct dd_recv_role_config;

/* In the order of the streams. */
struct dd_session_store_set {
    size_t count;
    struct {
        char name[DD_OPTIONS_NAME_SIZE];
        int fd;
    } rows[DD_OPTIONS_STREAMS_MAX];
};

/* Finds what config's streams need: what is open in now, and new files in state_dir ("": memory that nobody keeps). With lenient
 * a file that cannot be made is said, and does not matter, unless another daemon has it. 0, with wanted for
 * dd_session_store_set_commit() or dd_session_store_set_discard(); or a negative enum dd_error, logged, and nothing has changed.
 */
int dd_session_store_set_prepare(const struct dd_session_store_set *now, const struct dd_recv_role_config *config,
                                 const char *state_dir, bool lenient, struct dd_session_store_set *wanted);
/* Releases what find has opened. */
void dd_session_store_set_discard(const struct dd_session_store_set *now, const struct dd_session_store_set *wanted);
/* now becomes wanted; releases what that does not need. The roles that used it have ended. */
void dd_session_store_set_commit(struct dd_session_store_set *now, const struct dd_session_store_set *wanted);

#endif
