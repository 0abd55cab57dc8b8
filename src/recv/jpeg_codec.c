#include "recv/jpeg_codec.h"

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

struct dd_jpeg_codec {
    tjhandle handle;
};

struct dd_jpeg_codec_picture {
    int subsampling; /* enum TJSAMP, but never TJSAMP_GRAY */
    struct dd_paint_planes planes;
    uint8_t bytes[];
};

struct dd_jpeg_codec *dd_jpeg_codec_new(void)
{
    struct dd_jpeg_codec *jpeg = calloc(1, sizeof *jpeg);
    if (jpeg)
        jpeg->handle = tjInitDecompress();
    if (!jpeg || !jpeg->handle) {
        dd_log_error("out of memory");
        free(jpeg);
        return NULL;
    }
    return jpeg;
}

void dd_jpeg_codec_free(struct dd_jpeg_codec *jpeg)
{
    if (!jpeg)
        return;
    tjDestroy(jpeg->handle);
    free(jpeg);
}

struct header {
    int width, height;
    int subsampling, colours; /* enum TJSAMP, enum TJCS */
};

static int read_header(struct dd_jpeg_codec *jpeg, const uint8_t *bytes, size_t size, struct header *h)
{
    *h = (struct header){0};
    if (tjDecompressHeader3(jpeg->handle, bytes, size, &h->width, &h->height, &h->subsampling, &h->colours) < 0 || h->width < 1 ||
        h->height < 1 || h->width > SIDE_MAX || h->height > SIDE_MAX)
        return DD_ERROR_INPUT;
    return 0;
}

int dd_jpeg_codec_check(struct dd_jpeg_codec *jpeg, const uint8_t *bytes, size_t size, int *width, int *height)
{
    struct header header;
    int error = read_header(jpeg, bytes, size, &header);
    *width = header.width;
    *height = header.height;
    return error;
}

static struct dd_jpeg_codec_picture *allocate(int width, int height, int subsampling)
{
    static const int shift_x[TJ_NUMSAMP] = {[TJSAMP_422] = 1, [TJSAMP_420] = 1, [TJSAMP_411] = 2};
    static const int shift_y[TJ_NUMSAMP] = {[TJSAMP_420] = 1, [TJSAMP_440] = 1};
    size_t at[PLANES], bytes = 0;
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
    picture->planes = (struct dd_paint_planes){
        .width = width, .height = height, .shift_x = shift_x[subsampling], .shift_y = shift_y[subsampling]};
    for (int i = 0; i < PLANES; i++) {
        picture->planes.plane[i] = picture->bytes + at[i];
        picture->planes.stride[i] = tjPlaneWidth(i, width, subsampling);
    }
    return picture;
}

struct dd_jpeg_codec_picture *dd_jpeg_codec_decode(struct dd_jpeg_codec *jpeg, const uint8_t *bytes, size_t size,
                                                   size_t pixels_max)
{
    struct header header;
    if (read_header(jpeg, bytes, size, &header) != 0 || (size_t)header.width * (size_t)header.height > pixels_max ||
        (header.colours != TJCS_YCbCr && header.colours != TJCS_GRAY))
        return NULL;
    int subsampling = header.subsampling == TJSAMP_GRAY ? TJSAMP_420 : header.subsampling;
    struct dd_jpeg_codec_picture *picture = allocate(header.width, header.height, subsampling);
    if (!picture)
        return NULL;
    /* An error is ignored: what could be decoded of a damaged JPEG is in place. TJFLAG_LIMITSCANS: a small progressive JPEG with
     * thousands of scans would take minutes. */
    tjDecompressToYUVPlanes(jpeg->handle, bytes, size, picture->planes.plane, 0, picture->planes.stride, 0, TJFLAG_LIMITSCANS);
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
