/* Pre-shared keys and what is derived from them (docs/protocol.md, "Keys"). HKDF-SHA256 is RFC 5869. */
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

/* A key's derivations are bound to this. Wipe with explicit_bzero. */
struct dd_key {
    uint8_t prk[DD_KEY_BYTES];
    uint32_t id;
    char stream_id[DD_KEY_STREAM_ID_MAX + 1];
};

/* Reads base64, standard or URL-safe alphabet, padded or not. 0, or DD_ERROR_INPUT with *why, static, saying what is
 * wrong with it (never with its text). */
int dd_key_parse(const char *text, uint8_t key[static DD_KEY_BYTES], const char **why);

/* A new random key as base64. 0 or DD_ERROR_CRYPTO, logged. */
int dd_key_generate(char text[static DD_KEY_TEXT_SIZE]);

/* Extracts the PRK and works the key id out. stream_id may be "", at most DD_KEY_STREAM_ID_MAX bytes. 0 or a negative
 * enum dd_error, logged. */
int dd_key_derive(struct dd_key *out, const uint8_t key[static DD_KEY_BYTES], const char *stream_id);

/* The packet key of one session. 0 or DD_ERROR_CRYPTO, logged. */
int dd_key_packet(const struct dd_key *key, const uint8_t session[static DD_KEY_SESSION_BYTES],
                  uint8_t packet_key[static DD_KEY_BYTES]);

#endif
