/* Logs a delay that keeps a stream's pictures from being live, or that nobody can tell: with its cause, and the command that has
 * it learnt anew. One owner, one thread. */
#ifndef DD_RECV_INTAKE_DELAY_LOG_H
#define DD_RECV_INTAKE_DELAY_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/base/log.h"

struct dd_stream_state;

/* Zeroes, but for the first three. */
struct dd_delay_log {
    const char *name;    /* of the stream; borrowed */
    const char *command; /* what a user types before --reset-delay; "" or NULL: no command reaches this daemon. Borrowed */
    uint64_t live_us;    /* live_seconds */
    bool is_of_other_boot;
    struct dd_log_limit limit;
};

/* A STATUS has come: state is that of the stream now. */
void dd_delay_log_note(struct dd_delay_log *log, const struct dd_stream_state *state);

#endif
