#include "dd/recv/jpeg.h"

#include <stdlib.h>
#include <turbojpeg.h>

#include "dd/base/error.h"
#include "dd/base/log.h"

enum { SIDE_MAX = 65500 /* libjpeg's own limit */ };

struct dd_jpeg {
    tjhandle handle;
};

struct dd_jpeg *dd_jpeg_new(void)
{
    struct dd_jpeg *jpeg = calloc(1, sizeof *jpeg);
    if (jpeg)
        jpeg->handle = tjInitDecompress();
    if (!jpeg || !jpeg->handle) {
        dd_log_error("out of memory");
        free(jpeg);
        return NULL;
    }
    return jpeg;
}

void dd_jpeg_free(struct dd_jpeg *jpeg)
{
    if (!jpeg)
        return;
    tjDestroy(jpeg->handle);
    free(jpeg);
}

int dd_jpeg_check(struct dd_jpeg *jpeg, const uint8_t *bytes, size_t size, int *width, int *height)
{
    int subsampling, colours;
    *width = *height = 0;
    if (tjDecompressHeader3(jpeg->handle, bytes, size, width, height, &subsampling, &colours) < 0 || *width < 1 || *height < 1 ||
        *width > SIDE_MAX || *height > SIDE_MAX)
        return DD_ERROR_INPUT;
    return 0;
}
