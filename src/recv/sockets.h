/* The sockets of ddrecv, opened by its supervisor before roles start, and kept while roles come and go. */
#ifndef DD_RECV_SOCKETS_H
#define DD_RECV_SOCKETS_H

struct dd_recv_daemon;
struct dd_privileges_user;
struct dd_recv_role_config_port;

/* A bound UDP socket with as large a buffer as the system gives. A descriptor, returned-owned, or a negative enum dd_error,
 * logged. */
int dd_sockets_open_udp(const struct dd_recv_role_config_port *port);

/* A listening socket for HTTP, TCP or at a path. Likewise. owner (NULL: nobody else) is given the path, so that a proxy in
 * the group of that user gets in. */
int dd_sockets_open_http(const struct dd_recv_daemon *options, const struct dd_privileges_user *owner);

/* Removes the path of a Unix socket again. */
void dd_sockets_unlink_http(const struct dd_recv_daemon *options);

#endif
