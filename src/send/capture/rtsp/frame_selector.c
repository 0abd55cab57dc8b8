#include "send/capture/rtsp/frame_selector.h"

#include <stdlib.h>

#include <libavcodec/packet.h>
#include <libavutil/avutil.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "send/capture/media/video_decoder.h"
#include "send/capture/rtsp/keyframe_policy.h"
#include "send/capture/source.h"
#include "send/options.h"
#include "send/picture.h"

struct dd_frame_selector {
    struct dd_video_decoder *decoder;
    struct dd_keyframe_policy policy;
    AVPacket *buffered[DD_KEYFRAME_POLICY_BUFFERED_MAX]; /* since the last key frame, which is the first */
    size_t buffered_count;
    bool catching_up;           /* the buffered packets are being decoded, */
    size_t sent;                /* so many of them so far */
    uint64_t catch_up_until_us; /* capture of the last one; earlier pictures are not shown */
    bool decoding_alone;        /* a key frame is being decoded alone, */
    bool gave_picture;          /* and has given a picture */
    bool logged_keyframes_only; /* policy.keyframes_only as last logged */
    uint64_t picture_us;        /* capture of the last picture; at first: when the selector was opened */
};

int dd_frame_selector_open(struct dd_frame_selector **selector, const struct AVCodecParameters *parameters, const char *name,
                           struct dd_source_io *io)
{
    struct dd_frame_selector *s = calloc(1, sizeof *s);

    *selector = NULL;
    if (!s) {
        dd_log_error("no memory for a video stream");
        return DD_ERROR_MEMORY;
    }
    int error = dd_video_decoder_open(&s->decoder, parameters, name, io);
    if (error) {
        free(s);
        return error;
    }
    dd_keyframe_policy_init(&s->policy, (uint64_t)io->options->interval, (uint64_t)io->options->timeout);
    s->picture_us = dd_clock_now_us();
    *selector = s;
    return 0;
}

static void drop_buffered(struct dd_frame_selector *s)
{
    for (size_t i = 0; i < s->buffered_count; i++)
        av_packet_free(&s->buffered[i]);
    s->buffered_count = s->sent = 0;
}

void dd_frame_selector_close(struct dd_frame_selector *s)
{
    if (!s)
        return;
    drop_buffered(s);
    dd_video_decoder_close(s->decoder);
    free(s);
}

static int buffer_packet(struct dd_frame_selector *s, const AVPacket *packet)
{
    AVPacket *copy = s->buffered_count < DD_KEYFRAME_POLICY_BUFFERED_MAX ? av_packet_clone(packet) : NULL;

    if (!copy) {
        dd_log_error("no memory for a video's packets");
        return DD_ERROR_MEMORY;
    }
    s->buffered[s->buffered_count++] = copy;
    return 0;
}

static void start_catching_up(struct dd_frame_selector *s)
{
    dd_video_decoder_restart(s->decoder);
    s->catching_up = true;
    s->sent = 0;
    s->catch_up_until_us = (uint64_t)s->buffered[s->buffered_count - 1]->pts;
}

static void log_mode(struct dd_frame_selector *s)
{
    if (s->logged_keyframes_only != s->policy.keyframes_only)
        dd_log_debug("%s", s->logged_keyframes_only ? "all pictures are decoded" : "only key frames are decoded");
    s->logged_keyframes_only = s->policy.keyframes_only;
}

int dd_frame_selector_send(struct dd_frame_selector *s, AVPacket *packet, uint64_t captured_us, uint64_t due_us,
                           struct dd_source_io *io)
{
    /* The time of capture replaces the time stamps: the decoder carries it through its reordering. */
    packet->pts = (int64_t)captured_us;
    packet->dts = AV_NOPTS_VALUE;

    /* A packet holds all of its buffer in memory. */
    struct dd_keyframe_policy_packet p = {
        .is_key = packet->flags & AV_PKT_FLAG_KEY,
        .bytes = packet->buf && packet->buf->size > (size_t)packet->size ? packet->buf->size : (size_t)packet->size,
        .captured_us = captured_us,
        .now_us = dd_clock_now_us(),
        .due_us = due_us,
        .picture_us = s->picture_us,
    };
    enum dd_keyframe_policy_action action = dd_keyframe_policy_decide(&s->policy, &p);
    log_mode(s);
    if (p.is_key || action == DD_KEYFRAME_POLICY_DROP)
        drop_buffered(s);
    if (action == DD_KEYFRAME_POLICY_DROP)
        return 0;
    if (action == DD_KEYFRAME_POLICY_DECODE)
        return dd_video_decoder_send(s->decoder, packet, io);
    int error = buffer_packet(s, packet);
    if (!error && action == DD_KEYFRAME_POLICY_CATCH_UP)
        start_catching_up(s);
    if (!error && action == DD_KEYFRAME_POLICY_DECODE_ALONE) {
        s->decoding_alone = true;
        s->gave_picture = false;
        error = dd_video_decoder_send_key_frame(s->decoder, packet, io);
    }
    return error;
}

/* Sends the next buffered packet to the decoder, which has no picture. 0; DD_ERROR_AGAIN: none is to be sent; or an error as of
 * open. */
static int send_buffered(struct dd_frame_selector *s, struct dd_source_io *io)
{
    if (s->decoding_alone) {
        s->decoding_alone = false;
        if (dd_keyframe_policy_note_result(&s->policy, s->gave_picture))
            start_catching_up(s);
        log_mode(s);
    }
    if (!s->catching_up)
        return DD_ERROR_AGAIN;
    int error = dd_video_decoder_send(s->decoder, s->buffered[s->sent++], io);
    if (s->sent == s->buffered_count) {
        s->catching_up = false;
        drop_buffered(s);
    }
    return error;
}

int dd_frame_selector_receive(struct dd_frame_selector *s, struct dd_picture *picture, struct dd_source_io *io)
{
    int error = dd_video_decoder_receive(s->decoder, picture);

    if (error == DD_ERROR_AGAIN) {
        error = send_buffered(s, io);
        if (!error)
            error = dd_video_decoder_receive(s->decoder, picture);
    }
    if (!error) {
        s->gave_picture = true;
        if (picture->captured_us > s->picture_us)
            s->picture_us = picture->captured_us;
    }
    return error;
}

void dd_frame_selector_mark_damaged(struct dd_frame_selector *s, uint64_t captured_us)
{
    dd_video_decoder_mark_damaged(s->decoder, captured_us);
}

bool dd_frame_selector_needs_packet(const struct dd_frame_selector *s)
{
    return !s->catching_up && !s->decoding_alone;
}

bool dd_frame_selector_is_outdated(const struct dd_frame_selector *s, uint64_t captured_us)
{
    return captured_us < s->catch_up_until_us;
}

bool dd_frame_selector_has_errors(const struct dd_frame_selector *s)
{
    return dd_video_decoder_has_errors(s->decoder);
}
