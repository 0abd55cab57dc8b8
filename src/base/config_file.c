#include "base/config_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/base/file.h"
#include "dd/base/json.h"
#include "dd/base/log.h"
#include "dd/base/option_value.h"

enum { FILE_MAX = 4 * 1024 * 1024 };

/* The file that is being read into config. */
struct reading {
    struct dd_config_file *config;
    const struct dd_options_schema *schema;
    const char *path;
};

static int add_setting(struct dd_config_file *config, size_t instance, size_t row, const char *text)
{
    if (config->setting_count == config->setting_room) {
        size_t room = config->setting_room ? 2 * config->setting_room : 64;
        struct dd_config_file_setting *grown = realloc(config->settings, room * sizeof *grown);
        if (!grown)
            return DD_ERROR_MEMORY;
        config->settings = grown;
        config->setting_room = room;
    }
    char *copy = strdup(text);
    if (!copy)
        return DD_ERROR_MEMORY;
    config->settings[config->setting_count++] = (struct dd_config_file_setting){.instance = instance, .row = row, .text = copy};
    return 0;
}

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

/* Writes a JSON value as text, as on the command line. DD_ERROR_INPUT if its type is wrong for row. */
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

/* Old names of options are accepted only in a one-stream file. */
static const char *current_name(const struct reading *r, const char *name)
{
    const char *const *pair = r->schema->old_names;
    for (; pair && pair[0] && !r->config->named_streams; pair += 2) {
        if (strcmp(pair[0], name) == 0) {
            dd_log_notice("%s: %s is the old name of %s", r->path, name, pair[1]);
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

/* Why a member must not stand where it does; NULL if it may. */
static const char *misplaced(const struct reading *r, size_t row, bool in_stream, bool one_stream, const struct dd_json *node)
{
    if (row == r->schema->row_count)
        return "there is no such option";
    if (r->schema->rows[row].flags & DD_OPTIONS_COMMAND_LINE)
        return "this option is for the command line only";
    if (has_twin(node))
        return "it is there twice";
    bool of_stream = r->schema->rows[row].scope == DD_OPTIONS_STREAM;
    if (one_stream || of_stream == in_stream)
        return NULL;
    return of_stream ? "this option belongs to a stream, not to the daemon"
                     : "this option belongs to the daemon, not to a stream";
}

static int read_member(const struct reading *r, size_t instance, const struct dd_json *node, const char *section, bool one_stream)
{
    char text[DD_OPTION_VALUE_TEXT], allowed[256];
    const char *name = current_name(r, dd_json_name(node));
    size_t row = dd_option_value_find_row(r->schema, name);
    const char *wrong = misplaced(r, row, instance > 0, one_stream, node);
    if (wrong) {
        dd_log_error("%s: %s%.100s: %s", r->path, section, name, wrong);
        return DD_ERROR_INPUT;
    }
    if (r->schema->rows[row].scope == DD_OPTIONS_DAEMON)
        instance = 0;
    int error = text_of(&r->schema->rows[row], node, text, sizeof text);
    if (error) {
        dd_option_value_allowed(&r->schema->rows[row], allowed, sizeof allowed);
        dd_log_error("%s: %s%s: not a value of the right type: it takes %s", r->path, section, name,
                     allowed[0] ? allowed : "a string");
    } else {
        error = add_setting(r->config, instance, row, text);
    }
    explicit_bzero(text, sizeof text);
    return error;
}

static int read_object(const struct reading *r, size_t instance, const struct dd_json *object, const char *section,
                       bool one_stream)
{
    if (dd_json_type(object) != DD_JSON_OBJECT) {
        dd_log_error("%s: %.*s is not an object, { … }", r->path, (int)strlen(section) - 1, section);
        return DD_ERROR_INPUT;
    }
    int error = 0;
    for (const struct dd_json *node = dd_json_first(object); node && !error; node = dd_json_next(node))
        error = read_member(r, instance, node, section, one_stream);
    return error;
}

static int check_name(const struct reading *r, const char *name)
{
    size_t length = strlen(name);
    if (length < 1 || length >= DD_OPTIONS_NAME_SIZE || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != length) {
        dd_log_error("%s: '%.80s' cannot name a stream: it takes a to z, 0 to 9, '_' and '-', 1 to %d characters", r->path, name,
                     DD_OPTIONS_NAME_SIZE - 1);
        return DD_ERROR_INPUT;
    }
    for (const char *const *reserved = r->schema->reserved_names; *reserved; reserved++) {
        if (strcmp(*reserved, name) == 0) {
            dd_log_error("%s: a stream cannot be named %s: that is a path of the site's own", r->path, name);
            return DD_ERROR_INPUT;
        }
    }
    return 0;
}

static int count_streams(const struct reading *r, const struct dd_json *streams)
{
    size_t count = 0;
    for (const struct dd_json *node = dd_json_first(streams); node; node = dd_json_next(node), count++) {
        if (check_name(r, dd_json_name(node)))
            return DD_ERROR_INPUT;
        if (has_twin(node)) {
            dd_log_error("%s: there are two streams named %s", r->path, dd_json_name(node));
            return DD_ERROR_INPUT;
        }
    }
    if (dd_json_type(streams) != DD_JSON_OBJECT || count < 1 || count > DD_OPTIONS_STREAMS_MAX) {
        dd_log_error("%s: streams takes { \"name\": { … }, … }, 1 to %d of them", r->path, DD_OPTIONS_STREAMS_MAX);
        return DD_ERROR_INPUT;
    }
    r->config->names = calloc(count, sizeof *r->config->names);
    return r->config->names ? 0 : DD_ERROR_MEMORY;
}

static int read_streams(const struct reading *r, const struct dd_json *streams)
{
    int error = count_streams(r, streams);
    for (const struct dd_json *node = dd_json_first(streams); node && !error; node = dd_json_next(node)) {
        char section[96];
        size_t i = r->config->stream_count++;
        snprintf(r->config->names[i], sizeof *r->config->names, "%s", dd_json_name(node));
        snprintf(section, sizeof section, "streams.%s.", dd_json_name(node));
        error = read_object(r, 1 + i, node, section, false);
    }
    return error;
}

static int check_top(const struct reading *r, const struct dd_json *document)
{
    for (const struct dd_json *node = dd_json_first(document); node; node = dd_json_next(node)) {
        const char *name = dd_json_name(node);
        bool known = strcmp(name, r->schema->section) == 0 || strcmp(name, "streams") == 0;
        if (!known || has_twin(node)) {
            dd_log_error("%s: %.100s: %s; at the top stand \"%s\" and \"streams\"", r->path, name,
                         known ? "it is there twice" : "there is no such section", r->schema->section);
            return DD_ERROR_INPUT;
        }
    }
    return 0;
}

static int read_one_stream(const struct reading *r, const struct dd_json *document)
{
    r->config->names = calloc(1, sizeof *r->config->names);
    if (!r->config->names)
        return DD_ERROR_MEMORY;
    r->config->stream_count = 1;
    snprintf(r->config->names[0], sizeof *r->config->names, "%s", r->schema->default_stream);
    return read_object(r, 1, document, "", true);
}

static int read_document(const struct reading *r, const struct dd_json *document)
{
    const char *single = r->schema->single_stream_key;
    const struct dd_json *streams = dd_json_member(document, "streams");
    if (!streams && single && dd_json_member(document, single))
        return read_one_stream(r, document);
    if (!streams) {
        dd_log_error("%s: has no \"streams\"%s%s%s", r->path, single ? ", and no \"" : "", single ? single : "",
                     single ? "\" either" : "");
        return DD_ERROR_INPUT;
    }
    r->config->named_streams = true;
    int error = check_top(r, document);
    const struct dd_json *section = dd_json_member(document, r->schema->section);
    if (!error && section) {
        char path[64];
        snprintf(path, sizeof path, "%s.", r->schema->section);
        error = read_object(r, 0, section, path, false);
    }
    return error ? error : read_streams(r, streams);
}

static int read_text(const struct reading *r, char *text)
{
    unsigned line = 0;
    int error = DD_ERROR_INPUT;
    long size = dd_file_read(r->path, text, FILE_MAX, false);
    if (size < 0)
        return (int)size;
    struct dd_json *document = dd_json_parse(text, (size_t)size, &line);
    explicit_bzero(text, (size_t)size);
    if (!document)
        dd_log_error("%s: not valid JSON at line %u", r->path, line);
    else if (dd_json_type(document) != DD_JSON_OBJECT)
        dd_log_error("%s: not an object, { … }", r->path);
    else
        error = read_document(r, document);
    dd_json_free(document);
    return error;
}

static bool has_setting(const struct reading *r, size_t instance, const char *option, const char *value)
{
    for (size_t i = 0; i < r->config->setting_count; i++) {
        const struct dd_config_file_setting *s = &r->config->settings[i];
        if (s->instance == instance && strcmp(r->schema->rows[s->row].name, option) == 0 && strcmp(s->text, value) == 0)
            return true;
    }
    return false;
}

static bool holds_secret(const struct reading *r, const struct dd_config_file_setting *s)
{
    const struct dd_options_row *row = &r->schema->rows[s->row];
    bool is_path = row->path_if.option && has_setting(r, s->instance, row->path_if.option, row->path_if.value);
    return !is_path && dd_option_value_holds_secret(row, s->text);
}

/* Names a setting: "streams.lobby.key". */
static void name_setting(const struct reading *r, const struct dd_config_file_setting *s, char *text, size_t size)
{
    const char *name = r->schema->rows[s->row].name;
    if (!r->config->named_streams)
        snprintf(text, size, "%s", name);
    else if (s->instance)
        snprintf(text, size, "streams.%s.%s", r->config->names[s->instance - 1], name);
    else
        snprintf(text, size, "%s.%s", r->schema->section, name);
}

/* A file with a secret must not be readable by everyone. */
static int check_mode(const struct reading *r)
{
    char name[160];
    for (size_t i = 0; i < r->config->setting_count; i++) {
        const struct dd_config_file_setting *s = &r->config->settings[i];
        if (!holds_secret(r, s))
            continue;
        name_setting(r, s, name, sizeof name);
        return dd_file_check_secret(r->path, name);
    }
    return 0;
}

int dd_config_file_read(struct dd_config_file *config, const struct dd_options_schema *schema, const char *path)
{
    struct reading r = {.config = config, .schema = schema, .path = path};
    memset(config, 0, sizeof *config);
    char *text = malloc(FILE_MAX);
    int error = text ? read_text(&r, text) : DD_ERROR_MEMORY;
    free(text);
    if (!error)
        error = check_mode(&r);
    if (error == DD_ERROR_MEMORY)
        dd_log_error("out of memory");
    if (error)
        dd_config_file_free(config);
    return error;
}

void dd_config_file_free(struct dd_config_file *config)
{
    for (size_t i = 0; i < config->setting_count; i++) {
        explicit_bzero(config->settings[i].text, strlen(config->settings[i].text));
        free(config->settings[i].text);
    }
    free(config->settings);
    free(config->names);
    memset(config, 0, sizeof *config);
}
