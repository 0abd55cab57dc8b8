/* The source "vnc": desktops, by the RFB protocol (RFC 6143). */
#ifndef DD_SEND_CAPTURE_VNC_VNC_SOURCE_H
#define DD_SEND_CAPTURE_VNC_VNC_SOURCE_H

#include "send/capture/source.h"

extern const struct dd_source_kind dd_vnc_source;

/* Opens the source over a socket that is connected and does not block (taken, also on errors). host is the server's name, for its
 * certificate. Else as open of dd_vnc_source. For tests, which play the server. */
int dd_vnc_source_start(void **state, struct dd_source_io *io, int fd, const char *host);

#endif
