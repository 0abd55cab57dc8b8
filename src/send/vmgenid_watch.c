#include "send/vmgenid_watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dd/base/error.h"
#include "dd/base/log.h"

enum { EVENTS_OF_KERNEL = 1, EVENT_MAX = 8192 }; /* a group of NETLINK_KOBJECT_UEVENT; more than an event can have */

int dd_vmgenid_watch_open(void)
{
    const struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = EVENTS_OF_KERNEL};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&group, sizeof group) == 0)
        return fd;
    dd_log_info("cannot watch for snapshots of this machine, if it is a virtual one: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return DD_ERROR_SYSTEM;
}

bool dd_vmgenid_watch_is_new_id(const char *event, size_t size)
{
    static const char line[] = "NEW_VMGENID=1";
    for (size_t at = 0; at < size;) {
        size_t length = strnlen(event + at, size - at);
        if (length == sizeof line - 1 && memcmp(event + at, line, length) == 0)
            return true;
        at += length + 1;
    }
    return false;
}

enum dd_vmgenid_watch_news dd_vmgenid_watch_poll(int fd)
{
    char event[EVENT_MAX];
    enum dd_vmgenid_watch_news news = DD_VMGENID_WATCH_NONE;
    while (fd >= 0) {
        struct sockaddr_nl from = {0};
        socklen_t from_size = sizeof from;
        ssize_t size = recvfrom(fd, event, sizeof event, MSG_DONTWAIT, (struct sockaddr *)&from, &from_size);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0) /* ENOBUFS is told once; what the socket held is read by the next call */
            return errno == ENOBUFS && news == DD_VMGENID_WATCH_NONE ? DD_VMGENID_WATCH_LOST : news;
        bool is_from_kernel = from_size == sizeof from && from.nl_family == AF_NETLINK && from.nl_pid == 0;
        if (is_from_kernel && dd_vmgenid_watch_is_new_id(event, (size_t)size))
            news = DD_VMGENID_WATCH_NEW_ID;
    }
    return news;
}
