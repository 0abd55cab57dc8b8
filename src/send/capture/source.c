/* What all sources share: the table of them, and waiting within the bounds that capture sets. */
#include "send/capture/source.h"

#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "send/options.h"

/* Slices of a wait: stopping() is asked between them, and by that capture shows that it lives. */
enum { WAIT_SLICE_US = 500 * DD_CLOCK_US_PER_MS };

static const struct dd_source_kind *const kinds[] = {
    [DD_SEND_RTSP] = &dd_source_rtsp,
    [DD_SEND_VNC] = &dd_source_vnc,
    [DD_SEND_WEB] = &dd_source_web,
    [DD_SEND_TEST] = &dd_source_test,
};

const struct dd_source_kind *dd_source_find(int64_t mode)
{
    if (mode < 0 || (size_t)mode >= sizeof kinds / sizeof *kinds)
        return NULL;
    return kinds[mode];
}

bool dd_source_interrupted(const struct dd_source_io *io)
{
    return io->stopping(io->context) || dd_clock_now_us() >= io->deadline_us;
}

int dd_source_wait(const struct dd_source_io *io, uint64_t due_us)
{
    for (;;) {
        if (io->stopping(io->context))
            return DD_ERROR_STOPPED;
        uint64_t now_us = dd_clock_now_us();
        if (now_us >= due_us)
            return 0;
        if (now_us >= io->deadline_us)
            return DD_ERROR_AGAIN;
        uint64_t until_us = due_us < io->deadline_us ? due_us : io->deadline_us;
        uint64_t slice_us = until_us - now_us < WAIT_SLICE_US ? until_us - now_us : WAIT_SLICE_US;
        /* ppoll: poll's milliseconds would make every picture of the test card a little late */
        struct timespec slice = {.tv_nsec = (long)slice_us * 1000};
        struct pollfd stop = {.fd = io->stop_fd, .events = POLLIN};
        if (ppoll(&stop, 1, &slice, NULL) > 0)
            return DD_ERROR_STOPPED;
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
