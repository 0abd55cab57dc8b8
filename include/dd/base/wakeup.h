/* Wake-ups: one thread or process tells another, which waits in poll(2) or epoll(7), that there may be work.
 *
 * The trust rule. A wake-up between processes is shared with a process that an attacker may have taken over: it can send far too
 * many, swallow all, fill the descriptor, or change its flags. So the more trusted process
 *   - makes no system call on the descriptor that the other one can block. O_NONBLOCK of an eventfd is shared by all who hold it;
 *   - takes a wake-up as a hint only. It looks itself whether there is work, and believes no number that it read;
 *   - limits each of its waits. A wake-up that is lost costs at most that time.
 *
 * The kind follows from who waits:
 *   - A thread for another one of its process: dd_wakeup_open(), sent and drained by either.
 *   - The more trusted process, as transmit for capture: dd_wakeup_open(). It watches the eventfd edge-triggered (EPOLLET), and
 *     neither drains it nor sends. The less trusted process sends, and empties it when it starts: dd_wakeup_reset().
 *   - The less trusted process, as serve for intake: dd_wakeup_open_pipe(). Each end of a pipe has flags of its own. */
#ifndef DD_BASE_WAKEUP_H
#define DD_BASE_WAKEUP_H

#include <stdbool.h>

/* Creates an eventfd: close-on-exec, O_NONBLOCK, returned-owned. Or DD_ERROR_SYSTEM, logged. */
int dd_wakeup_open(void);

/* Creates a pipe, both ends close-on-exec and O_NONBLOCK: *wait_fd and *send_fd, returned-owned; -1 on failure. 0 or
 * DD_ERROR_SYSTEM, logged. */
int dd_wakeup_open_pipe(int *wait_fd, int *send_fd);

/* Sends a wake-up; fd is an eventfd, the send end of a pipe, or -1: nobody is woken. A failure is no error. A side that is gone
 * needs no wake-up, and a full descriptor is readable already. Only an edge-triggered reader of a full eventfd gets no new edge.
 * It is full after 2^64 - 2 wake-ups, or because a process that holds it filled it, and the loss costs the reader at most its own
 * wait. SIGPIPE has to be ignored. Thread-safe. */
void dd_wakeup_send(int fd);

/* Takes the wake-ups that were sent, so that fd polls readable no more; a pipe may need several calls. fd is an eventfd of this
 * process alone, or the wait end of a pipe. False if the send end of the pipe is closed: from then on it always polls readable.
 */
bool dd_wakeup_drain(int fd);

/* Empties the eventfd that this process sends through, and makes it O_NONBLOCK again, whatever a process that had it before has
 * done to it. Only before the first dd_wakeup_send(). */
void dd_wakeup_reset(int fd);

#endif
