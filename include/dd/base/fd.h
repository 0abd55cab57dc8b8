/* File descriptors that are optional: -1 is none. */
#ifndef DD_BASE_FD_H
#define DD_BASE_FD_H

#include <unistd.h>

/* Closes *fd, unless it is negative, and sets it to -1. */
static inline void dd_fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

#endif
