/* What the errors of libavformat mean for a camera: a reason for viewers, and what to do, in plain words. */
#ifndef DD_SEND_CAPTURE_RTSP_RTSP_ERROR_H
#define DD_SEND_CAPTURE_RTSP_RTSP_ERROR_H

#include "dd/link/wire.h"

struct dd_rtsp_error {
    int av_error; /* AVERROR(…) or AVERROR_… */
    enum dd_wire_reason reason;
    const char *text; /* what happened and what to do */
};

/* Returns the entry for an error of libavformat's; static. NULL if it has no meaning of its own here. */
const struct dd_rtsp_error *dd_rtsp_error_find(int av_error);

#endif
