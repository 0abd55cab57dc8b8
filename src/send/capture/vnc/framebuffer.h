/* What a VNC desktop shows, kept up to date from the messages of its server: the wrapper of libvncclient. It blocks, in
 * dd_vnc_screen_probe() and dd_vnc_screen_handle(): they are for a thread of their own, one at a time. */
#ifndef DD_SEND_CAPTURE_VNC_FRAMEBUFFER_H
#define DD_SEND_CAPTURE_VNC_FRAMEBUFFER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DD_VNC_SCREEN_SIDE_MAX = 16384,
    DD_VNC_SCREEN_BYTES_MAX = 128 * 1024 * 1024, /* 8K, or three monitors of 4K; libvncclient takes half as much again */
};

struct dd_picture;
struct dd_vnc_screen;

enum dd_vnc_screen_trouble {
    DD_VNC_SCREEN_FINE,
    DD_VNC_SCREEN_CLOSED,    /* the server is gone */
    DD_VNC_SCREEN_BROKEN,    /* what it sends cannot be read */
    DD_VNC_SCREEN_TOO_LARGE, /* it claims a size above the limits, or none */
    DD_VNC_SCREEN_MEMORY,
};

/* True if a desktop of this size is within the limits. */
bool dd_vnc_screen_fits(int width, int height);

/* fd is a connected, blocking socket on which dd_vnc_login() is through; taken, also on errors. The size fits. NULL, logged,
 * without memory. */
struct dd_vnc_screen *dd_vnc_screen_new(int fd, int width, int height);
void dd_vnc_screen_free(struct dd_vnc_screen *s);

/* Asks for all that has changed (until there is a whole picture, for all pixels) and, whether that has changed or not, for one
 * pixel: once that has come, what there was to tell before has come, too, and the server lives. */
bool dd_vnc_screen_probe(struct dd_vnc_screen *s);
/* Reads one message of the server, and requests the next update after each. False if it failed. */
bool dd_vnc_screen_handle(struct dd_vnc_screen *s);

/* Makes either of them, under way in another thread, return. */
void dd_vnc_screen_interrupt(const struct dd_vnc_screen *s);

/* None of these while one of them is under way. */

/* True if something of a message has been read already: poll() then need not find any more. */
bool dd_vnc_screen_has_read(const struct dd_vnc_screen *s);
/* True once what the last probe asked for has come. */
bool dd_vnc_screen_is_answered(const struct dd_vnc_screen *s);
/* True if there is a whole picture that differs from the last one taken. */
bool dd_vnc_screen_has_changed(const struct dd_vnc_screen *s);
/* True once the size that the desktop has now was seen in full. */
bool dd_vnc_screen_is_whole(const struct dd_vnc_screen *s);
/* What it shows; borrowed until the next message is handled. Leaves its time of capture alone. */
void dd_vnc_screen_take(struct dd_vnc_screen *s, struct dd_picture *picture);

/* Why the last call failed; the size that the desktop has or claims. */
enum dd_vnc_screen_trouble dd_vnc_screen_trouble(const struct dd_vnc_screen *s, int *width, int *height);

#endif
