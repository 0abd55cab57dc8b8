/* A connection on which whole pieces are read and written before a deadline, in clear or, from some point on, with TLS. */
#ifndef DD_SEND_CAPTURE_NET_CHANNEL_H
#define DD_SEND_CAPTURE_NET_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "send/capture/net/tls.h"

struct dd_source_io;

struct dd_channel {
    int fd;                  /* connected, does not block; -1: none */
    struct dd_tls *tls;      /* NULL: in clear */
    struct dd_source_io *io; /* borrowed: its deadline holds for every call */
};

/* Just size bytes, and not one from behind them. 0; DD_ERROR_TIMEOUT: the deadline, or a stop; DD_ERROR_GONE: the other side
 * has closed the connection. */
int dd_channel_read(struct dd_channel *line, void *bytes, size_t size);
/* The same, and throws them away. */
int dd_channel_skip(struct dd_channel *line, size_t size);
int dd_channel_write(struct dd_channel *line, const void *bytes, size_t size);

/* Begins TLS, with tls (taken; NULL: DD_ERROR_MEMORY). DD_ERROR_INPUT: not with this server; text says why, *refused: for its
 * certificate. */
int dd_channel_start_tls(struct dd_channel *line, struct dd_tls *tls, char text[static DD_TLS_TEXT_SIZE], bool *refused);

void dd_channel_close(struct dd_channel *line);

#endif
