#include "dd/base/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"

int dd_wakeup_open(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd >= 0)
        return fd;
    dd_log_error("cannot make an eventfd: %s", strerror(errno));
    return DD_ERROR_SYSTEM;
}

int dd_wakeup_open_pipe(int *wait_fd, int *send_fd)
{
    int fds[2];
    *wait_fd = *send_fd = -1;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        dd_log_error("cannot make a pipe: %s", strerror(errno));
        return DD_ERROR_SYSTEM;
    }
    *wait_fd = fds[0];
    *send_fd = fds[1];
    return 0;
}

void dd_wakeup_send(int fd)
{
    const uint64_t one = 1; /* an eventfd takes 8 bytes */
    if (fd >= 0 && write(fd, &one, sizeof one) < 0)
        return;
}

bool dd_wakeup_drain(int fd)
{
    uint8_t bytes[4096];
    ssize_t n = read(fd, bytes, sizeof bytes);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void dd_wakeup_reset(int fd)
{
    if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        dd_wakeup_drain(fd);
}
