/* Pre-shared keys and the keys derived from them with HKDF-SHA256, RFC 5869 (docs/protocol.md, "Keys"). Thread-safe. */
#ifndef DD_LINK_KEY_H
#define DD_LINK_KEY_H

#include <stddef.h>
#include <stdint.h>

enum {
    DD_KEY_BYTES = 32,
    DD_KEY_TEXT_SIZE = 45, /* 44 characters of base64 and NUL */
    DD_KEY_STREAM_ID_MAX = 64,
    DD_KEY_SESSION_BYTES = 16, /* the header's bytes 8..23: session start and salt */
};

/* The secret of one stream, of which all its packet keys are derived. The owner wipes it with explicit_bzero(). */
struct dd_key {
    uint8_t prk[DD_KEY_BYTES];
    uint32_t id;
    char stream_id[DD_KEY_STREAM_ID_MAX + 1];
};

/* Decodes base64: standard or URL-safe alphabet, padded or not. 0; or DD_ERROR_INPUT, and *why, static, says what is wrong
 * without showing any of text. */
int dd_key_parse(const char *text, uint8_t key[static DD_KEY_BYTES], const char **why);

/* Writes a new random key as base64. 0 or DD_ERROR_CRYPTO, logged. */
int dd_key_generate(char text[static DD_KEY_TEXT_SIZE]);

/* Sets *out: extracts the PRK and derives the key id. stream_id has at most DD_KEY_STREAM_ID_MAX bytes and may be "". 0 or a
 * negative enum dd_error, logged. */
int dd_key_derive(struct dd_key *out, const uint8_t key[static DD_KEY_BYTES], const char *stream_id);

/* Derives the packet key of one session. 0 or DD_ERROR_CRYPTO, logged. The caller wipes packet_key. */
int dd_key_packet(const struct dd_key *key, const uint8_t session[static DD_KEY_SESSION_BYTES],
                  uint8_t packet_key[static DD_KEY_BYTES]);

#endif
