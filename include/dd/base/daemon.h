/* What both daemons do alike: the command line, starting and watching their roles, and reading the configuration again. */
#ifndef DD_BASE_DAEMON_H
#define DD_BASE_DAEMON_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dd/base/memory_table.h"

struct dd_options;
struct dd_options_schema;
struct dd_privileges_user;
struct dd_role;
struct dd_supervisor;

enum {
    DD_DAEMON_EXIT_USAGE = 2, /* a wrong command line or configuration */
    DD_DAEMON_ROLES = 2,      /* kinds of roles */
};

/* What a daemon finds when it starts, and keeps as long as it runs. */
struct dd_daemon_identity {
    const struct dd_privileges_user *user;         /* of the role that holds the keys */
    const struct dd_privileges_user *exposed_user; /* of the others. Both are NULL if the daemon was not started as root */
    char state_dir[PATH_MAX];                      /* "": none */
    bool state_dir_is_set;                         /* by the option */
};

/* What a configuration comes to, for --check-config and the log. */
struct dd_daemon_summary {
    size_t stream_count;
    struct dd_memory_table memory;
    char place[PATH_MAX]; /* where viewers find the streams; "": nowhere here. Only the log shows it */
};

/* What one daemon does in its own way. context is its state, as given to dd_daemon_main(). options is the struct of the daemon's
 * options, as the schema describes it; borrowed for the call.
 *
 * At start: prepare, set_up, acquire, start. For a new configuration: prepare, acquire, stop, start. At the end: discard,
 * clean_up. With --check-config: prepare, summarize, discard.
 *
 * If prepare fails at start, nothing else is called. Any other failure at start leads to the end, which calls both functions
 * however far the start came. A new configuration whose prepare or acquire fails is refused, the latter after discard, and the
 * daemon goes on with the old one. If start fails for it, the daemon ends. */
struct dd_daemon {
    /* The struct of the daemon's options begins with struct dd_daemon_options; the table has the rows of its fields. */
    const struct dd_options_schema *schema;
    const char *exposed_user;  /* the name of its option exposed_user */
    unsigned first_spare;      /* of dd_privileges_find_user(), for user; the next one is for exposed_user */
    const char *without_state; /* what can happen without a state_dir, for the log */
    /* They run the roles, by dd_role_kind(); each returns an exit code. */
    int (*roles[DD_DAEMON_ROLES])(struct dd_role *role);
    /* Runs the command that the command line holds, help and version aside: true with its exit code, false if there is none. */
    bool (*run_command)(struct dd_options *options, int *code);

    /* Checks options, reads the files that they name, and stores what start needs; wipes secrets from options. 0, or a negative
     * enum dd_error, logged, and nothing is stored. */
    int (*prepare)(void *context, struct dd_options *options);
    /* Frees what was prepared and not started, if there is anything. It may be called any number of times: after a failed
     * acquire, and at the end, after start has discarded by itself. */
    void (*discard)(void *context);
    /* Describes what was prepared; *summary is zeroed before. */
    void (*summarize)(const void *context, const void *options, struct dd_daemon_summary *summary);

    /* Opens what the daemon has for all of its life. identity is borrowed until clean_up. 0 or a negative enum dd_error, logged.
     */
    int (*set_up)(void *context, const struct dd_daemon_identity *identity);
    /* Opens what the prepared configuration needs and what outlives the roles: sockets, files. 0; or a negative enum dd_error,
     * logged, and nothing has changed: the configuration before it, if any, continues. */
    int (*acquire)(void *context, const void *options);
    /* Starts the roles of what was prepared, and discards that. 0, DD_ERROR_STOPPED, or another negative enum dd_error, logged.
     */
    int (*start)(void *context, const void *options, struct dd_supervisor *supervisor);
    /* Ends the roles, and closes what belongs to their configuration only. */
    void (*stop)(void *context, struct dd_supervisor *supervisor);
    /* Called at least every 250 ms while the roles run; NULL: nothing to do. */
    void (*tick)(void *context, const struct dd_supervisor *supervisor);
    /* Closes everything that is open; the roles have ended. It is also called if set_up failed, or was never called because what
     * comes before it failed. */
    void (*clean_up)(void *context);
};

/* main() of a daemon and of its roles. An exit code. */
int dd_daemon_main(const struct dd_daemon *daemon, void *context, int argc, char **argv);

#endif
