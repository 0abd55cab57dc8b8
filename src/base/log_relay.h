/* The supervisor's end of a role's log: a pipe that is the role's standard error. Whoever has taken the role over can write
 * anything to it, at any rate, and change the flags of its own end. So the supervisor
 *   - reads without waiting: O_NONBLOCK of the read end is of an open file that no role holds, unlike that of the write end;
 *   - reads a bounded amount in a turn, and from a role that logs too much only four times a second: the pipe then fills, and
 *     what finds no room is lost to the role;
 *   - puts time, daemon and role in front of every line, and cleans it, so a role speaks for itself only;
 *   - passes a limited rate on, after a burst, and says how many lines it left out.
 * What libraries, sanitizers and assert(3) write there is passed on, too, as lines without a priority. One owner, one thread. */
#ifndef DD_BASE_LOG_RELAY_H
#define DD_BASE_LOG_RELAY_H

#include <stdbool.h>

struct dd_log_relay;

/* role: "capture lobby", copied. Returned-owned: dd_log_relay_free(). NULL, logged, if memory is exhausted. */
struct dd_log_relay *dd_log_relay_new(const char *role);
/* relay may be NULL. */
void dd_log_relay_free(struct dd_log_relay *relay);

/* Makes a new pipe for a process that is about to start. Returns its write end, returned-owned, close-on-exec, O_NONBLOCK; or
 * DD_ERROR_SYSTEM, logged. */
int dd_log_relay_open(struct dd_log_relay *relay);

/* The descriptor to be polled for POLLIN before the next turn; -1: none for now. */
int dd_log_relay_fd(const struct dd_log_relay *relay);

/* Passes on what is there. To be called at least every 250 ms; readable: poll(2) reported an event. */
void dd_log_relay_turn(struct dd_log_relay *relay, bool readable);

/* The process has died: passes its last words on, and closes the pipe. */
void dd_log_relay_close(struct dd_log_relay *relay);

#endif
