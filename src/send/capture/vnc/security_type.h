/* Which of the ways to log in that a VNC server offers is taken. Pure. */
#ifndef DD_SEND_CAPTURE_VNC_SECURITY_TYPE_H
#define DD_SEND_CAPTURE_VNC_SECURITY_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* security types, and those that VeNCrypt adds */
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
/* nothing, the answer to a challenge, user name and password */
enum dd_vnc_security_type_proof { DD_VNC_SECURITY_NO_PROOF, DD_VNC_SECURITY_CHALLENGE, DD_VNC_SECURITY_PLAIN };

struct dd_vnc_security_type {
    uint32_t type;
    enum dd_vnc_security_type_cover cover; /* what TLS does for it */
    enum dd_vnc_security_type_proof proof;
};

struct dd_vnc_security_type_request {
    bool certificate; /* nothing but TLS with one */
    bool anonymous;   /* TLS without one will do */
    bool has_username, has_password;
};

/* The best of count types: with a certificate before any other, without proof before one. Static; NULL: none. *lacking is then
 * one that would do, had it a user name or a password; or NULL. User name and password never go in clear. */
const struct dd_vnc_security_type *dd_vnc_security_type_choose(const uint32_t *types, size_t count,
                                                               const struct dd_vnc_security_type_request *wish,
                                                               const struct dd_vnc_security_type **lacking);

/* In words, for people: what it proves, and who can see what is shown. Static. */
const char *dd_vnc_security_type_text(const struct dd_vnc_security_type *way);

#endif
