/* The HTTP server, over libmicrohttpd: threads of its own, which answer what answer.h decides. */
#ifndef DD_RECV_SERVE_HTTP_SERVER_H
#define DD_RECV_SERVE_HTTP_SERVER_H

struct dd_response_site;
struct dd_http_server;

/* Starts to serve on listen_fd (borrowed; it listens already). site is borrowed for the server's life. Returned-owned:
 * dd_http_server_stop(). NULL, logged, if the system refuses. */
struct dd_http_server *dd_http_server_start(const struct dd_response_site *site, int listen_fd);

/* Ends all connections and frees http; the listening socket stays open. Called by the hub's watcher. */
void dd_http_server_stop(struct dd_http_server *http);

#endif
