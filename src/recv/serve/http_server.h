/* The HTTP server, over libmicrohttpd: threads of its own, which answer what answer.h decides. */
#ifndef DD_RECV_SERVE_HTTP_SERVER_H
#define DD_RECV_SERVE_HTTP_SERVER_H

struct dd_answer_site;
struct dd_http;

/* Starts to serve on listen_fd (borrowed; it listens already). site is borrowed for the server's life. Returned-owned:
 * dd_http_stop(). NULL, logged, if the system refuses. */
struct dd_http *dd_http_start(const struct dd_answer_site *site, int listen_fd);

/* Ends all connections and frees http; the listening socket stays open. Called by the hub's watcher. */
void dd_http_stop(struct dd_http *http);

#endif
