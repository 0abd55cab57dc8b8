/* The handshake of a VNC connection (RFC 6143; VeNCrypt as rfbproto.rst has it): version, security type, desktop size, pixel
 * format.
 *
 * It is our own, since libvncclient takes the first kind of TLS that a server names, or a password in clear, whatever its user
 * wants, and checks certificates only against a file. */
#ifndef DD_SEND_CAPTURE_VNC_HANDSHAKE_H
#define DD_SEND_CAPTURE_VNC_HANDSHAKE_H

#include <stdbool.h>

struct dd_channel;

/* All borrowed. */
struct dd_vnc_handshake_config {
    const char *name;                /* of the source, for messages */
    const char *host;                /* its certificate has to be for it */
    const char *username, *password; /* "": none */
    const char *authorities;         /* not empty: only TLS with a certificate that dd_tls_new() accepts by them */
    bool anonymous;                  /* TLS without certificates is accepted, too */
};

struct dd_vnc_handshake_result {
    int width, height; /* of the desktop; not checked */
    bool unchecked;    /* TLS with a certificate that was not checked */
};

/* Logs in with the best security type that the server offers and the configuration allows. Then asks for pixels of 32 bits, B, G,
 * R, X, and for the encodings ZRLE, Hextile, CopyRect, Raw and DesktopSize. After that the first update can be requested. 0; or
 * DD_ERROR_SOURCE, told in the channel's io; or another negative enum dd_error. */
int dd_vnc_handshake_run(struct dd_channel *line, const struct dd_vnc_handshake_config *login,
                         struct dd_vnc_handshake_result *result);

#endif
