/* The age of what is read from a stream. Pure. */
#include "send/capture/rtsp/latency.h"

#include "dd/base/clock.h"

/* No buffer between here and a camera holds more; what seems to be older has time stamps that jumped. */
#define LAG_MAX_US (INT64_C(60) * DD_CLOCK_US_PER_S)

uint64_t dd_latency_update(struct dd_latency *lag, uint64_t arrived_us, bool waited, int64_t stamp_us)
{
    int64_t offset_us, behind_us;

    /* unsigned, because a source may claim any time stamp */
    offset_us = (int64_t)(arrived_us - (uint64_t)stamp_us);
    behind_us = (int64_t)((uint64_t)offset_us - (uint64_t)lag->offset_us);
    if (waited || !lag->anchored || behind_us < 0 || behind_us > LAG_MAX_US) {
        lag->anchored = true;
        lag->offset_us = offset_us;
        return 0;
    }
    return (uint64_t)behind_us;
}
