/* The HTTP server: libmicrohttpd with threads of its own. They send what response.h builds. */
#ifndef DD_RECV_SERVE_HTTP_SERVER_H
#define DD_RECV_SERVE_HTTP_SERVER_H

struct dd_response_site;
struct dd_http_server;

/* Starts to serve site (borrowed until stop) on listen_fd, a listening socket (borrowed until stop). Returned-owned:
 * dd_http_server_stop(). NULL, logged, if the system refuses. */
struct dd_http_server *dd_http_server_start(const struct dd_response_site *site, int listen_fd);

/* Stops site's broadcast, ends all connections, and frees server, which may be NULL. The listening socket stays open. Only the
 * broadcast's watcher thread may call this. */
void dd_http_server_stop(struct dd_http_server *server);

#endif
