/* One viewer of a stream's pictures: MJPEG as the body of a response of libmicrohttpd's. Used by http_server.c alone. */
#ifndef DD_RECV_SERVE_VIEWER_H
#define DD_RECV_SERVE_VIEWER_H

struct MHD_Connection;
struct MHD_Response;
struct dd_broadcast;
struct dd_broadcast_subscription;

/* Makes the response for connection, and for no other one: readers of a shared response wait for each other. Of request,
 * which is copied, only stream, period_us and raw are used. *response is returned-owned (MHD_destroy_response()), NULL on error.
 * 0; DD_ERROR_SPACE if there are max_viewers already; DD_ERROR_MEMORY. */
int dd_viewer_open(struct dd_broadcast *broadcast, const struct dd_broadcast_subscription *request,
                   struct MHD_Connection *connection, struct MHD_Response **response);

#endif
