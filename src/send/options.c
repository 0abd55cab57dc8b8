#include "send/options.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/daemon_options.h"
#include "dd/base/error.h"
#include "dd/base/host_port.h"
#include "dd/base/option_value.h"
#include "dd/link/stream_name.h"
#include "dd/link/wire.h"
#include "send/capture/pipeline/text_overlay.h"
#include "send/destination.h"
#include "send/picture.h"
#include "send/rect.h"

static int check_resolution(const char *text, char *why, size_t why_size)
{
    int width, height;
    if (dd_send_options_resolution(text, &width, &height) == 0)
        return 0;
    snprintf(why, why_size, "WIDTHxHEIGHT, from 16x16 to %dx%d, or 'source'", DD_PICTURE_WIDTH_MAX, DD_PICTURE_HEIGHT_MAX);
    return DD_ERROR_INPUT;
}

static int check_crop(const char *text, char *why, size_t why_size)
{
    struct dd_rect area;
    if (!*text || dd_rect_parse(text, &area) == 0)
        return 0;
    snprintf(why, why_size, "WIDTHxHEIGHT+X+Y in pixels, such as 640x480+100+20");
    return DD_ERROR_INPUT;
}

static int check_mask(const char *text, char *why, size_t why_size)
{
    struct dd_rect_fraction mask[DD_RECT_MASK_MAX];
    size_t count;
    /* an empty shell variable must not lay open what it was to hide */
    return dd_rect_parse_mask(*text ? text : ",", mask, &count, why, why_size);
}

static int check_cloud_ip(const char *text, char *why, size_t why_size)
{
    struct dd_destination addresses[DD_DESTINATION_MAX];
    size_t count;
    return dd_destination_parse_list(text, 1, addresses, &count, why, why_size);
}

static int check_bind_address(const char *text, char *why, size_t why_size)
{
    if (dd_host_port_family(text) != AF_UNSPEC)
        return 0;
    snprintf(why, why_size, "an IP address of this machine");
    return DD_ERROR_INPUT;
}

static int check_reload(const char *text, char *why, size_t why_size)
{
    double seconds;
    if (strcmp(text, "auto") == 0 ||
        (dd_option_value_parse_quantity(text, DD_OPTIONS_SECONDS, &seconds) == 0 && seconds >= 0 && seconds <= 604800))
        return 0;
    snprintf(why, why_size, "seconds from 0 (never) to 604800, or 'auto'");
    return DD_ERROR_INPUT;
}

static int check_timezone(const char *text, char *why, size_t why_size)
{
    if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == strlen(text))
        return 0;
    snprintf(why, why_size, "the name of a time zone, such as Europe/Berlin");
    return DD_ERROR_INPUT;
}

/* BCP 47: subtags of one to eight letters and digits, the first of at least two. */
static int check_locale(const char *text, char *why, size_t why_size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t first = strspn(text, letters), length = first;
    const char *rest = text;

    while (length >= 1 && length <= 8 && rest[length] == '-') {
        rest += length + 1;
        length = strspn(rest, letters);
    }
    if (first >= 2 && length >= 1 && length <= 8 && !rest[length])
        return 0;
    snprintf(why, why_size, "a language, such as de or pt-BR");
    return DD_ERROR_INPUT;
}

#define STREAM(field) DD_OPTIONS_STREAM, DD_OPTIONS_FIELD(dd_send_stream, field)
#define DAEMON(field) DD_OPTIONS_DAEMON, DD_OPTIONS_FIELD(dd_send_daemon, field)

/* clang-format off */
static const struct dd_options_row rows[] = {
    {"mode", DD_OPTIONS_CHOICE, STREAM(mode), .choices = "rtsp|vnc|web|test", .argument = "MODE",
     .help = "What to watch: a camera, a VNC desktop, a web page, or the built-in test card"},
    {"source", DD_OPTIONS_STRING, STREAM(source), .argument = "URL", .flags = DD_OPTIONS_HAS_SECRET,
     .help = "Where it is: rtsp://host/path, a VNC host, or https://host/page"},
    {"cloud_ip", DD_OPTIONS_LIST, STREAM(cloud_ip), .argument = "IP", .check = check_cloud_ip,
     .help = "Where ddrecv is: ip, ip:port or [ip6]:port; several with commas each get every datagram"},
    {"cloud_port", DD_OPTIONS_INTEGER, STREAM(cloud_port), 1, 65535, .argument = "PORT",
     .help = "UDP port of ddrecv, where cloud_ip does not say it"},
    {"key", DD_OPTIONS_STRING, STREAM(key), .argument = "BASE64", .flags = DD_OPTIONS_SECRET,
     .help = "The pre-shared key, 32 bytes in base64; better in a key_file"},
    {"key_file", DD_OPTIONS_PATH, STREAM(key_file), .argument = "FILE", .help = "A file with the key"},
    {"stream_id", DD_OPTIONS_STRING, STREAM(stream_id), .argument = "TEXT", .check = dd_stream_name_check_id,
     .help = "Tells streams with the same key apart; the same at both ends"},
    {"interval", DD_OPTIONS_SECONDS, STREAM(interval), 0, 86400, .fallback = "10", .argument = "SECONDS",
     .help = "Time between pictures; 0: as fast as the source delivers them"},
    {"capture_resolution", DD_OPTIONS_STRING, STREAM(capture_resolution), .fallback = "1280x720", .argument = "WxH",
     .check = check_resolution, .help = "Largest picture that is sent, or 'source'"},
    {"fit", DD_OPTIONS_CHOICE, STREAM(fit), .choices = "contain|cover|stretch", .fallback = "contain", .argument = "HOW",
     .help = "How a picture fits capture_resolution"},
    {"crop", DD_OPTIONS_STRING, STREAM(crop), .argument = "WxH+X+Y", .check = check_crop,
     .help = "Part of the source's picture to send, in its pixels"},
    {"mask", DD_OPTIONS_LIST, STREAM(mask), .argument = "WxH+X+Y", .check = check_mask, .flags = DD_OPTIONS_CHECK_EMPTY,
     .help = "Parts of the picture to paint black, in fractions: 0.25x0.1+0.5+0; several with commas"},
    {"rotate", DD_OPTIONS_CHOICE, STREAM(rotate), .choices = "0|90|180|270", .fallback = "0", .argument = "DEGREES",
     .help = "Turn the picture clockwise"},
    {"flip", DD_OPTIONS_CHOICE, STREAM(flip), .choices = "none|horizontal|vertical", .fallback = "none", .argument = "HOW",
     .help = "Mirror the picture"},
    {"overlay", DD_OPTIONS_STRING, STREAM(overlay), .argument = "TEXT", .check = dd_text_overlay_check,
     .help = "Text burnt into the picture, as strftime(3) writes it"},
    {"jpeg_quality", DD_OPTIONS_INTEGER, STREAM(jpeg_quality), 0, 100, .fallback = "60", .argument = "N",
     .help = "JPEG quality"},
    {"jpeg_subsampling", DD_OPTIONS_CHOICE, STREAM(jpeg_subsampling), .choices = "auto|420|444", .fallback = "auto",
     .argument = "HOW", .help = "Chroma: auto is 420 for rtsp, and 444 for the others, where text must stay readable"},
    {"max_packet_size", DD_OPTIONS_INTEGER, STREAM(max_packet_size), 200, DD_WIRE_DATAGRAM_MAX, .fallback = "1400",
     .argument = "BYTES", .help = "Largest UDP payload; with its headers it must fit the interface's MTU"},
    {"loss_tolerance", DD_OPTIONS_NUMBER, STREAM(loss_tolerance), 0, 0.5, .fallback = "0.05", .argument = "FRACTION",
     .help = "Packet loss to survive; 0: none, and no parity is sent"},
    {"refresh_interval", DD_OPTIONS_SECONDS, STREAM(refresh_interval), 0, 86400, .fallback = "10", .argument = "SECONDS",
     .help = "When a picture that does not change is sent again; 0: never"},
    {"weight", DD_OPTIONS_NUMBER, STREAM(weight), 0.01, 100, .fallback = "1", .argument = "N",
     .help = "Share of rate_limit against the other streams"},
    {"timeout", DD_OPTIONS_SECONDS, STREAM(timeout), 1, 3600, .fallback = "30", .argument = "SECONDS",
     .help = "How long a source may take to connect or to show a picture"},
    {"username", DD_OPTIONS_STRING, STREAM(username), .argument = "NAME", .help = "User name for the source"},
    {"password", DD_OPTIONS_STRING, STREAM(password), .argument = "TEXT", .flags = DD_OPTIONS_SECRET,
     .path_if = {"mode", "vnc"}, .help = "Password for the source; in vnc mode a vncpasswd file"},
    {"password_file", DD_OPTIONS_PATH, STREAM(password_file), .argument = "FILE",
     .help = "A file with the password in clear, mode 0600"},
    {"ca_file", DD_OPTIONS_PATH, STREAM(ca_file), .argument = "FILE",
     .help = "CA certificates (PEM) to check the source's certificate against"},
    {"rtsp_transport", DD_OPTIONS_CHOICE, STREAM(rtsp_transport), .choices = "tcp|udp", .fallback = "tcp", .argument = "HOW",
     .help = "How a camera sends its video"},
    {"vnc_display", DD_OPTIONS_INTEGER, STREAM(vnc_display), 0, 99, .fallback = "0", .argument = "N",
     .help = "Display number of a VNC server, where source does not say it"},
    {"web_capture_element", DD_OPTIONS_STRING, STREAM(web_capture_element), .fallback = "body", .argument = "SELECTOR",
     .help = "The part of a page to show, as a CSS selector"},
    {"pause_browser", DD_OPTIONS_SWITCH, STREAM(pause_browser), .help = "Freeze the page between pictures"},
    {"reload_interval", DD_OPTIONS_STRING, STREAM(reload_interval), .fallback = "auto", .argument = "SECONDS",
     .check = check_reload, .help = "When to load a page again; 0: never"},
    {"ignore_certificate_errors", DD_OPTIONS_SWITCH, STREAM(ignore_certificate_errors),
     .help = "Accept any certificate of a web page"},
    {"browser", DD_OPTIONS_PATH, STREAM(browser), .argument = "PROGRAM", .help = "The Chromium to use"},
    {"browser_memory", DD_OPTIONS_SIZE, STREAM(browser_memory), 64.0 * 1024 * 1024, 64.0 * 1024 * 1024 * 1024, .fallback = "1Gi",
     .argument = "BYTES", .help = "Memory above which the browser is replaced"},
    {"page_zoom", DD_OPTIONS_NUMBER, STREAM(page_zoom), 0.25, 5, .fallback = "1", .argument = "FACTOR",
     .help = "Magnification of a page"},
    {"css_file", DD_OPTIONS_PATH, STREAM(css_file), .argument = "FILE", .help = "Style put into each page"},
    {"headers_file", DD_OPTIONS_PATH, STREAM(headers_file), .argument = "FILE",
     .help = "HTTP headers for the page's own origin, mode 0600"},
    {"login_user_selector", DD_OPTIONS_STRING, STREAM(login_user_selector), .argument = "SELECTOR",
     .help = "Field of a log-in form for the user name, as a CSS selector"},
    {"login_password_selector", DD_OPTIONS_STRING, STREAM(login_password_selector), .argument = "SELECTOR",
     .help = "Field of the form for the password"},
    {"login_submit_selector", DD_OPTIONS_STRING, STREAM(login_submit_selector), .argument = "SELECTOR",
     .help = "What to click to submit the form"},
    {"expect_selector", DD_OPTIONS_STRING, STREAM(expect_selector), .argument = "SELECTOR",
     .help = "Element that only the right page has; no picture is sent without it"},
    {"scroll_to", DD_OPTIONS_STRING, STREAM(scroll_to), .argument = "SELECTOR", .help = "Where to scroll a page to"},
    {"timezone", DD_OPTIONS_STRING, STREAM(timezone), .argument = "NAME", .check = check_timezone, .help = "Time zone of a page"},
    {"locale", DD_OPTIONS_STRING, STREAM(locale), .argument = "NAME", .check = check_locale, .help = "Language of a page"},
    {"color_scheme", DD_OPTIONS_CHOICE, STREAM(color_scheme), .choices = "auto|light|dark", .fallback = "auto", .argument = "HOW", .help = "Colour scheme of a page"},
    {"tls_anonymous", DD_OPTIONS_SWITCH, STREAM(tls_anonymous),
     .help = "Accept TLS without a certificate from a VNC server"},

    DD_DAEMON_OPTIONS_ROW_CONFIG,
    {"rate_limit", DD_OPTIONS_RATE, DAEMON(rate_limit), 64e3, 100e9, .fallback = "100M", .argument = "BITRATE",
     .help = "What all streams together may send, counted in IP packets"},
    {"bind_address", DD_OPTIONS_STRING, DAEMON(bind_address), .argument = "IP", .check = check_bind_address,
     .help = "Address to send from"},
    {"bind_interface", DD_OPTIONS_STRING, DAEMON(bind_interface), .argument = "NAME", .help = "Interface to send through"},
    {"source_port", DD_OPTIONS_INTEGER, DAEMON(source_port), 0, 65535, .fallback = "0", .argument = "PORT",
     .help = "UDP port to send from; 0: any"},
    {"dscp", DD_OPTIONS_INTEGER, DAEMON(dscp), 0, 63, .fallback = "0", .argument = "N", .help = "DSCP of the datagrams (RFC 2474)"},
    {"ttl", DD_OPTIONS_INTEGER, DAEMON(ttl), 0, 255, .fallback = "0", .argument = "N",
     .help = "Time to live of the datagrams; 0: the kernel's"},
    {"state_dir", DD_OPTIONS_PATH, DD_DAEMON_OPTIONS_FIELD(state_dir), .argument = "FOLDER",
     .help = "Where the last session of each stream is kept; see docs/configuration.md for its default"},
    {"user", DD_OPTIONS_STRING, DD_DAEMON_OPTIONS_FIELD(user), .fallback = "ddsend", .argument = "NAME",
     .help = "User of the role that sends, when started as root"},
    {"capture_user", DD_OPTIONS_STRING, DD_DAEMON_OPTIONS_FIELD(exposed_user), .fallback = "ddsend-capture", .argument = "NAME",
     .help = "User of the roles that watch the sources, when started as root"},
    DD_DAEMON_OPTIONS_ROWS_RUNNING,
    {"generate_key", DD_OPTIONS_SWITCH, DAEMON(generate_key), .flags = DD_OPTIONS_COMMAND_LINE, .help = "Print a new key, and end"},
    {"self_test", DD_OPTIONS_SWITCH, DAEMON(self_test), .flags = DD_OPTIONS_COMMAND_LINE | DD_OPTIONS_NO_EFFECT,
     .help = "Check for ways in that the socket cannot close, and end"},
    DD_DAEMON_OPTIONS_ROWS_INFORMATION,
};
/* clang-format on */

/* Of the Python original. */
static const char *const old_names[] = {"rtsp_url", "source", "vnc_host", "source", "vnc_password", "password", NULL};

const struct dd_options_schema dd_send_options_schema = {
    .program = "ddsend",
    .summary = "ddsend - send live pictures of a camera, desktop or web page out of a secure network, one way\n\n"
               "  ddsend --mode rtsp --source rtsp://camera.example.com/stream --cloud-ip 192.0.2.10 --cloud-port 5006 \\\n"
               "         --key-file camera1.key --interval 0.1\n"
               "  ddsend --config /etc/softdatadiode/ddsend.json\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
    .section = "sender",
    .daemon_size = sizeof(struct dd_send_daemon),
    .stream_size = sizeof(struct dd_send_stream),
    .default_stream = "stream",
    .reserved_names = dd_stream_name_reserved,
    .single_stream_key = "mode",
    .old_names = old_names,
};

int dd_send_options_resolution(const char *text, int *width, int *height)
{
    int end = 0;
    *width = DD_PICTURE_WIDTH_MAX;
    *height = DD_PICTURE_HEIGHT_MAX;
    if (strcmp(text, "source") == 0)
        return 0;
    /* five digits at most: no overflow */
    if (strspn(text, "0123456789x") != strlen(text) || sscanf(text, "%5dx%5d%n", width, height, &end) != 2 || text[end] != '\0')
        return DD_ERROR_INPUT;
    bool fits = *width >= 16 && *width <= DD_PICTURE_WIDTH_MAX && *height >= 16 && *height <= DD_PICTURE_HEIGHT_MAX;
    return fits ? 0 : DD_ERROR_INPUT;
}

bool dd_send_options_is_444(const struct dd_send_stream *stream)
{
    if (stream->jpeg_subsampling == DD_SEND_SUBSAMPLING_AUTO)
        return stream->mode != DD_SEND_RTSP;
    return stream->jpeg_subsampling == DD_SEND_SUBSAMPLING_444;
}
