/* Tells when this machine is a virtual one that was resumed from a snapshot, or is a clone: then another machine may have gone on
 * from the same state, and what should never repeat could. The hypervisor gives such a machine a new generation id (vmgenid), and
 * Linux tells user space: that of Debian 13 (6.12) does, that of Debian 12 (6.1) does not. */
#ifndef DD_SEND_VMGENID_WATCH_H
#define DD_SEND_VMGENID_WATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Opens the kernel's socket of device events. Nothing but the kernel is heard. Returned-owned: close(). A negative enum dd_error,
 * logged, if there is none here. */
int dd_vmgenid_watch_open(void);

enum dd_vmgenid_watch_news {
    DD_VMGENID_WATCH_NONE,
    DD_VMGENID_WATCH_LOST,   /* more device events than fit: one of them may have told of a new id */
    DD_VMGENID_WATCH_NEW_ID, /* this machine may be another one */
};

/* Reads what the kernel has told since the last call; never waits. fd may be -1. */
enum dd_vmgenid_watch_news dd_vmgenid_watch_poll(int fd);

/* True if a device event of size bytes, NUL-ended lines, tells of a new generation id. Pure. */
bool dd_vmgenid_watch_is_new_id(const char *event, size_t size);

#endif
