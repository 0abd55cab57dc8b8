/* One viewer of a stream: MJPEG or a picture as the body of a response of libmicrohttpd's. Used by http_server.c alone.
 *
 * A viewer that is slow holds an old picture in memory. When that is needed, its connection ends: shared_picture.h. */
#ifndef DD_RECV_SERVE_VIEWER_H
#define DD_RECV_SERVE_VIEWER_H

#include <stdbool.h>
#include <stddef.h>

enum { DD_VIEWER_TIMEOUT_S = 30 }; /* without progress; then a viewer is cut off */

struct MHD_Connection;
struct MHD_Response;
struct dd_broadcast_subscription;
struct dd_response_site;
struct dd_shared_picture;
struct dd_viewer;

/* Makes the response for connection, and for no other one: readers of a shared response wait for each other. request
 * is copied; how to suspend and resume is added. *response is returned-owned (MHD_destroy_response()), NULL on error.
 * *viewer lives as long as *response. 0; DD_ERROR_SPACE if there are max_viewers already; DD_ERROR_MEMORY. */
int dd_viewer_open(const struct dd_response_site *site, const struct dd_broadcast_subscription *request,
                   struct MHD_Connection *connection, struct MHD_Response **response, struct dd_viewer **viewer);

/* The same for one picture of that stream, which is taken. NULL if there is no memory. */
struct MHD_Response *dd_viewer_open_picture(const struct dd_response_site *site, size_t stream, struct dd_shared_picture *picture,
                                            struct MHD_Connection *connection, struct dd_viewer **viewer);

/* Logs, at a limited rate, that viewer's connection ends because this side cut it off, if it did; timed_out: libmicrohttpd did,
 * after the time without progress. To be called before the connection's end. Thread-safe. */
void dd_viewer_log_end(const struct dd_viewer *viewer, bool timed_out);

#endif
