/* The intake role: has the keys and the UDP sockets.
 * UDP -> replay check -> unseal -> reassemble and recover -> ring of JPEGs. */
#ifndef DD_RECV_INTAKE_INTAKE_ROLE_H
#define DD_RECV_INTAKE_INTAKE_ROLE_H

#include <stdint.h>

#include "dd/base/boot_id.h"
#include "dd/base/options.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "recv/intake/session_store.h"

struct dd_role;

enum {
    DD_INTAKE_KEYS_MAX = 8,
    DD_INTAKE_COMMAND_SIZE = 1024,
    /* A message is one datagram, or up to 64 of one sender that the kernel has joined (UDP_GRO): all of the same size, except
     * that the last may be shorter. */
    DD_INTAKE_MESSAGE = 65536,
    DD_INTAKE_BATCH = 16,                                              /* messages that are received at once */
    DD_INTAKE_BATCH_BYTES = (DD_INTAKE_BATCH + 1) * DD_INTAKE_MESSAGE, /* and a plaintext */
};

struct dd_intake_stream {
    char name[DD_OPTIONS_NAME_SIZE];
    char store_name[DD_OPTIONS_NAME_SIZE];          /* of its file in the session store */
    uint8_t keys[DD_INTAKE_KEYS_MAX][DD_KEY_BYTES]; /* secret; a later one retires those before it */
    uint32_t key_count;
    char stream_id[DD_KEY_STREAM_ID_MAX + 1];
    uint32_t socket; /* index of its UDP socket */
    uint32_t max_frame_bytes;
    uint64_t delay_drift_us, live_us; /* delay_drift, live_seconds */
    struct dd_frame_ring_shape ring;
};

/* The role's configuration, in its boot record: followed by its streams. */
struct dd_intake_config {
    uint32_t stream_count, socket_count;
    char command[DD_INTAKE_COMMAND_SIZE]; /* dd_forget_session_write_command(); "": such commands reach nothing */
    char boot_id[DD_BOOT_ID_SIZE];        /* dd_boot_id_read() */
    struct dd_intake_stream streams[];
};

/* The role's descriptors: the write end of the wake-up pipe (O_NONBLOCK), the sockets, a ring for each stream, and the file of
 * the session store for each stream. */
enum { DD_INTAKE_FD_WAKE = 0, DD_INTAKE_FD_SOCKETS = 1 };

/* Runs until role is told to stop, or fails (logged). Returns the process's exit code. */
int dd_intake_role_run(struct dd_role *role);

#endif
