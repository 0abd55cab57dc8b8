/* The files of src/recv/web/, compiled in by cmake/embed.cmake. */
#ifndef DD_RECV_SERVE_ASSETS_H
#define DD_RECV_SERVE_ASSETS_H

#include <stddef.h>

struct dd_assets_file {
    const char *name; /* "stream.js" */
    const unsigned char *bytes;
    size_t size;
};

extern const struct dd_assets_file dd_assets_files[];
extern const size_t dd_assets_count;

#endif
