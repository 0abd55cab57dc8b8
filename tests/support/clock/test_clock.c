/* Takes the place of clock_gettime(2) in ddsend_on_test_clock and ddrecv_on_test_clock (--wrap): adds offsets that a test changes
 * while they run. A sleep of the machine lets CLOCK_REALTIME and CLOCK_BOOTTIME jump; somebody who sets the clock, CLOCK_REALTIME
 * alone. The offsets are in the file PROGRAM.clock beside the program, which roles find, too: they get no environment. What
 * libraries and the kernel time is not affected; they count CLOCK_MONOTONIC, which stands still in a sleep. In ddsend it also
 * tells that the machine was resumed from a snapshot. */
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "send/vmgenid_watch.h"

/* The file, in the byte order of this machine: offsets in seconds, and how often the machine was resumed from a snapshot. */
struct offsets {
    _Atomic int64_t realtime_s, boottime_s, monotonic_s, resumes;
};

static const struct offsets *offsets;

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

/* Before there are threads. */
static void __attribute__((constructor)) map_offsets(void)
{
    char path[PATH_MAX + 16];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    if (length < 0)
        abort();
    strcpy(path + length, ".clock");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *memory = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *offsets, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        perror(path);
        abort();
    }
    close(fd);
    offsets = memory;
}

/* In the place of the kernel's word, which no test can make it say. */
enum dd_vmgenid_watch_news __wrap_dd_vmgenid_watch_poll(int fd);

enum dd_vmgenid_watch_news __wrap_dd_vmgenid_watch_poll(int fd)
{
    static int64_t known;
    int64_t resumes = atomic_load(&offsets->resumes);
    bool is_new = resumes != known;
    (void)fd;
    known = resumes;
    return is_new ? DD_VMGENID_WATCH_NEW_ID : DD_VMGENID_WATCH_NONE;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = __real_clock_gettime(clock, time);
    if (offsets && clock == CLOCK_REALTIME)
        time->tv_sec += atomic_load(&offsets->realtime_s);
    else if (offsets && clock == CLOCK_BOOTTIME)
        time->tv_sec += atomic_load(&offsets->boottime_s);
    else if (offsets && clock == CLOCK_MONOTONIC)
        time->tv_sec += atomic_load(&offsets->monotonic_s);
    return result;
}
