/* Accepting datagrams of one stream: session order, replay window, authentication, in this order, cheapest first
 * (docs/protocol.md, "What the receiver accepts"). State changes only for datagrams that authenticate. One owner, one
 * thread. */
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
    DD_UNSEAL_SESSION = 1, /* older than the newest session, too far ahead, or a second session with its start */
    DD_UNSEAL_REPLAY = 2,  /* its counter was seen, or is older than the window */
    DD_UNSEAL_FORGED = 3,  /* does not authenticate */
};

struct dd_unseal_message {
    uint8_t *bytes; /* borrowed from what dd_unseal_datagram was given */
    size_t size;
    uint64_t session;      /* counts accepted sessions, from 1: which one this datagram belongs to */
    uint64_t newest;       /* the newest session's number; session < newest: the one before, within its 5 s of grace */
    bool whole;            /* all of the session was sent while somebody was here to receive it */
    uint64_t new_counters; /* datagrams sent that are now known of: those between the lowest and the highest counter seen; from
                              0 on where the session began after another one */
};

/* What has to outlive the process, so that no datagram is accepted twice: the newest session, and which of its counters were
 * seen. It is right at every moment, should the process die then. */
struct dd_unseal_memory {
    uint32_t key_id; /* of the key that it belongs to */
    uint32_t reserved;
    uint64_t start_us, salt; /* start_us 0: no session yet */
    uint64_t latest_us; /* the latest start of any session that was accepted; a session that was admitted may begin earlier */
    struct dd_replay_window replay;
};

/* For one of a stream's keys, which is copied. memory is borrowed for u's life, and u's alone: it goes on with the session that
 * memory holds of this key, and else zeroes memory. NULL, logged, if memory is exhausted or cryptography fails. */
struct dd_unseal *dd_unseal_new(const struct dd_key *key, struct dd_unseal_memory *memory);
/* Wipes. */
void dd_unseal_free(struct dd_unseal *u);

/* Copies the memory to another place, and uses that from now on; borrowed for u's life. */
void dd_unseal_move(struct dd_unseal *u, struct dd_unseal_memory *memory);

/* Admits one session, although it begins before another that was accepted: the next datagram of it that authenticates makes it
 * the newest. So until it has, or another one is admitted in its place; start_us 0: none. Nobody else's way in gets wider: what
 * began before the latest start stays refused. */
void dd_unseal_admit(struct dd_unseal *u, uint64_t start_us, uint64_t salt);

/* True if a datagram that was refused for its session was sealed by who has the key. As costly as accepting one. */
bool dd_unseal_is_authentic(struct dd_unseal *u, const struct dd_wire_header *header, const uint8_t *datagram, size_t size,
                            uint8_t *scratch);

/* Judges one datagram of size bytes, whose header has been read and has this key's id. Accepted: its plaintext is in
 * scratch (room for size bytes) and *message describes it. now_us: dd_clock_now_us(); wall_us: dd_clock_wall_us(). */
enum dd_unseal_verdict dd_unseal_datagram(struct dd_unseal *u, const struct dd_wire_header *header, const uint8_t *datagram,
                                          size_t size, uint8_t *scratch, uint64_t now_us, uint64_t wall_us,
                                          struct dd_unseal_message *message);

/* The session (as in a message) is known to have begun while somebody was here: what it sent before the first datagram that was
 * seen counts, too. How many that were; 0 from the second time on. */
uint64_t dd_unseal_count_from_start(struct dd_unseal *u, uint64_t session);

#endif
