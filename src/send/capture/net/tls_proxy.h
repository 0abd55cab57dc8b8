/* A TLS proxy within the process: a thread relays bytes between a library, in clear, and a TLS connection to the server. It is
 * our own, since the libraries do not check certificates as they should: libavformat cannot check that of an RTSP server, and
 * libvncclient does not compare the name in it with the host.
 *
 * libavformat connects to a port of ours on loopback. So the camera reads requests for rtsp://127.0.0.1; they cannot be rewritten
 * on the way, because Digest signs them. libvncclient gets a socket that is connected already. */
#ifndef DD_SEND_CAPTURE_NET_TLS_PROXY_H
#define DD_SEND_CAPTURE_NET_TLS_PROXY_H

struct addrinfo;
struct dd_source_io;
struct dd_tls;
struct dd_tls_proxy;

struct dd_tls_proxy_config {
    const char *name;           /* of the source, for messages */
    const char *host;           /* as in the URL; the certificate has to be for it */
    const char *authorities;    /* as dd_tls_new() takes them */
    struct addrinfo *addresses; /* of the camera, with their port; tried in order */
};

/* Connects to the camera with TLS, and checks its certificate, before io's deadline. From then on one connection of this process
 * to dd_tls_proxy_port() on 127.0.0.1 is relayed to it. Connections of other processes are refused. config is borrowed for this
 * call. *proxy is returned-owned: dd_tls_proxy_close(). 0; DD_ERROR_SOURCE, told in io; or another negative enum dd_error. */
int dd_tls_proxy_open(struct dd_tls_proxy **proxy, const struct dd_tls_proxy_config *config, struct dd_source_io *io);
/* Relays over a TLS connection that is established: fd and tls, which are taken, also on errors. *local_fd is the other side, a
 * blocking socket, returned-owned; -1 on errors. 0, or a negative enum dd_error, logged. */
int dd_tls_proxy_wrap(struct dd_tls_proxy **proxy, int fd, struct dd_tls *tls, int *local_fd);

/* The TCP port on 127.0.0.1. Only after dd_tls_proxy_open(). */
int dd_tls_proxy_port(const struct dd_tls_proxy *proxy);
/* Ends both connections and the thread. NULL is allowed. */
void dd_tls_proxy_close(struct dd_tls_proxy *proxy);

#endif
