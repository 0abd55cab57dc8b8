/* The client's side of a TLS connection (1.2 or later) over a socket, checked against certificates of the user's choice, or
 * not at all. Nothing here waits: the socket does not block. */
#ifndef DD_SEND_CAPTURE_NET_TLS_H
#define DD_SEND_CAPTURE_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct dd_tls;

enum { DD_TLS_TEXT_SIZE = 256 };

/* How many certificates a PEM text holds; -1 if one of them cannot be read. */
int dd_tls_count_certificates(const char *pem);

/* On a connected socket (borrowed) to host, a name or an IP address without brackets. authorities is a PEM text: the
 * server's certificate has to be one of these or signed by one, to be for host, and to be valid now; with an empty text
 * nothing is checked. NULL, logged, without memory. Returned-owned: dd_tls_free(). */
struct dd_tls *dd_tls_new(int fd, const char *host, const char *authorities);
/* The same without certificates: encrypted, but with whoever is there. At TLS 1.2, the last that has it. */
struct dd_tls *dd_tls_new_anonymous(int fd);
void dd_tls_free(struct dd_tls *tls);

/* Begins, or goes on. 0 once the connection stands; DD_ERROR_AGAIN: poll the socket for dd_tls_events(); DD_ERROR_INPUT: not
 * with this server. text then says why, and what to do; *refused: its certificate is the reason. */
int dd_tls_handshake(struct dd_tls *tls, char text[static DD_TLS_TEXT_SIZE], bool *refused);

/* The events to poll the socket for after DD_ERROR_AGAIN, of the last handshake or read, and of the last write. */
short dd_tls_events(const struct dd_tls *tls, bool reading, bool writing);

/* As recv(2) and send(2): how many bytes, at least one; or DD_ERROR_AGAIN, or DD_ERROR_GONE: the connection is over. A write
 * has to be repeated with the same bytes first. */
long dd_tls_read(struct dd_tls *tls, void *bytes, size_t size);
long dd_tls_write(struct dd_tls *tls, const void *bytes, size_t size);

/* Says good-bye, if that can be said at once. */
void dd_tls_end(struct dd_tls *tls);

#endif
