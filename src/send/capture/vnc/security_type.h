/* Chooses among the security types that a VNC server offers. Pure. */
#ifndef DD_SEND_CAPTURE_VNC_SECURITY_TYPE_H
#define DD_SEND_CAPTURE_VNC_SECURITY_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DD_VNC_SECURITY_TYPE_COUNT_MAX = 255 /* in one list of a server: its count is a u8 */ };

/* Numbers of security types (RFC 6143, section 7.1.2), and of VeNCrypt's subtypes (rfbproto). */
enum dd_vnc_security_type_id {
    DD_VNC_SECURITY_TYPE_INVALID = 0,
    DD_VNC_SECURITY_TYPE_NONE = 1,
    DD_VNC_SECURITY_TYPE_VNC = 2,
    DD_VNC_SECURITY_TYPE_TLS = 18,
    DD_VNC_SECURITY_TYPE_VENCRYPT = 19,
    DD_VNC_SECURITY_TYPE_TLS_NONE = 257,
    DD_VNC_SECURITY_TYPE_TLS_VNC,
    DD_VNC_SECURITY_TYPE_TLS_PLAIN,
    DD_VNC_SECURITY_TYPE_X509_NONE,
    DD_VNC_SECURITY_TYPE_X509_VNC,
    DD_VNC_SECURITY_TYPE_X509_PLAIN,
};

enum dd_vnc_security_type_tls {
    DD_VNC_SECURITY_TYPE_NO_TLS,
    DD_VNC_SECURITY_TYPE_ANONYMOUS_TLS, /* without a certificate: encrypted, but with anyone who answers */
    DD_VNC_SECURITY_TYPE_X509_TLS,      /* the server has a certificate */
};

enum dd_vnc_security_type_authentication {
    DD_VNC_SECURITY_TYPE_NO_AUTHENTICATION,
    DD_VNC_SECURITY_TYPE_CHALLENGE, /* VNC Authentication: a response to a challenge */
    DD_VNC_SECURITY_TYPE_PLAIN,     /* user name and password, as they are */
};

struct dd_vnc_security_type {
    uint32_t id; /* enum dd_vnc_security_type_id */
    enum dd_vnc_security_type_tls tls;
    enum dd_vnc_security_type_authentication authentication;
};

/* What the user accepts, and has. */
struct dd_vnc_security_type_request {
    bool certificate_only; /* only TLS with a certificate is accepted */
    bool anonymous_tls;    /* TLS without a certificate is accepted, too */
    bool has_username, has_password;
};

/* Chooses the best of the count types that a server offers: TLS with a certificate before anonymous TLS before none; with equal
 * TLS, no authentication before a challenge before a password as it is. A password is never sent as it is without TLS. Returns a
 * static entry; NULL if no type is acceptable. *needs_credentials is then the best type that would be with the user name or the
 * password that the request lacks; NULL if there is none either. It is NULL whenever a type is returned. */
const struct dd_vnc_security_type *dd_vnc_security_type_choose(const uint32_t *types, size_t count,
                                                               const struct dd_vnc_security_type_request *request,
                                                               const struct dd_vnc_security_type **needs_credentials);

/* Describes a type for messages: the authentication, and who can see the desktop. Static. */
const char *dd_vnc_security_type_text(const struct dd_vnc_security_type *type);

#endif
