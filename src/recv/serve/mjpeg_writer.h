/* The bytes of one viewer's multipart/x-mixed-replace stream: a state machine without I/O.
 *
 * Browsers show a part once they see the boundary after it. So each picture is followed by the boundary of the next part
 * at once, and that part's own header is written when there is a picture for it. */
#ifndef DD_RECV_SERVE_MJPEG_WRITER_H
#define DD_RECV_SERVE_MJPEG_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#define DD_MJPEG_BOUNDARY "softdatadiode-picture"
#define DD_MJPEG_TYPE "multipart/x-mixed-replace; boundary=" DD_MJPEG_BOUNDARY

struct dd_frame;
struct dd_mjpeg;

/* Returned-owned: dd_mjpeg_free(). NULL if there is no memory. */
struct dd_mjpeg *dd_mjpeg_new(void);
void dd_mjpeg_free(struct dd_mjpeg *mjpeg);

/* Nothing is left to write: a part may begin. */
bool dd_mjpeg_idle(const struct dd_mjpeg *mjpeg);

/* Begins the part of frame (taken), X-State being level; mjpeg is idle. */
void dd_mjpeg_begin(struct dd_mjpeg *mjpeg, struct dd_frame *frame, const char *level);

/* Before the first part: bytes that mean nothing to a browser, but find out whether it is still there. Idle as above;
 * false if parts were begun before. */
bool dd_mjpeg_begin_nothing(struct dd_mjpeg *mjpeg);

/* Writes the next bytes, at most size; 0 just if idle. The frame is let go with its last byte. */
size_t dd_mjpeg_write(struct dd_mjpeg *mjpeg, char *bytes, size_t size);

#endif
