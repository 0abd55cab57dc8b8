/* What a VNC desktop shows, kept up to date from the messages of its server: the wrapper of libvncclient. It blocks, in
 * dd_vnc_framebuffer_probe() and dd_vnc_framebuffer_handle(): they are for a thread of their own, one at a time. */
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
    DD_VNC_FRAMEBUFFER_CLOSED,    /* the server is gone */
    DD_VNC_FRAMEBUFFER_BROKEN,    /* what it sends cannot be read */
    DD_VNC_FRAMEBUFFER_TOO_LARGE, /* it claims a size above the limits, or none */
    DD_VNC_FRAMEBUFFER_MEMORY,
};

/* True if a desktop of this size is within the limits. */
bool dd_vnc_framebuffer_fits(int width, int height);

/* fd is a connected, blocking socket on which dd_vnc_handshake_run() is through; taken, also on errors. The size fits. NULL,
 * logged, without memory. */
struct dd_vnc_framebuffer *dd_vnc_framebuffer_new(int fd, int width, int height);
void dd_vnc_framebuffer_free(struct dd_vnc_framebuffer *s);

/* Asks for all that has changed (until there is a whole picture, for all pixels) and, whether that has changed or not, for one
 * pixel: once that has come, what there was to tell before has come, too, and the server lives. */
bool dd_vnc_framebuffer_probe(struct dd_vnc_framebuffer *s);
/* Reads one message of the server, and requests the next update after each. False if it failed. */
bool dd_vnc_framebuffer_handle(struct dd_vnc_framebuffer *s);

/* Makes either of them, under way in another thread, return. */
void dd_vnc_framebuffer_interrupt(const struct dd_vnc_framebuffer *s);

/* None of these while one of them is under way. */

/* True if something of a message has been read already: poll() then need not find any more. */
bool dd_vnc_framebuffer_has_read(const struct dd_vnc_framebuffer *s);
/* True once what the last probe asked for has come. */
bool dd_vnc_framebuffer_is_answered(const struct dd_vnc_framebuffer *s);
/* True if there is a whole picture that differs from the last one taken. */
bool dd_vnc_framebuffer_has_changed(const struct dd_vnc_framebuffer *s);
/* True once the size that the desktop has now was seen in full. */
bool dd_vnc_framebuffer_is_whole(const struct dd_vnc_framebuffer *s);
/* What it shows; borrowed until the next message is handled. Leaves its time of capture alone. */
void dd_vnc_framebuffer_take(struct dd_vnc_framebuffer *s, struct dd_picture *picture);

/* Why the last call failed; the size that the desktop has or claims. */
enum dd_vnc_framebuffer_trouble dd_vnc_framebuffer_trouble(const struct dd_vnc_framebuffer *s, int *width, int *height);

#endif
