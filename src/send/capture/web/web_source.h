/* The source "web": screenshots of a page in a headless Chromium. */
#ifndef DD_SEND_CAPTURE_WEB_WEB_SOURCE_H
#define DD_SEND_CAPTURE_WEB_WEB_SOURCE_H

#include "send/capture/source.h"

extern const struct dd_source_kind dd_web_source;

#endif
