#include "recv/role_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/base/file.h"
#include "dd/base/log.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "dd/link/reassembly.h"
#include "recv/forget_session.h"
#include "recv/intake/intake_role.h"
#include "recv/serve/jpeg_codec.h"
#include "recv/serve/serve_memory.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/stale_mark.h"
#include "recv/sockets.h"

/* One stream while it is checked: its options, and what they become. */
struct draft {
    struct dd_options *options;
    size_t i;
    struct dd_recv_stream *stream;
    struct dd_intake_stream *intake;
    struct dd_serve_stream *serve;
};

static const char *where(const struct draft *d, const char *name)
{
    return dd_options_where(d->options, d->i, name);
}

static bool is_set(const struct draft *d, const char *name)
{
    return dd_options_is_set(d->options, d->i, name);
}

static int add_key(const struct draft *d, const char *option, const char *text)
{
    const char *why = "";
    if (d->intake->key_count == DD_INTAKE_KEYS_MAX) {
        dd_log_error("%s: at most %d keys", where(d, option), DD_INTAKE_KEYS_MAX);
        return DD_ERROR_INPUT;
    }
    int error = dd_key_parse(text, d->intake->keys[d->intake->key_count], &why);
    const char *file = strcmp(option, "key_file") == 0 ? d->stream->key_file : "";
    if (error)
        dd_log_error("%s%s%s: not a key: %s", where(d, option), file[0] ? " " : "", file, why);
    d->intake->key_count++;
    return error;
}

/* Reads the keys from the one of key, key_file and keys that is set. */
static int read_keys(const struct draft *d)
{
    struct dd_recv_stream *s = d->stream;
    char *save = NULL;
    int error = 0;
    if (is_set(d, "key") + is_set(d, "key_file") + is_set(d, "keys") != 1) {
        dd_log_error("%s, key_file or keys: one of them has to be set; make a key with: ddsend --generate-key", where(d, "key"));
        return DD_ERROR_INPUT;
    }
    if (is_set(d, "key_file")) {
        error = dd_file_read_secret_line(s->key_file, s->key, sizeof s->key);
        error = error ? error : add_key(d, "key_file", s->key);
    } else if (is_set(d, "key")) {
        error = add_key(d, "key", s->key);
    }
    for (char *text = strtok_r(s->keys, ", ", &save); text && !error; text = strtok_r(NULL, ", ", &save))
        error = add_key(d, "keys", text);
    explicit_bzero(s->key, sizeof s->key);
    explicit_bzero(s->keys, sizeof s->keys);
    if (!error && !d->intake->key_count) {
        dd_log_error("%s: holds no key", where(d, "keys"));
        error = DD_ERROR_INPUT;
    }
    return error;
}

/* Finds the UDP socket that the stream shares with earlier ones, or adds one. */
static int find_port(struct dd_recv_role_config *config, const struct draft *d)
{
    struct dd_recv_role_config_port wanted = {.port = (uint16_t)d->stream->udp_port};
    if (!is_set(d, "udp_port")) {
        dd_log_error("%s is missing", where(d, "udp_port"));
        return DD_ERROR_INPUT;
    }
    snprintf(wanted.host, sizeof wanted.host, "%s", d->stream->udp_host);
    snprintf(wanted.interface, sizeof wanted.interface, "%s", d->stream->udp_interface);
    size_t i = 0;
    while (i < config->port_count && memcmp(&config->ports[i], &wanted, sizeof wanted))
        i++;
    if (i == config->port_count)
        config->ports[config->port_count++] = wanted;
    d->intake->socket = (uint32_t)i;
    return 0;
}

static int check_limits(const struct draft *d)
{
    const struct dd_recv_stream *s = d->stream;
    /* with less, the ring could not keep the newest picture while the next one is written */
    if (s->buffer_bytes < 3 * s->max_frame_bytes) {
        dd_log_error("%s: has to hold three pictures of max_frame_bytes, so at least %jd", where(d, "buffer_bytes"),
                     (intmax_t)(3 * s->max_frame_bytes));
        return DD_ERROR_INPUT;
    }
    if (s->stale_seconds <= s->live_seconds) {
        dd_log_error("%s: has to be more than live_seconds", where(d, "stale_seconds"));
        return DD_ERROR_INPUT;
    }
    return 0;
}

static void configure_serve(const struct draft *d, const char *name)
{
    const struct dd_recv_stream *s = d->stream;
    struct dd_serve_stream *out = d->serve;
    snprintf(out->name, sizeof out->name, "%s", name);
    snprintf(out->title, sizeof out->title, "%s", s->name[0] ? s->name : name);
    snprintf(out->description, sizeof out->description, "%s", s->description);
    snprintf(out->group, sizeof out->group, "%s", s->group);
    snprintf(out->display_resolution, sizeof out->display_resolution, "%s", s->display_resolution);
    out->order = s->order;
    out->stale_mark = s->stale_mark;
    out->live_us = (uint64_t)s->live_seconds;
    out->stale_us = (uint64_t)s->stale_seconds;
    out->max_frame_bytes = (uint32_t)s->max_frame_bytes;
    out->ring = (struct dd_frame_ring_shape){.entries = (uint32_t)s->buffer_size, .arena_bytes = (uint64_t)s->buffer_bytes};
}

bool dd_recv_role_config_knows_stores(struct dd_options *options, const char *command)
{
    if (dd_options_named_streams(options) || dd_options_is_set(options, 0, "udp_port"))
        return true;
    dd_log_error("%s: of which stream? Give --config too, or the --udp-port of a stream set up by flags", command);
    return false;
}

void dd_recv_role_config_store_name(struct dd_options *options, size_t i, char name[static DD_OPTIONS_NAME_SIZE])
{
    const struct dd_recv_stream *stream = dd_options_stream(options, i);
    /* Streams set up by flags all have the same name, but different ports. No stream's name has a dot, so this one is free. */
    if (dd_options_named_streams(options))
        snprintf(name, DD_OPTIONS_NAME_SIZE, "%s", dd_options_stream_name(options, i));
    else
        snprintf(name, DD_OPTIONS_NAME_SIZE, "udp.%jd", (intmax_t)stream->udp_port);
}

static void add_stream_memory(struct dd_memory_table *memory, const struct dd_serve_stream *s)
{
    dd_memory_table_add(memory, "intake, serve", "ring: buffer_bytes, and its index", dd_frame_ring_memory(&s->ring));
    dd_memory_table_add(memory, "intake", "unfinished pictures, and their parity", dd_reassembly_memory(s->max_frame_bytes));
}

static int build_stream(struct dd_recv_role_config *config, const struct draft *d)
{
    const char *name = dd_options_stream_name(d->options, d->i);
    if (read_keys(d) || find_port(config, d) || check_limits(d))
        return DD_ERROR_INPUT;
    configure_serve(d, name);
    snprintf(d->intake->name, sizeof d->intake->name, "%s", name);
    snprintf(d->intake->stream_id, sizeof d->intake->stream_id, "%.*s", DD_KEY_STREAM_ID_MAX, d->stream->stream_id);
    dd_recv_role_config_store_name(d->options, d->i, d->intake->store_name);
    d->intake->max_frame_bytes = d->serve->max_frame_bytes;
    d->intake->live_us = d->serve->live_us;
    d->intake->delay_drift_us = (uint64_t)d->stream->delay_drift;
    d->intake->ring = d->serve->ring;
    add_stream_memory(&config->memory, d->serve);
    return 0;
}

static void add_serve_memory(struct dd_memory_table *table, const struct dd_serve_config *serve)
{
    struct dd_serve_memory memory;
    dd_serve_memory_compute(serve, &memory);
    dd_memory_table_add(table, "serve", "the newest pictures", memory.newest);
    dd_memory_table_add(table, "serve", "pictures that slow viewers still read", memory.older);
    dd_memory_table_add(table, "serve", "drawing of stale marks", memory.marking);
    dd_memory_table_add(table, "serve", "HTTP connections", memory.connections);
    dd_memory_table_add(table, "kernel", "sockets of HTTP connections", memory.sockets);
}

/* The key id tells which stream a datagram is for. An attacker could swap streams that have the same. */
static int check_key_ids(const struct dd_recv_role_config *config)
{
    struct {
        uint32_t id, stream;
    } *seen = calloc(config->stream_count * DD_INTAKE_KEYS_MAX, sizeof *seen);
    size_t count = 0;
    int error = seen ? 0 : DD_ERROR_MEMORY;
    for (uint32_t i = 0; i < config->stream_count && !error; i++) {
        const struct dd_intake_stream *s = &config->intake->streams[i];
        for (uint32_t k = 0; k < s->key_count && !error; k++) {
            struct dd_key key;
            error = dd_key_derive(&key, s->keys[k], s->stream_id);
            for (size_t j = 0; j < count && !error; j++) {
                if (seen[j].id != key.id)
                    continue;
                if (seen[j].stream == i)
                    dd_log_error("the stream %s has one key twice", s->name);
                else
                    dd_log_error("the streams %s and %s have the same key and stream_id, so that one could be passed off as the "
                                 "other: give each a key of its own, or at least a stream_id",
                                 config->intake->streams[seen[j].stream].name, s->name);
                error = DD_ERROR_INPUT;
            }
            seen[count].id = key.id;
            seen[count++].stream = i;
            explicit_bzero(&key, sizeof key);
        }
    }
    free(seen);
    return error;
}

static int allocate(struct dd_recv_role_config *config, size_t count)
{
    config->stream_count = count;
    config->intake_size = sizeof *config->intake + count * sizeof config->intake->streams[0];
    config->serve_size = sizeof *config->serve + count * sizeof config->serve->streams[0];
    config->intake = calloc(1, config->intake_size);
    config->serve = calloc(1, config->serve_size);
    if (config->intake && config->serve)
        return 0;
    dd_log_error("out of memory");
    return DD_ERROR_MEMORY;
}

int dd_recv_role_config_build(struct dd_recv_role_config *config, struct dd_options *options)
{
    const struct dd_recv_daemon *daemon = dd_options_daemon(options);
    memset(config, 0, sizeof *config);
    int error = allocate(config, dd_options_stream_count(options));
    for (size_t i = 0; i < config->stream_count && !error; i++) {
        struct draft d = {.options = options,
                          .i = i,
                          .stream = dd_options_stream(options, i),
                          .intake = &config->intake->streams[i],
                          .serve = &config->serve->streams[i]};
        error = build_stream(config, &d);
    }
    if (!error)
        error = check_key_ids(config);
    if (error) {
        dd_recv_role_config_free(config);
        return error;
    }
    dd_memory_table_add(&config->memory, "intake", "datagrams of one batch", DD_INTAKE_BATCH_BYTES);
    dd_memory_table_add(&config->memory, "kernel", "receive buffers of UDP ports", config->port_count * DD_SOCKETS_UDP_BYTES);
    dd_forget_session_write_command(options, config->intake->command, sizeof config->intake->command);
    config->intake->stream_count = (uint32_t)config->stream_count;
    config->intake->socket_count = (uint32_t)config->port_count;
    snprintf(config->serve->html_title, sizeof config->serve->html_title, "%s", daemon->html_title);
    snprintf(config->serve->embed_origins, sizeof config->serve->embed_origins, "%s", daemon->embed_origins);
    config->serve->max_viewers = (uint32_t)daemon->max_viewers;
    config->serve->single = !dd_options_named_streams(options);
    config->serve->stream_count = (uint32_t)config->stream_count;
    add_serve_memory(&config->memory, config->serve);
    return 0;
}

void dd_recv_role_config_free(struct dd_recv_role_config *config)
{
    if (config->intake)
        explicit_bzero(config->intake, config->intake_size);
    free(config->intake);
    free(config->serve);
    memset(config, 0, sizeof *config);
}
