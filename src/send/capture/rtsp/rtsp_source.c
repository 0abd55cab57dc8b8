/* The wrapper of libavformat. It stays connected to the camera, and reads its stream all the time. */
#include "send/capture/rtsp/rtsp_source.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/error.h>
#include <libavutil/mathematics.h>
#include <libavutil/mem.h>

#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/log.h"
#include "dd/link/wire.h"
#include "send/capture/media/ffmpeg_log.h"
#include "send/capture/media/video_decoder.h"
#include "send/capture/net/connect.h"
#include "send/capture/net/tls_proxy.h"
#include "send/capture/net/url.h"
#include "send/capture/rtsp/frame_selector.h"
#include "send/capture/rtsp/latency.h"
#include "send/capture/rtsp/rtsp_error.h"
#include "send/capture/source.h"
#include "send/options.h"
#include "send/picture.h"

enum {
    USER_MAX = 127, /* bytes of "user:password", percent-encoded: libavformat cuts off the rest without an error */
    NAME_SIZE = 200,
    RTSPS_PORT = 322,
    BLOCK_BYTES_MAX = 64 * 1024 * 1024,          /* of one allocation by FFmpeg: a plane of the largest picture fits */
    WAITED_US = 3 * DD_CLOCK_US_PER_MS,          /* a read that took longer found nothing to read at first */
    DELAY_NOTICED_US = 200 * DD_CLOCK_US_PER_MS, /* a smaller delay is the jitter of networks and schedulers */
    DELAY_SKIPPED_US = 500 * DD_CLOCK_US_PER_MS, /* with a larger delay pictures are left out, */
    SKIPPED_SHOWN_US = DD_CLOCK_US_PER_S,        /* except one in this time */
};

/* Packets that libavformat holds back to bring them into order. 500 is its default. Over TCP packets are in order; but cameras
 * leave packets out there, too, and without a queue libavformat does not look at their sequence numbers. */
#define REORDER_QUEUE_UDP "500"
#define REORDER_QUEUE_TCP "2"
/* The decoder's pictures, a packet that grows (the old and the new block), and the rest. */
#define MEMORY_MAX ((size_t)DD_VIDEO_DECODER_MEMORY_MAX + 2 * BLOCK_BYTES_MAX + 128 * 1024 * 1024)
#define UDP_BUFFER_BYTES "4194304" /* for a large key frame in one burst; the system may grant less */

struct rtsp {
    struct dd_source_io *io; /* of the call under way */
    char name[NAME_SIZE];    /* the URL for messages, without secrets */
    char *requested_url;     /* what libavformat was given; secret; NULL except while it is opening that */
    bool is_redirected;      /* libavformat follows the camera to another URL */
    AVFormatContext *format;
    AVPacket *packet;
    struct dd_tls_proxy *tls_proxy; /* NULL without TLS */
    struct dd_frame_selector *selector;
    int video;        /* index of the video stream */
    bool is_joined;   /* see estimate_capture() */
    uint64_t read_us; /* when the last read returned, */
    bool read_waited; /* and whether it had to wait */
    bool had_losses;  /* RTP packets were missing when the last packet was read */
    struct dd_latency latency;
    uint64_t delay_us; /* age of the last packet when it was read; 0 below DELAY_NOTICED_US */
    /* Capture of the last whole picture; at first: when the stream was opened. After the stream's timeout without one the camera
     * is given up, pauses of this process included. */
    uint64_t picture_us;
    uint64_t delivered_us; /* when the last picture was delivered */
};

static uint64_t timeout_us(const struct rtsp *r)
{
    return (uint64_t)r->io->options->timeout;
}

/* libavformat's hook, called several times a second in every wait. Sends the heartbeat. Not 0 if the call under way has to
 * return. */
static int checkpoint(void *opaque)
{
    struct rtsp *r = opaque;

    /* libavformat follows redirections by itself. With TLS that would bypass the proxy. */
    if (r->requested_url && r->format && r->format->url)
        r->is_redirected = strcmp(r->format->url, r->requested_url) != 0;
    return (r->tls_proxy && r->is_redirected) || dd_source_interrupted(r->io) ||
           dd_clock_now_us() >= r->picture_us + timeout_us(r);
}

/* ---- errors ---- */

static int fail_redirected(struct rtsp *r)
{
    return dd_source_fail(r->io, DD_WIRE_REASON_UNSUITABLE,
                          "%s: the camera sends on to another address; make that one the source, if it may be trusted", r->name);
}

static int fail_timeout(struct rtsp *r)
{
    double seconds = dd_clock_seconds(timeout_us(r));

    if (r->io->checkpoint(r->io->context))
        return DD_ERROR_STOPPED;
    if (r->tls_proxy && r->is_redirected)
        return fail_redirected(r);
    if (!r->selector)
        return dd_source_fail(r->io, DD_WIRE_REASON_TIMEOUT,
                              "%s: no answer within %g s; check the address, and that the camera is on and not behind a firewall",
                              r->name, seconds);
    if (dd_frame_selector_has_errors(r->selector))
        return dd_source_fail(r->io, DD_WIRE_REASON_BROKEN, "%s: no picture without errors within %g s; check the network",
                              r->name, seconds);
    return dd_source_fail(r->io, DD_WIRE_REASON_TIMEOUT, "%s: no picture within %g s%s", r->name, seconds,
                          r->io->options->rtsp_transport == DD_SEND_RTSP_UDP
                              ? "; does a firewall hold back UDP? rtsp_transport tcp needs none"
                              : "");
}

/* av_error is that of the FFmpeg call that just failed. Returns as dd_source_fail(), or DD_ERROR_STOPPED. */
static int fail(struct rtsp *r, int av_error)
{
    const struct dd_rtsp_error *known = dd_rtsp_error_find(av_error);
    char text[AV_ERROR_MAX_STRING_SIZE];

    if (av_error == AVERROR(ENOMEM)) {
        dd_log_error("%s: no memory for what the camera sends", r->name);
        return DD_ERROR_MEMORY;
    }
    if (av_error == AVERROR_EXIT || av_error == AVERROR(ETIMEDOUT) || checkpoint(r))
        return fail_timeout(r);
    if (known)
        return dd_source_fail(r->io, known->reason, "%s: %s", r->name, known->text);
    /* EINVAL: the camera redirects to a protocol that is not on the whitelist */
    if (!r->selector && (r->is_redirected || av_error == AVERROR(EINVAL)))
        return fail_redirected(r);
    if (av_strerror(av_error, text, sizeof text) < 0)
        snprintf(text, sizeof text, "error %d", av_error);
    return dd_source_fail(r->io, DD_WIRE_REASON_BROKEN, "%s: %s", r->name, text);
}

/* ---- opening ---- */

/* Makes *url of the options source, username and password, and r->name of it for messages. */
static int build_url(struct rtsp *r, struct dd_url *url)
{
    const struct dd_send_stream *options = r->io->options;
    char user[3 * DD_URL_USER_SIZE];

    /* A URL that cannot be parsed is not shown: nothing tells where its password ends. */
    if (dd_url_parse(url, options->source))
        return dd_source_fail(r->io, DD_WIRE_REASON_UNSUITABLE,
                              "the source is not a valid URL; write rtsp://HOST:PORT/PATH, and a user name and password with "
                              "blanks or other special characters as the options username and password");
    if (strcmp(url->scheme, "rtsp") != 0 && strcmp(url->scheme, "rtsps") != 0)
        return dd_source_fail(r->io, DD_WIRE_REASON_UNSUITABLE, "the source is a %s:// URL; mode rtsp takes rtsp:// and rtsps://",
                              url->scheme);
    if (*options->username) {
        url->has_user = true;
        snprintf(url->username, sizeof url->username, "%s", options->username);
    }
    if (*options->password) {
        url->has_user = true;
        snprintf(url->password, sizeof url->password, "%s", options->password);
    }
    size_t user_bytes = dd_url_write_user(url, user, sizeof user);
    explicit_bzero(user, sizeof user);
    if (user_bytes == 0 || user_bytes > USER_MAX)
        return dd_source_fail(
            r->io, DD_WIRE_REASON_CREDENTIALS,
            "user name and password are too long: percent-encoded, with a colon between, they may have %d characters", USER_MAX);
    struct dd_url shown = {.port = url->port};
    memcpy(shown.scheme, url->scheme, sizeof shown.scheme);
    memcpy(shown.host, url->host, sizeof shown.host);
    snprintf(shown.rest, sizeof shown.rest, "%.100s", url->rest);
    if (dd_url_write_plain(&shown, r->name, sizeof r->name))
        snprintf(r->name, sizeof r->name, "%s://%.100s", url->scheme, url->host);
    return 0;
}

/* Looks up the host. With rtsps connects to it, and makes *url that of the TLS proxy. */
static int look_up_or_proxy(struct rtsp *r, struct dd_url *url)
{
    /* looked up here, because libavformat tells an unknown name from other errors only in its log */
    const struct dd_connect_peer peer = {
        .name = r->name, .kind = "camera", .host = url->host, .port = url->port ? url->port : RTSPS_PORT};
    struct addrinfo *addresses;
    int error = dd_connect_look_up(&peer, &addresses, r->io);

    if (!error && strcmp(url->scheme, "rtsps") == 0) {
        const struct dd_tls_proxy_config config = {
            .name = r->name, .host = url->host, .authorities = r->io->options->ca_pem, .addresses = addresses};
        error = dd_tls_proxy_open(&r->tls_proxy, &config, r->io);
        if (!error) {
            strcpy(url->scheme, "rtsp");
            strcpy(url->host, "127.0.0.1");
            url->port = dd_tls_proxy_port(r->tls_proxy);
        }
    }
    if (addresses)
        freeaddrinfo(addresses);
    return error;
}

static int set_options(const struct rtsp *r, AVDictionary **options)
{
    char timeout[32];
    int error = 0;

    snprintf(timeout, sizeof timeout, "%llu", (unsigned long long)timeout_us(r));
    const struct {
        const char *name, *value;
    } rows[] = {
        {"rtsp_transport", r->io->options->rtsp_transport == DD_SEND_RTSP_UDP ? "udp" : "tcp"},
        {"timeout", timeout}, /* µs, of a single socket operation */
        {"allowed_media_types", "video"},
        {"initial_pause", "1"}, /* PLAY is sent by open_video(): cameras give odd errors to a PLAY without a stream */
        {"protocol_whitelist", "tcp,udp,rtp"}, /* for redirections and SDPs, too; the proxy does TLS */
        {"format_whitelist", "rtsp"},
        {"codec_whitelist", dd_video_decoder_codecs},
        {"buffer_size", UDP_BUFFER_BYTES},
        {"reorder_queue_size", r->io->options->rtsp_transport == DD_SEND_RTSP_UDP ? REORDER_QUEUE_UDP : REORDER_QUEUE_TCP},
        {"user_agent", "ddsend"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (av_dict_set(options, rows[i].name, rows[i].value, 0) < 0)
            error = AVERROR(ENOMEM);
    return error;
}

static void forget_requested_url(struct rtsp *r)
{
    if (r->requested_url)
        explicit_bzero(r->requested_url, strlen(r->requested_url));
    free(r->requested_url);
    r->requested_url = NULL;
}

/* Connects, and sets the streams up. */
static int open_format(struct rtsp *r, const struct dd_url *url)
{
    char text[2 * DD_URL_SIZE];
    AVDictionary *options = NULL;
    int error = set_options(r, &options);

    if (dd_url_write(url, text, sizeof text)) {
        error = dd_source_fail(r->io, DD_WIRE_REASON_UNSUITABLE, "%s: the URL is too long", r->name);
        goto done;
    }
    r->format = avformat_alloc_context();
    r->requested_url = strdup(text);
    if (!r->format || !r->requested_url || error < 0) {
        dd_log_error("no memory for reading %s", r->name);
        error = DD_ERROR_MEMORY;
        goto done;
    }
    r->format->interrupt_callback = (AVIOInterruptCB){.callback = checkpoint, .opaque = r};
    error = avformat_open_input(&r->format, text, av_find_input_format("rtsp"), &options);
    if (error < 0)
        error = fail(r, error);
done:
    explicit_bzero(text, sizeof text);
    forget_requested_url(r);
    av_dict_free(&options);
    return error;
}

/* True if RTP carries parts of a picture, which libavformat joins. Pictures of other codecs come whole. */
static bool joins_packets(enum AVCodecID codec)
{
    return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MPEG4 ||
           codec == AV_CODEC_ID_MPEG2VIDEO || codec == AV_CODEC_ID_H263;
}

/* Opens the decoder of the first video stream, and starts playing. There is no avformat_find_stream_info(): the decoder's
 * parameters are in the SDP or in front of each key frame. So the first picture comes sooner, and none queue up behind the
 * probing. */
static int open_video(struct rtsp *r)
{
    int error;

    r->video = -1;
    for (unsigned i = 0; i < r->format->nb_streams; i++) {
        AVStream *stream = r->format->streams[i];
        if (r->video < 0 && stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO)
            r->video = (int)i;
        else
            stream->discard = AVDISCARD_ALL;
    }
    if (r->video < 0)
        return dd_source_fail(r->io, DD_WIRE_REASON_NO_VIDEO, "%s: no video in it; choose another path at the camera", r->name);

    const AVCodecParameters *parameters = r->format->streams[r->video]->codecpar;
    r->is_joined = joins_packets(parameters->codec_id);
    error = dd_frame_selector_open(&r->selector, parameters, r->name, r->io);
    if (error)
        return error;
    error = av_read_play(r->format);
    return error < 0 ? fail(r, error) : 0;
}

static void rtsp_close(void *state)
{
    struct rtsp *r = state;

    if (!r)
        return;
    dd_frame_selector_close(r->selector);
    av_packet_free(&r->packet);
    avformat_close_input(&r->format);
    dd_tls_proxy_close(r->tls_proxy);
    dd_ffmpeg_log_redact(NULL);
    free(r);
}

static void warn_of_unchecked_certificate(const struct rtsp *r)
{
    static bool is_said; /* a process has one camera, and connects to it again and again */

    if (!is_said)
        dd_log_warning(
            "%s: the camera's certificate is not checked: the connection is encrypted, but may lead to another; set ca_file",
            r->name);
    is_said = true;
}

/* Losses are read off libavformat's log, and another version may log them in another way. */
static void warn_of_unknown_version(void)
{
    static bool is_said; /* one process, one libavformat */
    unsigned version = avformat_version();

    if (!is_said && !dd_ffmpeg_log_knows_losses(version))
        dd_log_warning(
            "libavformat %u.%u.%u is not known to report lost RTP packets: a picture that a loss damaged may be shown as "
            "whole (the versions of Debian 12 and 13 do report them)",
            AV_VERSION_MAJOR(version), AV_VERSION_MINOR(version), AV_VERSION_MICRO(version));
    is_said = true;
}

static int rtsp_open(void **state, struct dd_source_io *io)
{
    struct rtsp *r = calloc(1, sizeof *r);
    struct dd_url url;
    int error = DD_ERROR_MEMORY;

    *state = NULL;
    if (!r) {
        dd_log_error("no memory for a camera");
        return DD_ERROR_MEMORY;
    }
    r->io = io;
    r->picture_us = dd_clock_now_us();
    r->packet = av_packet_alloc();
    if (!r->packet) {
        dd_log_error("no memory for a camera's packets");
        goto fail0;
    }
    error = build_url(r, &url);
    if (error)
        goto fail1;
    warn_of_unknown_version();
    av_max_alloc(BLOCK_BYTES_MAX);
    dd_ffmpeg_log_redact(&url);
    error = look_up_or_proxy(r, &url);
    if (!error && r->tls_proxy && !*io->options->ca_pem)
        warn_of_unchecked_certificate(r); /* before the password goes out */
    if (!error)
        error = open_format(r, &url);
    if (!error)
        error = open_video(r);
    if (error)
        goto fail1;
    dd_url_wipe(&url);
    r->read_us = r->picture_us = dd_clock_now_us();
    *state = r;
    return 0;

fail1:
    dd_url_wipe(&url);
fail0:
    rtsp_close(r);
    return error;
}

/* ---- pictures ---- */

/* Returns when the packet just read was captured, as far as that is known. libavformat knows that a joined picture is complete
 * only by the first packet of the next one. So the picture that it returns now had arrived when the read before returned. */
static uint64_t estimate_capture(struct rtsp *r, uint64_t now_us, bool waited)
{
    uint64_t arrived_us = r->is_joined ? r->read_us : now_us;
    bool arrived_waited = r->is_joined ? r->read_waited : waited;
    const AVStream *stream = r->format->streams[r->video];
    int64_t stamp = r->packet->pts != AV_NOPTS_VALUE ? r->packet->pts : r->packet->dts;

    r->read_us = now_us;
    r->read_waited = waited;
    r->delay_us = 0;
    if (stamp != AV_NOPTS_VALUE)
        r->delay_us =
            dd_latency_update(&r->latency, arrived_us, arrived_waited, av_rescale_q(stamp, stream->time_base, AV_TIME_BASE_Q));
    if (r->delay_us < DELAY_NOTICED_US)
        r->delay_us = 0;
    return arrived_us - r->delay_us;
}

/* Reads a packet, and sends it to the selector. The next picture is wanted at due_us. 0, or an error as rtsp_next(). */
static int read_packet(struct rtsp *r, uint64_t due_us)
{
    uint64_t start_us = dd_clock_now_us(), away_us = r->io->away_us;
    unsigned losses = dd_ffmpeg_log_rtp_losses();
    int error = av_read_frame(r->format, r->packet);
    uint64_t now_us = dd_clock_now_us();
    bool lost = dd_ffmpeg_log_rtp_losses() != losses;

    if (error == AVERROR(EAGAIN))
        return checkpoint(r) ? fail_timeout(r) : 0;
    if (error < 0)
        return fail(r, error);
    error = 0;
    if (r->packet->stream_index == r->video) {
        /* a packet that came while this process was away waited for it */
        bool waited = now_us - start_us >= WAITED_US && !dd_source_was_away(r->io, away_us);
        uint64_t captured_us = estimate_capture(r, now_us, waited);
        error = dd_frame_selector_send(r->selector, r->packet, captured_us, due_us, r->io);
        /* the missing packets may belong to this picture, or to the one that libavformat is still joining */
        if (lost || r->had_losses)
            dd_frame_selector_mark_damaged(r->selector, captured_us);
        r->had_losses = lost;
    }
    av_packet_unref(r->packet);
    return error;
}

/* True if a picture is left out, so that a stream that has backed up catches up. */
static bool is_skipped(const struct rtsp *r, uint64_t now_us)
{
    return r->delay_us > DELAY_SKIPPED_US && now_us < r->delivered_us + SKIPPED_SHOWN_US;
}

static int rtsp_next(void *state, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture)
{
    struct rtsp *r = state;

    r->io = io;
    for (;;) {
        /* in each pass: packets may come without pictures, and pictures that are not wanted */
        bool interrupted = checkpoint(r);
        int error = dd_frame_selector_receive(r->selector, picture, io);
        if (!error) {
            uint64_t now_us = dd_clock_now_us();
            if (picture->captured_us > r->picture_us)
                r->picture_us = picture->captured_us;
            if (picture->captured_us >= due_us && !dd_frame_selector_is_outdated(r->selector, picture->captured_us) &&
                !is_skipped(r, now_us)) {
                r->delivered_us = now_us;
                return 0;
            }
        } else if (error != DD_ERROR_AGAIN) {
            return error;
        }
        if (interrupted)
            return fail_timeout(r);
        if (error && dd_frame_selector_needs_packet(r->selector)) {
            error = read_packet(r, due_us);
            if (error)
                return error;
        }
    }
}

const struct dd_source_kind dd_rtsp_source = {
    .name = "rtsp",
    .memory_max = MEMORY_MAX,
    .open = rtsp_open,
    .next = rtsp_next,
    .close = rtsp_close,
};
