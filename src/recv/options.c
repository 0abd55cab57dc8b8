#include "recv/options.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/daemon_options.h"
#include "dd/base/error.h"
#include "dd/base/host_port.h"
#include "dd/link/stream_name.h"

static int check_ip(const char *text, char *why, size_t why_size)
{
    if (dd_host_port_family(text) != AF_UNSPEC)
        return 0;
    snprintf(why, why_size, "an IP address of this machine, or 0.0.0.0 or :: for all");
    return DD_ERROR_INPUT;
}

static int check_http_host(const char *text, char *why, size_t why_size)
{
    if (strncmp(text, "unix:/", 6) == 0 || check_ip(text, why, why_size) == 0)
        return 0;
    snprintf(why, why_size, "an IP address of this machine, or unix:/path");
    return DD_ERROR_INPUT;
}

static int check_mode(const char *text, char *why, size_t why_size)
{
    size_t digits = strspn(text, "01234567");
    if (digits >= 3 && digits <= 4 && text[digits] == '\0')
        return 0;
    snprintf(why, why_size, "an octal mode such as 0660");
    return DD_ERROR_INPUT;
}

/* They go into a header: nothing there that could end it. */
static int check_origins(const char *text, char *why, size_t why_size)
{
    if (strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:/[]*, ") == strlen(text))
        return 0;
    snprintf(why, why_size, "origins such as https://intranet.example.com, with commas");
    return DD_ERROR_INPUT;
}

#define STREAM(field) DD_OPTIONS_STREAM, DD_OPTIONS_FIELD(dd_recv_stream, field)
#define DAEMON(field) DD_OPTIONS_DAEMON, DD_OPTIONS_FIELD(dd_recv_daemon, field)
#define LATER .flags = DD_OPTIONS_NO_EFFECT
#define MI (1024.0 * 1024)

/* clang-format off */
static const struct dd_options_row rows[] = {
    {"name", DD_OPTIONS_STRING, STREAM(name), .argument = "TEXT", .help = "What people read as the stream's name"},
    {"description", DD_OPTIONS_STRING, STREAM(description), .argument = "TEXT", .help = "A line under the name"},
    {"group", DD_OPTIONS_STRING, STREAM(group), .argument = "TEXT", LATER, .help = "Streams of one group stand together"},
    {"order", DD_OPTIONS_INTEGER, STREAM(order), -1e6, 1e6, .fallback = "0", .argument = "N",
     .help = "Place among the streams; smaller comes first"},
    {"udp_host", DD_OPTIONS_STRING, STREAM(udp_host), .fallback = "0.0.0.0", .argument = "IP", .check = check_ip,
     .help = "Address at which datagrams arrive"},
    {"udp_port", DD_OPTIONS_INTEGER, STREAM(udp_port), 1, 65535, .argument = "PORT", .help = "UDP port at which they arrive"},
    {"udp_interface", DD_OPTIONS_STRING, STREAM(udp_interface), .argument = "NAME", .help = "Interface at which they arrive"},
    {"key", DD_OPTIONS_STRING, STREAM(key), .argument = "BASE64", .flags = DD_OPTIONS_SECRET,
     .help = "The pre-shared key, 32 bytes in base64; better in a key_file"},
    {"key_file", DD_OPTIONS_PATH, STREAM(key_file), .argument = "FILE", .help = "A file with the key"},
    {"keys", DD_OPTIONS_LIST, STREAM(keys), .argument = "LIST", .flags = DD_OPTIONS_SECRET,
     .help = "Several keys in order: the first datagram under a later one retires those before it"},
    {"stream_id", DD_OPTIONS_STRING, STREAM(stream_id), .argument = "TEXT", .check = dd_stream_name_check_id,
     .help = "Tells streams with the same key apart; the same at both ends"},
    {"buffer_size", DD_OPTIONS_INTEGER, STREAM(buffer_size), 2, 65536, .fallback = "100", .argument = "N",
     .help = "Pictures to keep at most"},
    {"buffer_bytes", DD_OPTIONS_SIZE, STREAM(buffer_bytes), MI, 64 * 1024 * MI, .fallback = "64Mi", .argument = "BYTES",
     .help = "Memory for these pictures; the limit that is met first drops the oldest"},
    {"max_frame_bytes", DD_OPTIONS_SIZE, STREAM(max_frame_bytes), 1024, 256 * MI, .fallback = "8Mi", .argument = "BYTES",
     .help = "Largest picture that is accepted"},
    {"history_interval", DD_OPTIONS_SECONDS, STREAM(history_interval), 0, 86400, .fallback = "10", .argument = "SECONDS", LATER,
     .help = "Time between the pictures that the history keeps"},
    {"history_bytes", DD_OPTIONS_SIZE, STREAM(history_bytes), 0, 64 * 1024 * MI, .fallback = "64Mi", .argument = "BYTES", LATER,
     .help = "Memory for the history"},
    {"display_resolution", DD_OPTIONS_STRING, STREAM(display_resolution), .argument = "WxH", LATER,
     .help = "Size of the picture on the page"},
    {"stale_mark", DD_OPTIONS_SWITCH, STREAM(stale_mark), .fallback = "on",
     .help = "Mark stalled and stale pictures in their pixels"},
    {"live_seconds", DD_OPTIONS_SECONDS, STREAM(live_seconds), 1, 86400, .fallback = "30", .argument = "SECONDS",
     .help = "Age up to which a picture counts as live"},
    {"stale_seconds", DD_OPTIONS_SECONDS, STREAM(stale_seconds), 1, 604800, .fallback = "300", .argument = "SECONDS",
     .help = "Age from which it counts as stale"},
    {"delay_drift", DD_OPTIONS_SECONDS, STREAM(delay_drift), 1, 86400, .fallback = "5", .argument = "SECONDS",
     .help = "How far the clocks of both ends may drift apart in all before that counts as a delay"},

    DD_DAEMON_OPTIONS_ROW_CONFIG,
    {"http_host", DD_OPTIONS_STRING, DAEMON(http_host), .fallback = "127.0.0.1", .argument = "IP", .check = check_http_host,
     .help = "Where to serve HTTP, for a reverse proxy: an address, or unix:/path"},
    {"http_socket_mode", DD_OPTIONS_STRING, DAEMON(http_socket_mode), .fallback = "0660", .argument = "MODE", .check = check_mode,
     .help = "Mode of the socket at unix:/path"},
    {"http_port", DD_OPTIONS_INTEGER, DAEMON(http_port), 1, 65535, .fallback = "8000", .argument = "PORT", .help = "TCP port of HTTP"},
    {"html_title", DD_OPTIONS_STRING, DAEMON(html_title), .fallback = "Soft Data Diode", .argument = "TEXT",
     .help = "Title of the pages"},
    {"state_dir", DD_OPTIONS_PATH, DD_DAEMON_OPTIONS_FIELD(state_dir), .argument = "FOLDER",
     .help = "Where the replay state is kept; see docs/configuration.md for its default"},
    {"max_viewers", DD_OPTIONS_INTEGER, DAEMON(max_viewers), 1, 100000, .fallback = "2000", .argument = "N",
     .help = "Live pictures that are served at the same time"},
    {"trusted_proxies", DD_OPTIONS_LIST, DAEMON(trusted_proxies), .fallback = "127.0.0.1,::1", .argument = "LIST", LATER,
     .help = "Proxies that are trusted to state a viewer's address"},
    {"embed_origins", DD_OPTIONS_LIST, DAEMON(embed_origins), .argument = "LIST", .check = check_origins,
     .help = "Sites that may show the pages in a frame"},
    {"user", DD_OPTIONS_STRING, DD_DAEMON_OPTIONS_FIELD(user), .fallback = "ddrecv", .argument = "NAME",
     .help = "User of the role that receives, when started as root"},
    {"serve_user", DD_OPTIONS_STRING, DD_DAEMON_OPTIONS_FIELD(exposed_user), .fallback = "ddrecv-serve", .argument = "NAME",
     .help = "User of the role that serves browsers, when started as root"},
    {"forget_session", DD_OPTIONS_LIST, DAEMON(forget_session), .argument = "STREAM=START:SALT,...",
     .flags = DD_OPTIONS_COMMAND_LINE, .help = "Admit just these sessions, of a sender whose clock and state were lost, and end"},
    {"reset_delay", DD_OPTIONS_LIST, DAEMON(reset_delay), .argument = "STREAM,...", .flags = DD_OPTIONS_COMMAND_LINE,
     .help = "Learn anew how long the path takes, after a sender's clock was set or has drifted, and end"},
    DD_DAEMON_OPTIONS_ROWS_RUNNING,
    DD_DAEMON_OPTIONS_ROWS_INFORMATION,
};
/* clang-format on */

const struct dd_options_schema dd_recv_options_schema = {
    .program = "ddrecv",
    .summary = "ddrecv - receive the live pictures that ddsend sends, and show them to browsers\n\n"
               "  ddrecv --udp-host 192.0.2.10 --udp-port 5005 --http-host 127.0.0.1 --http-port 8000 --key-file camera1.key\n"
               "  ddrecv --config /etc/softdatadiode/ddrecv.json\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .section = "server",
    .daemon_size = sizeof(struct dd_recv_daemon),
    .stream_size = sizeof(struct dd_recv_stream),
    .default_stream = "stream",
    .reserved_names = dd_stream_name_reserved,
};
