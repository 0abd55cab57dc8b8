/* The most memory that the serve role takes, whatever viewers do. Pure functions; --check-config prints what they compute. */
#ifndef DD_RECV_SERVE_SERVE_MEMORY_H
#define DD_RECV_SERVE_SERVE_MEMORY_H

#include <stdint.h>

#include "recv/serve/shared_picture.h"

struct dd_serve_config;

/* What one HTTP connection takes. */
enum {
    DD_SERVE_MEMORY_REQUEST = 32 * 1024, /* libmicrohttpd's, for the headers of a request and its response */
    DD_SERVE_MEMORY_BLOCK = 32 * 1024,   /* what is written of a picture at once */
    /* Buffers of its socket, as they are asked for. The kernel doubles them, and counts its own use of them. */
    DD_SERVE_MEMORY_SEND_BUFFER = 64 * 1024,
    DD_SERVE_MEMORY_RECEIVE_BUFFER = 8 * 1024,
};

/* All in bytes. */
struct dd_serve_memory {
    uint64_t newest;                        /* pictures that each stream has, the marked ones included */
    uint64_t older;                         /* pictures that slow viewers have not read yet, and those asked for by number */
    struct dd_shared_picture_limits limits; /* that hold the two above */
    uint64_t marking;                       /* making a stale mark */
    uint64_t connections;                   /* of all HTTP connections, in the process */
    uint64_t sockets;                       /* of the same, in the kernel */
};

/* How many HTTP connections are accepted at the same time. */
uint64_t dd_serve_memory_connections(uint32_t max_viewers);

void dd_serve_memory_compute(const struct dd_serve_config *config, struct dd_serve_memory *memory);

#endif
