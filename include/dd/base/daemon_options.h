/* The options that both daemons have. The struct of a daemon's options begins with struct dd_daemon_options; its table has the
 * rows below, where --help is to show them. */
#ifndef DD_BASE_DAEMON_OPTIONS_H
#define DD_BASE_DAEMON_OPTIONS_H

#include <stdbool.h>

#include "dd/base/options.h"

enum { DD_DAEMON_OPTIONS_PATH = 1024, DD_DAEMON_OPTIONS_USER = 128 };

struct dd_daemon_options {
    char config[DD_DAEMON_OPTIONS_PATH];
    bool debug, quiet, sandbox, check_config, version, help;
    /* With rows in each daemon's own table, where they are described in its own words. */
    char state_dir[DD_DAEMON_OPTIONS_PATH];
    char user[DD_DAEMON_OPTIONS_USER];         /* of the role that holds the keys */
    char exposed_user[DD_DAEMON_OPTIONS_USER]; /* of the roles that strangers reach: capture_user, serve_user */
};

#define DD_DAEMON_OPTIONS_FIELD(field) DD_OPTIONS_DAEMON, DD_OPTIONS_FIELD(dd_daemon_options, field)

/* clang-format off */
#define DD_DAEMON_OPTIONS_ROW_CONFIG \
    {"config", DD_OPTIONS_PATH, DD_DAEMON_OPTIONS_FIELD(config), .argument = "FILE", .flags = DD_OPTIONS_COMMAND_LINE, \
     .help = "Read the options of the daemon and its streams from a JSON file"}

#define DD_DAEMON_OPTIONS_ROWS_RUNNING \
    {"debug", DD_OPTIONS_SWITCH, DD_DAEMON_OPTIONS_FIELD(debug), \
     .help = "Log more, and show at start where each value is from"}, \
    {"quiet", DD_OPTIONS_SWITCH, DD_DAEMON_OPTIONS_FIELD(quiet), .help = "Log warnings and errors only"}, \
    {"sandbox", DD_OPTIONS_SWITCH, DD_DAEMON_OPTIONS_FIELD(sandbox), .fallback = "on", .flags = DD_OPTIONS_NO_EFFECT, \
     .help = "Take from each role the access that it does not need"}, \
    {"check_config", DD_OPTIONS_SWITCH, DD_DAEMON_OPTIONS_FIELD(check_config), .flags = DD_OPTIONS_COMMAND_LINE, \
     .help = "Check the configuration, print a summary, and end"}

#define DD_DAEMON_OPTIONS_ROWS_INFORMATION \
    {"version", DD_OPTIONS_SWITCH, DD_DAEMON_OPTIONS_FIELD(version), .flags = DD_OPTIONS_COMMAND_LINE, \
     .help = "Print the version, and end"}, \
    {"help", DD_OPTIONS_SWITCH, DD_DAEMON_OPTIONS_FIELD(help), .flags = DD_OPTIONS_COMMAND_LINE, .help = "Print this, and end"}
/* clang-format on */

#endif
