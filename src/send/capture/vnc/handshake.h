/* The handshake of a VNC connection, up to the first request for a picture (RFC 6143, sections 7.1 and 7.3).
 *
 * It is our own, since libvncclient's cannot be told what is acceptable: it takes the first kind of TLS that a server offers,
 * sends passwords in clear, and checks certificates only against a file. */
#ifndef DD_SEND_CAPTURE_VNC_HANDSHAKE_H
#define DD_SEND_CAPTURE_VNC_HANDSHAKE_H

#include <stdbool.h>

struct dd_channel;

/* All borrowed for the call. */
struct dd_vnc_handshake_config {
    const char *name;                /* of the source, for messages */
    const char *host;                /* the server's, without a port; a certificate has to be for it */
    const char *username, *password; /* "": none. Secret */
    const char *authorities;         /* not "": only TLS with a certificate is accepted, which is checked as by dd_tls_new() */
    bool anonymous_tls;              /* TLS without a certificate is accepted, too */
};

struct dd_vnc_handshake_result {
    int width, height;          /* of the desktop in pixels, 0 to 65535; not checked */
    bool certificate_unchecked; /* the server has a certificate, and nothing to check it against is configured */
};

/* Logs in with the best security type that the server offers and the configuration accepts. Then asks for pixels of 32 bits
 * (B, G, R, X) and for the encodings ZRLE, Hextile, CopyRect, Raw and DesktopSize. On success the channel stays open, in clear
 * or with TLS, and nothing after ServerInit has been read. Waits until the channel's deadline at most.
 * 0; DD_ERROR_SOURCE, told in the channel's io; DD_ERROR_STOPPED; DD_ERROR_MEMORY or DD_ERROR_CRYPTO, logged. The caller closes
 * the channel, also after an error. */
int dd_vnc_handshake_run(struct dd_channel *channel, const struct dd_vnc_handshake_config *config,
                         struct dd_vnc_handshake_result *result);

#endif
