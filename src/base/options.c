#include "dd/base/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/base/file.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "dd/base/value.h"

enum { FILE_MAX = 4 * 1024 * 1024, ROWS_MAX = 128, ASSIGNMENTS_MAX = 512 };

/* What was said of one row for one instance, masked. */
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

static size_t find_row(const struct dd_options_schema *schema, const char *name)
{
    size_t i = 0;
    while (i < schema->row_count && strcmp(schema->rows[i].name, name))
        i++;
    return i;
}

static bool daemon_switch(const struct dd_options *o, const char *name)
{
    size_t row = find_row(o->schema, name);
    return row < o->schema->row_count && *((const bool *)o->daemon + o->schema->rows[row].offset / sizeof(bool));
}

static void set_defaults(const struct dd_options_schema *schema, enum dd_options_scope scope, void *base)
{
    char why[256];
    for (size_t i = 0; i < schema->row_count; i++) {
        const struct dd_options_row *row = &schema->rows[i];
        if (row->scope == scope && row->fallback && dd_value_set(row, base, row->fallback, why, sizeof why))
            dd_log_error("the default of %s is wrong: it takes %s", row->name, why);
    }
}

static int remember(char **place, const struct dd_options_row *row, const char *text)
{
    char masked[DD_VALUE_TEXT];
    dd_value_mask(row, text, masked, sizeof masked);
    free(*place);
    *place = strdup(masked);
    return *place ? 0 : DD_ERROR_MEMORY;
}

/* Sets one option of instance; place names it for the message. */
static int assign(struct dd_options *o, size_t instance, size_t r, const char *text, const char *place, bool from_file)
{
    const struct dd_options_row *row = &o->schema->rows[r];
    char why[512], masked[DD_VALUE_TEXT];
    if (dd_value_set(row, base_of(o, instance), text, why, sizeof why)) {
        dd_value_mask(row, text, masked, sizeof masked);
        dd_log_error("%s: '%s' is not valid: it takes %s", place, masked, why);
        return DD_ERROR_INPUT;
    }
    struct origin *origin = origin_of(o, instance, r);
    return remember(from_file ? &origin->file : &origin->line, row, text);
}

/* ---- the command line ---- */

static void name_on_line(const char *name, char *text, size_t size)
{
    snprintf(text, size, "--%s", name);
    for (char *c = text + 2; *c; c++)
        if (*c == '_')
            *c = '-';
}

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
    /* The argument itself may be a secret that was put in the wrong place: only its name is shown. */
    int length = (int)strcspn(argument, "=");
    if (code == ':')
        dd_log_error("%.*s needs a value", length, argument);
    else
        dd_log_error("%.*s is not an option, or could be several; --help lists them", length, argument);
    return DD_ERROR_INPUT;
}

static int keep_assignment(struct dd_options *o, size_t row, char *argument)
{
    unsigned flags = o->schema->rows[row].flags;
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
    if (argument && (flags & DD_OPTIONS_SECRET || (flags & DD_OPTIONS_HAS_SECRET && strchr(argument, '@'))))
        explicit_bzero(argument, strlen(argument));
    return 0;
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
        int error = keep_assignment(o, (size_t)code - 256, optarg);
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
        char place[80];
        const struct dd_options_row *row = &o->schema->rows[o->line[i].row];
        if (row->scope != scope)
            continue;
        name_on_line(row->name, place, sizeof place);
        int error = assign(o, instance, o->line[i].row, o->line[i].text, place, false);
        if (error)
            return error;
    }
    return 0;
}

/* ---- the file ---- */

static int join_array(const struct dd_json *array, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (const struct dd_json *item = dd_json_first(array); item; item = dd_json_next(item)) {
        const char *part = dd_json_string(item);
        int n = snprintf(text + at, size - at, "%s%s", at ? "," : "", part);
        if (dd_json_type(item) != DD_JSON_STRING || !part[0] || strchr(part, ',') || n < 0 || (size_t)n >= size - at)
            return DD_ERROR_INPUT;
        at += (size_t)n;
    }
    return 0;
}

/* A JSON value as it would stand on the command line. */
static int text_of(const struct dd_options_row *row, const struct dd_json *node, char *text, size_t size)
{
    enum dd_json_type type = dd_json_type(node);
    if (type == DD_JSON_STRING && row->type != DD_OPTIONS_SWITCH)
        return (size_t)snprintf(text, size, "%s", dd_json_string(node)) < size ? 0 : DD_ERROR_INPUT;
    if (type == DD_JSON_BOOLEAN && row->type == DD_OPTIONS_SWITCH)
        snprintf(text, size, "%s", dd_json_boolean(node) ? "true" : "false");
    else if (type == DD_JSON_NUMBER && row->type != DD_OPTIONS_SWITCH && !(row->flags & DD_OPTIONS_SECRET))
        snprintf(text, size, "%.15g", dd_json_number(node));
    else if (type == DD_JSON_ARRAY && row->type == DD_OPTIONS_LIST)
        return join_array(node, text, size);
    else
        return DD_ERROR_INPUT;
    return 0;
}

/* Old names of options are taken in a one-stream file only. */
static const char *current_name(const struct dd_options *o, const char *name)
{
    const char *const *pair = o->schema->old_names;
    for (; pair && pair[0] && !o->named_streams; pair += 2) {
        if (strcmp(pair[0], name) == 0) {
            dd_log_notice("%s: %s is the old name of %s", o->config, name, pair[1]);
            return pair[1];
        }
    }
    return name;
}

static bool has_twin(const struct dd_json *node)
{
    for (const struct dd_json *other = dd_json_next(node); other; other = dd_json_next(other))
        if (strcmp(dd_json_name(other), dd_json_name(node)) == 0)
            return true;
    return false;
}

static int apply_member(struct dd_options *o, size_t instance, const struct dd_json *node, const char *path, bool both_scopes)
{
    char place[512], text[DD_VALUE_TEXT], allowed[256];
    const char *name = current_name(o, dd_json_name(node));
    size_t r = find_row(o->schema, name);
    const struct dd_options_row *row = &o->schema->rows[r];
    snprintf(place, sizeof place, "%s: %s%.100s", o->config, path, name);
    if (r == o->schema->row_count || row->flags & DD_OPTIONS_COMMAND_LINE) {
        dd_log_error("%s: there is no such option%s", place, r == o->schema->row_count ? "" : " in a file");
        return DD_ERROR_INPUT;
    }
    if (both_scopes)
        instance = row->scope == DD_OPTIONS_STREAM ? instance : 0;
    if ((row->scope == DD_OPTIONS_STREAM) != (instance > 0)) {
        dd_log_error("%s: belongs %s", place, instance ? "to the daemon, not to a stream" : "to a stream, not to the daemon");
        return DD_ERROR_INPUT;
    }
    if (has_twin(node)) {
        dd_log_error("%s: is there twice", place);
        return DD_ERROR_INPUT;
    }
    int error = text_of(row, node, text, sizeof text);
    if (error) {
        dd_value_allowed(row, allowed, sizeof allowed);
        dd_log_error("%s: not a value of the right type: it takes %s", place, allowed[0] ? allowed : "a string");
    } else {
        error = assign(o, instance, r, text, place, true);
    }
    explicit_bzero(text, sizeof text);
    return error;
}

static int apply_object(struct dd_options *o, size_t instance, const struct dd_json *object, const char *path, bool both_scopes)
{
    if (dd_json_type(object) != DD_JSON_OBJECT) {
        dd_log_error("%s: %s is not an object, { … }", o->config, path);
        return DD_ERROR_INPUT;
    }
    for (const struct dd_json *node = dd_json_first(object); node; node = dd_json_next(node)) {
        int error = apply_member(o, instance, node, path, both_scopes);
        if (error)
            return error;
    }
    return 0;
}

static int check_name(const struct dd_options *o, const char *name)
{
    size_t length = strlen(name);
    bool right = length >= 1 && length < DD_OPTIONS_NAME_SIZE && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
    if (!right) {
        dd_log_error("%s: '%.80s' cannot name a stream: a to z, 0 to 9, '_' and '-', 1 to %d characters", o->config, name,
                     DD_OPTIONS_NAME_SIZE - 1);
        return DD_ERROR_INPUT;
    }
    for (const char *const *taken = o->schema->taken_names; *taken; taken++) {
        if (strcmp(*taken, name) == 0) {
            dd_log_error("%s: a stream cannot be named %s: that is a path of the site's own", o->config, name);
            return DD_ERROR_INPUT;
        }
    }
    return 0;
}

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

static int read_streams(struct dd_options *o, const struct dd_json *streams)
{
    size_t count = 0;
    o->named_streams = true;
    for (const struct dd_json *node = dd_json_first(streams); node; node = dd_json_next(node)) {
        if (check_name(o, dd_json_name(node)))
            return DD_ERROR_INPUT;
        if (has_twin(node)) {
            dd_log_error("%s: there are two streams named %s", o->config, dd_json_name(node));
            return DD_ERROR_INPUT;
        }
        count++;
    }
    if (dd_json_type(streams) != DD_JSON_OBJECT || count < 1 || count > DD_OPTIONS_STREAMS_MAX) {
        dd_log_error("%s: streams takes { \"name\": { … }, … }, 1 to %d of them", o->config, DD_OPTIONS_STREAMS_MAX);
        return DD_ERROR_INPUT;
    }
    int error = make_streams(o, count);
    size_t i = 0;
    for (const struct dd_json *node = dd_json_first(streams); node && !error; node = dd_json_next(node), i++) {
        char path[96];
        snprintf(o->names[i], sizeof *o->names, "%s", dd_json_name(node));
        snprintf(path, sizeof path, "streams.%s.", dd_json_name(node));
        error = apply_object(o, 1 + i, node, path, false);
    }
    return error;
}

static int apply_document(struct dd_options *o, const struct dd_json *document)
{
    const struct dd_options_schema *schema = o->schema;
    const struct dd_json *streams = dd_json_member(document, "streams");
    if (!streams && schema->single_stream_key && dd_json_member(document, schema->single_stream_key)) {
        int error = make_streams(o, 1);
        return error ? error : apply_object(o, 1, document, "", true);
    }
    if (!streams) {
        dd_log_error("%s: has no \"streams\"%s%s%s", o->config, schema->single_stream_key ? ", and no \"" : "",
                     schema->single_stream_key ? schema->single_stream_key : "", schema->single_stream_key ? "\" either" : "");
        return DD_ERROR_INPUT;
    }
    for (const struct dd_json *node = dd_json_first(document); node; node = dd_json_next(node)) {
        bool known = strcmp(dd_json_name(node), schema->section) == 0 || strcmp(dd_json_name(node), "streams") == 0;
        if (!known || has_twin(node)) {
            dd_log_error("%s: %.100s: %s; at the top stand \"%s\" and \"streams\"", o->config, dd_json_name(node),
                         known ? "is there twice" : "there is no such section", schema->section);
            return DD_ERROR_INPUT;
        }
    }
    char path[64];
    snprintf(path, sizeof path, "%s.", schema->section);
    const struct dd_json *section = dd_json_member(document, schema->section);
    int error = section ? apply_object(o, 0, section, path, false) : 0;
    return error ? error : read_streams(o, streams);
}

static int read_file(struct dd_options *o)
{
    unsigned line = 0;
    int error = DD_ERROR_INPUT;
    char *text = malloc(FILE_MAX);
    if (!text)
        return DD_ERROR_MEMORY;
    long size = dd_file_read(o->config, text, FILE_MAX, false);
    if (size >= 0) {
        struct dd_json *document = dd_json_parse(text, (size_t)size, &line);
        if (!document || dd_json_type(document) != DD_JSON_OBJECT)
            dd_log_error("%s: not valid JSON, from line %u on", o->config, line);
        else
            error = apply_document(o, document);
        dd_json_free(document);
        explicit_bzero(text, (size_t)size);
    }
    free(text);
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
    size_t config = find_row(o->schema, "config");
    const char *path = config < o->schema->row_count ? (const char *)o->daemon + o->schema->rows[config].offset : "";
    if (!path[0]) {
        int error = make_streams(o, 1);
        return error ? error : apply_line(o, 1);
    }
    o->config = strdup(path);
    if (!o->config)
        return DD_ERROR_MEMORY;
    int error = read_file(o);
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
    if (daemon_switch(o, "help") || daemon_switch(o, "version") || daemon_switch(o, "generate_key"))
        return o;
    if (load_streams(o))
        goto err1;
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
    for (size_t i = 0; i < o->line_count; i++)
        wipe_string(o->line[i].text);
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
    size_t row = find_row(o->schema, name);
    if (row == o->schema->row_count)
        return false;
    const struct origin *origin = origin_of(o, instance_of(o, i, row), row);
    return origin->file || origin->line;
}

const char *dd_options_where(struct dd_options *o, size_t i, const char *name)
{
    size_t row = find_row(o->schema, name);
    const struct origin *origin = row < o->schema->row_count ? origin_of(o, instance_of(o, i, row), row) : NULL;
    if (!o->config || (origin && origin->line && !origin->file))
        name_on_line(name, o->where, sizeof o->where);
    else if (!o->named_streams)
        snprintf(o->where, sizeof o->where, "%s: %s", o->config, name);
    else if (instance_of(o, i, row))
        snprintf(o->where, sizeof o->where, "%s: streams.%s.%s", o->config, o->names[i], name);
    else
        snprintf(o->where, sizeof o->where, "%s: %s.%s", o->config, o->schema->section, name);
    return o->where;
}

const struct dd_options_schema *dd_options_schema_of(const struct dd_options *o)
{
    return o->schema;
}

const char *dd_options_said_in_file(const struct dd_options *o, size_t instance, size_t row)
{
    return origin_of(o, instance, row)->file;
}

const char *dd_options_said_on_line(const struct dd_options *o, size_t instance, size_t row)
{
    return origin_of(o, instance, row)->line;
}
