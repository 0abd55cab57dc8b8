#include "dd/base/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/option_help.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/options.h"
#include "dd/base/privileges.h"
#include "dd/base/role.h"

static int run_role(const struct dd_daemon *daemon, int argc, char **argv)
{
    struct dd_role *role = dd_role_enter(argc, argv);
    if (!role)
        return EXIT_FAILURE;
    int code = daemon->run_role(role);
    dd_role_leave(role);
    return code;
}

void dd_daemon_open_log(const struct dd_daemon *daemon, bool debug, bool quiet)
{
    dd_log_open(daemon->schema->program, debug ? DD_LOG_DEBUG : quiet ? DD_LOG_WARNING : DD_LOG_INFO);
}

/* Says what is to be said of the options, and prepares. */
static int prepare(const struct dd_daemon *daemon, struct dd_options *options)
{
    bool debug = dd_options_switch(options, "debug");
    dd_daemon_open_log(daemon, debug, dd_options_switch(options, "quiet"));
    if (debug)
        dd_option_help_table(options, stderr);
    dd_option_help_report_no_effect(options);
    return daemon->prepare(options);
}

struct dd_options *dd_daemon_read(const struct dd_daemon *daemon, int argc, char **argv)
{
    struct dd_options *options = dd_options_load(daemon->schema, argc, argv);
    if (options && prepare(daemon, options) == 0)
        return options;
    dd_options_free(options);
    return NULL;
}

/* help and version. True if one of them was asked for. */
static bool show(const struct dd_daemon *daemon, const struct dd_options *options)
{
    if (dd_options_switch(options, "help"))
        dd_option_help_help(daemon->schema, stdout);
    else if (dd_options_switch(options, "version"))
        printf("%s %s\n", daemon->schema->program, DD_VERSION);
    else
        return false;
    return true;
}

/* Where standard descriptors are closed, the next ones opened would take their numbers, and get what is logged. */
static bool fill_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    return fd >= 0 && close(fd) == 0;
}

int dd_daemon_main(const struct dd_daemon *daemon, int argc, char **argv)
{
    int code = EXIT_SUCCESS;
    if (dd_role_invoked(argc, argv))
        return run_role(daemon, argc, argv);
    if (!fill_standard_descriptors())
        return EXIT_FAILURE;
    dd_log_open(daemon->schema->program, DD_LOG_INFO);
    /* before there is any secret in this process */
    if (dd_privileges_hide())
        return EXIT_FAILURE;
    struct dd_options *options = dd_options_load(daemon->schema, argc, argv);
    if (!options)
        return DD_DAEMON_EXIT_USAGE;
    if (show(daemon, options) || daemon->run_command(options, &code))
        goto done;
    if (prepare(daemon, options)) {
        code = DD_DAEMON_EXIT_USAGE;
        goto done;
    }
    if (!dd_options_switch(options, "check_config"))
        return daemon->run(options, argc, argv);
    daemon->describe();
    daemon->forget();
done:
    dd_options_free(options);
    return code;
}
