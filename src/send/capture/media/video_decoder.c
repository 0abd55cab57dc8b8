/* The wrapper of libavcodec. */
#include "send/capture/media/video_decoder.h"

#include <stdlib.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavutil/avstring.h>
#include <libavutil/buffer.h>
#include <libavutil/frame.h>
#include <libavutil/pixdesc.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/pipeline/color.h"
#include "send/capture/source.h"
#include "send/picture.h"

enum {
    /* Pictures that refer to a damaged one are left out until a key frame comes, but no longer than this: cameras that refresh in
     * stripes send no key frames. By dd_clock_now_us(): a short pause of this process counts; after a long one the decoder is
     * another. */
    DAMAGE_LIMIT_US = 10 * DD_CLOCK_US_PER_S,
};

struct dd_video_decoder {
    const char *name; /* borrowed */
    AVCodecContext *context;
    AVFrame *frame;
    uint64_t damaged_until_us; /* when damage ends at the latest; 0: there is none */
    uint64_t damaged_us;       /* pictures captured until then may be damaged */
    bool has_errors;
    size_t held_bytes;        /* memory of the pictures that libavcodec holds; it calls back from this thread only */
    bool too_large, too_much; /* set by get_buffer(), which libavcodec calls within avcodec_send_packet() */
    int width, height;        /* what was too large, or too much */
    bool draining;            /* the last packet is decoded alone: libavcodec was told that none follows */
};

const char dd_video_decoder_codecs[] = "h264,hevc,mjpeg,mpeg4,mpeg2video,h263,vp8,vp9";

/* What a picture of libavcodec's takes of held_bytes, until its last reference goes. */
struct held {
    struct dd_video_decoder *decoder;
    size_t bytes;
};

static void release(void *opaque, uint8_t *data)
{
    struct held *held = opaque;

    (void)data;
    held->decoder->held_bytes -= held->bytes;
    free(held);
}

/* Counts the frame's memory for as long as there is a reference to it. 0 or an FFmpeg error. */
static int hold(struct dd_video_decoder *d, AVFrame *frame)
{
    size_t bytes = (size_t)frame->width * (size_t)frame->height; /* of motion vectors and the like, at most */

    for (size_t i = 0; i < sizeof frame->buf / sizeof *frame->buf && frame->buf[i]; i++)
        bytes += frame->buf[i]->size;
    if (bytes > DD_VIDEO_DECODER_MEMORY_MAX - d->held_bytes) {
        d->too_much = true;
        return AVERROR(ENOMEM);
    }
    struct held *held = malloc(sizeof *held);
    if (!held)
        return AVERROR(ENOMEM);
    *held = (struct held){.decoder = d, .bytes = bytes};
    frame->opaque_ref = av_buffer_create((uint8_t *)held, sizeof *held, release, held, 0);
    if (!frame->opaque_ref) {
        free(held);
        return AVERROR(ENOMEM);
    }
    d->held_bytes += bytes;
    return 0;
}

/* libavcodec's hook. Its own limits are higher; a refusal here can be named to the user. */
static int get_buffer(AVCodecContext *context, AVFrame *frame, int flags)
{
    struct dd_video_decoder *d = context->opaque;
    int error = 0;

    d->width = frame->width;
    d->height = frame->height;
    d->too_large = (int64_t)frame->width * frame->height > DD_VIDEO_DECODER_PIXELS_MAX;
    if (d->too_large)
        return AVERROR(EINVAL);
    error = avcodec_default_get_buffer2(context, frame, flags);
    return error < 0 ? error : hold(d, frame);
}

/* Opens libavcodec's decoder. NULL if memory is exhausted, or, with *understood false, if it refuses the stream's parameters. */
static AVCodecContext *open_context(struct dd_video_decoder *d, const AVCodecParameters *parameters, bool *understood)
{
    const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
    AVCodecContext *context = avcodec_alloc_context3(codec);

    *understood = true;
    if (!context)
        return NULL;
    context->opaque = d;
    context->get_buffer2 = get_buffer;
    /* Each frame thread would hold back a picture. Slice threads take a twentieth more CPU at 720p, and with them libavcodec does
     * not say which H.264 pictures are damaged. One thread keeps up with 25 pictures of 4K a second. */
    context->thread_count = 1;
    context->flags |= AV_CODEC_FLAG_LOW_DELAY;
    /* What libavcodec allocates before it asks get_buffer() is a small part of a picture. */
    context->max_pixels = INT64_C(5) * DD_VIDEO_DECODER_PIXELS_MAX;
    if (avcodec_parameters_to_context(context, parameters) < 0)
        goto fail0;
    if (avcodec_open2(context, codec, NULL) < 0) {
        *understood = false;
        goto fail0;
    }
    return context;

fail0:
    avcodec_free_context(&context);
    return NULL;
}

int dd_video_decoder_open(struct dd_video_decoder **decoder, const struct AVCodecParameters *parameters, const char *name,
                          struct dd_source_io *io)
{
    const char *codec = avcodec_get_name(parameters->codec_id);
    bool understood = true;
    struct dd_video_decoder *d;

    *decoder = NULL;
    if (!avcodec_find_decoder(parameters->codec_id) || !av_match_list(codec, dd_video_decoder_codecs, ','))
        return dd_source_fail(io, DD_WIRE_REASON_NO_VIDEO,
                              "%s: its video format is not supported (%s); set the camera to H.264, H.265 or MJPEG", name, codec);
    d = calloc(1, sizeof *d);
    if (!d)
        goto fail0;
    d->name = name;
    d->frame = av_frame_alloc();
    if (d->frame)
        d->context = open_context(d, parameters, &understood);
    if (!d->context)
        goto fail1;
    *decoder = d;
    return 0;

fail1:
    dd_video_decoder_close(d);
    if (!understood)
        return dd_source_fail(io, DD_WIRE_REASON_BROKEN, "%s: its description of the video cannot be understood (%s)", name,
                              codec);
fail0:
    dd_log_error("no memory for the video decoder");
    return DD_ERROR_MEMORY;
}

void dd_video_decoder_close(struct dd_video_decoder *d)
{
    if (!d)
        return;
    avcodec_free_context(&d->context);
    av_frame_free(&d->frame);
    free(d);
}

int dd_video_decoder_send(struct dd_video_decoder *d, const struct AVPacket *packet, struct dd_source_io *io)
{
    int error = avcodec_send_packet(d->context, packet);

    if (d->too_large)
        return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE,
                              "its picture of %dx%d has more than %.1f megapixels; choose a smaller one at the camera", d->width,
                              d->height, (double)DD_VIDEO_DECODER_PIXELS_MAX * 1e-6);
    if (d->too_much)
        return dd_source_fail(io, DD_WIRE_REASON_UNSUITABLE,
                              "decoding its pictures of %dx%d takes more than the %d MiB that a camera gets; choose a smaller "
                              "picture or fewer reference frames at the camera",
                              d->width, d->height, DD_VIDEO_DECODER_MEMORY_MAX / (1024 * 1024));
    if (error == AVERROR(ENOMEM)) {
        dd_log_error("no memory for decoding video");
        return DD_ERROR_MEMORY;
    }
    if (error < 0)
        d->has_errors = true;
    return 0;
}

int dd_video_decoder_send_key_frame(struct dd_video_decoder *d, const struct AVPacket *packet, struct dd_source_io *io)
{
    dd_video_decoder_restart(d);
    int error = dd_video_decoder_send(d, packet, io);

    if (!error) {
        avcodec_send_packet(d->context, NULL);
        d->draining = true;
    }
    return error;
}

void dd_video_decoder_restart(struct dd_video_decoder *d)
{
    avcodec_flush_buffers(d->context);
    d->draining = false;
}

void dd_video_decoder_mark_damaged(struct dd_video_decoder *d, uint64_t captured_us)
{
    if (!d->damaged_until_us)
        d->damaged_until_us = dd_clock_now_us() + DAMAGE_LIMIT_US;
    if (captured_us > d->damaged_us)
        d->damaged_us = captured_us;
    d->has_errors = true;
}

/* FFmpeg 6.1 made flags of these fields. */
#ifdef AV_FRAME_FLAG_KEY
static bool is_key_frame(const AVFrame *frame)
{
    return frame->flags & AV_FRAME_FLAG_KEY;
}

static bool is_interlaced(const AVFrame *frame)
{
    return frame->flags & AV_FRAME_FLAG_INTERLACED;
}
#else
static bool is_key_frame(const AVFrame *frame)
{
    return frame->key_frame;
}

static bool is_interlaced(const AVFrame *frame)
{
    return frame->interlaced_frame;
}
#endif

/* Updates the damage by this frame. True if the frame is whole. */
static bool track_damage(struct dd_video_decoder *d, const AVFrame *frame)
{
    uint64_t captured_us = frame->pts > 0 ? (uint64_t)frame->pts : 0;

    /* the other field may be in the next packet, which is not decoded */
    if (d->draining && is_interlaced(frame))
        return false;
    if (frame->flags & AV_FRAME_FLAG_CORRUPT || frame->decode_error_flags) {
        dd_video_decoder_mark_damaged(d, captured_us);
        return false;
    }
    /* a key frame ends the damage, unless it may be damaged itself */
    bool ends_damage = is_key_frame(frame) && captured_us > d->damaged_us;
    if (d->damaged_until_us && !ends_damage && dd_clock_now_us() < d->damaged_until_us)
        return false;
    d->damaged_until_us = 0;
    d->has_errors = false;
    return true;
}

/* The yuvj formats are yuv formats whose name says that the range is full. */
static int without_range(int format, bool *full_range)
{
    switch (format) {
    case AV_PIX_FMT_YUVJ420P:
        *full_range = true;
        return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P:
        *full_range = true;
        return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P:
        *full_range = true;
        return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P:
        *full_range = true;
        return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P:
        *full_range = true;
        return AV_PIX_FMT_YUV411P;
    default:
        return format;
    }
}

void dd_video_decoder_describe(const struct AVFrame *frame, struct dd_picture *picture)
{
    *picture = (struct dd_picture){
        .format = DD_PICTURE_FOREIGN,
        .foreign_matrix = dd_color_matrix((int)frame->colorspace, frame->width, frame->height),
        .foreign_full_range = frame->color_range == AVCOL_RANGE_JPEG,
        .width = frame->width,
        .height = frame->height,
        .aspect_num = frame->sample_aspect_ratio.num,
        .aspect_den = frame->sample_aspect_ratio.den,
        .captured_us = frame->pts > 0 ? (uint64_t)frame->pts : dd_clock_now_us(),
    };
    picture->foreign_format = without_range(frame->format, &picture->foreign_full_range);
    for (int i = 0; i < 4; i++) {
        picture->plane[i] = frame->data[i];
        picture->stride[i] = frame->linesize[i];
    }
}

int dd_video_decoder_receive(struct dd_video_decoder *d, struct dd_picture *picture)
{
    for (;;) {
        int error = avcodec_receive_frame(d->context, d->frame);

        if (error == AVERROR(EAGAIN))
            return DD_ERROR_AGAIN;
        if (error < 0) {
            d->has_errors |= error != AVERROR_EOF;
            if (d->draining)
                dd_video_decoder_restart(d);
            return DD_ERROR_AGAIN;
        }
        if (track_damage(d, d->frame))
            break;
    }
    dd_video_decoder_describe(d->frame, picture);
    return 0;
}

bool dd_video_decoder_has_errors(const struct dd_video_decoder *d)
{
    return d->has_errors;
}
