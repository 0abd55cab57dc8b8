/* The table of sources: one row per mode. A new kind of source is a folder and a row here. */
#ifndef DD_SEND_CAPTURE_SOURCE_TABLE_H
#define DD_SEND_CAPTURE_SOURCE_TABLE_H

#include <stdint.h>

struct dd_source_kind;

/* The kind of source for mode, an enum dd_send_mode. Static; NULL if there is none. */
const struct dd_source_kind *dd_source_table_find(int64_t mode);

#endif
