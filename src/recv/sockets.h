/* The sockets of ddrecv, opened by its supervisor before roles start, and kept while roles come and go. */
#ifndef DD_RECV_SOCKETS_H
#define DD_RECV_SOCKETS_H

struct dd_recv_daemon;
struct dd_privileges_user;
struct dd_recv_role_config_port;

/* Opens and binds a UDP socket, with as large a buffer as the system gives. A descriptor, returned-owned; or a negative enum
 * dd_error, logged. */
int dd_sockets_open_udp(const struct dd_recv_role_config_port *port);

/* Opens a listening socket for HTTP: TCP, or a Unix socket at a path. The path then belongs to owner, so that a proxy in that
 * user's group can connect; NULL: it stays this user's. Returns as dd_sockets_open_udp(). */
int dd_sockets_open_http(const struct dd_recv_daemon *options, const struct dd_privileges_user *owner);

/* Removes the path of the Unix socket for HTTP, if options have one. */
void dd_sockets_unlink_http(const struct dd_recv_daemon *options);

#endif
