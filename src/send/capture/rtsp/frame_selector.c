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
    struct dd_video_decoder *decode;
    struct dd_keyframe_policy keyframes;
    AVPacket *kept[DD_KEYFRAME_POLICY_KEPT_MAX]; /* since the last key frame, which is the first */
    size_t kept_count;
    size_t fed; /* how many of them the decoder has got, while catching_up */
    bool catching_up;
    bool told_alone;     /* keyframes.alone as last logged */
    bool still, shown;   /* a key frame is being decoded alone; it gave a picture */
    uint64_t present_us; /* capture of the last packet that was kept when catching up began */
    uint64_t picture_us; /* of the last picture; at first: when the stream was opened */
};

int dd_frame_selector_open(struct dd_frame_selector **sift, const struct AVCodecParameters *parameters, const char *name,
                           struct dd_source_io *io)
{
    struct dd_frame_selector *s = calloc(1, sizeof *s);

    *sift = NULL;
    if (!s) {
        dd_log_error("no memory for a video stream");
        return DD_ERROR_MEMORY;
    }
    int error = dd_video_decoder_open(&s->decode, parameters, name, io);
    if (error) {
        free(s);
        return error;
    }
    dd_keyframe_policy_init(&s->keyframes, (uint64_t)io->options->interval, (uint64_t)io->options->timeout);
    s->picture_us = dd_clock_now_us();
    *sift = s;
    return 0;
}

static void drop_kept(struct dd_frame_selector *s)
{
    for (size_t i = 0; i < s->kept_count; i++)
        av_packet_free(&s->kept[i]);
    s->kept_count = s->fed = 0;
}

void dd_frame_selector_close(struct dd_frame_selector *s)
{
    if (!s)
        return;
    drop_kept(s);
    dd_video_decoder_close(s->decode);
    free(s);
}

static int keep(struct dd_frame_selector *s, const AVPacket *packet)
{
    AVPacket *copy = s->kept_count < DD_KEYFRAME_POLICY_KEPT_MAX ? av_packet_clone(packet) : NULL;

    if (!copy) {
        dd_log_error("no memory for a video's packets");
        return DD_ERROR_MEMORY;
    }
    s->kept[s->kept_count++] = copy;
    return 0;
}

static void catch_up(struct dd_frame_selector *s)
{
    dd_video_decoder_restart(s->decode);
    s->catching_up = true;
    s->fed = 0;
    s->present_us = (uint64_t)s->kept[s->kept_count - 1]->pts;
}

static void tell_mode(struct dd_frame_selector *s)
{
    if (s->told_alone != s->keyframes.alone)
        dd_log_debug("%s", s->told_alone ? "all pictures are decoded" : "only key frames are decoded");
    s->told_alone = s->keyframes.alone;
}

int dd_frame_selector_send(struct dd_frame_selector *s, AVPacket *packet, uint64_t captured_us, uint64_t due_us,
                           struct dd_source_io *io)
{
    /* The time of capture takes the place of the time stamp: the decoder carries it through its reordering. */
    packet->pts = (int64_t)captured_us;
    packet->dts = AV_NOPTS_VALUE;

    struct dd_keyframe_policy_packet p = {
        .key = packet->flags & AV_PKT_FLAG_KEY,
        .bytes = packet->buf && packet->buf->size > (size_t)packet->size ? packet->buf->size : (size_t)packet->size,
        .captured_us = captured_us,
        .now_us = dd_clock_now_us(),
        .due_us = due_us,
        .picture_us = s->picture_us,
    };
    enum dd_keyframe_policy_action act = dd_keyframe_policy_decide(&s->keyframes, &p);
    tell_mode(s);
    if (p.key || act == DD_KEYFRAME_POLICY_DROP)
        drop_kept(s);
    if (act == DD_KEYFRAME_POLICY_DROP)
        return 0;
    if (act == DD_KEYFRAME_POLICY_DECODE)
        return dd_video_decoder_send(s->decode, packet, io);
    int error = keep(s, packet);
    if (!error && act == DD_KEYFRAME_POLICY_CATCH_UP)
        catch_up(s);
    if (!error && act == DD_KEYFRAME_POLICY_DECODE_ALONE) {
        s->still = true;
        s->shown = false;
        error = dd_video_decoder_send_key_frame(s->decode, packet, io);
    }
    return error;
}

/* The decoder has no picture: what to give it next of what is kept. 0 or DD_ERROR_AGAIN, or an error as open. */
static int feed(struct dd_frame_selector *s, struct dd_source_io *io)
{
    if (s->still) {
        s->still = false;
        if (dd_keyframe_policy_shown(&s->keyframes, s->shown))
            catch_up(s);
        tell_mode(s);
    }
    if (!s->catching_up)
        return DD_ERROR_AGAIN;
    int error = dd_video_decoder_send(s->decode, s->kept[s->fed++], io);
    if (s->fed == s->kept_count) {
        s->catching_up = false;
        drop_kept(s);
    }
    return error;
}

int dd_frame_selector_receive(struct dd_frame_selector *s, struct dd_picture *picture, struct dd_source_io *io)
{
    int error = dd_video_decoder_receive(s->decode, picture);

    if (error == DD_ERROR_AGAIN) {
        error = feed(s, io);
        if (!error)
            error = dd_video_decoder_receive(s->decode, picture);
    }
    if (!error) {
        s->shown = true;
        if (picture->captured_us > s->picture_us)
            s->picture_us = picture->captured_us;
    }
    return error;
}

void dd_frame_selector_mark_damaged(struct dd_frame_selector *s, uint64_t captured_us)
{
    dd_video_decoder_mark_damaged(s->decode, captured_us);
}

bool dd_frame_selector_wants_packet(const struct dd_frame_selector *s)
{
    return !s->catching_up && !s->still;
}

bool dd_frame_selector_is_past(const struct dd_frame_selector *s, uint64_t captured_us)
{
    return captured_us < s->present_us;
}

bool dd_frame_selector_is_broken(const struct dd_frame_selector *s)
{
    return dd_video_decoder_is_broken(s->decode);
}
