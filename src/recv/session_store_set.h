/* What ddrecv keeps of its streams (keep.h), as the supervisor holds it: open over the lives of roles, and brought to the disk
 * every second. */
#ifndef DD_RECV_SESSION_STORE_SET_H
#define DD_RECV_SESSION_STORE_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "dd/base/options.h"

struct dd_setup;

/* In the order of the streams. */
struct dd_keeps {
    size_t count;
    struct {
        char name[DD_OPTIONS_NAME_SIZE];
        int fd;
    } rows[DD_OPTIONS_STREAMS_MAX];
};

/* Finds what setup's streams need: what is open in now, and new files in state_dir ("": memory that nobody keeps). With lenient
 * a file that cannot be made is said, and does not matter, unless another daemon has it. 0, with wanted for dd_keeps_take() or
 * dd_keeps_drop(); or a negative enum dd_error, logged, and nothing has changed. */
int dd_keeps_find(const struct dd_keeps *now, const struct dd_setup *setup, const char *state_dir, bool lenient,
                  struct dd_keeps *wanted);
/* Releases what find has opened. */
void dd_keeps_drop(const struct dd_keeps *now, const struct dd_keeps *wanted);
/* now becomes wanted; releases what that does not need. The roles that used it have ended. */
void dd_keeps_take(struct dd_keeps *now, const struct dd_keeps *wanted);

#endif
