/* How far a reader is behind its source. A stream that has backed up, in socket buffers here or at the camera, delivers old
 * pictures at full speed: they must not count as new. The stream's own time stamps tell their age. They are anchored whenever a
 * read had to wait, since what arrives then is new. So neither a wrong clock of the source nor its drift matters. */
#ifndef DD_SEND_CAPTURE_RTSP_LATENCY_H
#define DD_SEND_CAPTURE_RTSP_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

struct dd_latency {
    bool anchored;
    int64_t offset_us; /* arrival minus time stamp, of the last packet that came after a wait */
};

/* Returns how old a packet was when it was read, in microseconds; 0 if that is not known. arrived_us: dd_clock_now_us() of the
 * read; waited: the read had to wait; stamp_us: the source's time stamp. latency begins zeroed. */
uint64_t dd_latency_update(struct dd_latency *lag, uint64_t arrived_us, bool waited, int64_t stamp_us);

#endif
