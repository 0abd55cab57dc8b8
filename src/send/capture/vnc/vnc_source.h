/* The source "vnc": desktops, by the RFB protocol (RFC 6143). */
#ifndef DD_SEND_CAPTURE_VNC_VNC_SOURCE_H
#define DD_SEND_CAPTURE_VNC_VNC_SOURCE_H

#include "send/capture/source.h"

extern const struct dd_source_kind dd_vnc_source;

/* For tests, which play the server: as the open of dd_vnc_source, over a connected socket that does not block (taken, also on
 * errors), to a server called host. */
int dd_vnc_source_start(void **state, struct dd_source_io *io, int fd, const char *host);

#endif
