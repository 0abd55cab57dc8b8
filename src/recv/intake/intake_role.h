/* The intake role: holds the keys and the UDP sockets.
 * UDP -> open -> replay check -> reassemble + recover -> ring (JPEG). */
#ifndef DD_RECV_INTAKE_INTAKE_ROLE_H
#define DD_RECV_INTAKE_INTAKE_ROLE_H

#include <stdint.h>

#include "dd/base/options.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "recv/intake/session_store.h"

struct dd_role;

enum { DD_INTAKE_KEYS_MAX = 8 };

struct dd_intake_stream {
    char name[DD_OPTIONS_NAME_SIZE];
    char keep_name[DD_OPTIONS_NAME_SIZE];           /* what is kept of it stands under this name */
    uint8_t keys[DD_INTAKE_KEYS_MAX][DD_KEY_BYTES]; /* secret; in order */
    uint32_t key_count;
    char stream_id[DD_KEY_STREAM_ID_MAX + 1];
    uint32_t socket; /* which of the sockets */
    uint32_t max_frame_bytes;
    struct dd_frame_ring_shape ring;
};

struct dd_intake_config { /* in the boot record, followed by its streams */
    uint32_t stream_count, socket_count;
    char boot_id[DD_RECV_SESSION_STORE_BOOT_SIZE]; /* of this boot */
    struct dd_intake_stream streams[];
};

/* Descriptors: the write end of the wake-up pipe (O_NONBLOCK), the sockets, then a ring for each stream, then for each what is
 * kept of it (keep.h). */
enum { DD_INTAKE_FD_WAKE = 0, DD_INTAKE_FD_SOCKETS = 1 };

/* Runs until the role is to stop. An exit code. */
int dd_intake_role_run(struct dd_role *role);

#endif
