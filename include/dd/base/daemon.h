/* What both daemons do alike: the command line, starting and watching their roles, and reading the configuration again. */
#ifndef DD_BASE_DAEMON_H
#define DD_BASE_DAEMON_H

#include <stdbool.h>

struct dd_options;
struct dd_options_schema;
struct dd_role;
struct dd_supervisor;

enum { DD_DAEMON_EXIT_USAGE = 2 }; /* a wrong command line or configuration */

/* What one daemon does in its own way. context is its state, as given to dd_daemon_main(). options is the struct of the daemon's
 * options, as the schema describes it; borrowed for the call.
 *
 * At start: prepare, set_up, acquire, start. For a new configuration: prepare, acquire, stop, start. At the end: discard,
 * clean_up. */
struct dd_daemon {
    /* Its table has the switches help, version, debug, quiet and check_config, and the option config. */
    const struct dd_options_schema *schema;
    /* Runs one of the roles; an exit code. */
    int (*run_role)(struct dd_role *role);
    /* Runs the command that the command line holds, help and version aside: true with its exit code, false if there is none. */
    bool (*run_command)(struct dd_options *options, int *code);

    /* Checks options, reads the files that they name, and keeps what start needs; wipes secrets from options. 0, or a negative
     * enum dd_error, logged, and nothing is kept. */
    int (*prepare)(void *context, struct dd_options *options);
    /* Frees what was prepared and not started. */
    void (*discard)(void *context);
    /* One line about what was prepared, for --check-config, on standard output. */
    void (*describe)(const void *context);

    /* Gets what the daemon has for all of its life. 0 or a negative enum dd_error, logged. */
    int (*set_up)(void *context, const void *options);
    /* Gets what the prepared configuration needs and what outlives the roles: sockets, files. 0; or a negative enum dd_error,
     * logged, and nothing has changed: the configuration before it, if any, goes on. */
    int (*acquire)(void *context, const void *options);
    /* Starts the roles of what was prepared, and discards that. 0, DD_ERROR_STOPPED, or another negative enum dd_error, logged.
     */
    int (*start)(void *context, const void *options, struct dd_supervisor *supervisor);
    /* Ends the roles, and closes what belongs to their configuration only. */
    void (*stop)(void *context, struct dd_supervisor *supervisor);
    /* Called at least every 250 ms while the roles run; NULL: nothing to do. */
    void (*tick)(void *context, const struct dd_supervisor *supervisor);
    /* Closes everything; the roles have ended. */
    void (*clean_up)(void *context);
};

/* main() of a daemon and of its roles. An exit code. */
int dd_daemon_main(const struct dd_daemon *daemon, void *context, int argc, char **argv);

#endif
