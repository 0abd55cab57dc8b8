/* The saved state of one stream, over restarts: the newest session with its replay window, so that no recorded datagram is
 * accepted again, and the path's delay, so that no delayed picture passes for a live one. It is in one small file per stream in
 * state_dir.
 *
 * intake works in memory that it shares with the supervisor: it never waits for a disk, which may hang, be full, or be frozen for
 * a backup. The first page is the current state, which is exact whenever intake dies. There are two checkpoints with checksums,
 * written in turn, one a second. The supervisor copies them to the file every second, and the current state when all roles have
 * ended. If the whole daemon or the machine dies, the newest checkpoint that is on the disk counts. */
#ifndef DD_RECV_INTAKE_SESSION_STORE_H
#define DD_RECV_INTAKE_SESSION_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/link/unseal.h"
#include "recv/intake/delay.h"

struct dd_recv_session_store;

enum {
    DD_RECV_SESSION_STORE_RETIRED_MAX = 64, /* retired keys; the oldest is forgotten for one more */
    DD_RECV_SESSION_STORE_ENDED_MAX = 32,   /* ended sessions, likewise */
};

/* A session in whose place another one came. It can be admitted again, with counters from next on. */
struct dd_recv_session_ended {
    uint64_t start_us, salt, next;
};

/* The current state: intake reads it and writes it in place. */
struct dd_recv_session_state {
    struct dd_unseal_memory session;
    uint64_t frame;                                      /* number of the session's newest complete frame; 0: none */
    uint64_t status_counter;                             /* counter of the session's newest STATUS, plus 1; 0: none */
    uint64_t described_start_us;                         /* start of the session that these two are of */
    uint64_t reserved;                                   /* both had the delay, in version 1 */
    uint64_t max_counters_per_s;                         /* most counters that ever arrived in a second; 0: unknown */
    uint32_t retired[DD_RECV_SESSION_STORE_RETIRED_MAX]; /* ids of retired keys: a ring */
    uint64_t retired_count;                              /* keys that were ever retired */
    struct dd_delay delay;                               /* of this boot */
    struct dd_recv_session_ended ended[DD_RECV_SESSION_STORE_ENDED_MAX]; /* a ring */
    uint64_t ended_count;                                                /* sessions that ever ended */
};

/* ---- the supervisor ---- */

/* Opens the stream's file in state_dir, locks it, and creates it if there is none. With state_dir "" it is memory that is lost at
 * the end. A descriptor, returned-owned (dd_recv_session_store_close_file()); or a negative enum dd_error, logged: DD_ERROR_INPUT
 * if another daemon has the file. */
int dd_recv_session_store_open_file(const char *state_dir, const char *stream);
/* Copies the file to new memory, for intake. Returns its descriptor, returned-owned; or DD_ERROR_SYSTEM, logged. From then on the
 * file does not count as exact, until it is saved for the last time. */
int dd_recv_session_store_load(int file_fd);
/* Copies to the file what has changed in the memory since, and hands requests to intake. is_last: intake has ended, and the
 * current state is copied, too. 0, or an errno, not logged. It may wait for the disk. */
int dd_recv_session_store_save(int memory_fd, int file_fd, bool is_last);
/* Unlocks and closes it. From now on another daemon may open the file, even if duplicates of fd are still open. */
void dd_recv_session_store_close_file(int fd);

/* Requests that intake, running or not, admits that session of the stream (dd_unseal_admit()). 0 or a negative enum dd_error,
 * logged. */
int dd_recv_session_store_request_admission(const char *state_dir, const char *stream, uint64_t start_us, uint64_t salt);

/* Requests that intake, running or not, forgets the path's delay. 0 or a negative enum dd_error, logged. */
int dd_recv_session_store_request_delay_reset(const char *state_dir, const char *stream);

/* ---- intake ---- */

/* Maps fd (borrowed for the call) and restores the state. Within the boot boot_id (dd_boot_id_read()) the current state counts,
 * if it is exact; else the last checkpoint does, with the counters of four more seconds taken as seen. stream is for the log.
 * Returned-owned: dd_recv_session_store_unmap(). NULL, logged, if fd can't be mapped. */
struct dd_recv_session_store *dd_recv_session_store_map(int fd, const char *boot_id, const char *stream);
/* store may be NULL. */
void dd_recv_session_store_unmap(struct dd_recv_session_store *store);

/* Borrowed until unmap. */
struct dd_recv_session_state *dd_recv_session_store_state(struct dd_recv_session_store *store);

/* Writes a checkpoint if one is due: a session has begun since the last one, or datagrams have arrived and the last one is a
 * second old. Cheap, and to be called often. now_us: dd_clock_now_us(). */
void dd_recv_session_store_checkpoint(struct dd_recv_session_store *store, uint64_t now_us);

/* A session begins: nothing is known of its frames and STATUS. If the process dies before this, but after it wrote the session,
 * the two fields are of another one: dd_recv_session_store_describes() tells. */
void dd_recv_session_store_begin_session(struct dd_recv_session_state *state, uint64_t start_us);
/* True if frame and status_counter are of the session in the state. */
bool dd_recv_session_store_describes(const struct dd_recv_session_state *state);

/* Another session has come in place of this one, of which counters below next may have been accepted. May be called again with
 * a higher next. */
void dd_recv_session_store_note_ended(struct dd_recv_session_state *state, uint64_t start_us, uint64_t salt, uint64_t next);
/* The highest next that was noted of the session; 0: nothing is known of it. */
uint64_t dd_recv_session_store_ended_next(const struct dd_recv_session_state *state, uint64_t start_us, uint64_t salt);

/* Retires the key for good. Does nothing if it is retired already. */
void dd_recv_session_store_retire(struct dd_recv_session_state *state, uint32_t key_id);
bool dd_recv_session_store_is_retired(const struct dd_recv_session_state *state, uint32_t key_id);

/* True, with the session, if an admission was requested since the last call. In a new process the first call also returns a
 * request from before that was not finished. */
bool dd_recv_session_store_poll_admission(struct dd_recv_session_store *store, uint64_t *start_us, uint64_t *salt);
/* The request that was polled last is finished: a session has begun since. */
void dd_recv_session_store_finish_admission(struct dd_recv_session_store *store);

/* Forgets the delay in the state, if that was requested since the last time, in this process or before. True if it did. */
bool dd_recv_session_store_reset_delay(struct dd_recv_session_store *store);

#endif
