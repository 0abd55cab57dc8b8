/* ddsend as a whole: its command line, its supervisor, its roles. */
#ifndef DD_SEND_DDSEND_H
#define DD_SEND_DDSEND_H

/* main() of ddsend. An exit code: 2 for a wrong command line or configuration. */
int dd_ddsend_main(int argc, char **argv);

#endif
