/* The options of a daemon. One table describes each option; the command line, the configuration file, --help, the table of
 * --debug and a test of the documentation use it. The values are stored in two plain structs of the daemon's own, one for the
 * daemon and one for each stream, at the offsets in the table.
 *
 * Command line: --capture-resolution 640x480 or --capture-resolution=640x480; one dash is enough (getopt_long_only(3)).
 * File: JSON, { section: {…}, "streams": { name: {…}, … } }, with underscored names. Without "streams", the options of one stream
 * and of the daemon stand together at the top. */
#ifndef DD_BASE_OPTIONS_H
#define DD_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DD_OPTIONS_NAME_SIZE = 65, DD_OPTIONS_STREAMS_MAX = 256 };

/* With the type of the field that stores it. */
enum dd_options_type {
    DD_OPTIONS_STRING,  /* char[size] */
    DD_OPTIONS_LIST,    /* char[size]: comma-separated; in JSON a string or an array of strings */
    DD_OPTIONS_PATH,    /* char[size]; ~ and ~user expanded */
    DD_OPTIONS_INTEGER, /* int64_t */
    DD_OPTIONS_SIZE,    /* int64_t bytes: 4096, "8Mi", "1G" */
    DD_OPTIONS_RATE,    /* int64_t bit/s: 1000000, "100M" */
    DD_OPTIONS_SECONDS, /* int64_t microseconds */
    DD_OPTIONS_NUMBER,  /* double */
    DD_OPTIONS_SWITCH,  /* bool */
    DD_OPTIONS_CHOICE,  /* int64_t: index in choices */
};

enum dd_options_scope { DD_OPTIONS_STREAM, DD_OPTIONS_DAEMON };

enum {
    DD_OPTIONS_SECRET = 1,       /* never shown, wiped from the command line */
    DD_OPTIONS_HAS_SECRET = 2,   /* may hold one (a URL): shown up to it, wiped from the command line */
    DD_OPTIONS_NO_EFFECT = 4,    /* accepted but not implemented yet; a warning at start says so if it is set */
    DD_OPTIONS_COMMAND_LINE = 8, /* not in a file (--help, --config) */
    DD_OPTIONS_CHECK_EMPTY = 16, /* an empty text is passed to check; for other options it means "not set" */
};

struct dd_options_row {
    const char *name; /* underscored */
    enum dd_options_type type;
    enum dd_options_scope scope;
    size_t offset, size;  /* of its field in the struct of its scope; see DD_OPTIONS_FIELD */
    double min, max;      /* numbers, in the option's unit; equal: no limits */
    const char *choices;  /* "tcp|udp" */
    const char *fallback; /* the default as a user would write it; NULL: none, the field stays zero */
    const char *argument; /* placeholder of the value in --help: "SECONDS"; NULL for switches */
    const char *help;     /* one sentence, no full stop */
    unsigned flags;
    /* Where the stream has this other option with this value, the option is no secret but the path of a file. NULL: nowhere. */
    struct {
        const char *option, *value;
    } path_if;
    /* A further check of a text value; NULL: none. Returns 0; or DD_ERROR_INPUT with what would be right in why. */
    int (*check)(const char *text, char *why, size_t why_size);
};

#define DD_OPTIONS_FIELD(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)

struct dd_options_schema {
    const char *program; /* "ddsend" */
    const char *summary; /* lines before the options in --help */
    const struct dd_options_row *rows;
    size_t row_count;
    const char *section; /* of the daemon in the file: "sender" */
    size_t daemon_size, stream_size;
    const char *default_stream;        /* name of a stream set up by flags: "stream" */
    const char *const *reserved_names; /* that no stream may have; ends with NULL */
    const char *single_stream_key;     /* a file with this at its top is one stream: "mode"; NULL: a file has streams */
    /* Pairs of old and new names, taken from a one-stream file with a notice; ends with NULL. May be NULL. */
    const char *const *old_names;
};

struct dd_options;

/* Reads the command line and the file named by --config, and wipes secrets from argv. Without --config there is one stream, named
 * default_stream. If one of the daemon's switches help, version or generate_key is set, no file is read and nothing is required.
 * Returned-owned: dd_options_free(). NULL, logged, on any error. */
struct dd_options *dd_options_load(const struct dd_options_schema *schema, int argc, char **argv);
/* Wipes and frees. */
void dd_options_free(struct dd_options *o);

/* The structs of the daemon's and of stream i's options, and the stream's name. Borrowed; mutable, so that the daemon can wipe
 * the secrets that it has passed on. */
void *dd_options_daemon(struct dd_options *o);
size_t dd_options_stream_count(const struct dd_options *o);
void *dd_options_stream(struct dd_options *o, size_t i);
const char *dd_options_stream_name(const struct dd_options *o, size_t i);
/* True if the streams come from "streams" in a file; false for the single stream of the command line or of a one-stream file. */
bool dd_options_named_streams(const struct dd_options *o);
/* True if the file or the command line set the option. i: the stream, ignored for the daemon's options. */
bool dd_options_is_set(const struct dd_options *o, size_t i, const char *name);
/* Names the place that set an option, for messages: "ddsend.json: streams.lobby.key_file" or "--key-file". Borrowed until the
 * next call. */
const char *dd_options_where(struct dd_options *o, size_t i, const char *name);

/* For option_help.c: the schema; and the text that the file or the command line gave for a row, masked, borrowed; NULL: none.
 * instance: 0 for the daemon's options, 1 + i for those of stream i. */
const struct dd_options_schema *dd_options_schema_of(const struct dd_options *o);
const char *dd_options_text_in_file(const struct dd_options *o, size_t instance, size_t row);
const char *dd_options_text_on_line(const struct dd_options *o, size_t instance, size_t row);

#endif
