/* VNC passwords: files of vncpasswd, and the response to a server's challenge (RFC 6143, section 7.2.2). The first eight
 * characters of a password count.
 *
 * Both are DES with the bits of each key byte reversed. The DES is libgcrypt's, wrapped here, since OpenSSL 3 has it in its
 * legacy provider only. */
#ifndef DD_SEND_CAPTURE_VNC_PASSWORD_H
#define DD_SEND_CAPTURE_VNC_PASSWORD_H

#include <stddef.h>
#include <stdint.h>

enum { DD_VNC_PASSWORD_MAX = 8, DD_VNC_PASSWORD_CHALLENGE_SIZE = 16 };

/* Decodes a vncpasswd file of size bytes. It holds one password of 8 bytes, or two: then the second, for viewing only, is taken
 * unless it is empty. password is secret: the caller wipes it. 0; DD_ERROR_INPUT: a file of another size, which vncpasswd does
 * not write; DD_ERROR_CRYPTO, logged. password is "" after an error. */
int dd_vnc_password_decode(const uint8_t *bytes, size_t size, char password[static DD_VNC_PASSWORD_MAX + 1]);

/* Encrypts a server's challenge with password. 0; or DD_ERROR_CRYPTO, logged. */
int dd_vnc_password_respond(const char *password, const uint8_t challenge[static DD_VNC_PASSWORD_CHALLENGE_SIZE],
                            uint8_t response[static DD_VNC_PASSWORD_CHALLENGE_SIZE]);

#endif
