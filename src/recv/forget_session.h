/* The command --forget-session: admits sessions that were refused because they look old. */
#ifndef DD_RECV_FORGET_SESSION_H
#define DD_RECV_FORGET_SESSION_H

#include <stddef.h>

struct dd_options;

/* Requests that intake admits the sessions that options name: all of them, or none if one is wrong. Needs neither keys nor files
 * of keys. Returns an exit code. */
int dd_forget_session_run(struct dd_options *options);

/* Writes what a user types before such commands to reach the daemon of these options, from any folder: "ddrecv --config
 * '/etc/a file.json'", "ddrecv --udp-port 5006 --state-dir /tmp/x". Empty if it does not fit into size bytes. */
void dd_forget_session_write_command(struct dd_options *options, char *command, size_t size);

#endif
