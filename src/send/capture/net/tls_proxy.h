/* TLS for libavformat, which of itself can check no RTSP server's certificate: it connects to a socket of ours on loopback,
 * and a thread carries the bytes to and from the TLS connection behind it. So the camera reads requests for rtsp://127.0.0.1:
 * they can't be changed on the way, because Digest signs them. libvncclient, which checks no certificate as it should, gets a
 * socket that is connected already. */
#ifndef DD_SEND_CAPTURE_NET_TLS_PROXY_H
#define DD_SEND_CAPTURE_NET_TLS_PROXY_H

struct addrinfo;
struct dd_source_io;
struct dd_tls;
struct dd_tls_proxy;

struct dd_tls_proxy_config {
    const char *name;           /* of the source, for messages */
    const char *host;           /* as in its URL */
    const char *authorities;    /* as dd_tls_new() takes them */
    struct addrinfo *addresses; /* of the camera, with their port; tried in turn */
};

/* Connects to the camera, with TLS and all checks, before io's deadline. Then one connection of this very process to
 * dd_tls_proxy_port() on 127.0.0.1 leads there; those of others are turned away. What config points to is borrowed for this
 * call. 0; or DD_ERROR_SOURCE, told in io; or another negative enum dd_error. */
int dd_tls_proxy_open(struct dd_tls_proxy **tunnel, const struct dd_tls_proxy_config *config, struct dd_source_io *io);
/* The same thread over a TLS connection that stands already: *local_fd is a socket that leads there, blocking, returned-owned
 * (-1 on errors). fd and tls are taken, also on errors. 0, or a negative enum dd_error, logged. */
int dd_tls_proxy_wrap(struct dd_tls_proxy **tunnel, int fd, struct dd_tls *tls, int *local_fd);

int dd_tls_proxy_port(const struct dd_tls_proxy *tunnel);
/* Ends both connections and the thread. */
void dd_tls_proxy_close(struct dd_tls_proxy *tunnel);

#endif
