#include "dd/link/stream_name.h"

#include <stdio.h>
#include <string.h>

#include "dd/base/error.h"
#include "dd/link/key.h"

const char *const dd_stream_name_reserved[] = {"freshness", "stats", "metrics", "healthz", "frames", "stream", NULL};

int dd_stream_name_check_id(const char *text, char *why, size_t why_size)
{
    if (strlen(text) <= DD_KEY_STREAM_ID_MAX)
        return 0;
    snprintf(why, why_size, "at most %d bytes", DD_KEY_STREAM_ID_MAX);
    return DD_ERROR_INPUT;
}
