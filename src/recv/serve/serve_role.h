/* The serve role: shows the rings' pictures to viewers over HTTP. It has the listening socket, and the rings read-only. */
#ifndef DD_RECV_SERVE_SERVE_ROLE_H
#define DD_RECV_SERVE_SERVE_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/link/frame_ring.h"
#include "recv/options.h"

struct dd_role;

struct dd_serve_stream {
    char name[DD_OPTIONS_NAME_SIZE]; /* as in paths */
    char title[DD_RECV_SHORT * 2];   /* the option `name`; without it, the stream's name */
    char description[DD_RECV_TEXT];
    char group[DD_RECV_SHORT];
    int64_t order;
    char display_resolution[DD_RECV_SHORT];
    bool stale_mark;
    uint64_t live_us, stale_us; /* live_seconds, stale_seconds */
    struct dd_frame_ring_shape ring;
    uint32_t max_frame_bytes;
};

/* The role's configuration, in its boot record: followed by its streams. */
struct dd_serve_config {
    char html_title[DD_RECV_SHORT * 2];
    char embed_origins[DD_RECV_TEXT]; /* comma-separated */
    uint32_t max_viewers;
    bool single; /* one stream, set up by flags: its paths are at the root as well */
    uint32_t stream_count;
    struct dd_serve_stream streams[];
};

/* Descriptors: the listening socket, the read end of the wake-up pipe (O_NONBLOCK), then a ring for each stream. */
enum { DD_SERVE_FD_LISTEN = 0, DD_SERVE_FD_WAKE = 1, DD_SERVE_FD_RINGS = 2 };

/* Runs until role is told to stop, or fails (logged). Returns the process's exit code. */
int dd_serve_role_run(struct dd_role *role);

#endif
