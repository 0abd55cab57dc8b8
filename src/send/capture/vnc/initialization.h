/* ClientInit and ServerInit (RFC 6143, section 7.3), and the pixel format and the encodings that libvncclient then expects
 * (sections 7.5.1 and 7.5.2). */
#ifndef DD_SEND_CAPTURE_VNC_INITIALIZATION_H
#define DD_SEND_CAPTURE_VNC_INITIALIZATION_H

struct dd_vnc_handshake;

/* The server has let the client in. Asks for a shared session: other clients stay connected. Sets the size in the handshake's
 * result. 0; DD_ERROR_SOURCE, told in the channel's io; or DD_ERROR_STOPPED. */
int dd_vnc_initialization_run(const struct dd_vnc_handshake *h);

#endif
