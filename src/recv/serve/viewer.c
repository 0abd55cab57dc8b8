/* The body of a viewer's response is read by libmicrohttpd whenever the connection takes more. A reader that has nothing to
 * give must suspend its connection, else it is asked again at once, for ever; and only a suspended one may be resumed. The
 * hub sees to both. */
#include "recv/serve/viewer.h"

#include <microhttpd.h>
#include <stdlib.h>

#include "dd/base/error.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/freshness.h"
#include "recv/serve/mjpeg_writer.h"
#include "recv/serve/shared_picture.h"

/* A usual picture goes out in one piece. libmicrohttpd takes half of a connection's memory for it. */
enum { BLOCK_BYTES = 128 * 1024 };

struct viewer {
    struct MHD_Connection *connection;
    struct dd_broadcast_subscriber *seat;
    struct dd_mjpeg_writer *mjpeg;
};

static void suspend(void *owner)
{
    MHD_suspend_connection(((struct viewer *)owner)->connection);
}

static void resume(void *owner)
{
    MHD_resume_connection(((struct viewer *)owner)->connection);
}

static void free_viewer(void *owner)
{
    struct viewer *viewer = owner;
    dd_broadcast_unsubscribe(viewer->seat);
    dd_mjpeg_writer_free(viewer->mjpeg);
    free(viewer);
}

/* 0 if there is something to write. */
static int begin_part(struct viewer *viewer)
{
    struct dd_shared_picture *frame = NULL;
    enum dd_freshness_level level;
    int error = dd_broadcast_next(viewer->seat, &frame, &level);
    if (error)
        return error;
    if (frame)
        dd_mjpeg_writer_begin(viewer->mjpeg, frame, dd_freshness_level_text(level));
    else if (!dd_mjpeg_writer_begin_nothing(viewer->mjpeg))
        return DD_ERROR_STOPPED;
    return 0;
}

static ssize_t read_body(void *owner, uint64_t offset, char *bytes, size_t size)
{
    struct viewer *viewer = owner;
    (void)offset;
    int error = dd_mjpeg_writer_idle(viewer->mjpeg) ? begin_part(viewer) : 0;
    if (error == DD_ERROR_AGAIN)
        return 0; /* suspended by now */
    if (error)
        return MHD_CONTENT_READER_END_OF_STREAM;
    return (ssize_t)dd_mjpeg_writer_write(viewer->mjpeg, bytes, size);
}

int dd_viewer_open(struct dd_broadcast *hub, const struct dd_broadcast_viewer *wish, struct MHD_Connection *connection,
                   struct MHD_Response **response)
{
    int error = DD_ERROR_MEMORY;
    *response = NULL;
    struct viewer *viewer = calloc(1, sizeof *viewer);
    if (!viewer)
        goto err0;
    viewer->connection = connection;
    viewer->mjpeg = dd_mjpeg_writer_new();
    if (!viewer->mjpeg)
        goto err1;
    const struct dd_broadcast_viewer seat = {.stream = wish->stream,
                                             .period_us = wish->period_us,
                                             .raw = wish->raw,
                                             .sleep = suspend,
                                             .wake = resume,
                                             .owner = viewer};
    error = dd_broadcast_subscribe(hub, &seat, &viewer->seat);
    if (error)
        goto err2;
    *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_body, viewer, free_viewer);
    if (!*response) {
        error = DD_ERROR_MEMORY;
        goto err3;
    }
    return 0;

err3:
    dd_broadcast_unsubscribe(viewer->seat);
err2:
    dd_mjpeg_writer_free(viewer->mjpeg);
err1:
    free(viewer);
err0:
    return error;
}
