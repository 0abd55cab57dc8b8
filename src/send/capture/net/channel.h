/* A connection that reads and writes exactly as many bytes as asked, before a deadline. It begins in clear, and may change to
 * TLS. One thread. */
#ifndef DD_SEND_CAPTURE_NET_CHANNEL_H
#define DD_SEND_CAPTURE_NET_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "send/capture/net/tls.h"

struct dd_source_io;

struct dd_channel {
    int fd;                  /* connected, does not block; owned; -1: none */
    struct dd_tls *tls;      /* owned; NULL: in clear */
    struct dd_source_io *io; /* borrowed; its deadline holds for every call */
};

/* Reads exactly size bytes. 0; DD_ERROR_TIMEOUT: the deadline or a stop came first; DD_ERROR_GONE: the other side has closed the
 * connection. */
int dd_channel_read(struct dd_channel *channel, void *bytes, size_t size);
/* Reads size bytes and throws them away. Returns as dd_channel_read(). */
int dd_channel_skip(struct dd_channel *channel, size_t size);
/* Writes exactly size bytes. Returns as dd_channel_read(). */
int dd_channel_write(struct dd_channel *channel, const void *bytes, size_t size);

/* Changes to TLS: takes tls, which is new, and does its handshake. 0; DD_ERROR_MEMORY if tls is NULL; DD_ERROR_TIMEOUT: the
 * deadline or a stop came first; DD_ERROR_INPUT: the handshake failed, text says why and what to do, and *refused is true if the
 * server's certificate is the reason. */
int dd_channel_start_tls(struct dd_channel *channel, struct dd_tls *tls, char text[static DD_TLS_TEXT_SIZE], bool *refused);

/* Closes the connection and frees tls. May be called twice. */
void dd_channel_close(struct dd_channel *channel);

#endif
