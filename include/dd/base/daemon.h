/* What both daemons do alike: their command line, from --help to the supervisor's start, and reading it again. */
#ifndef DD_BASE_DAEMON_H
#define DD_BASE_DAEMON_H

#include <stdbool.h>

struct dd_options;
struct dd_options_schema;
struct dd_role;

enum { DD_DAEMON_EXIT_USAGE = 2 }; /* a wrong command line or configuration */

/* What a daemon is. Its table has the switches help, version, debug, quiet and check_config. */
struct dd_daemon {
    const struct dd_options_schema *schema;
    /* Is one of its roles; an exit code. */
    int (*run_role)(struct dd_role *role);
    /* Runs the command that the command line holds, beside help and version: true with its exit code, false if there is
     * none. */
    bool (*run_command)(struct dd_options *options, int *code);
    /* Checks options, reads what files they name, and keeps what is to be started for describe and run; wipes secrets from
     * options. 0 or a negative enum dd_error, logged. */
    int (*prepare)(struct dd_options *options);
    /* One line about what was prepared, for --check-config, on standard output. */
    void (*describe)(void);
    /* Frees what was prepared. */
    void (*forget)(void);
    /* Runs what was prepared until the daemon is to end; takes options. An exit code. */
    int (*run)(struct dd_options *options, int argc, char **argv);
};

/* main() of a daemon and of its roles. An exit code. */
int dd_daemon_main(const struct dd_daemon *daemon, int argc, char **argv);

/* Reads command line and file again and prepares anew. Returned-owned; NULL, logged, if they are wrong: then nothing is
 * prepared. */
struct dd_options *dd_daemon_read(const struct dd_daemon *daemon, int argc, char **argv);

/* Sets the log up as debug and quiet ask for. */
void dd_daemon_open_log(const struct dd_daemon *daemon, bool debug, bool quiet);

#endif
