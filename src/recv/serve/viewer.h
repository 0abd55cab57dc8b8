/* One viewer of a stream's pictures: MJPEG as the body of a response of libmicrohttpd's. For http.c alone. */
#ifndef DD_RECV_SERVE_VIEWER_H
#define DD_RECV_SERVE_VIEWER_H

struct MHD_Connection;
struct MHD_Response;
struct dd_broadcast;
struct dd_broadcast_viewer;

/* Of what wish says, stream, period_us and raw count. Makes the response for connection, which must get it and no other
 * connection: a response that is shared makes its readers wait for each other. Returned-owned: MHD_destroy_response(). 0;
 * DD_ERROR_SPACE: there are as many viewers as may be; DD_ERROR_MEMORY. */
int dd_viewer_open(struct dd_broadcast *hub, const struct dd_broadcast_viewer *wish, struct MHD_Connection *connection,
                   struct MHD_Response **response);

#endif
