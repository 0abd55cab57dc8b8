/* What all sources share: waiting within the limits that capture sets, and reporting failures. */
#include "send/capture/source.h"

#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"

/* A wait is cut into slices. Between them checkpoint() sends the heartbeat. */
enum { WAIT_SLICE_US = 500 * DD_CLOCK_US_PER_MS, POLL_SLICE_MS = 250 };

bool dd_source_interrupted(const struct dd_source_io *io)
{
    return io->checkpoint(io->context) || dd_clock_now_us() >= io->deadline_us;
}

bool dd_source_was_away(const struct dd_source_io *io, uint64_t away_us)
{
    io->checkpoint(io->context);
    return io->away_us != away_us;
}

int dd_source_wait(const struct dd_source_io *io, uint64_t due_us)
{
    for (;;) {
        if (io->checkpoint(io->context))
            return DD_ERROR_STOPPED;
        uint64_t now_us = dd_clock_now_us();
        if (now_us >= due_us)
            return 0;
        if (now_us >= io->deadline_us)
            return DD_ERROR_AGAIN;
        uint64_t until_us = due_us < io->deadline_us ? due_us : io->deadline_us;
        uint64_t slice_us = until_us - now_us < WAIT_SLICE_US ? until_us - now_us : WAIT_SLICE_US;
        /* ppoll, since milliseconds would make pictures late */
        struct timespec slice = {.tv_nsec = (long)slice_us * 1000};
        struct pollfd stop = {.fd = io->stop_fd, .events = POLLIN};
        if (ppoll(&stop, 1, &slice, NULL) > 0)
            return DD_ERROR_STOPPED;
    }
}

int dd_source_wait_fd(const struct dd_source_io *io, int fd, short events, uint64_t until_us)
{
    struct pollfd polls[] = {{.fd = fd, .events = events}, {.fd = io->stop_fd, .events = POLLIN}};

    for (;;) {
        uint64_t now_us = dd_clock_now_us();
        if (dd_source_interrupted(io) || now_us >= until_us)
            return DD_ERROR_TIMEOUT;
        uint64_t deadline_us = until_us < io->deadline_us ? until_us : io->deadline_us;
        if (poll(polls, 2, dd_clock_wait_ms(now_us, deadline_us, POLL_SLICE_MS)) > 0 && polls[0].revents)
            return 0;
    }
}

int dd_source_fail(struct dd_source_io *io, unsigned reason, const char *format, ...)
{
    va_list arguments;

    io->reason = reason;
    va_start(arguments, format);
    vsnprintf(io->message, sizeof io->message, format, arguments);
    va_end(arguments);
    return DD_ERROR_SOURCE;
}
