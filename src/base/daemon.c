#include "dd/base/daemon.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/option_help.h"
#include "dd/base/daemon_options.h"
#include "dd/base/error.h"
#include "dd/base/file.h"
#include "dd/base/log.h"
#include "dd/base/memory_table.h"
#include "dd/base/options.h"
#include "dd/base/privileges.h"
#include "dd/base/role.h"
#include "dd/base/supervisor.h"

enum { SUMMARY_SIZE = PATH_MAX + 128 };

static int run_role(const struct dd_daemon *daemon, int argc, char **argv)
{
    struct dd_role *role = dd_role_enter(argc, argv);
    if (!role)
        return EXIT_FAILURE;
    uint32_t kind = dd_role_kind(role);
    int code = kind < DD_DAEMON_ROLES ? daemon->roles[kind](role) : EXIT_FAILURE;
    dd_role_leave(role);
    return code;
}

static void set_log_threshold(const struct dd_daemon_options *options)
{
    dd_log_set_threshold(options->debug ? DD_LOG_DEBUG : options->quiet ? DD_LOG_WARNING : DD_LOG_INFO);
}

/* Logs what the options ask for, then prepares them. */
static int prepare(const struct dd_daemon *daemon, void *context, struct dd_options *options)
{
    const struct dd_daemon_options *common = dd_options_daemon(options);
    set_log_threshold(common);
    if (common->debug)
        dd_option_help_table(options, stderr);
    dd_option_help_report_no_effect(options);
    return daemon->prepare(context, options);
}

/* ---- the summary ---- */

/* "2 streams at http://127.0.0.1:8000/; they take at most 141.0 MiB of memory" */
static void write_summary(const struct dd_daemon_summary *summary, bool with_place, char *text, size_t size)
{
    bool has_place = with_place && summary->place[0];
    snprintf(text, size, "%zu stream%s%s%s; %s at most %.1f MiB of memory", summary->stream_count,
             summary->stream_count == 1 ? "" : "s", has_place ? " at " : "", has_place ? summary->place : "",
             summary->stream_count == 1 ? "it takes" : "they take",
             (double)dd_memory_table_sum(&summary->memory) / (1024 * 1024));
}

static void print_summary(const struct dd_daemon *daemon, const void *context, const void *options)
{
    struct dd_daemon_summary summary = {0};
    char text[SUMMARY_SIZE];
    daemon->summarize(context, options, &summary);
    write_summary(&summary, false, text, sizeof text);
    puts(text);
    dd_memory_table_print(&summary.memory, stdout);
}

/* ---- at work ---- */

struct work {
    const struct dd_daemon *daemon;
    void *context;
    struct dd_supervisor *supervisor;
    int argc;
    char **argv;
    struct dd_daemon_options options; /* in use */
    struct dd_daemon_identity identity;
    struct dd_privileges_user user, exposed_user; /* what identity points to */
};

/* The roles that strangers reach must not be able to signal or trace the one with the keys. */
static int check_users(const struct work *w)
{
    if (w->user.uid != w->exposed_user.uid)
        return 0;
    dd_log_error("user (%s) and %s (%s) are the same, uid %u: a role that is taken over could reach the keys; give each its own",
                 w->options.user, w->daemon->exposed_user, w->options.exposed_user, w->user.uid);
    return DD_ERROR_INPUT;
}

static int find_users(struct work *w)
{
    if (geteuid() != 0)
        return 0;
    int error = dd_privileges_find_user(w->options.user, w->daemon->first_spare, &w->user);
    if (!error)
        error = dd_privileges_find_user(w->options.exposed_user, w->daemon->first_spare + 1, &w->exposed_user);
    w->identity.user = &w->user;
    w->identity.exposed_user = &w->exposed_user;
    return error ? error : check_users(w);
}

static int find_state_dir(struct work *w)
{
    struct dd_daemon_identity *identity = &w->identity;
    identity->state_dir_is_set = w->options.state_dir[0] != '\0';
    int error =
        dd_file_state_dir(w->daemon->schema->program, w->options.state_dir, identity->state_dir, sizeof identity->state_dir);
    if (!error || identity->state_dir_is_set)
        return error;
    dd_log_warning("going on without it: %s", w->daemon->without_state);
    identity->state_dir[0] = '\0';
    return 0;
}

/* Starts the roles of what was prepared; from then on options are in use. */
static int start(struct work *w, struct dd_options *options)
{
    struct dd_daemon_summary summary = {0};
    char text[SUMMARY_SIZE];
    const void *values = dd_options_daemon(options);
    w->options = *(const struct dd_daemon_options *)values;
    w->daemon->summarize(w->context, values, &summary);
    int error = w->daemon->start(w->context, values, w->supervisor);
    write_summary(&summary, true, text, sizeof text);
    if (!error)
        dd_log_notice("%s", text);
    return error;
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
    set_log_threshold(&w->options);
    dd_log_warning("the new configuration is refused; going on with the old one");
    return NULL;
}

static void warn_of_fixed_options(const struct work *w, const struct dd_daemon_options *wanted)
{
    const struct dd_daemon_options *now = &w->options;
    if (strcmp(wanted->user, now->user) || strcmp(wanted->exposed_user, now->exposed_user) ||
        strcmp(wanted->state_dir, now->state_dir))
        dd_log_warning("user, %s and state_dir change only when %s is started afresh", w->daemon->exposed_user,
                       w->daemon->schema->program);
}

static int reload(struct work *w)
{
    if (!w->options.config[0]) {
        dd_log_warning("SIGHUP: there is no configuration file to read again (--config)");
        return 0;
    }
    struct dd_options *options = read_again(w);
    if (!options)
        return 0;
    w->daemon->stop(w->context, w->supervisor);
    warn_of_fixed_options(w, dd_options_daemon(options));
    int error = start(w, options);
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

/* Opens what the daemon and its first configuration need. 0 or a negative enum dd_error, logged. */
static int set_up(struct work *w, struct dd_options *options)
{
    w->options = *(const struct dd_daemon_options *)dd_options_daemon(options);
    int error = find_users(w);
    if (!error)
        error = find_state_dir(w);
    if (!error)
        error = w->daemon->set_up(w->context, &w->identity);
    if (error)
        return error;
    w->supervisor = dd_supervisor_new(w->daemon->schema->program);
    return w->supervisor ? w->daemon->acquire(w->context, dd_options_daemon(options)) : DD_ERROR_SYSTEM;
}

/* Runs what was prepared until the daemon is to end; takes options. An exit code. */
static int run(struct work *w, struct dd_options *options)
{
    int error = set_up(w, options);
    if (!error)
        error = start(w, options);
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
static bool show(const struct dd_daemon *daemon, const struct dd_daemon_options *options)
{
    if (options->help)
        dd_option_help_print(daemon->schema, stdout);
    else if (options->version)
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
    const struct dd_daemon_options *common = dd_options_daemon(options);
    if (show(daemon, common) || daemon->run_command(options, &code))
        goto done;
    if (prepare(daemon, context, options)) {
        code = DD_DAEMON_EXIT_USAGE;
        goto done;
    }
    if (!common->check_config)
        return run(&work, options);
    print_summary(daemon, context, common);
    daemon->discard(context);
done:
    dd_options_free(options);
    return code;
}
