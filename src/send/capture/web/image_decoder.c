#include "send/capture/web/image_decoder.h"

#include <stdlib.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavutil/base64.h>
#include <libavutil/frame.h>
#include <libavutil/mem.h>

#include "dd/base/error.h"
#include "dd/base/log.h"
#include "send/capture/media/video_decoder.h"
#include "send/picture.h"

enum { KINDS = 2 };

static const enum AVCodecID kinds[KINDS] = {AV_CODEC_ID_PNG, AV_CODEC_ID_MJPEG};

struct dd_image_decoder {
    AVCodecContext *contexts[KINDS];
    AVFrame *frame;
    AVPacket *packet;
    uint8_t *bytes;
    size_t capacity;
};

int dd_image_decoder_text_copy(struct dd_image_decoder_text *text, const char *base64)
{
    size_t length = strlen(base64);

    if (length + 1 > text->capacity) {
        free(text->text);
        *text = (struct dd_image_decoder_text){.text = malloc(length + length / 4 + 1), .capacity = length + length / 4 + 1};
        if (!text->text) {
            *text = (struct dd_image_decoder_text){0};
            dd_log_error("no memory for a page's picture of %zu bytes", length);
            return DD_ERROR_MEMORY;
        }
    }
    memcpy(text->text, base64, length + 1);
    text->length = length;
    return 0;
}

bool dd_image_decoder_text_equal(const struct dd_image_decoder_text *a, const struct dd_image_decoder_text *b)
{
    return a->length == b->length && b->length && memcmp(a->text, b->text, a->length) == 0;
}

void dd_image_decoder_text_free(struct dd_image_decoder_text *text)
{
    free(text->text);
    *text = (struct dd_image_decoder_text){0};
}

static AVCodecContext *open_context(enum AVCodecID kind)
{
    const AVCodec *codec = avcodec_find_decoder(kind);
    AVCodecContext *context = avcodec_alloc_context3(codec);

    if (!context)
        return NULL;
    context->thread_count = 1;
    context->max_pixels = (int64_t)DD_VIDEO_DECODER_WIDTH_MAX * DD_VIDEO_DECODER_HEIGHT_MAX;
    context->err_recognition = AV_EF_EXPLODE; /* half a picture is none */
    if (avcodec_open2(context, codec, NULL) < 0)
        avcodec_free_context(&context);
    return context;
}

struct dd_image_decoder *dd_image_decoder_new(void)
{
    struct dd_image_decoder *s = calloc(1, sizeof *s);

    if (!s)
        goto fail0;
    s->frame = av_frame_alloc();
    s->packet = av_packet_alloc();
    for (int i = 0; i < KINDS; i++)
        s->contexts[i] = open_context(kinds[i]);
    if (s->frame && s->packet && s->contexts[0] && s->contexts[1])
        return s;
    dd_image_decoder_free(s);
fail0:
    dd_log_error("no memory for decoding a page's pictures");
    return NULL;
}

void dd_image_decoder_free(struct dd_image_decoder *s)
{
    if (!s)
        return;
    for (int i = 0; i < KINDS; i++)
        avcodec_free_context(&s->contexts[i]);
    av_frame_free(&s->frame);
    av_packet_free(&s->packet);
    free(s->bytes);
    free(s);
}

/* Into s->bytes, followed by the zeros that libavcodec wants to find there. The length, or a negative enum dd_error. */
static long decode_base64(struct dd_image_decoder *s, const struct dd_image_decoder_text *text)
{
    size_t needed = text->length / 4 * 3 + 4 + AV_INPUT_BUFFER_PADDING_SIZE;

    if (needed > s->capacity) {
        free(s->bytes);
        s->capacity = needed + needed / 4;
        s->bytes = malloc(s->capacity);
        if (!s->bytes) {
            s->capacity = 0;
            dd_log_error("no memory for a page's picture of %zu bytes", needed);
            return DD_ERROR_MEMORY;
        }
    }
    int size = av_base64_decode(s->bytes, text->text, (int)(s->capacity - AV_INPUT_BUFFER_PADDING_SIZE));
    if (size <= 0)
        return DD_ERROR_INPUT;
    memset(s->bytes + size, 0, AV_INPUT_BUFFER_PADDING_SIZE);
    return size;
}

int dd_image_decoder_decode(struct dd_image_decoder *s, const struct dd_image_decoder_text *text, struct dd_picture *picture)
{
    static const uint8_t png[] = {0x89, 'P', 'N', 'G'};
    long size = decode_base64(s, text);

    if (size < 0)
        return (int)size;
    AVCodecContext *context = s->contexts[size > 4 && memcmp(s->bytes, png, sizeof png) == 0 ? 0 : 1];
    s->packet->data = s->bytes;
    s->packet->size = (int)size;
    s->packet->flags = AV_PKT_FLAG_KEY; /* else libavcodec takes a PNG for what changed since the one before */
    int error = avcodec_send_packet(context, s->packet);
    if (error >= 0)
        error = avcodec_receive_frame(context, s->frame);
    if (error < 0 || s->frame->flags & AV_FRAME_FLAG_CORRUPT) {
        avcodec_flush_buffers(context);
        return error == AVERROR(ENOMEM) ? DD_ERROR_MEMORY : DD_ERROR_INPUT;
    }
    dd_video_decoder_describe(s->frame, picture);
    return 0;
}
