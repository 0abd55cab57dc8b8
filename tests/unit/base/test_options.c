#include "dd/base/options.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"

struct daemon {
    char config[256];
    int64_t port;
    bool help;
};

struct stream {
    char source[128];
    char key[64];
    char to[128];
    double interval;
    int64_t kind;
};

#define DAEMON(field) DD_OPTIONS_DAEMON, DD_OPTIONS_FIELD(daemon, field)
#define STREAM(field) DD_OPTIONS_STREAM, DD_OPTIONS_FIELD(stream, field)

static const struct dd_options_row rows[] = {
    {"kind", DD_OPTIONS_CHOICE, STREAM(kind), .choices = "a|b"},
    {"source", DD_OPTIONS_STRING, STREAM(source), .flags = DD_OPTIONS_HAS_SECRET},
    {"key", DD_OPTIONS_STRING, STREAM(key), .flags = DD_OPTIONS_SECRET},
    {"to", DD_OPTIONS_LIST, STREAM(to), .min = 0},
    {"pause_time", DD_OPTIONS_NUMBER, STREAM(interval), .min = 0, .max = 10, .fallback = "2.5"},
    {"config", DD_OPTIONS_PATH, DAEMON(config), .flags = DD_OPTIONS_COMMAND_LINE},
    {"port", DD_OPTIONS_INTEGER, DAEMON(port), .min = 1, .max = 65535, .fallback = "80"},
    {"help", DD_OPTIONS_SWITCH, DAEMON(help), .flags = DD_OPTIONS_COMMAND_LINE},
};
static const char *const reserved_names[] = {"stream", NULL};
static const char *const old_names[] = {"url", "source", NULL};
static const struct dd_options_schema schema = {.program = "test",
                                                .summary = "test\n",
                                                .rows = rows,
                                                .row_count = sizeof rows / sizeof *rows,
                                                .section = "daemon",
                                                .daemon_size = sizeof(struct daemon),
                                                .stream_size = sizeof(struct stream),
                                                .default_stream = "stream",
                                                .reserved_names = reserved_names,
                                                .single_stream_key = "kind",
                                                .old_names = old_names};

/* Loads from writable copies of up to eight arguments, as main() gets them. */
static char arguments[8][128];

static struct dd_options *load(size_t count, const char *const *list)
{
    char *argv[10] = {arguments[0]};
    snprintf(arguments[0], sizeof arguments[0], "test");
    for (size_t i = 0; i < count; i++) {
        snprintf(arguments[i + 1], sizeof arguments[i + 1], "%s", list[i]);
        argv[i + 1] = arguments[i + 1];
    }
    return dd_options_load(&schema, (int)count + 1, argv);
}

#define LOAD(...) load(sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), (const char *const[]){__VA_ARGS__})

static char path[64];

static struct dd_options *load_file(const char *text)
{
    snprintf(path, sizeof path, "/tmp/dd-test-options-%d.json", (int)getpid());
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    struct dd_options *o = LOAD("--config", path);
    unlink(path);
    return o;
}

START_TEST(reads_the_command_line)
{
    struct dd_options *o = LOAD("--source=x", "-port", "8000", "--pause-time", "0.5", "--to", "a,b");
    ck_assert_ptr_nonnull(o);
    const struct stream *s = dd_options_stream(o, 0);
    ck_assert_str_eq(s->source, "x");
    ck_assert_str_eq(s->to, "a,b");
    ck_assert_double_eq(s->interval, 0.5);
    ck_assert_int_eq(((const struct daemon *)dd_options_daemon(o))->port, 8000);
    ck_assert(dd_options_is_set(o, 0, "source"));
    ck_assert(!dd_options_is_set(o, 0, "key"));
    ck_assert_str_eq(dd_options_stream_name(o, 0), "stream");
    ck_assert_str_eq(dd_options_where(o, 0, "pause_time"), "--pause-time");
    dd_options_free(o);
}
END_TEST

START_TEST(takes_a_switch_with_and_without_value)
{
    static const char *const off[][2] = {{"--help=false", "--port=1"}, {"--help", "off"}, {"-help", "false"}};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        struct dd_options *o = load(2, off[i]);
        ck_assert_ptr_nonnull(o);
        ck_assert(!((const struct daemon *)dd_options_daemon(o))->help);
        dd_options_free(o);
    }
    struct dd_options *o = LOAD("--help", "--port", "1");
    ck_assert_ptr_nonnull(o);
    ck_assert(((const struct daemon *)dd_options_daemon(o))->help);
    dd_options_free(o);
}
END_TEST

START_TEST(refuses_a_wrong_command_line)
{
    ck_assert_ptr_null(LOAD("--nothing", "x"));
    ck_assert_ptr_null(LOAD("--port"));
    ck_assert_ptr_null(LOAD("--port", "0"));
    ck_assert_ptr_null(LOAD("stray"));
    ck_assert_ptr_null(LOAD("--help=maybe"));
    ck_assert_ptr_null(LOAD("--help", "maybe"));
    ck_assert_ptr_null(LOAD("--config", "/nonexistent/file.json"));
}
END_TEST

START_TEST(wipes_secrets_from_the_arguments)
{
    struct dd_options *o = LOAD("--key=topsecret", "--source", "rtsp://u:topsecret@h/p", "--to", "visible");
    ck_assert_ptr_nonnull(o);
    ck_assert_str_eq(((const struct stream *)dd_options_stream(o, 0))->key, "topsecret");
    for (size_t i = 0; i < 8; i++)
        ck_assert_ptr_null(memmem(arguments[i], sizeof arguments[i], "topsecret", 9));
    ck_assert_str_eq(arguments[5], "visible");
    dd_options_free(o);
}
END_TEST

START_TEST(reads_streams_of_a_file)
{
    struct dd_options *o =
        load_file("{\"daemon\": {\"port\": 81}, // comment\n"
                  "\"streams\": {\"one\": {\"source\": \"x\", \"to\": [\"a\", \"b\"]}, \"two\": {\"pause_time\": 1}}}");
    ck_assert_ptr_nonnull(o);
    ck_assert(dd_options_named_streams(o));
    ck_assert_uint_eq(dd_options_stream_count(o), 2);
    ck_assert_str_eq(dd_options_stream_name(o, 1), "two");
    ck_assert_str_eq(((const struct stream *)dd_options_stream(o, 0))->to, "a,b");
    ck_assert_double_eq(((const struct stream *)dd_options_stream(o, 0))->interval, 2.5);
    ck_assert_double_eq(((const struct stream *)dd_options_stream(o, 1))->interval, 1);
    ck_assert_int_eq(((const struct daemon *)dd_options_daemon(o))->port, 81);
    ck_assert_ptr_nonnull(strstr(dd_options_where(o, 1, "pause_time"), ": streams.two.pause_time"));
    ck_assert_ptr_nonnull(strstr(dd_options_where(o, 0, "port"), ": daemon.port"));
    dd_options_free(o);
}
END_TEST

START_TEST(reads_a_file_of_one_stream_with_old_names)
{
    struct dd_options *o = load_file("{\"kind\": \"b\", \"url\": \"x\", \"port\": \"82\"}");
    ck_assert_ptr_nonnull(o);
    ck_assert(!dd_options_named_streams(o));
    ck_assert_int_eq(((const struct stream *)dd_options_stream(o, 0))->kind, 1);
    ck_assert_str_eq(((const struct stream *)dd_options_stream(o, 0))->source, "x");
    ck_assert_int_eq(((const struct daemon *)dd_options_daemon(o))->port, 82);
    dd_options_free(o);
}
END_TEST

START_TEST(refuses_a_wrong_file)
{
    static const char *const wrong[] = {
        "{",
        "[]",
        "{}",
        "{\"streams\": {}}",
        "{\"streams\": []}",
        "{\"streams\": {\"one\": 1}}",
        "{\"streams\": {\"Upper\": {}}}",
        "{\"streams\": {\"\": {}}}",
        "{\"streams\": {\"stream\": {}}}",
        "{\"streams\": {\"one\": {}, \"one\": {}}}",
        "{\"streams\": {\"one\": {}}, \"server\": {}}",
        "{\"streams\": {\"one\": {\"sauce\": \"x\"}}}",
        "{\"streams\": {\"one\": {\"url\": \"x\"}}}",
        "{\"streams\": {\"one\": {\"port\": 1}}}",
        "{\"streams\": {\"one\": {\"source\": \"x\", \"source\": \"y\"}}}",
        "{\"streams\": {\"one\": {\"source\": true}}}",
        "{\"streams\": {\"one\": {\"key\": 12}}}",
        "{\"streams\": {\"one\": {\"to\": [1]}}}",
        "{\"streams\": {\"one\": {\"to\": [\"a,b\"]}}}",
        "{\"streams\": {\"one\": {\"pause_time\": 11}}}",
        "{\"streams\": {\"one\": {\"pause_time\": null}}}",
        "{\"streams\": {\"one\": {}}, \"daemon\": {\"source\": \"x\"}}",
        "{\"streams\": {\"one\": {}}, \"daemon\": {\"help\": true}}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!load_file(wrong[i]), "%s", wrong[i]);
}
END_TEST

START_TEST(lets_the_command_line_win)
{
    snprintf(path, sizeof path, "/tmp/dd-test-options-%d.json", (int)getpid());
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("{\"kind\": \"b\", \"port\": 82, \"source\": \"x\"}", f);
    fclose(f);
    struct dd_options *o = LOAD("--config", path, "--port", "83", "--source", "y");
    ck_assert_ptr_nonnull(o);
    ck_assert_int_eq(((const struct daemon *)dd_options_daemon(o))->port, 83);
    ck_assert_str_eq(((const struct stream *)dd_options_stream(o, 0))->source, "y");
    dd_options_free(o);
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("{\"streams\": {\"one\": {}}}", f);
    fclose(f);
    /* which stream would it be of? */
    ck_assert_ptr_null(LOAD("--config", path, "--source", "y"));
    unlink(path);
}
END_TEST

SUITE("base/options", reads_the_command_line, takes_a_switch_with_and_without_value, refuses_a_wrong_command_line,
      wipes_secrets_from_the_arguments, reads_streams_of_a_file, reads_a_file_of_one_stream_with_old_names, refuses_a_wrong_file,
      lets_the_command_line_win)
