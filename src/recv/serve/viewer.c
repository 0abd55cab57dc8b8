/* libmicrohttpd reads the body of a viewer's response whenever the connection takes more. A reader without data must suspend its
 * connection, or it is called again at once, for ever. Only a suspended connection may be resumed. The broadcast does both while
 * there is nothing to send, write_wait.h while the socket takes no more.
 *
 * A part's label is true when it is written. So the body is not sent in chunks, but ends with its connection: libmicrohttpd makes
 * a chunk as soon as the one before is written, and holds it until the socket takes more. A body without chunks it reads only
 * then. */
#include "recv/serve/viewer.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "recv/serve/broadcast.h"
#include "recv/serve/client_address.h"
#include "recv/serve/freshness.h"
#include "recv/serve/mjpeg_writer.h"
#include "recv/serve/response.h"
#include "recv/serve/serve_memory.h"
#include "recv/serve/serve_role.h"
#include "recv/serve/shared_picture.h"
#include "recv/serve/write_wait.h"

enum { LOG_PERIOD_MS = 10000 };

struct dd_viewer {
    struct MHD_Connection *connection;
    int fd;
    const char *stream;                 /* its name */
    struct dd_shared_picture_hold hold; /* of the picture that is being sent */
    atomic_bool gives_up;               /* the memory of its picture is needed: the connection ends */
    /* of MJPEG only */
    struct dd_write_wait *write_wait;
    struct dd_write_wait_entry entry;
    struct dd_broadcast_subscriber *subscriber;
    struct dd_mjpeg_writer *writer;
};

static void suspend(void *owner)
{
    MHD_suspend_connection(((struct dd_viewer *)owner)->connection);
}

static void resume(void *owner)
{
    MHD_resume_connection(((struct dd_viewer *)owner)->connection);
}

/* Ends the connection: its thread finds that out, and releases the picture. The socket is open as long as the viewer lives. */
static void give_up(struct dd_shared_picture_hold *hold)
{
    struct dd_viewer *viewer = (struct dd_viewer *)((char *)hold - offsetof(struct dd_viewer, hold));
    atomic_store(&viewer->gives_up, true);
    shutdown(viewer->fd, SHUT_RDWR);
}

static void free_viewer(void *owner)
{
    struct dd_viewer *viewer = owner;
    dd_shared_picture_release(&viewer->hold);
    dd_broadcast_unsubscribe(viewer->subscriber);
    dd_mjpeg_writer_free(viewer->writer);
    free(viewer);
}

/* Gives the writer the next part, once there is one and the socket takes it. Which one is decided last. 0; DD_ERROR_AGAIN if the
 * connection is suspended instead; another error if the body ends. */
static int begin_part(struct dd_viewer *viewer)
{
    struct dd_shared_picture *picture = NULL;
    enum dd_freshness_level level;
    if (viewer->entry.expired)
        return DD_ERROR_TIMEOUT;
    int error = dd_broadcast_wait(viewer->subscriber);
    if (error)
        return error;
    if (!dd_write_wait_writable(viewer->entry.fd))
        return dd_write_wait_add(viewer->write_wait, &viewer->entry);
    error = dd_broadcast_next(viewer->subscriber, &picture, &level);
    if (error)
        return error;
    if (picture) {
        dd_shared_picture_hold(&viewer->hold, picture);
        dd_mjpeg_writer_begin(viewer->writer, picture, dd_freshness_level_text(level));
    } else if (!dd_mjpeg_writer_begin_keepalive(viewer->writer)) {
        return DD_ERROR_STOPPED;
    }
    return 0;
}

static ssize_t read_parts(void *owner, uint64_t offset, char *bytes, size_t size)
{
    struct dd_viewer *viewer = owner;
    (void)offset;
    int error = dd_mjpeg_writer_idle(viewer->writer) ? begin_part(viewer) : 0;
    if (error == DD_ERROR_AGAIN)
        return 0;
    if (error || atomic_load(&viewer->gives_up))
        return MHD_CONTENT_READER_END_OF_STREAM;
    size_t count = dd_mjpeg_writer_write(viewer->writer, bytes, size);
    if (dd_mjpeg_writer_idle(viewer->writer))
        dd_shared_picture_release(&viewer->hold);
    return (ssize_t)count;
}

static ssize_t read_picture(void *owner, uint64_t offset, char *bytes, size_t size)
{
    struct dd_viewer *viewer = owner;
    size_t all = dd_shared_picture_size(viewer->hold.picture);
    if (offset >= all || atomic_load(&viewer->gives_up))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size = size < all - offset ? size : all - (size_t)offset;
    memcpy(bytes, dd_shared_picture_bytes(viewer->hold.picture) + offset, size);
    return (ssize_t)size;
}

/* NULL if there is no memory. */
static struct dd_viewer *new_viewer(const struct dd_response_site *site, size_t stream, struct MHD_Connection *connection)
{
    struct dd_viewer *viewer = calloc(1, sizeof *viewer);
    if (!viewer)
        return NULL;
    viewer->connection = connection;
    viewer->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    viewer->stream = site->config->streams[stream].name;
    viewer->hold.give_up = give_up;
    atomic_init(&viewer->gives_up, false);
    return viewer;
}

int dd_viewer_open(const struct dd_response_site *site, const struct dd_broadcast_subscription *request,
                   struct MHD_Connection *connection, struct MHD_Response **response, struct dd_viewer **viewer)
{
    *response = NULL;
    struct dd_viewer *v = *viewer = new_viewer(site, request->stream, connection);
    if (!v)
        return DD_ERROR_MEMORY;
    v->write_wait = site->write_wait;
    v->entry = (struct dd_write_wait_entry){.fd = v->fd, .suspend = suspend, .resume = resume, .owner = v};
    struct dd_broadcast_subscription subscription = *request;
    subscription.waiter = (struct dd_broadcast_waiter){suspend, resume, v};
    v->writer = dd_mjpeg_writer_new();
    int error = v->writer ? dd_broadcast_subscribe(site->broadcast, &subscription, &v->subscriber) : DD_ERROR_MEMORY;
    if (!error) {
        *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, DD_SERVE_MEMORY_BLOCK, read_parts, v, free_viewer);
        error = *response ? 0 : DD_ERROR_MEMORY;
    }
    if (error) {
        free_viewer(v);
        return error;
    }
    MHD_set_response_options(*response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    return 0;
}

struct MHD_Response *dd_viewer_open_picture(const struct dd_response_site *site, size_t stream, struct dd_shared_picture *picture,
                                            struct MHD_Connection *connection, struct dd_viewer **viewer)
{
    struct dd_viewer *v = *viewer = new_viewer(site, stream, connection);
    if (!v) {
        dd_shared_picture_unref(&picture);
        return NULL;
    }
    dd_shared_picture_hold(&v->hold, picture);
    struct MHD_Response *response =
        MHD_create_response_from_callback(dd_shared_picture_size(picture), DD_SERVE_MEMORY_BLOCK, read_picture, v, free_viewer);
    if (!response)
        free_viewer(v);
    return response;
}

void dd_viewer_log_end(const struct dd_viewer *viewer, bool timed_out)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct dd_log_limit limit = {.period_ms = LOG_PERIOD_MS}; /* lock */
    char address[DD_CLIENT_ADDRESS_SIZE], why[64];
    uint64_t suppressed = 0;
    bool gives_up = atomic_load(&viewer->gives_up);
    if (!timed_out && !viewer->entry.expired && !gives_up)
        return;
    pthread_mutex_lock(&lock);
    bool allowed = dd_log_allowed(&limit, &suppressed);
    pthread_mutex_unlock(&lock);
    if (!allowed)
        return;
    const union MHD_ConnectionInfo *peer = MHD_get_connection_info(viewer->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    dd_client_address_write(peer ? peer->client_addr : NULL,
                            MHD_lookup_connection_value(viewer->connection, MHD_HEADER_KIND, "X-Forwarded-For"), address);
    if (gives_up)
        snprintf(why, sizeof why, "it was slow, and the memory of its picture is needed");
    else
        snprintf(why, sizeof why, "it took nothing for %d s", DD_VIEWER_TIMEOUT_S);
    dd_log_notice("cut off the viewer of %s at %s: %s (%" PRIu64 " more since the last such message)", viewer->stream, address,
                  why, suppressed);
}
