/* The check of a complete frame: what it accepts is one JPEG of the size that it says, and the decoder of the stale mark makes a
 * picture of it. The input is the frame. */
#include <string.h>
#include <turbojpeg.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/draw/paint.h"
#include "fuzz.h"
#include "recv/intake/jpeg_header.h"
#include "recv/serve/jpeg_codec.h"

/* A larger picture is not decoded here: it takes too long for a fuzzer. */
enum { PIXELS_MAX = 256 * 256 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    dd_log_open("fuzz_jpeg_header", DD_LOG_ERROR);
    return 0;
}

static void check_decoder(const uint8_t *data, size_t size, int width, int height)
{
    int w, h;
    MUST(dd_jpeg_codec_read_size(data, size, &w, &h) == 0 && w == width && h == height);
    if (width * height > PIXELS_MAX)
        return;
    struct dd_jpeg_codec_picture *picture = dd_jpeg_codec_decode(data, size, PIXELS_MAX);
    MUST(picture);
    const struct dd_paint_planes *planes = dd_jpeg_codec_picture_planes(picture);
    MUST(planes->width == width && planes->height == height);
    dd_paint_rectangle(planes, 0, 0, width, height, dd_paint_color(0xff, 0, 0));
    dd_jpeg_codec_picture_free(picture);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t width = 1, height = 1;
    int error = dd_jpeg_header_read(data, size, &width, &height);
    MUST(error == 0 || error == DD_ERROR_INPUT);
    if (error) {
        MUST(!width && !height);
        return 0;
    }
    MUST(width >= 1 && width <= DD_JPEG_HEADER_WIDTH_MAX && height >= 1 && height <= DD_JPEG_HEADER_HEIGHT_MAX);
    MUST(!memcmp(data, "\xff\xd8\xff\xe0", 4) && !memcmp(data + size - 2, "\xff\xd9", 2));
    check_decoder(data, size, width, height);
    return 0;
}

/* All have less than 1024 bytes: of longer ones libFuzzer would take the beginning. */
size_t fuzz_seed(size_t i, uint8_t seed[static FUZZ_SEED_SIZE])
{
    static const struct {
        int width, height, format, subsampling, flags;
        const char *setting; /* TurboJPEG takes some from the environment */
    } list[] = {
        {8, 8, TJPF_RGB, TJSAMP_420, 0, NULL},
        {40, 24, TJPF_RGB, TJSAMP_420, 0, NULL},
        {16, 24, TJPF_RGB, TJSAMP_444, 0, NULL},
        {40, 24, TJPF_GRAY, TJSAMP_GRAY, 0, NULL},
        {24, 24, TJPF_RGB, TJSAMP_444, 0, "TJ_OPTIMIZE"},
        {24, 24, TJPF_GRAY, TJSAMP_GRAY, 0, "TJ_OPTIMIZE"},
        {24, 24, TJPF_RGB, TJSAMP_422, 0, NULL},
        {24, 24, TJPF_RGB, TJSAMP_420, TJFLAG_PROGRESSIVE, NULL},
        {24, 24, TJPF_RGB, TJSAMP_420, 0, "TJ_RESTART"},
        {24, 24, TJPF_RGB, TJSAMP_420, 0, "TJ_ARITHMETIC"},
        {8, 8, TJPF_CMYK, TJSAMP_444, 0, NULL},
    };
    static uint8_t pixels[40 * 40 * 4];
    unsigned char *jpeg = NULL;
    unsigned long size = 0;
    if (i >= sizeof list / sizeof *list)
        return 0;
    for (size_t j = 0; j < sizeof pixels; j++)
        pixels[j] = (uint8_t)(j * 2654435761U >> 24); /* noise */
    tjhandle handle = tjInitCompress();
    MUST(handle && (!list[i].setting || setenv(list[i].setting, "1", 1) == 0));
    MUST(tjCompress2(handle, pixels, list[i].width, 0, list[i].height, list[i].format, &jpeg, &size, list[i].subsampling, 40,
                     list[i].flags) == 0);
    MUST(size <= FUZZ_SEED_SIZE);
    memcpy(seed, jpeg, size);
    if (list[i].setting)
        unsetenv(list[i].setting);
    tjFree(jpeg);
    tjDestroy(handle);
    return size;
}
