/* The command --forget-session: admits a session that was refused because it looks old. */
#ifndef DD_RECV_FORGET_SESSION_H
#define DD_RECV_FORGET_SESSION_H

struct dd_options;

/* Requests that intake admits the session that options name. Wipes secrets from options. Returns an exit code. */
int dd_forget_session_run(struct dd_options *options);

#endif
