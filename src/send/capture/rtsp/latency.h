/* How far behind the source a reader is. A stream that has backed up (in socket buffers, here or at the camera) delivers
 * old pictures at full speed; what arrives must then not pass for new. The stream's own time stamps tell, anchored
 * whenever a read had to wait: what came then is as new as it gets. So neither a wrong clock of the source nor its drift
 * matters. */
#ifndef DD_SEND_CAPTURE_RTSP_LATENCY_H
#define DD_SEND_CAPTURE_RTSP_LATENCY_H

#include <stdbool.h>
#include <stdint.h>

struct dd_latency {
    bool anchored;
    int64_t offset_us; /* arrival minus time stamp, of what came last after a wait */
};

/* A packet arrived at arrived_us, after a wait or not, with that time stamp of the source's. How old it was when it was
 * read, in microseconds; 0 if it is not known better. Starts with a zeroed struct. */
uint64_t dd_latency_update(struct dd_latency *lag, uint64_t arrived_us, bool waited, int64_t stamp_us);

#endif
