/* The options of ddsend (docs/configuration.md): one field per row of the table in src/send/options.c. */
#ifndef DD_SEND_OPTIONS_H
#define DD_SEND_OPTIONS_H

#include "dd/base/daemon_options.h"
#include "dd/base/options.h"

enum dd_send_mode { DD_SEND_RTSP = 0, DD_SEND_VNC = 1, DD_SEND_WEB = 2, DD_SEND_TEST = 3 };
enum {
    DD_SEND_TEXT = 1024,
    DD_SEND_PATH = 1024,
    DD_SEND_SHORT = 128,
    DD_SEND_PEM = 64 * 1024,
    DD_SEND_CSS = 32 * 1024,
    DD_SEND_HEADERS = 16 * 1024
};

struct dd_send_stream {
    int64_t mode;      /* enum dd_send_mode */
    char source[2048]; /* may hold a user name and a password */
    char cloud_ip[DD_SEND_TEXT];
    int64_t cloud_port;
    char key[DD_SEND_SHORT]; /* secret */
    char key_file[DD_SEND_PATH];
    char stream_id[DD_SEND_SHORT];
    int64_t interval; /* µs, as every time here */
    char capture_resolution[DD_SEND_SHORT];
    int64_t fit;
    char crop[DD_SEND_SHORT];
    char mask[DD_SEND_TEXT];
    int64_t rotate, flip;
    char overlay[DD_SEND_SHORT];
    int64_t jpeg_quality;
    int64_t jpeg_subsampling; /* enum dd_send_subsampling */
    int64_t max_packet_size;
    double loss_tolerance;
    int64_t refresh_interval;
    double weight;
    int64_t timeout;
    char username[DD_SEND_SHORT * 2];
    char password[DD_SEND_PATH]; /* secret */
    char password_file[DD_SEND_PATH];
    char ca_file[DD_SEND_PATH];
    char ca_pem[DD_SEND_PEM]; /* no option: what ca_file holds, read at the start; empty without */
    int64_t rtsp_transport;   /* enum dd_send_rtsp_transport */
    int64_t vnc_display;
    char web_capture_element[DD_SEND_SHORT * 2];
    bool pause_browser;
    char reload_interval[DD_SEND_SHORT];
    bool ignore_certificate_errors;
    char browser[DD_SEND_PATH];
    int64_t browser_memory;
    double page_zoom;
    char css_file[DD_SEND_PATH];
    char css[DD_SEND_CSS]; /* no option: what css_file holds, read at the start; empty without */
    char headers_file[DD_SEND_PATH];
    char headers[DD_SEND_HEADERS]; /* no option: what headers_file holds, likewise; secret */
    char login_user_selector[DD_SEND_SHORT * 2];
    char login_password_selector[DD_SEND_SHORT * 2];
    char login_submit_selector[DD_SEND_SHORT * 2];
    char expect_selector[DD_SEND_SHORT * 2];
    char scroll_to[DD_SEND_SHORT * 2];
    char timezone[DD_SEND_SHORT];
    char locale[DD_SEND_SHORT];
    int64_t color_scheme; /* enum dd_send_scheme */
    bool tls_anonymous;
};

enum dd_send_rtsp_transport { DD_SEND_RTSP_TCP = 0, DD_SEND_RTSP_UDP = 1 };
enum dd_send_scheme { DD_SEND_SCHEME_AUTO = 0, DD_SEND_SCHEME_LIGHT = 1, DD_SEND_SCHEME_DARK = 2 };
enum dd_send_subsampling { DD_SEND_SUBSAMPLING_AUTO = 0, DD_SEND_SUBSAMPLING_420 = 1, DD_SEND_SUBSAMPLING_444 = 2 };

struct dd_send_daemon {
    struct dd_daemon_options common;
    int64_t rate_limit; /* bit/s */
    char bind_address[DD_SEND_SHORT];
    char bind_interface[DD_SEND_SHORT];
    int64_t source_port, dscp, ttl;
    bool generate_key, self_test;
};

/* Reads capture_resolution: *width x *height; for "source" the limits of a picture. 0 or DD_ERROR_INPUT. */
int dd_send_options_resolution(const char *text, int *width, int *height);

/* True if the stream's pictures are sent with 4:4:4 chroma. */
bool dd_send_options_is_444(const struct dd_send_stream *stream);

/* The table. */
extern const struct dd_options_schema dd_send_options_schema;

#endif
