/* The framebuffer of a VNC desktop, kept up to date from the server's messages: the wrapper of libvncclient.
 * dd_vnc_framebuffer_probe() and dd_vnc_framebuffer_handle() block: they belong on a worker thread, one at a time. */
#ifndef DD_SEND_CAPTURE_VNC_FRAMEBUFFER_H
#define DD_SEND_CAPTURE_VNC_FRAMEBUFFER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DD_VNC_FRAMEBUFFER_SIDE_MAX = 16384,
    DD_VNC_FRAMEBUFFER_BYTES_MAX = 128 * 1024 * 1024, /* 8K, or three monitors of 4K; libvncclient takes half as much again */
};

struct dd_picture;
struct dd_vnc_framebuffer;

enum dd_vnc_framebuffer_trouble {
    DD_VNC_FRAMEBUFFER_FINE,
    DD_VNC_FRAMEBUFFER_CLOSED,    /* the server has closed the connection */
    DD_VNC_FRAMEBUFFER_BROKEN,    /* what it sends cannot be read */
    DD_VNC_FRAMEBUFFER_TOO_LARGE, /* it claims a size above the limits, or none */
    DD_VNC_FRAMEBUFFER_MEMORY,
};

/* True if a desktop of this size is within the limits. */
bool dd_vnc_framebuffer_fits(int width, int height);

/* fd is a connected, blocking socket after dd_vnc_handshake_run(); taken, also on errors. width and height fit. Returned-owned.
 * NULL, logged, if memory is exhausted. */
struct dd_vnc_framebuffer *dd_vnc_framebuffer_new(int fd, int width, int height);
void dd_vnc_framebuffer_free(struct dd_vnc_framebuffer *s);

/* Requests an incremental update (until there is a whole picture, a full one), and one pixel whether it has changed or not. The
 * answer to the pixel proves that the server is alive and that all earlier changes have arrived. False if it failed. */
bool dd_vnc_framebuffer_probe(struct dd_vnc_framebuffer *s);
/* Reads one message of the server, and requests the next update. False if it failed. */
bool dd_vnc_framebuffer_handle(struct dd_vnc_framebuffer *s);

/* Makes either of the two return that is under way in another thread. */
void dd_vnc_framebuffer_interrupt(const struct dd_vnc_framebuffer *s);

/* The functions below may not be called while one of the two is under way. */

/* True if a part of a message is buffered: then poll() may find nothing more to read. */
bool dd_vnc_framebuffer_has_read(const struct dd_vnc_framebuffer *s);
/* True once the last probe was answered. */
bool dd_vnc_framebuffer_is_answered(const struct dd_vnc_framebuffer *s);
/* True if there is a whole picture that differs from the last one taken. */
bool dd_vnc_framebuffer_has_changed(const struct dd_vnc_framebuffer *s);
/* True once every pixel of the desktop's present size has arrived. */
bool dd_vnc_framebuffer_is_whole(const struct dd_vnc_framebuffer *s);
/* Points picture at the framebuffer; borrowed until the next message is handled. Does not set captured_us. */
void dd_vnc_framebuffer_take(struct dd_vnc_framebuffer *s, struct dd_picture *picture);

/* Why the last call failed; the size that the desktop has or claims. */
enum dd_vnc_framebuffer_trouble dd_vnc_framebuffer_trouble(const struct dd_vnc_framebuffer *s, int *width, int *height);

#endif
