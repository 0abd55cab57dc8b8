/* Tells the answer to a probe from other updates. A probe requests one pixel of the desktop, changed or not, after all changes
 * were requested. Its answer proves that the server is alive and that all earlier changes have arrived.
 *
 * Updates do not name the request they answer. So each probe asks for a pixel of another cell of the desktop, and an update with
 * this pixel that lies within the cell is the answer. Servers may add pixels around it, as QEMU sends 16: a cell has room for
 * that. An update that holds the pixel and goes beyond the cell may have been on its way before the probe: then another pixel is
 * requested. One thread. */
#ifndef DD_SEND_CAPTURE_VNC_PROBE_H
#define DD_SEND_CAPTURE_VNC_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "send/rect.h"

struct dd_vnc_probe;

/* The desktop as it is now: packed rows of 4 bytes a pixel, the fourth unused. Borrowed for each call. */
struct dd_vnc_probe_desktop {
    const uint8_t *pixels;
    int width, height; /* at least 1 */
};

/* Returned-owned. NULL if memory is exhausted. */
struct dd_vnc_probe *dd_vnc_probe_new(void);
void dd_vnc_probe_free(struct dd_vnc_probe *probe);

/* Begins a new probe: it is not answered. */
void dd_vnc_probe_start(struct dd_vnc_probe *probe);
/* Chooses the pixel that is to be requested next for the probe under way, and remembers the pixels of its cell. */
void dd_vnc_probe_next_pixel(struct dd_vnc_probe *probe, const struct dd_vnc_probe_desktop *desktop, int *x, int *y);
/* The desktop has a new size: pixels requested until now get no answer that counts. */
void dd_vnc_probe_reset(struct dd_vnc_probe *probe);

/* A message of the server begins. */
void dd_vnc_probe_begin_message(struct dd_vnc_probe *probe);
/* A rectangle of the message has been drawn on desktop. It is not empty. Returns false if it is only the answer to one of the
 * last probes: it lies within its cell, and no pixel has changed. */
bool dd_vnc_probe_update(struct dd_vnc_probe *probe, const struct dd_vnc_probe_desktop *desktop, const struct dd_rect *rect);
/* The message ends. Returns true if the probe under way needs another pixel, by dd_vnc_probe_next_pixel(). */
bool dd_vnc_probe_end_message(struct dd_vnc_probe *probe);

/* True once the probe started last is answered. */
bool dd_vnc_probe_is_answered(const struct dd_vnc_probe *probe);

#endif
