#include "send/capture/rtsp/latency.h"

#include "dd/base/clock.h"

/* No buffer between here and a camera holds more. A packet that seems to be older has a time stamp that jumped. */
#define AGE_MAX_US (INT64_C(60) * DD_CLOCK_US_PER_S)

uint64_t dd_latency_update(struct dd_latency *latency, uint64_t arrived_us, bool waited, int64_t stamp_us)
{
    /* subtracted as unsigned: a source may claim any time stamp */
    int64_t offset_us = (int64_t)(arrived_us - (uint64_t)stamp_us);
    int64_t age_us = (int64_t)((uint64_t)offset_us - (uint64_t)latency->offset_us);

    if (waited || !latency->has_offset || age_us < 0 || age_us > AGE_MAX_US) {
        latency->has_offset = true;
        latency->offset_us = offset_us;
        return 0;
    }
    return (uint64_t)age_us;
}
