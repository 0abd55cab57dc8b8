/* A lock for each key id, among all processes of this host: two daemons that sent under one key would silence each other, since
 * ddrecv accepts only the newest session.
 *
 * A lock is the name of a bound Unix socket in the abstract namespace. The kernel gives a name to one socket of a network
 * namespace, whoever asks, and takes it back when the process ends, however that happens. Nothing can be sent to the socket: it
 * is a stream socket that never listens. A second one has the process id in its name, so that others can say who holds the lock.
 *
 * Key ids are in every datagram, so the names are no secret, and any local user can take one. That keeps a ddsend from starting,
 * and does nothing else: nothing but existence and the process id is believed of a name. One owner, one thread. */
#ifndef DD_SEND_KEY_LOCK_H
#define DD_SEND_KEY_LOCK_H

#include <stddef.h>
#include <stdint.h>

struct dd_key_lock;

/* All zero: no locks. */
struct dd_key_lock_set {
    struct dd_key_lock *locks; /* owned */
    size_t count;
};

/* Takes the lock of a key id, unless the set has it. Tries for wait_ms, by dd_clock_now_us(), because a process that ends may
 * still hold it; a sleep of the machine ends the wait early. stream is
 * what messages name. 0; or a negative enum dd_error, logged. */
int dd_key_lock_take(struct dd_key_lock_set *set, uint32_t key_id, const char *stream, unsigned wait_ms);

/* Gives back all locks but those of these key ids. */
void dd_key_lock_keep(struct dd_key_lock_set *set, const uint32_t *key_ids, size_t count);

/* The process that holds the lock of a key id, by its own account, numbered as in its own process namespace; 0: none, or it does
 * not say. */
long dd_key_lock_holder(uint32_t key_id);

#endif
