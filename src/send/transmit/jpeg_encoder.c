#include "send/transmit/jpeg_encoder.h"

#include <stdlib.h>

#include <turbojpeg.h>

#include "dd/base/log.h"
#include "send/picture.h"

struct dd_jpeg_encoder {
    tjhandle handle;
};

struct dd_jpeg_encoder *dd_jpeg_encoder_new(void)
{
    struct dd_jpeg_encoder *e = malloc(sizeof *e);

    if (!e)
        goto fail0;
    e->handle = tjInitCompress();
    if (!e->handle)
        goto fail1;
    return e;

fail1:
    free(e);
fail0:
    dd_log_error("no memory for the JPEG encoder");
    return NULL;
}

void dd_jpeg_encoder_free(struct dd_jpeg_encoder *e)
{
    if (!e)
        return;
    tjDestroy(e->handle);
    free(e);
}

size_t dd_jpeg_encoder_bound(int width, int height, enum dd_jpeg_encoder_subsampling subsampling)
{
    unsigned long bound = tjBufSize(width, height, subsampling == DD_JPEG_ENCODER_444 ? TJSAMP_444 : TJSAMP_420);

    return bound == (unsigned long)-1 ? 0 : bound;
}

size_t dd_jpeg_encoder_encode(struct dd_jpeg_encoder *e, const struct dd_picture *picture, int quality,
                              enum dd_jpeg_encoder_subsampling subsampling, uint8_t *jpeg, size_t size)
{
    unsigned long bytes = size;
    int samp, refused;

    if (picture->format != DD_PICTURE_BGRX)
        subsampling = picture->format == DD_PICTURE_I444 ? DD_JPEG_ENCODER_444 : DD_JPEG_ENCODER_420;
    samp = subsampling == DD_JPEG_ENCODER_444 ? TJSAMP_444 : TJSAMP_420;

    /* With TJFLAG_NOREALLOC TurboJPEG does not check the room. */
    size_t bound = dd_jpeg_encoder_bound(picture->width, picture->height, subsampling);
    if (bound == 0 || size < bound || picture->format == DD_PICTURE_FOREIGN) {
        dd_log_error("a picture of %dx%d cannot be encoded into %zu bytes", picture->width, picture->height, size);
        return 0;
    }
    if (quality < 1)
        quality = 1; /* TurboJPEG's lowest; the option's is 0 */
    else if (quality > 100)
        quality = 100;

    if (picture->format == DD_PICTURE_BGRX) {
        refused = tjCompress2(e->handle, picture->plane[0], picture->width, picture->stride[0], picture->height, TJPF_BGRX, &jpeg,
                              &bytes, samp, quality, TJFLAG_NOREALLOC);
    } else {
        const unsigned char *planes[3] = {picture->plane[0], picture->plane[1], picture->plane[2]};
        refused = tjCompressFromYUVPlanes(e->handle, planes, picture->width, picture->stride, picture->height, samp, &jpeg,
                                          &bytes, quality, TJFLAG_NOREALLOC);
    }
    if (refused) {
        dd_log_error("a picture of %dx%d cannot be encoded: %s", picture->width, picture->height, tjGetErrorStr2(e->handle));
        return 0;
    }
    return bytes;
}
