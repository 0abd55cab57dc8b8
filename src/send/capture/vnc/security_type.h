/* Chooses among the security types that a VNC server offers. Pure. */
#ifndef DD_SEND_CAPTURE_VNC_SECURITY_TYPE_H
#define DD_SEND_CAPTURE_VNC_SECURITY_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 6143's security types, and VeNCrypt's subtypes */
enum dd_vnc_security_type_id {
    DD_VNC_SECURITY_INVALID = 0,
    DD_VNC_SECURITY_NONE = 1,
    DD_VNC_SECURITY_VNC = 2,
    DD_VNC_SECURITY_TLS = 18,
    DD_VNC_SECURITY_VENCRYPT = 19,
    DD_VNC_SECURITY_TLS_NONE = 257,
    DD_VNC_SECURITY_TLS_VNC,
    DD_VNC_SECURITY_TLS_PLAIN,
    DD_VNC_SECURITY_X509_NONE,
    DD_VNC_SECURITY_X509_VNC,
    DD_VNC_SECURITY_X509_PLAIN,
};

enum dd_vnc_security_type_cover { DD_VNC_SECURITY_CLEAR, DD_VNC_SECURITY_ANONYMOUS, DD_VNC_SECURITY_CERTIFICATE };
/* none, a response to a challenge, user name and password */
enum dd_vnc_security_type_proof { DD_VNC_SECURITY_NO_PROOF, DD_VNC_SECURITY_CHALLENGE, DD_VNC_SECURITY_PLAIN };

struct dd_vnc_security_type {
    uint32_t type;
    enum dd_vnc_security_type_cover cover; /* what TLS does for it */
    enum dd_vnc_security_type_proof proof;
};

struct dd_vnc_security_type_request {
    bool certificate; /* only TLS with a certificate is accepted */
    bool anonymous;   /* TLS without one is accepted, too */
    bool has_username, has_password;
};

/* Chooses the best of count types: those with a certificate first; among these, those that need no proof first. Static; NULL:
 * none is acceptable. *lacking is then one that would be, given a user name or a password; or NULL. User name and password are
 * never sent in clear. */
const struct dd_vnc_security_type *dd_vnc_security_type_choose(const uint32_t *types, size_t count,
                                                               const struct dd_vnc_security_type_request *wish,
                                                               const struct dd_vnc_security_type **lacking);

/* In words, for messages: what it proves, and who can see the desktop. Static. */
const char *dd_vnc_security_type_text(const struct dd_vnc_security_type *way);

#endif
