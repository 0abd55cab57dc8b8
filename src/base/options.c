#include "dd/base/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config_file.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/base/option_value.h"

enum { ROWS_MAX = 128, ASSIGNMENTS_MAX = 512 };

/* The texts that the file and the command line gave for one row of one instance, masked. */
struct origin {
    char *file, *line;
};

struct assignment {
    size_t row;
    char *text; /* wiped and freed */
};

struct dd_options {
    const struct dd_options_schema *schema;
    void *daemon;
    size_t stream_count;
    void **streams;
    char (*names)[DD_OPTIONS_NAME_SIZE];
    struct origin *origins; /* (1 + stream_count) x row_count */
    struct assignment line[ASSIGNMENTS_MAX];
    size_t line_count;
    bool named_streams;
    char *config; /* path of the file, NULL: none */
    char where[256];
};

static void wipe_string(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static struct origin *origin_of(const struct dd_options *o, size_t instance, size_t row)
{
    return &o->origins[instance * o->schema->row_count + row];
}

static void *base_of(struct dd_options *o, size_t instance)
{
    return instance ? o->streams[instance - 1] : o->daemon;
}

/* The value of the daemon's switch with that name; false if there is none. */
static bool switch_is_on(const struct dd_options *o, const char *name)
{
    size_t row = dd_option_value_find_row(o->schema, name);
    return row < o->schema->row_count && *((const bool *)o->daemon + o->schema->rows[row].offset / sizeof(bool));
}

static void set_defaults(const struct dd_options_schema *schema, enum dd_options_scope scope, void *base)
{
    char why[256];
    for (size_t i = 0; i < schema->row_count; i++) {
        const struct dd_options_row *row = &schema->rows[i];
        if (row->scope == scope && row->fallback && dd_option_value_set(row, base, row->fallback, why, sizeof why))
            dd_log_error("the default of %s is wrong: it takes %s", row->name, why);
    }
}

static int remember(char **place, const struct dd_options_row *row, const char *text)
{
    char masked[DD_OPTION_VALUE_TEXT];
    dd_option_value_mask(row, text, masked, sizeof masked);
    free(*place);
    *place = strdup(masked);
    return *place ? 0 : DD_ERROR_MEMORY;
}

static void name_on_line(const char *name, char *text, size_t size)
{
    snprintf(text, size, "--%s", name);
    for (char *c = text + 2; *c; c++)
        if (*c == '_')
            *c = '-';
}

/* Names the place that set a value: the file or the command line. */
static const char *place_of(struct dd_options *o, size_t instance, const char *name, bool from_file)
{
    if (!from_file)
        name_on_line(name, o->where, sizeof o->where);
    else if (!o->named_streams)
        snprintf(o->where, sizeof o->where, "%s: %s", o->config, name);
    else if (instance)
        snprintf(o->where, sizeof o->where, "%s: streams.%s.%s", o->config, o->names[instance - 1], name);
    else
        snprintf(o->where, sizeof o->where, "%s: %s.%s", o->config, o->schema->section, name);
    return o->where;
}

/* Sets one option of instance. */
static int assign(struct dd_options *o, size_t instance, size_t r, const char *text, bool from_file)
{
    const struct dd_options_row *row = &o->schema->rows[r];
    char why[512], masked[DD_OPTION_VALUE_TEXT];
    struct origin *origin = origin_of(o, instance, r);
    if (remember(from_file ? &origin->file : &origin->line, row, text))
        return DD_ERROR_MEMORY;
    if (dd_option_value_set(row, base_of(o, instance), text, why, sizeof why) == 0)
        return 0;
    dd_option_value_mask(row, text, masked, sizeof masked);
    dd_log_error("%s: '%s' is not valid: it takes %s", place_of(o, instance, row->name, from_file), masked, why);
    return DD_ERROR_INPUT;
}

/* ---- the command line ---- */

static void fill_getopt(const struct dd_options_schema *schema, struct option *table, char (*names)[64])
{
    for (size_t i = 0; i < schema->row_count; i++) {
        name_on_line(schema->rows[i].name, names[i], sizeof names[i]);
        table[i].name = names[i] + 2;
        table[i].has_arg = schema->rows[i].type == DD_OPTIONS_SWITCH ? optional_argument : required_argument;
        table[i].val = (int)i + 256;
    }
}

static int refuse_argument(int code, const char *argument)
{
    /* It may contain a secret, with or without '=': only the part that can be the name of an option is shown. */
    int length = (int)strspn(argument, "abcdefghijklmnopqrstuvwxyz-_");
    if (code == ':')
        dd_log_error("%.*s needs a value", length, argument);
    else
        dd_log_error("%.*s is not an option, or could be several; --help lists them", length, argument);
    return DD_ERROR_INPUT;
}

static int keep_assignment(struct dd_options *o, size_t row, char *argument)
{
    if (o->line_count == ASSIGNMENTS_MAX) {
        dd_log_error("too many options on the command line");
        return DD_ERROR_SPACE;
    }
    struct assignment *a = &o->line[o->line_count];
    a->row = row;
    a->text = strdup(argument ? argument : "true");
    if (!a->text)
        return DD_ERROR_MEMORY;
    o->line_count++;
    /* What ps shows is the memory of argv. */
    if (argument && dd_option_value_holds_secret(&o->schema->rows[row], argument))
        explicit_bzero(argument, strlen(argument));
    return 0;
}

/* The value of a switch may be the next argument, as for other options; getopt supports optional values only after '='. */
static char *find_switch_value(int argc, char **argv)
{
    static const char *const values[] = {"true", "false", "on", "off"};
    for (size_t i = 0; optind < argc && i < sizeof values / sizeof *values; i++)
        if (strcmp(argv[optind], values[i]) == 0)
            return argv[optind++];
    return NULL;
}

static int read_line(struct dd_options *o, int argc, char **argv)
{
    struct option table[ROWS_MAX + 1] = {0};
    char names[ROWS_MAX][64];
    if (o->schema->row_count > ROWS_MAX)
        return DD_ERROR_SPACE;
    fill_getopt(o->schema, table, names);
    optind = 0; /* glibc: start anew */
    opterr = 0;
    for (;;) {
        int code = getopt_long_only(argc, argv, "+:", table, NULL);
        if (code == -1)
            break;
        if (code < 256)
            return refuse_argument(code, argv[optind - 1]);
        size_t row = (size_t)code - 256;
        char *value = optarg;
        if (!value && o->schema->rows[row].type == DD_OPTIONS_SWITCH)
            value = find_switch_value(argc, argv);
        int error = keep_assignment(o, row, value);
        if (error)
            return error;
    }
    if (optind < argc) {
        dd_log_error("an argument that belongs to no option, number %d; --help lists the options", optind);
        return DD_ERROR_INPUT;
    }
    return 0;
}

static int apply_line(struct dd_options *o, size_t instance)
{
    enum dd_options_scope scope = instance ? DD_OPTIONS_STREAM : DD_OPTIONS_DAEMON;
    for (size_t i = 0; i < o->line_count; i++) {
        if (o->schema->rows[o->line[i].row].scope != scope)
            continue;
        int error = assign(o, instance, o->line[i].row, o->line[i].text, false);
        if (error)
            return error;
    }
    return 0;
}

/* ---- the file ---- */

static int make_streams(struct dd_options *o, size_t count)
{
    o->streams = calloc(count + 1, sizeof *o->streams);
    o->names = calloc(count + 1, sizeof *o->names);
    struct origin *origins = calloc((1 + count) * o->schema->row_count, sizeof *origins);
    if (!o->streams || !o->names || !origins) {
        free(origins);
        goto err0;
    }
    memcpy(origins, o->origins, o->schema->row_count * sizeof *origins);
    free(o->origins);
    o->origins = origins;
    for (; o->stream_count < count; o->stream_count++) {
        o->streams[o->stream_count] = calloc(1, o->schema->stream_size);
        if (!o->streams[o->stream_count])
            goto err0;
        set_defaults(o->schema, DD_OPTIONS_STREAM, o->streams[o->stream_count]);
        snprintf(o->names[o->stream_count], sizeof *o->names, "%s", o->schema->default_stream);
    }
    return 0;

err0:
    dd_log_error("out of memory");
    return DD_ERROR_MEMORY;
}

static int apply_config(struct dd_options *o, const struct dd_config_file *config)
{
    int error = make_streams(o, config->stream_count);
    for (size_t i = 0; i < config->stream_count && !error; i++)
        memcpy(o->names[i], config->names[i], sizeof *o->names);
    o->named_streams = config->named_streams;
    for (size_t i = 0; i < config->setting_count && !error; i++) {
        const struct dd_config_file_setting *s = &config->settings[i];
        error = assign(o, s->instance, s->row, s->text, true);
    }
    return error;
}

/* ---- the whole ---- */

static const char *first_stream_option_on_line(const struct dd_options *o)
{
    for (size_t i = 0; i < o->line_count; i++)
        if (o->schema->rows[o->line[i].row].scope == DD_OPTIONS_STREAM)
            return o->schema->rows[o->line[i].row].name;
    return NULL;
}

static int load_streams(struct dd_options *o)
{
    struct dd_config_file config;
    size_t row = dd_option_value_find_row(o->schema, "config");
    const char *path = row < o->schema->row_count ? (const char *)o->daemon + o->schema->rows[row].offset : "";
    if (!path[0]) {
        int error = make_streams(o, 1);
        return error ? error : apply_line(o, 1);
    }
    o->config = strdup(path);
    if (!o->config)
        return DD_ERROR_MEMORY;
    int error = dd_config_file_read(&config, o->schema, path);
    if (error)
        return error;
    error = apply_config(o, &config);
    dd_config_file_free(&config);
    if (error)
        return error;
    const char *extra = first_stream_option_on_line(o);
    if (extra && o->named_streams) {
        char name[80];
        name_on_line(extra, name, sizeof name);
        dd_log_error("%s belongs to one stream, but %s has its own: set it there", name, o->config);
        return DD_ERROR_INPUT;
    }
    error = extra ? apply_line(o, 1) : 0;
    /* The command line wins over the file's part for the daemon, too. */
    return error ? error : apply_line(o, 0);
}

/* What was applied is not needed any more, and may hold secrets. */
static void wipe_line(struct dd_options *o)
{
    for (size_t i = 0; i < o->line_count; i++)
        wipe_string(o->line[i].text);
    o->line_count = 0;
}

struct dd_options *dd_options_load(const struct dd_options_schema *schema, int argc, char **argv)
{
    struct dd_options *o = calloc(1, sizeof *o);
    if (!o)
        goto err0;
    o->schema = schema;
    o->daemon = calloc(1, schema->daemon_size);
    o->origins = calloc(schema->row_count, sizeof *o->origins);
    if (!o->daemon || !o->origins)
        goto err0;
    set_defaults(schema, DD_OPTIONS_DAEMON, o->daemon);
    if (read_line(o, argc, argv) || apply_line(o, 0))
        goto err1;
    if (switch_is_on(o, "help") || switch_is_on(o, "version") || switch_is_on(o, "generate_key"))
        return o;
    if (load_streams(o))
        goto err1;
    wipe_line(o);
    return o;

err0:
    dd_log_error("out of memory");
err1:
    dd_options_free(o);
    return NULL;
}

void dd_options_free(struct dd_options *o)
{
    if (!o)
        return;
    for (size_t i = 0; o->origins && i < (1 + o->stream_count) * o->schema->row_count; i++) {
        free(o->origins[i].file);
        free(o->origins[i].line);
    }
    wipe_line(o);
    for (size_t i = 0; i < o->stream_count; i++) {
        explicit_bzero(o->streams[i], o->schema->stream_size);
        free(o->streams[i]);
    }
    if (o->daemon)
        explicit_bzero(o->daemon, o->schema->daemon_size);
    free(o->daemon);
    free(o->streams);
    free(o->names);
    free(o->origins);
    free(o->config);
    free(o);
}

void *dd_options_daemon(struct dd_options *o)
{
    return o->daemon;
}

size_t dd_options_stream_count(const struct dd_options *o)
{
    return o->stream_count;
}

void *dd_options_stream(struct dd_options *o, size_t i)
{
    return o->streams[i];
}

const char *dd_options_stream_name(const struct dd_options *o, size_t i)
{
    return o->names[i];
}

bool dd_options_named_streams(const struct dd_options *o)
{
    return o->named_streams;
}

static size_t instance_of(const struct dd_options *o, size_t i, size_t row)
{
    return o->schema->rows[row].scope == DD_OPTIONS_STREAM ? 1 + i : 0;
}

bool dd_options_is_set(const struct dd_options *o, size_t i, const char *name)
{
    size_t row = dd_option_value_find_row(o->schema, name);
    if (row == o->schema->row_count)
        return false;
    const struct origin *origin = origin_of(o, instance_of(o, i, row), row);
    return origin->file || origin->line;
}

const char *dd_options_where(struct dd_options *o, size_t i, const char *name)
{
    size_t row = dd_option_value_find_row(o->schema, name);
    bool on_line = !o->config || (row < o->schema->row_count && origin_of(o, instance_of(o, i, row), row)->line);
    return place_of(o, row < o->schema->row_count ? instance_of(o, i, row) : 0, name, !on_line);
}

const struct dd_options_schema *dd_options_schema_of(const struct dd_options *o)
{
    return o->schema;
}

const char *dd_options_text_in_file(const struct dd_options *o, size_t instance, size_t row)
{
    return origin_of(o, instance, row)->file;
}

const char *dd_options_text_on_line(const struct dd_options *o, size_t instance, size_t row)
{
    return origin_of(o, instance, row)->line;
}
