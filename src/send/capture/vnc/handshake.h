/* The beginning of a VNC connection (RFC 6143, and VeNCrypt as rfbproto.rst has it): version, log-in, size and the pixels
 * wanted. Ours and not libvncclient's, which takes the first kind of TLS that a server names, or a password in clear, whatever
 * its user wants, and checks certificates only against a file. */
#ifndef DD_SEND_CAPTURE_VNC_HANDSHAKE_H
#define DD_SEND_CAPTURE_VNC_HANDSHAKE_H

#include <stdbool.h>

struct dd_channel;

/* All borrowed. */
struct dd_vnc_handshake_config {
    const char *name;                /* of the source, for messages */
    const char *host;                /* that its certificate has to be for */
    const char *username, *password; /* "": none */
    const char *authorities;         /* not empty: only TLS with a certificate that dd_tls_new() accepts by them will do */
    bool anonymous;                  /* TLS without certificates will do, too */
};

struct dd_vnc_handshake_result {
    int width, height; /* of the desktop; not checked */
    bool unchecked;    /* TLS with a certificate that nobody checked */
};

/* Logs in, as the best way that the server has and login allows, and asks for 32 bits B, G, R, X and for ZRLE, Hextile,
 * CopyRect, Raw and new sizes. Then the first update can be requested. 0; or DD_ERROR_SOURCE, told in the line's io; or another
 * negative enum dd_error. */
int dd_vnc_handshake_run(struct dd_channel *line, const struct dd_vnc_handshake_config *login,
                         struct dd_vnc_handshake_result *result);

#endif
