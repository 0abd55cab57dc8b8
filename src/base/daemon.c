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
#include "dd/base/supervisor.h"

static int run_role(const struct dd_daemon *daemon, int argc, char **argv)
{
    struct dd_role *role = dd_role_enter(argc, argv);
    if (!role)
        return EXIT_FAILURE;
    int code = daemon->run_role(role);
    dd_role_leave(role);
    return code;
}

static void open_log(const struct dd_daemon *daemon, bool debug, bool quiet)
{
    dd_log_open(daemon->schema->program, debug ? DD_LOG_DEBUG : quiet ? DD_LOG_WARNING : DD_LOG_INFO);
}

/* Logs what the options ask for, then prepares them. */
static int prepare(const struct dd_daemon *daemon, void *context, struct dd_options *options)
{
    bool debug = dd_options_switch(options, "debug");
    open_log(daemon, debug, dd_options_switch(options, "quiet"));
    if (debug)
        dd_option_help_table(options, stderr);
    dd_option_help_report_no_effect(options);
    return daemon->prepare(context, options);
}

/* ---- at work ---- */

struct work {
    const struct dd_daemon *daemon;
    void *context;
    struct dd_supervisor *supervisor;
    int argc;
    char **argv;
    bool has_file, debug, quiet; /* of the options in use */
};

static void note_options(struct work *w, const struct dd_options *options)
{
    w->has_file = dd_options_is_set(options, 0, "config");
    w->debug = dd_options_switch(options, "debug");
    w->quiet = dd_options_switch(options, "quiet");
}

/* Reads command line and file again, and gets what they need. Returned-owned; NULL, logged, if they are wrong: then everything is
 * as before. */
static struct dd_options *read_again(const struct work *w)
{
    struct dd_options *options = dd_options_load(w->daemon->schema, w->argc, w->argv);
    if (!options || prepare(w->daemon, w->context, options))
        goto err0;
    if (w->daemon->acquire(w->context, dd_options_daemon(options)))
        goto err1;
    return options;

err1:
    w->daemon->discard(w->context);
err0:
    dd_options_free(options);
    open_log(w->daemon, w->debug, w->quiet);
    dd_log_warning("the new configuration is refused; going on with the old one");
    return NULL;
}

static int reload(struct work *w)
{
    if (!w->has_file) {
        dd_log_warning("SIGHUP: there is no configuration file to read again (--config)");
        return 0;
    }
    struct dd_options *options = read_again(w);
    if (!options)
        return 0;
    w->daemon->stop(w->context, w->supervisor);
    int error = w->daemon->start(w->context, dd_options_daemon(options), w->supervisor);
    note_options(w, options);
    dd_options_free(options);
    if (!error)
        dd_log_notice("the new configuration is in use");
    return error;
}

static void tick(void *context)
{
    const struct work *w = context;
    if (w->daemon->tick)
        w->daemon->tick(w->context, w->supervisor);
}

/* Watches the roles until the daemon is to end. 0, DD_ERROR_STOPPED, or another negative enum dd_error, logged. */
static int watch(struct work *w)
{
    for (;;) {
        enum dd_supervisor_event event = dd_supervisor_run(w->supervisor, tick, w);
        if (event == DD_SUPERVISOR_STOP)
            return 0;
        if (event == DD_SUPERVISOR_FAILED)
            return DD_ERROR_GONE;
        int error = reload(w);
        if (error)
            return error;
        dd_supervisor_reloaded(w->supervisor, "Running");
    }
}

/* Runs what was prepared until the daemon is to end; takes options. An exit code. */
static int run(struct work *w, struct dd_options *options)
{
    const void *values = dd_options_daemon(options);
    note_options(w, options);
    int error = w->daemon->set_up(w->context, values);
    if (!error) {
        w->supervisor = dd_supervisor_new(w->daemon->schema->program);
        error = w->supervisor ? w->daemon->acquire(w->context, values) : DD_ERROR_SYSTEM;
    }
    if (!error)
        error = w->daemon->start(w->context, values, w->supervisor);
    dd_options_free(options);
    if (!error)
        error = watch(w);
    w->daemon->discard(w->context);
    dd_supervisor_free(w->supervisor);
    w->daemon->clean_up(w->context);
    if (error && error != DD_ERROR_STOPPED)
        return EXIT_FAILURE;
    dd_log_notice("stopped");
    return EXIT_SUCCESS;
}

/* ---- the command line ---- */

/* Prints help or version. True if one of them was asked for. */
static bool show(const struct dd_daemon *daemon, const struct dd_options *options)
{
    if (dd_options_switch(options, "help"))
        dd_option_help_print(daemon->schema, stdout);
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

int dd_daemon_main(const struct dd_daemon *daemon, void *context, int argc, char **argv)
{
    struct work work = {.daemon = daemon, .context = context, .argc = argc, .argv = argv};
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
    if (prepare(daemon, context, options)) {
        code = DD_DAEMON_EXIT_USAGE;
        goto done;
    }
    if (!dd_options_switch(options, "check_config"))
        return run(&work, options);
    daemon->describe(context);
    daemon->discard(context);
done:
    dd_options_free(options);
    return code;
}
