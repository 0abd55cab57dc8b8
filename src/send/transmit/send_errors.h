/* What the log says of datagrams that the system refuses to send to one destination: the first at once, with growing gaps while
 * it lasts, and its end. One owner, one thread. */
#ifndef DD_SEND_TRANSMIT_SEND_ERRORS_H
#define DD_SEND_TRANSMIT_SEND_ERRORS_H

#include <stddef.h>
#include <stdint.h>

#include "dd/base/log.h"

struct dd_send_errors {
    struct dd_log_limit limit;
    uint64_t count;    /* of datagrams since they last went */
    uint64_t error_us; /* dd_clock_now_us() of the last one */
};

/* count datagrams of stream to the destination to were refused, with the error error (errno). */
void dd_send_errors_note(struct dd_send_errors *errors, const char *stream, const char *to, size_t count, int error);

/* To be called every few seconds at now_us (dd_clock_now_us()). Logs that datagrams go again, once none was refused for 10 s. */
void dd_send_errors_check(struct dd_send_errors *errors, const char *stream, const char *to, uint64_t now_us);

#endif
