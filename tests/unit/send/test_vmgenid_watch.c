#include "send/vmgenid_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

#define EVENT                                                                                                                    \
    "change@/devices/pci0000:00/QEMUVGID:00\0ACTION=change\0DEVPATH=/devices/pci0000:00/QEMUVGID:00\0SUBSYSTEM=platform\0"

static bool is_new_id(const char *event, size_t size)
{
    return dd_vmgenid_watch_is_new_id(event, size - 1); /* without the NUL of the literal */
}

START_TEST(a_new_generation_id_is_recognized)
{
    static const char told[] = EVENT "NEW_VMGENID=1\0SEQNUM=4711\0", last[] = EVENT "SEQNUM=4711\0NEW_VMGENID=1",
                      other[] = EVENT "SEQNUM=4711\0", by_hand[] = EVENT "SYNTH_UUID=0\0SYNTH_ARG_NEW_VMGENID=1\0",
                      longer[] = EVENT "NEW_VMGENID=10\0", cut[] = EVENT "NEW_VMGENID=\0";
    ck_assert(is_new_id(told, sizeof told));
    ck_assert(is_new_id(last, sizeof last));
    ck_assert(!is_new_id(other, sizeof other));
    ck_assert(!is_new_id(by_hand, sizeof by_hand)); /* somebody wrote into the device's file uevent */
    ck_assert(!is_new_id(longer, sizeof longer));
    ck_assert(!is_new_id(cut, sizeof cut));
    ck_assert(!dd_vmgenid_watch_is_new_id("", 0));
}
END_TEST

/* Only the kernel is believed. Others than root may not even send there. */
START_TEST(another_process_is_not_believed)
{
    static const char told[] = EVENT "NEW_VMGENID=1\0";
    struct sockaddr_nl to = {0};
    socklen_t size = sizeof to;
    int fd = dd_vmgenid_watch_open();
    ck_assert_int_eq(dd_vmgenid_watch_poll(-1), DD_VMGENID_WATCH_NONE);
    if (fd < 0) {
        puts("skipped: no device events here");
        return;
    }
    ck_assert_int_ne(dd_vmgenid_watch_poll(fd), DD_VMGENID_WATCH_NEW_ID);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&to, &size), 0);
    to.nl_groups = 0;
    int sender = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    ck_assert_int_ge(sender, 0);
    if (sendto(sender, told, sizeof told, 0, (const struct sockaddr *)&to, sizeof to) < 0)
        ck_assert_int_eq(errno, EPERM);
    ck_assert_int_ne(dd_vmgenid_watch_poll(fd), DD_VMGENID_WATCH_NEW_ID);
    close(sender);
    close(fd);
}
END_TEST

/* "udevadm trigger" makes some hundred events at once. The socket holds fewer, and nothing is known of the others. */
START_TEST(lost_events_are_not_called_a_new_id)
{
    static const int least = 1;
    int events = open("/sys/class/net/lo/uevent", O_WRONLY | O_CLOEXEC), fd = dd_vmgenid_watch_open();
    if (events < 0 || fd < 0 || write(events, "change", 6) < 0) {
        puts("skipped: no device events can be made here");
        goto done;
    }
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least), 0);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(write(events, "change", 6), 6);
    ck_assert_int_eq(dd_vmgenid_watch_poll(fd), DD_VMGENID_WATCH_LOST);
    ck_assert_int_ne(dd_vmgenid_watch_poll(fd), DD_VMGENID_WATCH_NEW_ID);
done:
    close(events);
    close(fd);
}
END_TEST

SUITE("send/vmgenid_watch", a_new_generation_id_is_recognized, another_process_is_not_believed,
      lost_events_are_not_called_a_new_id)
