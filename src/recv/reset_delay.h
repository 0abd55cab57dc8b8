/* The command --reset-delay: has the delay of streams learnt anew, after their senders' clocks were set or have drifted. */
#ifndef DD_RECV_RESET_DELAY_H
#define DD_RECV_RESET_DELAY_H

struct dd_options;

/* Requests that intake forgets the delay of the streams that options name: of all of them, or of none if one is wrong. Needs
 * neither keys nor files of keys. Returns an exit code. */
int dd_reset_delay_run(struct dd_options *options);

#endif
