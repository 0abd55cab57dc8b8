/* ddrecv as a whole: its command line, its supervisor, its roles. */
#ifndef DD_RECV_DDRECV_H
#define DD_RECV_DDRECV_H

/* main() of ddrecv. An exit code: 2 for a wrong command line or configuration. */
int dd_ddrecv_main(int argc, char **argv);

#endif
