/* The bytes of one viewer's multipart/x-mixed-replace stream: a state machine without I/O.
 *
 * Browsers show a part once they see the boundary after it. So each picture is followed by the boundary of the next part
 * at once, and that part's own header is written when there is a picture for it. */
#ifndef DD_RECV_SERVE_MJPEG_WRITER_H
#define DD_RECV_SERVE_MJPEG_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#define DD_MJPEG_WRITER_BOUNDARY "softdatadiode-picture"
#define DD_MJPEG_WRITER_TYPE "multipart/x-mixed-replace; boundary=" DD_MJPEG_WRITER_BOUNDARY

struct dd_shared_picture;
struct dd_mjpeg_writer;

/* Returned-owned: dd_mjpeg_writer_free(). NULL if there is no memory. */
struct dd_mjpeg_writer *dd_mjpeg_writer_new(void);
void dd_mjpeg_writer_free(struct dd_mjpeg_writer *mjpeg);

/* Nothing is left to write: a part may begin. */
bool dd_mjpeg_writer_idle(const struct dd_mjpeg_writer *mjpeg);

/* Begins the part of frame (taken), X-State being level; mjpeg is idle. */
void dd_mjpeg_writer_begin(struct dd_mjpeg_writer *mjpeg, struct dd_shared_picture *frame, const char *level);

/* Before the first part: bytes that mean nothing to a browser, but find out whether it is still there. Idle as above;
 * false if parts were begun before. */
bool dd_mjpeg_writer_begin_nothing(struct dd_mjpeg_writer *mjpeg);

/* Writes the next bytes, at most size; 0 just if idle. The frame is let go with its last byte. */
size_t dd_mjpeg_writer_write(struct dd_mjpeg_writer *mjpeg, char *bytes, size_t size);

#endif
