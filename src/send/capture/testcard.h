/* The source "test": a test card, drawn in process. Its bars move, and it has a clock with milliseconds and a picture number. */
#ifndef DD_SEND_CAPTURE_TESTCARD_H
#define DD_SEND_CAPTURE_TESTCARD_H

#include "send/capture/source.h"

extern const struct dd_source_kind dd_testcard;

#endif
