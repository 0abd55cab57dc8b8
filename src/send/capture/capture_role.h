/* The capture role: one stream's source, its pictures scaled into the ring, its state told, for ever. */
#ifndef DD_SEND_CAPTURE_CAPTURE_ROLE_H
#define DD_SEND_CAPTURE_CAPTURE_ROLE_H

#include "dd/link/frame_ring.h"
#include "send/options.h"

struct dd_role;

/* in the boot record */
struct dd_capture_config {
    struct dd_send_stream options; /* keys wiped, password file read into password */
    struct dd_frame_ring_shape ring;
};

enum { DD_CAPTURE_FD_RING = 0, DD_CAPTURE_FD_WAKE = 1, DD_CAPTURE_FDS = 2 };

/* Runs until the role is to stop. An exit code. */
int dd_capture_role_run(struct dd_role *role);

#endif
