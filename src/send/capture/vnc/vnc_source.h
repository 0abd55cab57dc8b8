/* The source "vnc" from where its connection stands: for tests, which play the server. */
#ifndef DD_SEND_CAPTURE_VNC_VNC_SOURCE_H
#define DD_SEND_CAPTURE_VNC_VNC_SOURCE_H

struct dd_source_io;

/* As the open of dd_source_vnc, over a connected socket that does not block (taken, also on errors), to a server called host. */
int dd_vnc_source_start(void **state, struct dd_source_io *io, int fd, const char *host);

#endif
