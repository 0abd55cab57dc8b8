/* The files of src/recv/web/: pages, styles, scripts, images. */
#ifndef DD_RECV_SERVE_ASSETS_H
#define DD_RECV_SERVE_ASSETS_H

#include "dd/base/embedded_file.h"

extern const struct dd_embedded_file dd_assets[];

#endif
