/* Checks and decrypts the datagrams of one stream (docs/protocol.md, "What the receiver accepts"). Cheapest check first: session
 * order, replay window, authentication. Only a datagram that authenticates changes any state. One owner, one thread. */
#ifndef DD_LINK_UNSEAL_H
#define DD_LINK_UNSEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dd/link/replay_window.h"

struct dd_key;
struct dd_unseal;
struct dd_wire_header;

enum dd_unseal_verdict {
    DD_UNSEAL_ACCEPTED = 0,
    DD_UNSEAL_SESSION = 1, /* its session is older than the newest, or another one with the same start */
    DD_UNSEAL_REPLAY = 2,  /* its counter has been seen, or is older than the window */
    DD_UNSEAL_FORGED = 3,  /* it does not authenticate */
    DD_UNSEAL_AHEAD = 4,   /* its session begins over a day ahead of this machine's clock */
};

struct dd_unseal_message {
    uint8_t *bytes; /* the plaintext, in the scratch given to dd_unseal_datagram(); borrowed */
    size_t size;
    uint64_t session;      /* the datagram's session; accepted sessions are numbered from 1 */
    uint64_t newest;       /* the newest session; session < newest: the one before, within its 5 s of grace */
    bool heard_from_start; /* this process has listened since the session's first datagram, so each gap is a loss */
    uint64_t new_counters; /* how many more datagrams are now known to have been sent: those from the lowest to the highest
                              counter seen, or from 0 on if the session began after another one */
};

/* The replay state, which must outlive the process so that no datagram is accepted twice: the newest session, and which of its
 * counters have been seen. It is consistent at every moment, in case the process dies. */
struct dd_unseal_memory {
    uint32_t key_id; /* the key that the session belongs to */
    uint32_t reserved;
    uint64_t start_us, salt; /* of the newest session; start_us in µs since 1970, 0: no session yet */
    uint64_t latest_us;      /* latest start of all accepted sessions; later than start_us if an older session was admitted */
    struct dd_replay_window replay;
};

/* For one key of a stream, which is copied. memory is borrowed until dd_unseal_free() or dd_unseal_move(), and nobody else writes
 * it. If it holds a session of this key, that session continues; otherwise it is zeroed. Returned-owned. NULL, logged, if memory
 * is exhausted or the cryptographic library fails. */
struct dd_unseal *dd_unseal_new(const struct dd_key *key, struct dd_unseal_memory *memory);
/* Wipes and frees, but leaves the replay state as it is. u may be NULL. */
void dd_unseal_free(struct dd_unseal *u);

/* Copies the replay state to *memory and uses that from now on. It is borrowed as in dd_unseal_new(), and the old memory no
 * longer is. */
void dd_unseal_move(struct dd_unseal *u, struct dd_unseal_memory *memory);

/* Admits one session although it began before another accepted one: its next datagram that authenticates makes it the newest.
 * Counters of it below next are refused: it was the newest before. This holds until a session begins, be it this one or another,
 * or until another session is admitted in its place; start_us 0 admits none. All other sessions that began before the latest
 * start stay refused. */
void dd_unseal_admit(struct dd_unseal *u, uint64_t start_us, uint64_t salt, uint64_t next);
/* The session that was the newest before, and its highest counter seen + 1. False if there is none. */
bool dd_unseal_before(const struct dd_unseal *u, uint64_t *start_us, uint64_t *salt, uint64_t *next);

/* What session order and replay window say of a datagram with this key's id, before its authentication: DD_UNSEAL_ACCEPTED,
 * DD_UNSEAL_SESSION, DD_UNSEAL_AHEAD or DD_UNSEAL_REPLAY. Changes nothing. */
enum dd_unseal_verdict dd_unseal_check_order(struct dd_unseal *u, const struct dd_wire_header *header, uint64_t now_us,
                                             uint64_t wall_us);

/* True if a datagram of size bytes, at least DD_WIRE_DATAGRAM_MIN, authenticates under key, whatever its session. Costs more than
 * accepting one. scratch has room for size bytes. */
bool dd_unseal_is_authentic(const struct dd_key *key, const uint8_t *datagram, size_t size, uint8_t *scratch);

/* Checks and decrypts one datagram of size bytes. header is its header, with this key's id. If it is accepted, its plaintext is
 * in scratch, which has room for size bytes, and *message describes it; otherwise *message is zeroed. now_us:
 * dd_clock_now_us(); wall_us: dd_clock_wall_us(). */
enum dd_unseal_verdict dd_unseal_datagram(struct dd_unseal *u, const struct dd_wire_header *header, const uint8_t *datagram,
                                          size_t size, uint8_t *scratch, uint64_t now_us, uint64_t wall_us,
                                          struct dd_unseal_message *message);

/* The caller knows that a session, numbered as in a message, began while this process listened. So datagrams before the first one
 * that arrived count as sent. Returns their number; 0 when called again. */
uint64_t dd_unseal_count_from_start(struct dd_unseal *u, uint64_t session);

#endif
