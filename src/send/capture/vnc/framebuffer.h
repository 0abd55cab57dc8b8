/* The framebuffer of a VNC desktop, kept up to date from the server's messages: the wrapper of libvncclient.
 *
 * dd_vnc_framebuffer_probe() and dd_vnc_framebuffer_handle_message() block without a limit, until
 * dd_vnc_framebuffer_interrupt(): they belong on a worker thread. While one of them runs no other function may be called but
 * dd_vnc_framebuffer_interrupt(). A process has one framebuffer at a time. */
#ifndef DD_SEND_CAPTURE_VNC_FRAMEBUFFER_H
#define DD_SEND_CAPTURE_VNC_FRAMEBUFFER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DD_VNC_FRAMEBUFFER_SIDE_MAX = 16384,              /* pixels */
    DD_VNC_FRAMEBUFFER_BYTES_MAX = 128 * 1024 * 1024, /* 8K, or three monitors of 4K; libvncclient takes half as much again */
};

struct dd_picture;
struct dd_vnc_framebuffer;

enum dd_vnc_framebuffer_failure {
    DD_VNC_FRAMEBUFFER_CLOSED,    /* the server has closed the connection */
    DD_VNC_FRAMEBUFFER_BROKEN,    /* a message breaks the protocol, or is of a kind that libvncclient does not know */
    DD_VNC_FRAMEBUFFER_TOO_LARGE, /* the server claims a size above the limits, or none */
    DD_VNC_FRAMEBUFFER_MEMORY,
};

/* True if a desktop of this size, in pixels, is within the limits. */
bool dd_vnc_framebuffer_fits(int width, int height);

/* fd is a connected, blocking socket after dd_vnc_handshake_run(), in clear; taken, also on errors. width and height fit.
 * Returned-owned. NULL, logged, if memory is exhausted. */
struct dd_vnc_framebuffer *dd_vnc_framebuffer_new(int fd, int width, int height);
/* Closes the socket. NULL is allowed. */
void dd_vnc_framebuffer_free(struct dd_vnc_framebuffer *framebuffer);

/* Requests all changes (until the picture is whole: everything), and begins a probe (probe.h). Returns false if it failed. */
bool dd_vnc_framebuffer_probe(struct dd_vnc_framebuffer *framebuffer);
/* Reads one message of the server, and requests the next update. Returns false if it failed. */
bool dd_vnc_framebuffer_handle_message(struct dd_vnc_framebuffer *framebuffer);
/* Shuts the connection down. A call of the two above that runs in another thread returns soon, and later ones fail. */
void dd_vnc_framebuffer_interrupt(const struct dd_vnc_framebuffer *framebuffer);
/* Why the last of the two calls failed, and the size of the desktop in pixels as it is or as the server claims. */
enum dd_vnc_framebuffer_failure dd_vnc_framebuffer_failure(const struct dd_vnc_framebuffer *framebuffer, int *width, int *height);

/* True if bytes of the server are buffered: a message may be there though poll() finds nothing to read. */
bool dd_vnc_framebuffer_has_buffered(const struct dd_vnc_framebuffer *framebuffer);
/* True once the last probe is answered. */
bool dd_vnc_framebuffer_is_answered(const struct dd_vnc_framebuffer *framebuffer);
/* True once every pixel of the desktop's present size has arrived. */
bool dd_vnc_framebuffer_is_whole(const struct dd_vnc_framebuffer *framebuffer);
/* True if the picture is whole and something has changed since dd_vnc_framebuffer_get_picture(). */
bool dd_vnc_framebuffer_has_changed(const struct dd_vnc_framebuffer *framebuffer);

/* Points picture at the framebuffer's pixels (BGRX), borrowed until the next message is handled. Sets its format, size, plane and
 * stride, and not captured_us. From now on the picture has not changed. */
void dd_vnc_framebuffer_get_picture(struct dd_vnc_framebuffer *framebuffer, struct dd_picture *picture);

#endif
