#include "send/role_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/file.h"
#include "dd/base/log.h"
#include "dd/base/option_value.h"
#include "dd/link/fragmenter.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "dd/link/wire.h"
#include "send/capture/capture_role.h"
#include "send/capture/net/tls.h"
#include "send/capture/net/url.h"
#include "send/capture/pipeline/pipeline.h"
#include "send/capture/source.h"
#include "send/capture/source_table.h"
#include "send/capture/vnc/address.h"
#include "send/capture/vnc/password.h"
#include "send/capture/web/web_options.h"
#include "send/destination.h"
#include "send/options.h"
#include "send/picture.h"
#include "send/transmit/jpeg_encoder.h"
#include "send/transmit/oneway_socket.h"
#include "send/transmit/transmit_role.h"

enum { RING_SLOTS = 3, JPEG_BUFFERS = 3 };

/* One stream while it is checked: its options, and what they become. */
struct draft {
    struct dd_options *options;
    size_t i;
    struct dd_send_stream *stream;
    struct dd_transmit_stream *transmit;
    struct dd_capture_config *capture;
    char *label; /* DD_SEND_ROLE_CONFIG_LABEL */
};

static int require(const struct draft *d, const char *name)
{
    if (dd_options_is_set(d->options, d->i, name))
        return 0;
    dd_log_error("%s is missing", dd_options_where(d->options, d->i, name));
    return DD_ERROR_INPUT;
}

/* Reads ca_file here: capture runs as another user, who may not be able to. */
static int read_ca_file(const struct draft *d)
{
    struct dd_send_stream *s = d->stream;
    const char *where = dd_options_where(d->options, d->i, "ca_file");
    long got = dd_file_read(s->ca_file, s->ca_pem, sizeof s->ca_pem - 1, false);

    if (got < 0) {
        dd_log_error("%s needs a file with certificates", where);
        return DD_ERROR_INPUT;
    }
    s->ca_pem[got] = '\0';
    int count = strlen(s->ca_pem) == (size_t)got ? dd_tls_count_certificates(s->ca_pem) : -1;
    if (count > 0)
        return 0;
    dd_log_error("%s %s: %s (PEM, \"-----BEGIN CERTIFICATE-----\")", where, s->ca_file,
                 count < 0 ? "not all of it can be read as certificates" : "there is no certificate in it");
    return DD_ERROR_INPUT;
}

static int check_rtsp(const struct draft *d)
{
    struct dd_url url;
    int error = dd_url_parse(&url, d->stream->source);
    bool tls = !error && strcmp(url.scheme, "rtsps") == 0, plain = !error && strcmp(url.scheme, "rtsp") == 0;
    dd_url_wipe(&url);
    if (!tls && !plain) {
        dd_log_error("%s: %s", dd_options_where(d->options, d->i, "source"),
                     error == DD_ERROR_AMBIGUOUS ? DD_URL_AMBIGUOUS_TEXT
                                                 : "not the URL of a camera: it takes rtsp://host/path or rtsps://host/path");
        return DD_ERROR_INPUT;
    }
    if (tls && d->stream->rtsp_transport == DD_SEND_RTSP_UDP) {
        dd_log_error("%s: the video of an rtsps:// source comes through its TLS connection; by udp it would come in clear",
                     dd_options_where(d->options, d->i, "rtsp_transport"));
        return DD_ERROR_INPUT;
    }
    return d->stream->ca_file[0] ? read_ca_file(d) : 0;
}

static int check_vnc(const struct draft *d)
{
    struct dd_vnc_address address;
    if (dd_vnc_address_parse(&address, d->stream->source, (int)d->stream->vnc_display)) {
        dd_log_error(
            "%s: not the address of a VNC server: it takes host, host:display or host::port, an IPv6 address in brackets",
            dd_options_where(d->options, d->i, "source"));
        return DD_ERROR_INPUT;
    }
    if (d->stream->tls_anonymous && d->stream->ca_file[0]) {
        dd_log_error("%s and ca_file: TLS without a certificate cannot be checked against one; only one of them can be",
                     dd_options_where(d->options, d->i, "tls_anonymous"));
        return DD_ERROR_INPUT;
    }
    return d->stream->ca_file[0] ? read_ca_file(d) : 0;
}

/* Reads a file into text and ends it with NUL. "" without a path. As with ca_file, capture could not read it. */
static int read_text_file(const struct draft *d, const char *name, const char *path, char *text, size_t size, bool secret)
{
    const char *where = dd_options_where(d->options, d->i, name);
    long got = *path ? dd_file_read(path, text, size - 1, secret) : 0;

    if (got < 0) {
        dd_log_error("%s needs a file of at most %zu bytes", where, size - 1);
        return DD_ERROR_INPUT;
    }
    text[got] = '\0';
    if (strlen(text) == (size_t)got)
        return 0;
    dd_log_error("%s %s: it is no text", where, path);
    return DD_ERROR_INPUT;
}

/* A log-in form needs all three selectors, a user name and a password. */
static int check_login(const struct draft *d)
{
    static const char *const names[] = {"login_user_selector", "login_password_selector", "login_submit_selector", "username"};
    enum { NAMES = sizeof names / sizeof *names, SELECTORS = NAMES - 1 };
    size_t selectors = 0;

    for (size_t k = 0; k < SELECTORS; k++)
        selectors += dd_options_is_set(d->options, d->i, names[k]);
    for (size_t k = 0; k < NAMES && selectors; k++)
        if (require(d, names[k]))
            return DD_ERROR_INPUT;
    if (!selectors || dd_options_is_set(d->options, d->i, "password"))
        return 0;
    return require(d, "password_file");
}

static int check_web(const struct draft *d)
{
    struct dd_send_stream *s = d->stream;
    struct dd_web_options *web_options = calloc(1, sizeof *web_options);
    char why[256];
    int error = DD_ERROR_MEMORY;

    if (web_options)
        error = read_text_file(d, "css_file", s->css_file, s->css, sizeof s->css, false);
    if (!error)
        error = read_text_file(d, "headers_file", s->headers_file, s->headers, sizeof s->headers, true);
    if (!error) {
        const char *fault;
        error = dd_web_options_parse(web_options, s, &fault, why, sizeof why);
        dd_web_options_wipe(web_options);
        if (error)
            dd_log_error("%s: %s", dd_options_where(d->options, d->i, fault), why);
    }
    free(web_options);
    if (!error)
        error = check_login(d);
    return !error && s->ca_file[0] ? read_ca_file(d) : error;
}

static int check_source(const struct draft *d)
{
    if (require(d, "mode"))
        return DD_ERROR_INPUT;
    if (!dd_source_table_find(d->stream->mode)) {
        dd_log_error("%s: this version cannot watch such sources yet", dd_options_where(d->options, d->i, "mode"));
        return DD_ERROR_INPUT;
    }
    if (d->stream->mode == DD_SEND_TEST)
        return 0;
    if (require(d, "source"))
        return DD_ERROR_INPUT;
    switch (d->stream->mode) {
    case DD_SEND_RTSP:
        return check_rtsp(d);
    case DD_SEND_VNC:
        return check_vnc(d);
    default:
        return check_web(d);
    }
}

/* An option and its _file exclude each other. 1 if the file is set, else 0; DD_ERROR_INPUT, logged, if both are. */
static int choose_file(const struct draft *d, const char *name, const char *file_name)
{
    bool direct = dd_options_is_set(d->options, d->i, name), file = dd_options_is_set(d->options, d->i, file_name);
    if (direct && file) {
        dd_log_error("%s and %s: only one of them can be", dd_options_where(d->options, d->i, name), file_name);
        return DD_ERROR_INPUT;
    }
    return file;
}

static int read_key(const struct draft *d)
{
    const char *why = "";
    struct dd_send_stream *s = d->stream;
    int file = choose_file(d, "key", "key_file");
    if (file < 0)
        return file;
    if (file && dd_file_read_secret_line(s->key_file, s->key, sizeof s->key))
        return DD_ERROR_INPUT;
    if (!file && !dd_options_is_set(d->options, d->i, "key")) {
        dd_log_error("%s is missing; make a key with: ddsend --generate-key > camera1.key, and give both ends the file",
                     dd_options_where(d->options, d->i, "key_file"));
        return DD_ERROR_INPUT;
    }
    int error = dd_key_parse(s->key, d->transmit->key, &why);
    explicit_bzero(s->key, sizeof s->key);
    if (error)
        dd_log_error("%s%s%s: not a key: %s", dd_options_where(d->options, d->i, file ? "key_file" : "key"), file ? " " : "",
                     file ? s->key_file : "", why);
    return error;
}

/* In vnc mode "password" names a file that vncpasswd wrote. Replaces the name by the password in that file. */
static int read_vncpasswd(const struct draft *d)
{
    struct dd_send_stream *s = d->stream;
    const char *where = dd_options_where(d->options, d->i, "password");
    uint8_t bytes[2 * DD_VNC_PASSWORD_MAX];
    char path[DD_SEND_PATH];
    int error = DD_ERROR_INPUT;
    /* the name is not logged: it may be a password, given by mistake */
    if (dd_option_value_expand_path(s->password, path, sizeof path) || access(path, F_OK) < 0) {
        dd_log_error("%s: there is no such file; of a VNC desktop it names a file made by vncpasswd, and password_file one with "
                     "the password in clear",
                     where);
        goto done;
    }
    long got = dd_file_read(path, bytes, sizeof bytes, true);
    if (got == DD_ERROR_SPACE || (got >= 0 && dd_vnc_password_decode(bytes, (size_t)got, s->password) == DD_ERROR_INPUT))
        dd_log_error("%s %s: not a file made by vncpasswd, of 8 bytes; a password in clear goes into a password_file", where,
                     path);
    else if (got >= 0 && !s->password[0])
        dd_log_error("%s %s: the password in it is empty", where, path);
    else
        error = got < 0 ? DD_ERROR_INPUT : 0;
done:
    explicit_bzero(bytes, sizeof bytes);
    explicit_bzero(path, sizeof path);
    return error;
}

static int read_password(const struct draft *d)
{
    struct dd_send_stream *s = d->stream;
    int file = choose_file(d, "password", "password_file");
    if (file == 0 && d->stream->mode == DD_SEND_VNC && s->password[0])
        return read_vncpasswd(d);
    if (file <= 0)
        return file;
    return dd_file_read_secret_line(s->password_file, s->password, sizeof s->password) ? DD_ERROR_INPUT : 0;
}

static int check_mtu(const struct draft *d, const struct dd_destination *to)
{
    const struct dd_send_daemon *daemon = dd_options_daemon(d->options);
    struct dd_oneway_socket_config config = {.family = to->socket_address.ss_family, .bind_interface = daemon->bind_interface};
    unsigned mtu = dd_oneway_socket_mtu(&config, to), headers = dd_destination_header_bytes(to);
    if (!mtu) {
        dd_log_warning("there is no route to %s now; datagrams are lost until there is one", to->text);
        return 0;
    }
    if (d->stream->max_packet_size + headers <= mtu)
        return 0;
    dd_log_error("%s: %jd bytes and %u of headers do not fit the MTU of %u on the way to %s: at most %u",
                 dd_options_where(d->options, d->i, "max_packet_size"), (intmax_t)d->stream->max_packet_size, headers, mtu,
                 to->text, mtu - headers);
    return DD_ERROR_INPUT;
}

static int read_addresses(const struct draft *d)
{
    char why[256];
    struct dd_transmit_stream *t = d->transmit;
    if (require(d, "cloud_ip"))
        return DD_ERROR_INPUT;
    int error =
        dd_destination_parse_list(d->stream->cloud_ip, (uint16_t)d->stream->cloud_port, t->to, &t->to_count, why, sizeof why);
    if (error)
        dd_log_error("%s: '%s' is not valid: it takes %s", dd_options_where(d->options, d->i, "cloud_ip"), d->stream->cloud_ip,
                     why);
    for (size_t i = 0; i < t->to_count && !error; i++)
        error = check_mtu(d, &t->to[i]);
    return error;
}

static int configure_pictures(const struct draft *d)
{
    struct dd_transmit_stream *t = d->transmit;
    size_t picture_bytes = dd_pipeline_max_bytes(d->stream);
    t->full_chroma = dd_send_options_is_444(d->stream);
    if (dd_send_options_resolution(d->stream->capture_resolution, &t->max_width, &t->max_height) || !picture_bytes)
        return DD_ERROR_INPUT;
    t->max_bytes = picture_bytes;
    t->ring = (struct dd_frame_ring_shape){.entries = RING_SLOTS, .arena_bytes = RING_SLOTS * picture_bytes};
    t->quality = (int)d->stream->jpeg_quality;
    t->max_packet_size = (uint32_t)d->stream->max_packet_size;
    t->loss_tolerance = d->stream->loss_tolerance;
    t->interval_us = (uint64_t)d->stream->interval;
    t->weight = d->stream->weight;
    t->refresh_us = (uint64_t)d->stream->refresh_interval;
    return 0;
}

/* "rtsp rtsp://camera.example.com/stream to 192.0.2.10:5006, [2001:db8::10]:5010" */
static void write_label(const struct draft *d, char *label, size_t size)
{
    const struct dd_options_schema *schema = &dd_send_options_schema;
    char source[256] = "";
    int n;
    if (d->stream->mode != DD_SEND_TEST)
        dd_option_value_mask(&schema->rows[dd_option_value_find_row(schema, "source")], d->stream->source, source, sizeof source);
    n = snprintf(label, size, "%s%s%s", dd_source_table_find(d->stream->mode)->name, source[0] ? " " : "", source);
    for (size_t i = 0; i < d->transmit->to_count && n >= 0 && (size_t)n < size; i++)
        n += snprintf(label + n, size - (size_t)n, "%s%s", i ? ", " : " to ", d->transmit->to[i].text);
}

static int build_stream(const struct draft *d, uint32_t *key_id)
{
    struct dd_key key;
    snprintf(d->transmit->name, sizeof d->transmit->name, "%s", dd_options_stream_name(d->options, d->i));
    snprintf(d->transmit->stream_id, sizeof d->transmit->stream_id, "%.*s", DD_KEY_STREAM_ID_MAX, d->stream->stream_id);
    if (check_source(d) || read_key(d) || read_password(d) || read_addresses(d) || configure_pictures(d))
        return DD_ERROR_INPUT;
    int error = dd_key_derive(&key, d->transmit->key, d->transmit->stream_id);
    *key_id = key.id;
    explicit_bzero(&key, sizeof key);
    d->capture->ring = d->transmit->ring;
    d->capture->options = *d->stream;
    write_label(d, d->label, DD_SEND_ROLE_CONFIG_LABEL);
    /* capture has its copy now; no other role may hold them */
    explicit_bzero(d->stream->password, sizeof d->stream->password);
    explicit_bzero(d->stream->source, sizeof d->stream->source);
    explicit_bzero(d->stream->headers, sizeof d->stream->headers);
    return error;
}

/* An attacker could swap streams that have the same key id. */
static int check_key_ids(const struct dd_send_role_config *config)
{
    for (size_t i = 0; i < config->stream_count; i++)
        for (size_t j = 0; j < i; j++)
            if (config->key_ids[i] == config->key_ids[j]) {
                dd_log_error("the streams %s and %s have the same key and stream_id: give each a key of its own, or at least "
                             "a stream_id",
                             config->transmit->streams[j].name, config->transmit->streams[i].name);
                return DD_ERROR_INPUT;
            }
    return 0;
}

/* STATUS does not wait for the token bucket: if it took all of rate_limit, no picture would ever be sent. */
static int check_rate(const struct dd_send_role_config *config, struct dd_options *options)
{
    uint64_t bytes = 0, count = 0, rate_bps = config->transmit->rate_bps;
    for (size_t i = 0; i < config->stream_count; i++) {
        const struct dd_transmit_stream *t = &config->transmit->streams[i];
        for (size_t j = 0; j < t->to_count; j++, count++)
            bytes += DD_WIRE_HEADER_BYTES + DD_WIRE_STATUS_BYTES + DD_WIRE_TAG_BYTES + dd_destination_header_bytes(&t->to[j]);
    }
    uint64_t status_bps = bytes * 8 * 1000 / DD_TRANSMIT_STATUS_PERIOD_MS;
    if (2 * status_bps <= rate_bps)
        return 0;
    dd_log_error(
        "%s: %ju bit/s leave no room for pictures: %ju STATUS a second, one for each stream and address, take %ju bit/s, "
        "and pictures should have as much; it takes at least %ju",
        dd_options_where(options, 0, "rate_limit"), (uintmax_t)rate_bps, (uintmax_t)count, (uintmax_t)status_bps,
        (uintmax_t)(2 * status_bps));
    return DD_ERROR_INPUT;
}

/* What capture takes by the limit of its source's kind. */
static const char *const capture_memory[] = {[DD_SEND_RTSP] = "reading a camera",
                                             [DD_SEND_VNC] = "reading a desktop",
                                             [DD_SEND_WEB] = "reading a page",
                                             [DD_SEND_TEST] = "drawing the test card"};

static void add_memory(struct dd_memory_table *memory, const struct draft *d)
{
    const struct dd_transmit_stream *t = d->transmit;
    size_t jpeg = dd_jpeg_encoder_bound(t->max_width, t->max_height, DD_JPEG_ENCODER_444);
    dd_memory_table_add(memory, "capture, transmit", "ring: three pictures", dd_frame_ring_memory(&t->ring));
    dd_memory_table_add(memory, "transmit", "a copy of a picture, JPEGs and parity",
                        t->max_bytes + JPEG_BUFFERS * (jpeg + DD_FRAGMENTER_SLACK) +
                            dd_fragmenter_memory((uint32_t)jpeg, t->max_packet_size, t->loss_tolerance));
    dd_memory_table_add(memory, "capture", capture_memory[d->stream->mode], dd_source_table_find(d->stream->mode)->memory_max);
    /* a browser is killed at twice browser_memory, and its replacement beside it at once browser_memory */
    if (d->stream->mode == DD_SEND_WEB)
        dd_memory_table_add(memory, "capture", "browsers: three times browser_memory", 3 * (uint64_t)d->stream->browser_memory);
}

static int allocate(struct dd_send_role_config *config, size_t count)
{
    config->stream_count = count;
    config->transmit_size = sizeof *config->transmit + count * sizeof config->transmit->streams[0];
    config->transmit = calloc(1, config->transmit_size);
    config->captures = calloc(count, sizeof *config->captures);
    config->key_ids = calloc(count, sizeof *config->key_ids);
    config->labels = calloc(count, sizeof *config->labels);
    if (config->transmit && config->captures && config->key_ids && config->labels)
        return 0;
    dd_log_error("out of memory");
    return DD_ERROR_MEMORY;
}

int dd_send_role_config_build(struct dd_send_role_config *config, struct dd_options *options)
{
    const struct dd_send_daemon *daemon = dd_options_daemon(options);
    memset(config, 0, sizeof *config);
    int error = allocate(config, dd_options_stream_count(options));
    for (size_t i = 0; i < config->stream_count && !error; i++) {
        struct draft d = {.options = options,
                          .i = i,
                          .stream = dd_options_stream(options, i),
                          .transmit = &config->transmit->streams[i],
                          .capture = &config->captures[i],
                          .label = config->labels[i]};
        error = build_stream(&d, &config->key_ids[i]);
        if (!error)
            add_memory(&config->memory, &d);
        for (size_t j = 0; j < d.transmit->to_count; j++) {
            bool v4 = d.transmit->to[j].socket_address.ss_family == AF_INET;
            config->transmit->has_ipv4 |= v4;
            config->transmit->has_ipv6 |= !v4;
        }
    }
    if (!error) {
        config->transmit->stream_count = (uint32_t)config->stream_count;
        config->transmit->rate_bps = (uint64_t)daemon->rate_limit;
        error = check_key_ids(config);
    }
    if (!error)
        error = check_rate(config, options);
    if (error)
        dd_send_role_config_free(config);
    return error;
}

void dd_send_role_config_log(const struct dd_send_role_config *config)
{
    for (size_t i = 0; i < config->stream_count; i++)
        dd_log_notice("%s: %s, key id %08" PRIx32, config->transmit->streams[i].name, config->labels[i], config->key_ids[i]);
}

void dd_send_role_config_free(struct dd_send_role_config *config)
{
    if (config->transmit)
        explicit_bzero(config->transmit, config->transmit_size);
    if (config->captures)
        explicit_bzero(config->captures, config->stream_count * sizeof *config->captures);
    free(config->transmit);
    free(config->captures);
    free(config->key_ids);
    free(config->labels);
    memset(config, 0, sizeof *config);
}
