/* The Security Handshake of a VNC connection (RFC 6143, section 7.1.2): reads the security types that the server offers, and
 * carries out the one that dd_vnc_security_type_choose() picks, TLS and authentication included. */
#ifndef DD_SEND_CAPTURE_VNC_SECURITY_HANDSHAKE_H
#define DD_SEND_CAPTURE_VNC_SECURITY_HANDSHAKE_H

struct dd_vnc_handshake;

/* The protocol version has been agreed on. 0: the server lets the client in; DD_ERROR_SOURCE, told in the channel's io (also if
 * no type offered is acceptable: with what to change, here or at the server); DD_ERROR_STOPPED; DD_ERROR_MEMORY or
 * DD_ERROR_CRYPTO, logged. */
int dd_vnc_security_handshake_run(const struct dd_vnc_handshake *h);

#endif
