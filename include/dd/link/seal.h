/* Seals the datagrams of one stream: sessions, packet keys and nonces (docs/protocol.md, "Sessions"). Only the sealer increments
 * the counter, so no nonce repeats under a packet key. One owner, one thread. */
#ifndef DD_LINK_SEAL_H
#define DD_LINK_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_key;
struct dd_seal;

/* Begins the first session. key is copied. last_start_us: start of the stream's last session in any run, µs since 1970; 0 if
 * unknown. Returned-owned: dd_seal_free(). NULL, logged, if memory is exhausted or the cryptographic library fails. */
struct dd_seal *dd_seal_new(const struct dd_key *key, uint64_t last_start_us);
/* Wipes and frees. s may be NULL. */
void dd_seal_free(struct dd_seal *s);

/* Begins a new session with a new salt. Its start is max(wall clock, last start + 1). 0; or a negative enum dd_error, logged, and
 * the current session continues. */
int dd_seal_begin(struct dd_seal *s);

/* Another process has begun a session with this key at start_us, µs since 1970; earlier ones are ignored. Each session that
 * begins from now on starts later. */
void dd_seal_note_other_session(struct dd_seal *s, uint64_t start_us);

/* True if a new session has to begin before the next frame: the frame's number of datagrams would exceed
 * DD_WIRE_SESSION_DATAGRAMS; the wall clock and the boot-time clock have drifted apart by a second since the session began; or
 * another process has begun one that is not older. */
bool dd_seal_due(const struct dd_seal *s, uint64_t datagrams);

/* Of the current session: start in µs since 1970, and salt. */
uint64_t dd_seal_session_start_us(const struct dd_seal *s);
uint64_t dd_seal_session_salt(const struct dd_seal *s);
/* The number of datagrams sealed in the current session. */
uint64_t dd_seal_count(const struct dd_seal *s);

/* Seals size bytes of message into datagram, which has room for DD_WIRE_HEADER_BYTES + size + DD_WIRE_TAG_BYTES. message may be
 * datagram + DD_WIRE_HEADER_BYTES. Returns the length of the datagram; 0, logged, if the session is used up or the cryptographic
 * library fails. */
size_t dd_seal_datagram(struct dd_seal *s, const uint8_t *message, size_t size, uint8_t *datagram);

#endif
