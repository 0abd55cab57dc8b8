/* The security types that put a VNC connection under TLS: VeNCrypt (19) and its predecessor TLS (18), as rfbproto's community
 * specification has them. RFC 6143 lists their numbers only.
 *
 * All return 0; DD_ERROR_SOURCE, told in the channel's io; DD_ERROR_STOPPED; or DD_ERROR_MEMORY, logged. */
#ifndef DD_SEND_CAPTURE_VNC_VENCRYPT_H
#define DD_SEND_CAPTURE_VNC_VENCRYPT_H

#include <stddef.h>
#include <stdint.h>

#include "send/capture/vnc/security_type.h"

struct dd_vnc_handshake;

/* Agrees on VeNCrypt 0.2 and reads the subtypes that the server offers, which may be none. *count is 0 after an error. */
int dd_vnc_vencrypt_read_subtypes(const struct dd_vnc_handshake *h, uint32_t subtypes[static DD_VNC_SECURITY_TYPE_COUNT_MAX],
                                  size_t *count);
/* Sends the subtype chosen, and begins TLS if it has that. The authentication comes next. */
int dd_vnc_vencrypt_select(const struct dd_vnc_handshake *h, const struct dd_vnc_security_type *subtype);

/* Begins TLS on the handshake's channel. With tls DD_VNC_SECURITY_TYPE_X509_TLS the certificate is checked against the configured
 * authorities. If there are none, the result's certificate_unchecked is set. */
int dd_vnc_vencrypt_start_tls(const struct dd_vnc_handshake *h, enum dd_vnc_security_type_tls tls);

#endif
