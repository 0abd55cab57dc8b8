/* How far a reader is behind its source. A stream that has backed up, in socket buffers here or at the camera, delivers old
 * pictures at full speed, and they must not count as new. The stream's own time stamps tell their age. They are compared with the
 * clock whenever a read had to wait, since what arrives then is new. So neither a wrong clock of the source nor its drift
 * matters. A packet that came while this process was stopped, or the machine slept, had to wait for the reader, not the reader
 * for it: the caller does not say waited then. Pure. */
#ifndef DD_SEND_CAPTURE_RTSP_LATENCY_H
#define DD_SEND_CAPTURE_RTSP_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

/* Begins zeroed. */
struct dd_latency {
    bool has_offset;
    int64_t offset_us; /* arrival minus time stamp, of the last packet that is known to have been new */
};

/* Returns the age of a packet when it was read, in microseconds; 0 if it is not known. arrived_us is dd_clock_now_us() of the
 * read, stamp_us the source's time stamp; any value will do. waited: the read had to wait. */
uint64_t dd_latency_update(struct dd_latency *latency, uint64_t arrived_us, bool waited, int64_t stamp_us);

#endif
