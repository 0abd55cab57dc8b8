/* The capture role: watches one stream's source. Source -> pictures -> pipeline -> ring; and the source's status. */
#ifndef DD_SEND_CAPTURE_CAPTURE_ROLE_H
#define DD_SEND_CAPTURE_CAPTURE_ROLE_H

#include "dd/link/frame_ring.h"
#include "send/options.h"

struct dd_role;

/* The role's configuration, in its boot record. */
struct dd_capture_config {
    struct dd_send_stream options; /* without keys; password has what password_file holds */
    struct dd_frame_ring_shape ring;
};

/* Descriptors: the ring, which the role writes, and the wake-up that it sends. */
enum { DD_CAPTURE_FD_RING = 0, DD_CAPTURE_FD_WAKE = 1, DD_CAPTURE_FDS = 2 };

/* Runs until the role is to stop. An exit code. */
int dd_capture_role_run(struct dd_role *role);

#endif
