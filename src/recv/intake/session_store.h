/* What ddrecv remembers of a stream from run to run, so that nothing that was recorded on the way can be played to it again, and
 * nothing that is held back can pass for new: one small file per stream in state_dir.
 *
 * The file is shared memory of intake's. What is live is in its first page, and exact whenever the process dies. Should the
 * whole machine die, of the disk's content nothing is sure: that is what the two checksummed copies are for, of which one is
 * made every second. The supervisor opens the file and brings it to the disk; intake has no way to either. */
#ifndef DD_RECV_INTAKE_SESSION_STORE_H
#define DD_RECV_INTAKE_SESSION_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/link/unseal.h"
#include "recv/intake/delay.h"

struct dd_recv_session_store;

enum {
    DD_RECV_SESSION_STORE_BOOT_SIZE = 37,  /* of a boot's id in text, /proc/sys/kernel/random/boot_id */
    DD_RECV_SESSION_STORE_RETIRED_MAX = 64 /* key ids; the oldest is forgotten for one more */
};

/* What is live: its owner, intake, reads and writes it. */
struct dd_recv_session_state {
    struct dd_unseal_memory session;
    uint64_t frame;                                      /* the newest complete frame of that session; 0: none */
    uint64_t status_counter;                             /* of the newest STATUS of that session, and 1 more; 0: none */
    struct dd_delay delay;                               /* while the machine runs */
    uint64_t most_a_second;                              /* counters that ever came in one second; 0: not known */
    uint32_t retired[DD_RECV_SESSION_STORE_RETIRED_MAX]; /* ids of keys that were replaced: never again */
    uint64_t retired_count;                              /* ever */
};

/* ---- the supervisor ---- */

/* The id of this boot; empty if the system does not say, which counts as another boot each time. */
void dd_recv_session_store_read_boot_id(char boot_id[static DD_RECV_SESSION_STORE_BOOT_SIZE]);

/* Opens the stream's file in state_dir, and makes it where there is none; with "" memory that nobody keeps. A descriptor,
 * returned-owned; or a negative enum dd_error, logged: DD_ERROR_INPUT if another daemon has it. */
int dd_recv_session_store_open_file(const char *state_dir, const char *stream);
/* Closes it; another one may create it from now on, whoever has copies of the descriptor. */
void dd_recv_session_store_close_file(int fd);

/* Tells intake, running or not, to admit that session of the stream (dd_unseal_admit()). 0 or a negative enum dd_error, logged.
 */
int dd_recv_session_store_request_admission(const char *state_dir, const char *stream, uint64_t start_us, uint64_t salt);

/* ---- intake ---- */

/* Maps fd, which is borrowed and may be closed afterwards, and finds what it holds; boot_id is this boot's. After another boot
 * the last copy counts, with the counters of four seconds more as seen. stream is for the log. NULL, logged, if fd cannot be
 * mapped. */
struct dd_recv_session_store *dd_recv_session_store_map(int fd, const char *boot_id, const char *stream);
void dd_recv_session_store_unmap(struct dd_recv_session_store *k);

/* Borrowed. */
struct dd_recv_session_state *dd_recv_session_store_state(struct dd_recv_session_store *k);

/* Makes a copy, if something has come, and the last one is a second old or a session has begun since. Call often. */
void dd_recv_session_store_checkpoint(struct dd_recv_session_store *k, uint64_t now_us);

/* Notes that the key is never to be used again; once is enough. */
void dd_recv_session_store_retire(struct dd_recv_session_state *live, uint32_t key_id);
bool dd_recv_session_store_is_retired(const struct dd_recv_session_state *live, uint32_t key_id);

/* True, with the session, if somebody has asked since the last call that one be admitted; what was asked of a process before
 * this one counts until it has come true. */
bool dd_recv_session_store_is_admitted(struct dd_recv_session_store *k, uint64_t *start_us, uint64_t *salt);
/* That session has begun: if it is what was asked for, this is over. */
void dd_recv_session_store_end_admission(struct dd_recv_session_store *k, uint64_t start_us, uint64_t salt);

#endif
