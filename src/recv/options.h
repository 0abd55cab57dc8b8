/* The options of ddrecv (docs/configuration.md): one field per row of the table in src/recv/options.c. */
#ifndef DD_RECV_OPTIONS_H
#define DD_RECV_OPTIONS_H

#include "dd/base/daemon_options.h"
#include "dd/base/options.h"

enum { DD_RECV_TEXT = 1024, DD_RECV_PATH = 1024, DD_RECV_SHORT = 128 };

struct dd_recv_stream {
    char name[DD_RECV_SHORT * 2]; /* what people read; the stream's own name where it is not set */
    char description[DD_RECV_TEXT];
    char group[DD_RECV_SHORT];
    int64_t order;
    char udp_host[DD_RECV_SHORT];
    int64_t udp_port;
    char udp_interface[DD_RECV_SHORT];
    char key[DD_RECV_SHORT]; /* secret */
    char key_file[DD_RECV_PATH];
    char keys[DD_RECV_TEXT]; /* secret; comma-separated */
    char stream_id[DD_RECV_SHORT];
    int64_t buffer_size;  /* pictures */
    int64_t buffer_bytes; /* bytes */
    int64_t max_frame_bytes;
    int64_t history_interval; /* µs, as every time here */
    int64_t history_bytes;
    char display_resolution[DD_RECV_SHORT];
    bool stale_mark;
    int64_t live_seconds, stale_seconds, delay_drift; /* µs */
};

struct dd_recv_daemon {
    struct dd_daemon_options common;
    char http_host[DD_RECV_PATH];
    char http_socket_mode[DD_RECV_SHORT]; /* octal */
    int64_t http_port;
    char html_title[DD_RECV_SHORT * 2];
    int64_t max_viewers;
    char trusted_proxies[DD_RECV_TEXT];
    char embed_origins[DD_RECV_TEXT];
    char reset_delay[DD_RECV_TEXT];                              /* comma-separated */
    char forget_session[DD_OPTIONS_STREAMS_MAX * DD_RECV_SHORT]; /* comma-separated */
};

/* The table. */
extern const struct dd_options_schema dd_recv_options_schema;

#endif
