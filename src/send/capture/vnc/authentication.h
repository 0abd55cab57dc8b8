/* The client's answer to a VNC server that wants to know who it is, and the server's verdict: None and VNC Authentication (RFC
 * 6143, section 7.2), Plain (VeNCrypt's, in rfbproto's community specification), SecurityResult (section 7.1.3). */
#ifndef DD_SEND_CAPTURE_VNC_AUTHENTICATION_H
#define DD_SEND_CAPTURE_VNC_AUTHENTICATION_H

#include "send/capture/vnc/security_type.h"

struct dd_vnc_handshake;

/* Sends what authentication calls for, and reads the result. Plain sends user name and password as they are: only to be called
 * with TLS. 0; DD_ERROR_SOURCE, told in the channel's io; DD_ERROR_STOPPED; DD_ERROR_CRYPTO, logged. */
int dd_vnc_authentication_run(const struct dd_vnc_handshake *h, enum dd_vnc_security_type_authentication authentication);

#endif
