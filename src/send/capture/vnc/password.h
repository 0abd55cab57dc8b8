/* VNC passwords (RFC 6143, section 7.2.2): files of vncpasswd, and the response to a server's challenge. Both are DES with the
 * bits of each key byte reversed, which OpenSSL 3 has in its legacy provider only: hence libgcrypt, wrapped here. Eight
 * characters count. */
#ifndef DD_SEND_CAPTURE_VNC_PASSWORD_H
#define DD_SEND_CAPTURE_VNC_PASSWORD_H

#include <stddef.h>
#include <stdint.h>

enum { DD_VNC_PASSWORD_MAX = 8, DD_VNC_PASSWORD_CHALLENGE = 16 };

/* Decodes the size bytes of a vncpasswd file: one password, or two of which the second is for viewing only, which is
 * taken unless it is empty. 0; DD_ERROR_INPUT: it is no such file; DD_ERROR_CRYPTO, logged. password is secret. */
int dd_vnc_password_decode(const uint8_t *bytes, size_t size, char password[static DD_VNC_PASSWORD_MAX + 1]);

/* Encrypts a server's challenge with password. 0 or DD_ERROR_CRYPTO, logged. */
int dd_vnc_password_answer(const char *password, const uint8_t challenge[static DD_VNC_PASSWORD_CHALLENGE],
                           uint8_t answer[static DD_VNC_PASSWORD_CHALLENGE]);

#endif
