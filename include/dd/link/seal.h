/* Sealing datagrams of one stream: sessions, packet keys, nonces. Only the sealer counts, so a nonce cannot repeat under
 * a packet key (docs/protocol.md, "Sessions"). One owner, one thread. */
#ifndef DD_LINK_SEAL_H
#define DD_LINK_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_key;
struct dd_seal;

/* key is copied. last_start_us: the start of the stream's last session in any run, 0 if none is known. The first session
 * has begun on return. NULL, logged, if memory or cryptography fails. */
struct dd_seal *dd_seal_new(const struct dd_key *key, uint64_t last_start_us);
/* Wipes. */
void dd_seal_free(struct dd_seal *s);

/* Begins a new session, at max(wall clock, the last start + 1) and with a new salt. 0 or a negative enum dd_error, logged:
 * the session before goes on. */
int dd_seal_begin(struct dd_seal *s);

/* True when a session should end before the next frame: datagrams more would take it over DD_WIRE_SESSION_DATAGRAMS, or
 * wall clock and boot-time clock have drifted apart by a second since it began. */
bool dd_seal_due(const struct dd_seal *s, uint64_t datagrams);

uint64_t dd_seal_session_start_us(const struct dd_seal *s);
uint64_t dd_seal_session_salt(const struct dd_seal *s);
/* Datagrams sealed in this session. */
uint64_t dd_seal_count(const struct dd_seal *s);

/* Seals size bytes of message into datagram, which has room for size + header + tag. The datagram's length, or 0, logged,
 * if the session is used up or the library refuses. message and datagram + DD_WIRE_HEADER_BYTES may be the same place. */
size_t dd_seal_datagram(struct dd_seal *s, const uint8_t *message, size_t size, uint8_t *datagram);

#endif
