#include "recv/serve/jpeg_codec.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/draw/paint.h"

enum {
    SIDE_MAX = 65500, /* libjpeg's own limit */
    GREY = 128,       /* as luma; as chroma it is neutral */
    PLANES = 3,
};

struct dd_jpeg_codec_picture {
    int subsampling; /* TJSAMP_420 or TJSAMP_444 */
    struct dd_paint_planes planes;
    uint8_t bytes[];
};

struct header {
    int width, height;
    int subsampling, colours; /* enum TJSAMP, enum TJCS; other versions of the library may know more of them than this one */
};

/* Returned-owned: tjDestroy(). NULL, logged, if there is no memory. */
static tjhandle open_decoder(void)
{
    tjhandle handle = tjInitDecompress();
    if (!handle)
        dd_log_error("no memory for a JPEG decoder");
    return handle;
}

static int read_header(tjhandle handle, const uint8_t *bytes, size_t size, struct header *h)
{
    *h = (struct header){0};
    if (tjDecompressHeader3(handle, bytes, size, &h->width, &h->height, &h->subsampling, &h->colours) < 0 || h->width < 1 ||
        h->height < 1 || h->width > SIDE_MAX || h->height > SIDE_MAX)
        return DD_ERROR_INPUT;
    return 0;
}

int dd_jpeg_codec_read_size(const uint8_t *bytes, size_t size, int *width, int *height)
{
    struct header header = {0};
    tjhandle handle = open_decoder();
    int error = handle ? read_header(handle, bytes, size, &header) : DD_ERROR_MEMORY;
    if (handle)
        tjDestroy(handle);
    *width = error ? 0 : header.width;
    *height = error ? 0 : header.height;
    return error;
}

/* subsampling is TJSAMP_420 or TJSAMP_444. */
static struct dd_jpeg_codec_picture *allocate(int width, int height, int subsampling)
{
    size_t at[PLANES], bytes = 0;
    int shift = subsampling == TJSAMP_420;
    for (int i = 0; i < PLANES; i++) {
        at[i] = bytes;
        bytes += tjPlaneSizeYUV(i, width, 0, height, subsampling);
    }
    struct dd_jpeg_codec_picture *picture = malloc(sizeof *picture + bytes);
    if (!picture) {
        dd_log_error("no memory for a picture of %dx%d", width, height);
        return NULL;
    }
    memset(picture->bytes, GREY, bytes);
    picture->subsampling = subsampling;
    picture->planes = (struct dd_paint_planes){.width = width, .height = height, .shift_x = shift, .shift_y = shift};
    for (int i = 0; i < PLANES; i++) {
        picture->planes.plane[i] = picture->bytes + at[i];
        picture->planes.stride[i] = tjPlaneWidth(i, width, subsampling);
    }
    return picture;
}

/* Only what is listed here: what is painted on the planes has to fit their sizes. */
static bool is_supported(const struct header *h)
{
    return (h->colours == TJCS_YCbCr && (h->subsampling == TJSAMP_420 || h->subsampling == TJSAMP_444)) ||
           (h->colours == TJCS_GRAY && h->subsampling == TJSAMP_GRAY);
}

struct dd_jpeg_codec_picture *dd_jpeg_codec_decode(const uint8_t *bytes, size_t size, size_t pixels_max)
{
    struct header header;
    struct dd_jpeg_codec_picture *picture = NULL;
    tjhandle handle = open_decoder();
    if (!handle)
        return NULL;
    if (read_header(handle, bytes, size, &header) == 0 && is_supported(&header) &&
        (size_t)header.width * (size_t)header.height <= pixels_max)
        picture = allocate(header.width, header.height, header.subsampling == TJSAMP_444 ? TJSAMP_444 : TJSAMP_420);
    /* An error is ignored: what could be decoded of a damaged JPEG is in place. TJFLAG_LIMITSCANS: a small progressive JPEG with
     * thousands of scans would take minutes. */
    if (picture)
        tjDecompressToYUVPlanes(handle, bytes, size, picture->planes.plane, 0, picture->planes.stride, 0, TJFLAG_LIMITSCANS);
    tjDestroy(handle);
    return picture;
}

struct dd_jpeg_codec_picture *dd_jpeg_codec_picture_new(int width, int height)
{
    return allocate(width, height, TJSAMP_420);
}

void dd_jpeg_codec_picture_free(struct dd_jpeg_codec_picture *picture)
{
    free(picture);
}

const struct dd_paint_planes *dd_jpeg_codec_picture_planes(const struct dd_jpeg_codec_picture *picture)
{
    return &picture->planes;
}

uint8_t *dd_jpeg_codec_encode(const struct dd_jpeg_codec_picture *picture, int quality, size_t *size)
{
    const struct dd_paint_planes *p = &picture->planes;
    const unsigned char *planes[PLANES] = {p->plane[0], p->plane[1], p->plane[2]};
    unsigned char *bytes = NULL;
    unsigned long count = 0;
    *size = 0;
    tjhandle handle = tjInitCompress();
    if (!handle || tjCompressFromYUVPlanes(handle, planes, p->width, p->stride, p->height, picture->subsampling, &bytes, &count,
                                           quality, 0) != 0) {
        dd_log_error("a picture of %dx%d cannot be encoded: %s", p->width, p->height, tjGetErrorStr2(handle));
        tjFree(bytes);
        bytes = NULL;
        count = 0;
    }
    if (handle)
        tjDestroy(handle);
    *size = count;
    return bytes;
}

void dd_jpeg_codec_bytes_free(uint8_t *bytes)
{
    tjFree(bytes);
}
