/* The wire format, version 1 (docs/protocol.md): the header in clear, and the two kinds of message in the ciphertext. Pure,
 * thread-safe. */
#ifndef DD_LINK_WIRE_H
#define DD_LINK_WIRE_H

#include <stddef.h>
#include <stdint.h>

enum {
    DD_WIRE_VERSION = 1,
    DD_WIRE_HEADER_BYTES = 32,
    DD_WIRE_TAG_BYTES = 16,
    DD_WIRE_FRAGMENT_BYTES = 32, /* before the symbol */
    DD_WIRE_STATUS_BYTES = 72,
    DD_WIRE_DATAGRAM_MIN = DD_WIRE_HEADER_BYTES + DD_WIRE_FRAGMENT_BYTES + 1 + DD_WIRE_TAG_BYTES,
    DD_WIRE_DATAGRAM_MAX = 65507, /* the limit of UDP over IPv4 */
    DD_WIRE_OVERHEAD = DD_WIRE_HEADER_BYTES + DD_WIRE_TAG_BYTES + DD_WIRE_FRAGMENT_BYTES,
    DD_WIRE_DATA_MAX = 128,    /* data symbols in a block */
    DD_WIRE_SYMBOLS_MAX = 255, /* data + parity symbols in a block */
    DD_WIRE_JPEG_QUALITY_MAX = 100,
    /* Each symbol costs the receiver work, however short it is. So only a frame of DD_WIRE_SYMBOLS_SHORT symbols or fewer may
     * have shorter ones than DD_WIRE_SYMBOL_MIN. A max_packet_size of DD_WIRE_OVERHEAD + 80 or more makes no others. */
    DD_WIRE_SYMBOL_MIN = 64,
    DD_WIRE_SYMBOLS_SHORT = 4,
};
#define DD_WIRE_SESSION_DATAGRAMS (UINT64_C(1) << 23) /* counters in a session: 0 … 2^23 - 1 */
#define DD_WIRE_FRAME_NUMBER_MAX ((UINT64_C(1) << 53) - 1)

enum dd_wire_type { DD_WIRE_FRAGMENT = 1, DD_WIRE_STATUS = 2 };

struct dd_wire_header {
    uint32_t key_id;
    uint64_t session_start_us; /* since 1970 */
    uint64_t session_salt;
    uint64_t counter;
};

struct dd_wire_fragment {
    uint8_t index, data, parity; /* this symbol's index in the block; the block's numbers of data and parity symbols */
    uint16_t block, blocks;
    uint64_t frame;
    uint64_t captured_us; /* since 1970 */
    uint32_t frame_bytes;
    uint16_t symbol_bytes;
    const uint8_t *symbol; /* borrowed; symbol_bytes long */
};

/* the state of a source */
enum dd_wire_source {
    DD_WIRE_SOURCE_STARTING = 0,
    DD_WIRE_SOURCE_OK = 1,
    DD_WIRE_SOURCE_CONNECTING = 2,
    DD_WIRE_SOURCE_FAILED = 3,
};

/* why a source is not ok; fixed numbers, never text from inside the secure network */
enum dd_wire_reason {
    DD_WIRE_REASON_NONE = 0,
    DD_WIRE_REASON_UNREACHABLE = 1, /* refused, no route, name not found */
    DD_WIRE_REASON_CREDENTIALS = 2, /* user name or password refused */
    DD_WIRE_REASON_NOT_FOUND = 3,   /* no such path, display or page */
    DD_WIRE_REASON_NO_VIDEO = 4,    /* nothing in it that can be shown */
    DD_WIRE_REASON_TIMEOUT = 5,     /* connected, but no picture in time */
    DD_WIRE_REASON_BROKEN = 6,      /* what it sends cannot be read */
    DD_WIRE_REASON_ENDED = 7,       /* it closed the connection */
    DD_WIRE_REASON_CERTIFICATE = 8, /* TLS or its certificate refused */
    DD_WIRE_REASON_CAPTURE = 9,     /* the capture role died or hangs, and is being started again */
    DD_WIRE_REASON_UNSUITABLE = 10, /* larger than what can be sent, or of a kind that cannot be */
    DD_WIRE_REASON_UNEXPECTED = 11, /* it shows something else than it should, a log-in form say */
};

struct dd_wire_status {
    uint8_t source;  /* enum dd_wire_source */
    uint16_t reason; /* enum dd_wire_reason */
    uint32_t interval_ms;
    uint64_t frame; /* number of the newest frame sent; 0: none yet */
    uint64_t captured_us;
    uint32_t age_ms; /* since the source last showed just this picture */
    uint32_t period_ms;
    uint16_t width, height;
    uint32_t frames_skipped; /* in this session */
    uint64_t frames_sent;    /* in this session */
    uint64_t sent_us;        /* since 1970, by a clock that never steps in a run of ddsend */
    uint64_t epoch_us;       /* sent_us less the sender's clock since boot; modulo 2^64, since its wall clock may say anything */
    uint8_t jpeg_quality;    /* in use, 0 … DD_WIRE_JPEG_QUALITY_MAX */
    uint32_t boot_tag;       /* of the sender's machine: dd_boot_tag_compute() */
};

/* The text of a reason, such as "wrong user name or password"; "unknown" for unknown codes. Static, never NULL. */
const char *dd_wire_reason_text(unsigned reason);

/* Writes the header's DD_WIRE_HEADER_BYTES. */
void dd_wire_write_header(const struct dd_wire_header *header, uint8_t bytes[static DD_WIRE_HEADER_BYTES]);
/* Reads the header of a datagram of size bytes. 0; DD_ERROR_SPACE: size is below DD_WIRE_DATAGRAM_MIN or above
 * DD_WIRE_DATAGRAM_MAX; DD_ERROR_INPUT: another version, or a reserved byte that is not 0. */
int dd_wire_read_header(struct dd_wire_header *header, const uint8_t *datagram, size_t size);

/* Write a message into bytes. Return its length, or 0 if size is too small. */
size_t dd_wire_write_fragment(const struct dd_wire_fragment *fragment, uint8_t *bytes, size_t size);
size_t dd_wire_write_status(const struct dd_wire_status *status, uint8_t *bytes, size_t size);

/* The type of a message, its first byte; 0 if size is 0. */
unsigned dd_wire_type(const uint8_t *message, size_t size);
/* Read a message of exactly size bytes. fragment->symbol is borrowed from message. 0; DD_ERROR_INPUT if a field contradicts
 * another, the length or the format; DD_ERROR_SPACE if a fragment's frame is larger than max_frame_bytes. */
int dd_wire_read_fragment(struct dd_wire_fragment *fragment, uint32_t max_frame_bytes, const uint8_t *message, size_t size);
int dd_wire_read_status(struct dd_wire_status *status, const uint8_t *message, size_t size);

#endif
