/* What a stream may be called. Both ends agree on it, so that one stream can have one name at both. */
#ifndef DD_LINK_STREAM_NAME_H
#define DD_LINK_STREAM_NAME_H

#include <stddef.h>

/* Names that no stream may have: they are paths of the pages that ddrecv serves. Ends with NULL. */
extern const char *const dd_stream_name_reserved[];

/* Checks the option stream_id: dd_options_row.check. 0; or DD_ERROR_INPUT, with what would be right in why. */
int dd_stream_name_check_id(const char *text, char *why, size_t why_size);

#endif
