/* A VNC handshake under way, and the fields of its messages (RFC 6143, section 7; integers are big-endian).
 *
 * All functions wait until the channel's deadline at most. Where nothing else is said they return 0; DD_ERROR_SOURCE, told in
 * the channel's io; or DD_ERROR_STOPPED. */
#ifndef DD_SEND_CAPTURE_VNC_HANDSHAKE_IO_H
#define DD_SEND_CAPTURE_VNC_HANDSHAKE_IO_H

#include <stddef.h>
#include <stdint.h>

struct dd_channel;
struct dd_vnc_handshake_config;
struct dd_vnc_handshake_result;

enum { DD_VNC_HANDSHAKE_IO_TEXT_MAX = 200 /* characters of a server's text that are kept */ };

/* Lives for one call of dd_vnc_handshake_run(); all pointers are borrowed from its caller. */
struct dd_vnc_handshake {
    struct dd_channel *channel;
    const struct dd_vnc_handshake_config *config;
    struct dd_vnc_handshake_result *result;
    int minor_version; /* of RFB 3: 3, 7 or 8 */
};

/* Exactly size bytes. */
int dd_vnc_handshake_io_read(const struct dd_vnc_handshake *h, void *bytes, size_t size);
int dd_vnc_handshake_io_write(const struct dd_vnc_handshake *h, const void *bytes, size_t size);

/* *value is 0 after an error. */
int dd_vnc_handshake_io_read_u8(const struct dd_vnc_handshake *h, uint8_t *value);
int dd_vnc_handshake_io_read_u32(const struct dd_vnc_handshake *h, uint32_t *value);
int dd_vnc_handshake_io_write_u8(const struct dd_vnc_handshake *h, uint8_t value);
int dd_vnc_handshake_io_write_u32(const struct dd_vnc_handshake *h, uint32_t value);

/* Reads a text with its length in front, such as a reason or a desktop's name. Keeps its beginning. A length above 1 MiB is
 * refused. text is terminated, "" after an error. It is untrusted: for the debug log, never for a message in io. */
int dd_vnc_handshake_io_read_text(const struct dd_vnc_handshake *h, char text[static DD_VNC_HANDSHAKE_IO_TEXT_MAX + 1]);

/* Turns an error of a dd_channel function into what the handshake returns: a deadline and a closed connection are told in io.
 * Other errors are returned as they are. */
int dd_vnc_handshake_io_fail(const struct dd_vnc_handshake *h, int error);
/* Tells that the server's answer breaks the protocol. Returns DD_ERROR_SOURCE. */
int dd_vnc_handshake_io_fail_broken(const struct dd_vnc_handshake *h);

#endif
