#include "send/transmit/send_errors.h"

#include <inttypes.h>
#include <string.h>

#include "dd/base/clock.h"

/* STATUS goes to every destination each second. An error that comes and goes, such as a full queue, is one fault. A pause of the
 * process or a sleep of the machine counts as time without errors: the next one is then a new fault. */
static const uint64_t over_us = 10 * (uint64_t)DD_CLOCK_US_PER_S;

void dd_send_errors_note(struct dd_send_errors *errors, const char *stream, const char *to, size_t count, int error)
{
    uint64_t suppressed;
    errors->count += count;
    errors->error_us = dd_clock_now_us();
    if (dd_log_allowed(&errors->limit, &suppressed))
        dd_log_warning("%s: datagrams to %s are not sent: %s (%" PRIu64 " so far)", stream, to, strerror(error), errors->count);
}

void dd_send_errors_check(struct dd_send_errors *errors, const char *stream, const char *to, uint64_t now_us)
{
    if (!errors->count || now_us < errors->error_us + over_us)
        return;
    if (dd_log_end(&errors->limit))
        dd_log_notice("%s: datagrams to %s go again; %" PRIu64 " were not sent", stream, to, errors->count);
    errors->count = 0;
}
