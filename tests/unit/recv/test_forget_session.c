#include "recv/forget_session.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/options.h"
#include "recv/options.h"
#include "suite.h"

static char folder[] = "/tmp/dd-test-forget-XXXXXX";
static char previous[PATH_MAX];

/* In a folder of its own, with a configuration file of that name: settings are the daemon's. */
static void set_up(const char *name, const char *settings)
{
    ck_assert_ptr_nonnull(getcwd(previous, sizeof previous));
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    FILE *file = fopen(name, "w");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "{\"server\": {%s}, \"streams\": {\"gate\": {\"udp_port\": 5006}}}", settings);
    fclose(file);
    unsetenv("STATE_DIRECTORY");
}

static void tear_down(const char *name)
{
    unlink(name);
    ck_assert_int_eq(chdir(previous), 0);
    rmdir(folder);
}

/* What a user has to type if ddrecv was started with these arguments, separated by '|'. The test's folder is shown as FOLDER. */
static const char *command(const char *arguments)
{
    static char line[256], text[1024], shown[1024];
    char *argv[16] = {line}, *save = NULL;
    int argc = 0;
    snprintf(line, sizeof line, "ddrecv|%s", arguments); /* which is wiped where it has secrets */
    for (char *one = strtok_r(line, "|", &save); one; one = strtok_r(NULL, "|", &save))
        argv[argc++] = one;
    struct dd_options *options = dd_options_load(&dd_recv_options_schema, argc, argv);
    ck_assert_ptr_nonnull(options);
    dd_forget_session_write_command(options, text, sizeof text);
    char *at = strstr(text, folder);
    if (at)
        snprintf(shown, sizeof shown, "%.*sFOLDER%s", (int)(at - text), text, at + strlen(folder));
    else
        snprintf(shown, sizeof shown, "%s", text);
    dd_options_free(options);
    return shown;
}

START_TEST(names_the_file_from_any_folder)
{
    set_up("a.json", "");
    ck_assert_str_eq(command("--config|a.json"), "ddrecv --config FOLDER/a.json");
    tear_down("a.json");
}
END_TEST

START_TEST(quotes_what_a_shell_would_split)
{
    set_up("it's a file.json", "");
    ck_assert_str_eq(command("--config|it's a file.json"), "ddrecv --config 'FOLDER/it'\\''s a file.json'");
    tear_down("it's a file.json");
}
END_TEST

START_TEST(names_a_state_dir_that_the_command_would_not_find)
{
    set_up("a.json", "\"state_dir\": \"/var/x\"");
    ck_assert_str_eq(command("--config|a.json"), "ddrecv --config FOLDER/a.json");
    ck_assert_str_eq(command("--config|a.json|--state-dir|/var/y"), "ddrecv --config FOLDER/a.json --state-dir /var/y");
    tear_down("a.json");
}
END_TEST

START_TEST(names_the_state_dir_of_systemd_unless_it_is_the_usual_one)
{
    set_up("a.json", "");
    setenv("STATE_DIRECTORY", "/var/lib/ddrecv", 1);
    ck_assert_str_eq(command("--config|a.json"), "ddrecv --config FOLDER/a.json");
    setenv("STATE_DIRECTORY", "/var/lib/other:/var/lib/more", 1);
    ck_assert_str_eq(command("--config|a.json"), "ddrecv --config FOLDER/a.json --state-dir /var/lib/other");
    unsetenv("STATE_DIRECTORY");
    tear_down("a.json");
}
END_TEST

START_TEST(names_the_port_of_a_stream_set_up_by_flags)
{
    set_up("a.json", "");
    ck_assert_str_eq(command("--udp-port|5006|--key|secret"), "ddrecv --udp-port 5006");
    ck_assert_str_eq(command("--udp-port|5006|--state-dir|state"), "ddrecv --udp-port 5006 --state-dir FOLDER/state");
    tear_down("a.json");
}
END_TEST

SUITE("recv/forget_session", names_the_file_from_any_folder, quotes_what_a_shell_would_split,
      names_a_state_dir_that_the_command_would_not_find, names_the_state_dir_of_systemd_unless_it_is_the_usual_one,
      names_the_port_of_a_stream_set_up_by_flags)
