/* Writes the bytes of one viewer's multipart/x-mixed-replace stream (RFC 2046, 5.1): a state machine without I/O.
 *
 * Browsers show a part once they see the boundary behind it. So the boundary of the next part follows each picture at once; the
 * header of that part is written when there is a picture for it, and says of it: X-Frame, its number; X-Captured-At, its time of
 * capture by the sender's clock; X-State, the level of its freshness. */
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
/* writer may be NULL. */
void dd_mjpeg_writer_free(struct dd_mjpeg_writer *writer);

/* True if nothing is left to write, and so a part may begin. */
bool dd_mjpeg_writer_idle(const struct dd_mjpeg_writer *writer);

/* Begins a part with picture (borrowed until writer is idle again or freed) and level (borrowed for the call) as its X-State.
 * writer must be idle. */
void dd_mjpeg_writer_begin(struct dd_mjpeg_writer *writer, const struct dd_shared_picture *picture, const char *level);

/* Begins bytes that browsers ignore, but that fail if the viewer is gone. This is possible only before the first part: false
 * afterwards. writer must be idle. */
bool dd_mjpeg_writer_begin_keepalive(struct dd_mjpeg_writer *writer);

/* Copies the next bytes, at most size, into bytes. Returns their number; 0 only if writer is idle. */
size_t dd_mjpeg_writer_write(struct dd_mjpeg_writer *writer, char *bytes, size_t size);

#endif
