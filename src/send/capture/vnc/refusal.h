/* A VNC server that says no, and the reason it gives (RFC 6143, sections 7.1.2 and 7.1.3). The reason is untrusted text: it goes
 * into the debug log only, and tells a lock-out from other refusals. */
#ifndef DD_SEND_CAPTURE_VNC_REFUSAL_H
#define DD_SEND_CAPTURE_VNC_REFUSAL_H

#include <stdint.h>

struct dd_vnc_handshake;

/* The server refuses the connection. Reads the reason that follows. Returns DD_ERROR_SOURCE, told in the channel's io, or
 * DD_ERROR_STOPPED. */
int dd_vnc_refusal_of_connection(const struct dd_vnc_handshake *h);

/* The server refuses the log-in: result is its SecurityResult, not 0. Reads the reason where this version of RFB has one. Returns
 * as above. The reason told in io is always DD_WIRE_REASON_CREDENTIALS, so that the next attempt comes late. */
int dd_vnc_refusal_of_login(const struct dd_vnc_handshake *h, uint32_t result);

#endif
