/* The source "test": moving bars, a clock with milliseconds, and the number of the picture. */
#ifndef DD_SEND_CAPTURE_TESTCARD_H
#define DD_SEND_CAPTURE_TESTCARD_H

#include "send/capture/source.h"

extern const struct dd_source_kind dd_testcard;

#endif
