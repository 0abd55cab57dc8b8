/* A daemon without roles, which notes in which order it is called, and sends itself the signals. */
#include "dd/base/daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "dd/base/daemon_options.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/options.h"
#include "dd/base/privileges.h"
#include "suite.h"

enum { COMMAND_PORT = 99 }; /* --port with this stands for a command */

struct options {
    struct dd_daemon_options common;
    int64_t port;
};

struct stream {
    int64_t width;
};

static const struct dd_options_row rows[] = {
    {"width", DD_OPTIONS_INTEGER, DD_OPTIONS_STREAM, DD_OPTIONS_FIELD(stream, width), .fallback = "1"},
    DD_DAEMON_OPTIONS_ROW_CONFIG,
    {"port", DD_OPTIONS_INTEGER, DD_OPTIONS_DAEMON, DD_OPTIONS_FIELD(options, port), .min = 1, .max = 65535, .fallback = "80"},
    {"state_dir", DD_OPTIONS_PATH, DD_DAEMON_OPTIONS_FIELD(state_dir), .argument = "FOLDER"},
    {"user", DD_OPTIONS_STRING, DD_DAEMON_OPTIONS_FIELD(user), .fallback = "nobody"},
    {"other_user", DD_OPTIONS_STRING, DD_DAEMON_OPTIONS_FIELD(exposed_user), .fallback = "daemon"},
    DD_DAEMON_OPTIONS_ROWS_RUNNING,
    DD_DAEMON_OPTIONS_ROWS_INFORMATION,
};
static const char *const reserved_names[] = {NULL};
static const struct dd_options_schema schema = {.program = "test",
                                                .summary = "test\n",
                                                .rows = rows,
                                                .row_count = sizeof rows / sizeof *rows,
                                                .section = "daemon",
                                                .daemon_size = sizeof(struct options),
                                                .stream_size = sizeof(struct stream),
                                                .default_stream = "stream",
                                                .reserved_names = reserved_names};

struct world {
    /* What is to happen: */
    int fail_prepare, fail_acquire, fail_start; /* the call that fails, from 1; 0: none */
    bool fail_set_up;
    struct {
        const char *config; /* the file's new settings; NULL: it stays as it is */
        int signal;         /* then sent to this process; 0: none */
    } starts[4];            /* at each call of start */
    int stop_at_tick;       /* the call of tick that stops the daemon, from 1; 0: none */
    /* What happened: */
    char calls[512]; /* in order */
    int prepared, acquired, started, ticks;
    int64_t port; /* as started last */
    struct dd_daemon_identity identity;
};

static char folder[64], config_path[128];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/dd-test-daemon-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(config_path, sizeof config_path, "%s/test.json", folder);
}

/* settings: of the daemon, in JSON; the stream has none. */
static void write_config(const char *settings)
{
    FILE *f = fopen(config_path, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "{\"daemon\": {%s}, \"streams\": {\"one\": {}}}", settings);
    fclose(f);
}

static void remove_folder(void)
{
    unlink(config_path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void note(struct world *w, const char *call)
{
    size_t length = strlen(w->calls);
    snprintf(w->calls + length, sizeof w->calls - length, "%s%s", length ? " " : "", call);
}

static bool run_command(struct dd_options *options, int *code)
{
    const struct options *o = dd_options_daemon(options);
    bool found = o->port == COMMAND_PORT;
    if (found)
        *code = 42;
    return found;
}

static int prepare(void *context, struct dd_options *options)
{
    struct world *w = context;
    note(w, "prepare");
    ck_assert_ptr_nonnull(options);
    return ++w->prepared == w->fail_prepare ? DD_ERROR_INPUT : 0;
}

static void discard(void *context)
{
    note(context, "discard");
}

static void summarize(const void *context, const void *options, struct dd_daemon_summary *summary)
{
    const struct options *o = options;
    ck_assert_ptr_nonnull(context);
    summary->stream_count = o->port == 81 ? 2 : 1;
    dd_memory_table_add(&summary->memory, "a role", "pictures", 3 * 512 * 1024);
    snprintf(summary->place, sizeof summary->place, "port %d", (int)o->port);
}

static int set_up(void *context, const struct dd_daemon_identity *identity)
{
    struct world *w = context;
    note(w, "set_up");
    w->identity = *identity;
    return w->fail_set_up ? DD_ERROR_SYSTEM : 0;
}

static int acquire(void *context, const void *options)
{
    struct world *w = context;
    note(w, "acquire");
    ck_assert_ptr_nonnull(options);
    return ++w->acquired == w->fail_acquire ? DD_ERROR_SYSTEM : 0;
}

static int start(void *context, const void *options, struct dd_supervisor *supervisor)
{
    struct world *w = context;
    note(w, "start");
    ck_assert_ptr_nonnull(supervisor);
    w->port = ((const struct options *)options)->port;
    if (w->starts[w->started].config)
        write_config(w->starts[w->started].config);
    if (w->starts[w->started].signal)
        ck_assert_int_eq(kill(getpid(), w->starts[w->started].signal), 0);
    return ++w->started == w->fail_start ? DD_ERROR_TIMEOUT : 0;
}

static void stop(void *context, struct dd_supervisor *supervisor)
{
    ck_assert_ptr_nonnull(supervisor);
    note(context, "stop");
}

static void tick(void *context, const struct dd_supervisor *supervisor)
{
    struct world *w = context;
    ck_assert_ptr_nonnull(supervisor);
    if (++w->ticks == w->stop_at_tick)
        ck_assert_int_eq(kill(getpid(), SIGTERM), 0);
}

static void clean_up(void *context)
{
    note(context, "clean_up");
}

static const struct dd_daemon test_daemon = {.schema = &schema,
                                             .exposed_user = "other_user",
                                             .without_state = "it forgets",
                                             .run_command = run_command,
                                             .prepare = prepare,
                                             .discard = discard,
                                             .summarize = summarize,
                                             .set_up = set_up,
                                             .acquire = acquire,
                                             .start = start,
                                             .stop = stop,
                                             .tick = tick,
                                             .clean_up = clean_up};

static char log_text[8192], out_text[8192];

static FILE *capture(int fd, int *saved)
{
    FILE *file = tmpfile();
    ck_assert_ptr_nonnull(file);
    *saved = dup(fd);
    ck_assert_int_eq(dup2(fileno(file), fd), fd);
    return file;
}

static void release(FILE *file, int fd, int saved, char *text, size_t size)
{
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    dup2(saved, fd);
    close(saved);
}

/* Runs the daemon with up to six arguments besides --state-dir. Returns its exit code; log_text and out_text have its output. */
static int run(struct world *world, const char *const *list, size_t count)
{
    static char arguments[10][128];
    char *argv[11] = {NULL};
    int saved_out, saved_log;
    snprintf(arguments[0], sizeof arguments[0], "test");
    for (size_t i = 0; i < count; i++)
        snprintf(arguments[1 + i], sizeof arguments[1 + i], "%s", list[i]);
    for (size_t i = 0; i <= count; i++)
        argv[i] = arguments[i];
    fflush(stdout);
    FILE *log = capture(STDERR_FILENO, &saved_log), *out = capture(STDOUT_FILENO, &saved_out);
    int code = dd_daemon_main(&test_daemon, world, (int)count + 1, argv);
    fflush(stdout);
    release(out, STDOUT_FILENO, saved_out, out_text, sizeof out_text);
    release(log, STDERR_FILENO, saved_log, log_text, sizeof log_text);
    prctl(PR_SET_DUMPABLE, 1); /* for the leak sanitizer */
    return code;
}

#define RUN(world, ...)                                                                                                          \
    run(world, (const char *const[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *))

static void assert_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "'%s' is not in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) == NULL, "'%s' is in:\n%s", part, text);
}

START_TEST(shows_help_and_version)
{
    struct world w = {0};
    ck_assert_int_eq(RUN(&w, "--help"), EXIT_SUCCESS);
    assert_has(out_text, "--check-config");
    assert_has(out_text, "--port");
    ck_assert_int_eq(RUN(&w, "--version"), EXIT_SUCCESS);
    ck_assert_str_eq(out_text, "test " DD_VERSION "\n");
    ck_assert_str_eq(w.calls, "");
}
END_TEST

START_TEST(refuses_what_is_wrong)
{
    struct world w = {.fail_prepare = 1};
    ck_assert_int_eq(RUN(&w, "--port", "0"), DD_DAEMON_EXIT_USAGE);
    ck_assert_str_eq(w.calls, "");
    ck_assert_int_eq(RUN(&w, "--port", "1"), DD_DAEMON_EXIT_USAGE);
    ck_assert_str_eq(w.calls, "prepare");
}
END_TEST

START_TEST(runs_a_command_instead)
{
    struct world w = {0};
    ck_assert_int_eq(RUN(&w, "--port", "99"), 42);
    ck_assert_str_eq(w.calls, "");
}
END_TEST

#define MEMORY_ROW "  a role            pictures                                               1.5 MiB\n"

START_TEST(checks_a_configuration)
{
    struct world w = {0};
    ck_assert_int_eq(RUN(&w, "--check-config"), EXIT_SUCCESS);
    ck_assert_str_eq(w.calls, "prepare discard");
    ck_assert_str_eq(out_text, "1 stream; it takes at most 1.5 MiB of memory\n" MEMORY_ROW);
    ck_assert_int_eq(RUN(&w, "--check-config", "--port", "81"), EXIT_SUCCESS);
    ck_assert_str_eq(out_text, "2 streams; they take at most 1.5 MiB of memory\n" MEMORY_ROW);
}
END_TEST

START_TEST(runs_until_it_is_told_to_stop)
{
    static const int signals[] = {SIGTERM, SIGINT};
    make_folder();
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct world w = {.starts = {{.signal = signals[i]}}};
        ck_assert_int_eq(RUN(&w, "--state-dir", folder, "--port", "82"), EXIT_SUCCESS);
        ck_assert_str_eq(w.calls, "prepare set_up acquire start discard clean_up");
        ck_assert_int_eq(w.port, 82);
        assert_has(log_text, "1 stream at port 82; it takes at most 1.5 MiB of memory\n");
        assert_has(log_text, "stopped\n");
    }
    remove_folder();
}
END_TEST

START_TEST(ends_when_something_fails)
{
    static const struct {
        struct world world;
        const char *calls;
    } cases[] = {{{.fail_set_up = true}, "prepare set_up discard clean_up"},
                 {{.fail_acquire = 1}, "prepare set_up acquire discard clean_up"},
                 {{.fail_start = 1}, "prepare set_up acquire start discard clean_up"}};
    make_folder();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world w = cases[i].world;
        ck_assert_int_eq(RUN(&w, "--state-dir", folder), EXIT_FAILURE);
        ck_assert_str_eq(w.calls, cases[i].calls);
        assert_lacks(log_text, "at most");
    }
    remove_folder();
}
END_TEST

/* ---- what it keeps for its life ---- */

START_TEST(finds_its_users_and_state)
{
    struct world w = {.starts = {{.signal = SIGTERM}}};
    make_folder();
    ck_assert_int_eq(RUN(&w, "--state-dir", folder), EXIT_SUCCESS);
    ck_assert_str_eq(w.identity.state_dir, folder);
    ck_assert(w.identity.state_dir_is_set);
    bool root = geteuid() == 0;
    ck_assert_int_eq(w.identity.user != NULL, root);
    ck_assert_int_eq(w.identity.exposed_user != NULL, root);
    remove_folder();
}
END_TEST

START_TEST(refuses_one_user_for_all_roles)
{
    struct world w = {.starts = {{.signal = SIGTERM}}};
    if (geteuid() != 0)
        return;
    make_folder();
    ck_assert_int_eq(RUN(&w, "--state-dir", folder, "--user", "nobody", "--other-user", "nobody"), EXIT_FAILURE);
    ck_assert_str_eq(w.calls, "prepare discard clean_up");
    assert_has(log_text, "error: user (nobody) and other_user (nobody) are the same, uid 65534");
    remove_folder();
}
END_TEST

START_TEST(goes_on_without_a_folder_that_was_not_asked_for)
{
    struct world w = {.starts = {{.signal = SIGTERM}}}, never = {0};
    setenv("STATE_DIRECTORY", "/proc/none", 1);
    ck_assert_int_eq(RUN(&w, "--port", "80"), EXIT_SUCCESS);
    ck_assert_str_eq(w.identity.state_dir, "");
    ck_assert(!w.identity.state_dir_is_set);
    assert_has(log_text, "going on without it: it forgets\n");
    ck_assert_int_eq(RUN(&never, "--state-dir", "/proc/none"), EXIT_FAILURE);
    ck_assert_str_eq(never.calls, "prepare discard clean_up");
}
END_TEST

/* ---- reading the configuration again ---- */

START_TEST(starts_afresh_with_a_new_file)
{
    struct world w = {.starts = {{"\"port\": 81", SIGHUP}, {.signal = SIGTERM}}};
    make_folder();
    write_config("\"port\": 80");
    ck_assert_int_eq(RUN(&w, "--config", config_path, "--state-dir", folder), EXIT_SUCCESS);
    ck_assert_str_eq(w.calls, "prepare set_up acquire start prepare acquire stop start discard clean_up");
    ck_assert_int_eq(w.port, 81);
    assert_has(log_text, "1 stream at port 80;");
    assert_has(log_text, "2 streams at port 81;");
    assert_has(log_text, "the new configuration is in use\n");
    assert_lacks(log_text, "change only");
    remove_folder();
}
END_TEST

/* Asks for a reload that does not come to a start, and stops at the look after it. */
static void refuse(struct world *w, const char *calls)
{
    w->starts[0].signal = SIGHUP;
    w->stop_at_tick = 2;
    make_folder();
    write_config("\"port\": 80");
    ck_assert_int_eq(RUN(w, "--config", config_path, "--state-dir", folder), EXIT_SUCCESS);
    ck_assert_str_eq(w->calls, calls);
    ck_assert_int_eq(w->port, 80);
    assert_has(log_text, "the new configuration is refused; going on with the old one\n");
    assert_lacks(log_text, "is in use");
    ck_assert_int_eq(dd_log_threshold(), DD_LOG_INFO);
    remove_folder();
}

START_TEST(refuses_a_new_file_that_is_wrong)
{
    struct world unreadable = {.starts = {{.config = "\"port\": "}}};
    refuse(&unreadable, "prepare set_up acquire start discard clean_up");
    struct world unprepared = {.starts = {{.config = "\"port\": 81, \"quiet\": true"}}, .fail_prepare = 2};
    refuse(&unprepared, "prepare set_up acquire start prepare discard clean_up");
    struct world unacquired = {.starts = {{.config = "\"port\": 81"}}, .fail_acquire = 2};
    refuse(&unacquired, "prepare set_up acquire start prepare acquire discard discard clean_up");
}
END_TEST

START_TEST(ends_when_the_new_roles_do_not_start)
{
    struct world w = {.starts = {{.signal = SIGHUP}}, .fail_start = 2};
    make_folder();
    write_config("");
    ck_assert_int_eq(RUN(&w, "--config", config_path, "--state-dir", folder), EXIT_FAILURE);
    ck_assert_str_eq(w.calls, "prepare set_up acquire start prepare acquire stop start discard clean_up");
    assert_lacks(log_text, "is in use");
    remove_folder();
}
END_TEST

START_TEST(has_no_file_to_read_again)
{
    struct world w = {.starts = {{.signal = SIGHUP}}, .stop_at_tick = 2};
    make_folder();
    ck_assert_int_eq(RUN(&w, "--state-dir", folder), EXIT_SUCCESS);
    ck_assert_str_eq(w.calls, "prepare set_up acquire start discard clean_up");
    assert_has(log_text, "there is no configuration file to read again");
    remove_folder();
}
END_TEST

START_TEST(says_once_what_a_reload_does_not_change)
{
    static const char warning[] = "user, other_user and state_dir change only when test is started afresh\n";
    static const struct {
        const char *user, *other_user, *state_dir;
    } changes[] = {{"root", "daemon", ""}, {"nobody", "root", ""}, {"nobody", "daemon", "/tmp"}};
    make_folder();
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        static const char format[] = "\"user\": \"%s\", \"other_user\": \"%s\", \"state_dir\": \"%s%s\"";
        char before[256], after[256];
        snprintf(before, sizeof before, format, "nobody", "daemon", folder, "");
        snprintf(after, sizeof after, format, changes[i].user, changes[i].other_user, folder, changes[i].state_dir);
        struct world w = {.starts = {{after, SIGHUP}, {.signal = SIGHUP}, {.signal = SIGTERM}}};
        write_config(before);
        ck_assert_int_eq(RUN(&w, "--config", config_path), EXIT_SUCCESS);
        assert_has(log_text, warning);
        assert_lacks(strstr(log_text, warning) + 1, warning);
        ck_assert_str_eq(w.identity.state_dir, folder);
    }
    remove_folder();
}
END_TEST

SUITE("base/daemon", shows_help_and_version, refuses_what_is_wrong, runs_a_command_instead, checks_a_configuration,
      runs_until_it_is_told_to_stop, ends_when_something_fails, finds_its_users_and_state, refuses_one_user_for_all_roles,
      goes_on_without_a_folder_that_was_not_asked_for, starts_afresh_with_a_new_file, refuses_a_new_file_that_is_wrong,
      ends_when_the_new_roles_do_not_start, has_no_file_to_read_again, says_once_what_a_reload_does_not_change)
