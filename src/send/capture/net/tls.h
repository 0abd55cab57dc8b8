/* The client's side of a TLS connection (1.2 or later): the wrapper of OpenSSL's libssl. The server's certificate is checked
 * against certificates that the user chose, or not at all. The socket does not block, so no function waits. One thread. */
#ifndef DD_SEND_CAPTURE_NET_TLS_H
#define DD_SEND_CAPTURE_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct dd_tls;

enum { DD_TLS_TEXT_SIZE = 256 /* of an error, its NUL included */ };

/* The number of certificates in a PEM text; -1 if one of them cannot be read. */
int dd_tls_count_certificates(const char *pem);

/* A connection over fd, a connected socket (borrowed). host is a name or an IP address without brackets. authorities is a PEM
 * text: the server's certificate has to be one of these or signed by one, for host, and valid now. With "" nothing is checked.
 * Returned-owned. NULL, logged, if memory is exhausted, or if authorities, not "", has no certificate or one that cannot be read.
 */
struct dd_tls *dd_tls_new(int fd, const char *host, const char *authorities);
/* A connection without certificates: encrypted, but with anyone who answers. It is TLS 1.2, the last version that has this. */
struct dd_tls *dd_tls_new_anonymous(int fd);
void dd_tls_free(struct dd_tls *tls);

/* Begins the handshake, or continues it. 0: the connection is established; DD_ERROR_AGAIN: to be called again once the socket is
 * ready for dd_tls_events(); DD_ERROR_INPUT: it failed, text says why and what to do, and *refused is true if the server's
 * certificate is the reason. */
int dd_tls_handshake(struct dd_tls *tls, char text[static DD_TLS_TEXT_SIZE], bool *refused);

/* The events, as of poll(2), for which the last handshake or read (reading) and the last write (writing) wait. 0: for none. */
short dd_tls_events(const struct dd_tls *tls, bool reading, bool writing);

/* As recv(2) and send(2). Return the number of bytes, at least one; DD_ERROR_AGAIN: the socket is not ready; DD_ERROR_GONE: the
 * connection is over. After DD_ERROR_AGAIN the next write has to begin with the same bytes. */
long dd_tls_read(struct dd_tls *tls, void *bytes, size_t size);
long dd_tls_write(struct dd_tls *tls, const void *bytes, size_t size);

/* Sends close_notify, if that is possible without waiting. */
void dd_tls_end(struct dd_tls *tls);

#endif
