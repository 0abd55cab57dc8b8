/* The sockets of ddrecv, opened by its supervisor before roles start, and kept while roles come and go. */
#ifndef DD_RECV_SOCKETS_H
#define DD_RECV_SOCKETS_H

#include <stdbool.h>

enum {
    DD_SOCKETS_UDP_BUFFER = 16 << 20,                 /* of a UDP socket, as asked for */
    DD_SOCKETS_UDP_BYTES = 2 * DD_SOCKETS_UDP_BUFFER, /* what the kernel then takes at most: twice as much, see socket(7) */
};

struct dd_recv_daemon;
struct dd_privileges_user;
struct dd_recv_role_config_port;

/* Opens and binds a UDP socket, with as large a buffer as the system gives. A descriptor, returned-owned; or a negative enum
 * dd_error, logged. */
int dd_sockets_open_udp(const struct dd_recv_role_config_port *port);

/* Opens a listening socket for HTTP: TCP, or a Unix socket at a path. The path then belongs to owner, so that a proxy in that
 * user's group can connect; NULL: it stays this user's. A socket that a dead process left at the path is replaced. Returns as
 * dd_sockets_open_udp(). */
int dd_sockets_open_http(const struct dd_recv_daemon *options, const struct dd_privileges_user *owner);

/* Opens the socket for HTTP anew, under the number fd. For one that a process has had which may have been taken over: it can have
 * shut the socket down, filtered or slowed down what arrives, or changed what connections inherit; and not all of that can be
 * seen or undone. Does not wait either. Connections that wait at the old one are lost. 0; or a negative enum dd_error, logged,
 * and fd is the old one, which listens if it can. */
int dd_sockets_renew_http(int fd, const struct dd_recv_daemon *options, const struct dd_privileges_user *owner);

/* True if the socket for a is the one for b, too. */
bool dd_sockets_same_http(const struct dd_recv_daemon *a, const struct dd_recv_daemon *b);
/* True if the socket for b cannot be opened while the one for a is open. */
bool dd_sockets_collide_http(const struct dd_recv_daemon *a, const struct dd_recv_daemon *b);

/* Closes the socket for HTTP, and removes its path. Does not wait, whatever a process that was taken over has done to it. */
void dd_sockets_close_http(int fd, const struct dd_recv_daemon *options);
/* Removes the path of the Unix socket for HTTP, if options have one. */
void dd_sockets_unlink_http(const struct dd_recv_daemon *options);

#endif
