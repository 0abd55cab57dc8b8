/* The kind of source "rtsp": cameras, by libavformat and libavcodec. A process has one at a time. */
#ifndef DD_SEND_CAPTURE_RTSP_RTSP_SOURCE_H
#define DD_SEND_CAPTURE_RTSP_RTSP_SOURCE_H

#include "send/capture/source.h"

extern const struct dd_source_kind dd_rtsp_source;

#endif
