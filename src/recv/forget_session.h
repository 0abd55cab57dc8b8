/* The command --forget-session: lets a session in that was refused for its age. */
#ifndef DD_RECV_FORGET_SESSION_H
#define DD_RECV_FORGET_SESSION_H

struct dd_options;

/* options name the session; secrets are wiped from them. An exit code. */
int dd_forget_session_run(struct dd_options *options);

#endif
