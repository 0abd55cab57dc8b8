#include "send/capture/web/image_decoder.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/base64.h>
#include <libavutil/frame.h>
#include <libavutil/mem.h>

#include "dd/base/buffer.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "send/capture/media/video_decoder.h"
#include "send/picture.h"

enum { CODECS = 2 };

static const enum AVCodecID codecs[CODECS] = {AV_CODEC_ID_PNG, AV_CODEC_ID_MJPEG};

struct dd_image_decoder {
    AVCodecContext *contexts[CODECS];
    AVFrame *frame;
    AVPacket *packet;
    struct dd_buffer bytes; /* the compressed picture, and padding */
};

static AVCodecContext *open_context(enum AVCodecID id)
{
    const AVCodec *codec = avcodec_find_decoder(id);
    AVCodecContext *context = avcodec_alloc_context3(codec);

    if (!context)
        return NULL;
    context->thread_count = 1;
    context->max_pixels = INT64_C(2) * DD_PICTURE_WIDTH_MAX * DD_PICTURE_HEIGHT_MAX; /* an honest browser may round up */
    context->err_recognition = AV_EF_EXPLODE;                                        /* a damaged picture is an error */
    if (avcodec_open2(context, codec, NULL) < 0)
        avcodec_free_context(&context);
    return context;
}

struct dd_image_decoder *dd_image_decoder_new(void)
{
    struct dd_image_decoder *decoder = calloc(1, sizeof *decoder);

    if (!decoder)
        goto fail0;
    decoder->frame = av_frame_alloc();
    decoder->packet = av_packet_alloc();
    for (int i = 0; i < CODECS; i++)
        decoder->contexts[i] = open_context(codecs[i]);
    if (decoder->frame && decoder->packet && decoder->contexts[0] && decoder->contexts[1])
        return decoder;
    dd_image_decoder_free(decoder);
fail0:
    dd_log_error("no memory for decoding a page's pictures");
    return NULL;
}

void dd_image_decoder_free(struct dd_image_decoder *decoder)
{
    if (!decoder)
        return;
    for (int i = 0; i < CODECS; i++)
        avcodec_free_context(&decoder->contexts[i]);
    av_frame_free(&decoder->frame);
    av_packet_free(&decoder->packet);
    dd_buffer_free(&decoder->bytes);
    free(decoder);
}

/* Decodes base64 into decoder->bytes, followed by the zero padding that libavcodec needs. 0 or a negative enum dd_error. */
static int decode_base64(struct dd_image_decoder *decoder, const char *base64)
{
    size_t needed = strlen(base64) / 4 * 3 + 4 + AV_INPUT_BUFFER_PADDING_SIZE;

    decoder->bytes.size = 0;
    if (dd_buffer_grow(&decoder->bytes, needed)) {
        dd_log_error("no memory for a page's picture of %zu bytes", needed);
        return DD_ERROR_MEMORY;
    }
    int size = av_base64_decode(decoder->bytes.bytes, base64, (int)(needed - AV_INPUT_BUFFER_PADDING_SIZE));
    if (size <= 0)
        return DD_ERROR_INPUT;
    decoder->bytes.size = (size_t)size;
    memset(decoder->bytes.bytes + size, 0, AV_INPUT_BUFFER_PADDING_SIZE);
    return 0;
}

int dd_image_decoder_decode(struct dd_image_decoder *decoder, const char *base64, struct dd_picture *picture)
{
    static const uint8_t png[] = {0x89, 'P', 'N', 'G'};
    int error = decode_base64(decoder, base64);

    if (error)
        return error;
    bool is_png = decoder->bytes.size > sizeof png && memcmp(decoder->bytes.bytes, png, sizeof png) == 0;
    AVCodecContext *context = decoder->contexts[is_png ? 0 : 1];
    decoder->packet->data = decoder->bytes.bytes;
    decoder->packet->size = (int)decoder->bytes.size;
    decoder->packet->flags = AV_PKT_FLAG_KEY; /* without it, libavcodec decodes a PNG as a change of the one before */
    error = avcodec_send_packet(context, decoder->packet);
    if (error >= 0)
        error = avcodec_receive_frame(context, decoder->frame);
    if (error < 0 || decoder->frame->flags & AV_FRAME_FLAG_CORRUPT) {
        avcodec_flush_buffers(context);
        return error == AVERROR(ENOMEM) ? DD_ERROR_MEMORY : DD_ERROR_INPUT;
    }
    dd_video_decoder_describe(decoder->frame, picture);
    return 0;
}
