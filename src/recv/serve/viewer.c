/* libmicrohttpd reads the body of a viewer's response whenever the connection takes more. A reader without data must suspend its
 * connection, or it is called again at once, for ever. Only a suspended connection may be resumed. The broadcast does both. */
#include "recv/serve/viewer.h"

#include <microhttpd.h>
#include <stdlib.h>

#include "dd/base/error.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/freshness.h"
#include "recv/serve/mjpeg_writer.h"
#include "recv/serve/shared_picture.h"

/* Large enough for most pictures to be written at once. libmicrohttpd takes it from the connection's memory, half of it. */
enum { BLOCK_BYTES = 128 * 1024 };

struct viewer {
    struct MHD_Connection *connection;
    struct dd_broadcast_subscriber *subscriber;
    struct dd_mjpeg_writer *writer;
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
    dd_broadcast_unsubscribe(viewer->subscriber);
    dd_mjpeg_writer_free(viewer->writer);
    free(viewer);
}

/* Gives the writer the next part. 0; DD_ERROR_AGAIN if there is none and the connection is suspended; another error if the body
 * ends. */
static int begin_part(struct viewer *viewer)
{
    struct dd_shared_picture *picture = NULL;
    enum dd_freshness_level level;
    int error = dd_broadcast_next(viewer->subscriber, &picture, &level);
    if (error)
        return error;
    if (picture)
        dd_mjpeg_writer_begin(viewer->writer, picture, dd_freshness_level_text(level));
    else if (!dd_mjpeg_writer_begin_keepalive(viewer->writer))
        return DD_ERROR_STOPPED;
    return 0;
}

static ssize_t read_body(void *owner, uint64_t offset, char *bytes, size_t size)
{
    struct viewer *viewer = owner;
    (void)offset;
    int error = dd_mjpeg_writer_idle(viewer->writer) ? begin_part(viewer) : 0;
    if (error == DD_ERROR_AGAIN)
        return 0;
    if (error)
        return MHD_CONTENT_READER_END_OF_STREAM;
    return (ssize_t)dd_mjpeg_writer_write(viewer->writer, bytes, size);
}

int dd_viewer_open(struct dd_broadcast *broadcast, const struct dd_broadcast_subscription *request,
                   struct MHD_Connection *connection, struct MHD_Response **response)
{
    int error = DD_ERROR_MEMORY;
    *response = NULL;
    struct viewer *viewer = calloc(1, sizeof *viewer);
    if (!viewer)
        goto err0;
    viewer->connection = connection;
    viewer->writer = dd_mjpeg_writer_new();
    if (!viewer->writer)
        goto err1;
    const struct dd_broadcast_subscription subscription = {
        .stream = request->stream, .period_us = request->period_us, .raw = request->raw, .waiter = {suspend, resume, viewer}};
    error = dd_broadcast_subscribe(broadcast, &subscription, &viewer->subscriber);
    if (error)
        goto err2;
    *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_body, viewer, free_viewer);
    if (!*response) {
        error = DD_ERROR_MEMORY;
        goto err3;
    }
    return 0;

err3:
    dd_broadcast_unsubscribe(viewer->subscriber);
err2:
    dd_mjpeg_writer_free(viewer->writer);
err1:
    free(viewer);
err0:
    return error;
}
