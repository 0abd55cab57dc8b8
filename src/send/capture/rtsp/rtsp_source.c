/* The source "rtsp": a camera's stream, connected all the time; the wrapper of libavformat. */
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
#include "send/options.h"
#include "send/picture.h"

#include "send/capture/source.h"

enum {
    USER_MAX = 127, /* libavformat cuts user info, as encoded, behind this without a word */
    NAME_SIZE = 200,
    RTSPS_PORT = 322,
    BLOCK_BYTES_MAX = 256 * 1024 * 1024,       /* that libav may take at once: a plane of the largest picture fits */
    WAITED_US = 3 * DD_CLOCK_US_PER_MS,        /* a read that took as long found nothing to read at first */
    LAG_NOTICED_US = 200 * DD_CLOCK_US_PER_MS, /* less is the jitter of networks and schedulers */
    LAG_SKIPPED_US = 500 * DD_CLOCK_US_PER_MS, /* from here on pictures are left out, */
    LAG_SHOWN_US = DD_CLOCK_US_PER_S,          /* but for one in this time */
};

#define UDP_REORDERED "500" /* packets; libavformat's own default */
#define TCP_REORDERED "2"
#define UDP_BUFFER_BYTES "4194304" /* for a large key frame in one burst; the system may grant less */

struct rtsp {
    struct dd_source_io *io;
    char name[NAME_SIZE]; /* the URL for messages */
    char *asked;          /* the URL that libavformat was given; secret; NULL unless it is opening that */
    bool redirected;      /* to another one */
    AVFormatContext *format;
    AVPacket *packet;
    struct dd_tls_proxy *tunnel; /* where there is TLS */
    struct dd_frame_selector *sift;
    int video;        /* index of its stream */
    bool joined;      /* see arrival() */
    uint64_t read_us; /* when the last read returned, */
    bool read_waited; /* and whether it had to wait */
    bool lost;        /* RTP packets were missing when the last packet was read */
    struct dd_latency lag;
    uint64_t behind_us;    /* of the last packet */
    uint64_t picture_us;   /* capture of the last whole picture (at first: when the stream was opened) */
    uint64_t delivered_us; /* when the last one was delivered */
};

static uint64_t timeout_us(const struct rtsp *r)
{
    return (uint64_t)r->io->options->timeout;
}

/* libavformat's hook, called several times a second in every wait. */
static int interrupt(void *opaque)
{
    struct rtsp *r = opaque;

    /* it follows redirections by itself: not around the tunnel */
    if (r->asked && r->format && r->format->url)
        r->redirected = strcmp(r->format->url, r->asked) != 0;
    return (r->tunnel && r->redirected) || dd_source_interrupted(r->io) || dd_clock_now_us() >= r->picture_us + timeout_us(r);
}

/* ---- errors in plain words ---- */

struct refusal {
    int error; /* libav's */
    enum dd_wire_reason reason;
    const char *text;
};

static const struct refusal refusals[] = {
    {AVERROR(ECONNREFUSED), DD_WIRE_REASON_UNREACHABLE,
     "connection refused; check the address and port, and that the camera's RTSP service is on"},
    {AVERROR(EHOSTUNREACH), DD_WIRE_REASON_UNREACHABLE, "no way to this host; check the address, the network and the firewall"},
    {AVERROR(ENETUNREACH), DD_WIRE_REASON_UNREACHABLE,
     "no route to this network; check the address and the routes of this machine"},
    {AVERROR(EACCES), DD_WIRE_REASON_UNREACHABLE, "this machine's firewall forbids the connection"},
    {AVERROR(EPERM), DD_WIRE_REASON_UNREACHABLE, "this machine's firewall forbids the connection"},
    {AVERROR(ECONNRESET), DD_WIRE_REASON_ENDED, "the camera cut the connection"},
    {AVERROR(EPIPE), DD_WIRE_REASON_ENDED, "the camera cut the connection"},
    {AVERROR_EOF, DD_WIRE_REASON_ENDED, "the camera closed the connection"},
    {AVERROR(EIO), DD_WIRE_REASON_ENDED, "the camera closed the connection in the middle of an answer"},
    {AVERROR(ENOMEM), DD_WIRE_REASON_BROKEN, "what it sends takes more memory than it may"},
    {AVERROR_HTTP_UNAUTHORIZED, DD_WIRE_REASON_CREDENTIALS, "wrong user name or password; set username and password"},
    {AVERROR_HTTP_FORBIDDEN, DD_WIRE_REASON_CREDENTIALS,
     "this user may not watch it; set another username, or allow it at the camera"},
    {AVERROR_HTTP_NOT_FOUND, DD_WIRE_REASON_NOT_FOUND, "no such path; check what follows the host in the URL"},
    {AVERROR_HTTP_BAD_REQUEST, DD_WIRE_REASON_BROKEN, "the camera calls the request bad; check the URL"},
    {AVERROR_HTTP_OTHER_4XX, DD_WIRE_REASON_BROKEN,
     "the camera refuses the request; check the URL and try the other rtsp_transport"},
    {AVERROR_HTTP_SERVER_ERROR, DD_WIRE_REASON_BROKEN, "the camera reports an error of its own; it may have too many viewers"},
    {AVERROR(EPROTONOSUPPORT), DD_WIRE_REASON_UNSUITABLE, "the camera does not offer this rtsp_transport; set the other one"},
    {AVERROR_INVALIDDATA, DD_WIRE_REASON_BROKEN, "what it answers cannot be understood; is it an RTSP service?"},
};

static int fail_redirected(struct rtsp *r)
{
    return dd_source_fail(r->io, DD_WIRE_REASON_UNSUITABLE,
                          "%s: the camera sends on to another address; make that one the source, if it may be trusted", r->name);
}

static int fail_timeout(struct rtsp *r)
{
    double seconds = (double)timeout_us(r) / DD_CLOCK_US_PER_S;

    if (r->io->checkpoint(r->io->context))
        return DD_ERROR_STOPPED;
    if (r->tunnel && r->redirected)
        return fail_redirected(r);
    if (!r->sift)
        return dd_source_fail(r->io, DD_WIRE_REASON_TIMEOUT,
                              "%s: no answer within %g s; check the address, and that the camera is on and not behind a firewall",
                              r->name, seconds);
    if (dd_frame_selector_is_broken(r->sift))
        return dd_source_fail(r->io, DD_WIRE_REASON_BROKEN, "%s: no picture without errors within %g s; check the network",
                              r->name, seconds);
    return dd_source_fail(r->io, DD_WIRE_REASON_TIMEOUT, "%s: no picture within %g s%s", r->name, seconds,
                          r->io->options->rtsp_transport == DD_SEND_RTSP_UDP
                              ? "; does a firewall hold back UDP? rtsp_transport tcp needs none"
                              : "");
}

/* error is libav's, of the call that just failed. */
static int fail(struct rtsp *r, int error)
{
    char text[AV_ERROR_MAX_STRING_SIZE];

    if (error == AVERROR_EXIT || error == AVERROR(ETIMEDOUT) || interrupt(r))
        return fail_timeout(r);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (refusals[i].error == error)
            return dd_source_fail(r->io, refusals[i].reason, "%s: %s", r->name, refusals[i].text);
    /* EINVAL: to a protocol that is not on the list */
    if (!r->sift && (r->redirected || error == AVERROR(EINVAL)))
        return fail_redirected(r);
    if (av_strerror(error, text, sizeof text) < 0)
        snprintf(text, sizeof text, "error %d", error);
    return dd_source_fail(r->io, DD_WIRE_REASON_BROKEN, "%s: %s", r->name, text);
}

/* ---- opening ---- */

/* The URL that source, username and password make together. */
static int read_url(struct rtsp *r, struct dd_url *url)
{
    const struct dd_send_stream *options = r->io->options;
    char user[3 * DD_URL_USER_SIZE];

    /* what cannot be read is not shown: no telling where the password ends in it */
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

/* Finds the host; with rtsps connects to it, and makes url the tunnel's. */
static int reach(struct rtsp *r, struct dd_url *url)
{
    /* libavformat tells an unknown name from other errors only in its log */
    const struct dd_connect_peer peer = {
        .name = r->name, .kind = "camera", .host = url->host, .port = url->port ? url->port : RTSPS_PORT};
    struct addrinfo *addresses;
    int error = dd_connect_look_up(&peer, &addresses, r->io);

    if (!error && strcmp(url->scheme, "rtsps") == 0) {
        const struct dd_tls_proxy_config config = {
            .name = r->name, .host = url->host, .authorities = r->io->options->ca_pem, .addresses = addresses};
        error = dd_tls_proxy_open(&r->tunnel, &config, r->io);
        if (!error) {
            strcpy(url->scheme, "rtsp");
            strcpy(url->host, "127.0.0.1");
            url->port = dd_tls_proxy_port(r->tunnel);
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
        {"timeout", timeout}, /* of a single socket operation, µs */
        {"allowed_media_types", "video"},
        {"initial_pause", "1"}, /* not before it is known that there is video: asked to play nothing, cameras refuse oddly */
        {"protocol_whitelist", "tcp,udp,rtp"}, /* no redirection, no SDP leads anywhere else; TLS is the tunnel's */
        {"format_whitelist", "rtsp"},
        {"codec_whitelist", dd_video_decoder_codecs},
        {"buffer_size", UDP_BUFFER_BYTES},
        /* Over TCP libavformat would not look at sequence numbers, but cameras leave packets out there, too. */
        {"reorder_queue_size", r->io->options->rtsp_transport == 1 ? UDP_REORDERED : TCP_REORDERED},
        {"user_agent", "ddsend"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (av_dict_set(options, rows[i].name, rows[i].value, 0) < 0)
            error = AVERROR(ENOMEM);
    return error;
}

static void forget_asked(struct rtsp *r)
{
    if (r->asked)
        explicit_bzero(r->asked, strlen(r->asked));
    free(r->asked);
    r->asked = NULL;
}

/* Connects and sets the streams up. */
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
    r->asked = strdup(text);
    if (!r->format || !r->asked || error < 0) {
        dd_log_error("no memory for reading %s", r->name);
        error = DD_ERROR_MEMORY;
        goto done;
    }
    r->format->interrupt_callback = (AVIOInterruptCB){.callback = interrupt, .opaque = r};
    error = avformat_open_input(&r->format, text, av_find_input_format("rtsp"), &options);
    if (error < 0)
        error = fail(r, error);
done:
    explicit_bzero(text, sizeof text);
    forget_asked(r);
    av_dict_free(&options);
    return error;
}

/* These come as single slices, which libavformat joins. The others come whole. */
static bool is_joined(enum AVCodecID codec)
{
    return codec == AV_CODEC_ID_H264 || codec == AV_CODEC_ID_HEVC || codec == AV_CODEC_ID_MPEG4 ||
           codec == AV_CODEC_ID_MPEG2VIDEO || codec == AV_CODEC_ID_H263;
}

/* No avformat_find_stream_info(): what the decoder needs is in the SDP or in front of each key frame, and without it the
 * first picture is there sooner, and pictures don't queue up behind the probing. */
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
    r->joined = is_joined(parameters->codec_id);
    error = dd_frame_selector_open(&r->sift, parameters, r->name, r->io);
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
    dd_frame_selector_close(r->sift);
    av_packet_free(&r->packet);
    avformat_close_input(&r->format);
    dd_tls_proxy_close(r->tunnel);
    dd_ffmpeg_log_redact(NULL);
    free(r);
}

static void warn_unchecked(const struct rtsp *r)
{
    static bool is_said; /* a role has one camera, and connects to it again and again */

    if (!is_said)
        dd_log_warning(
            "%s: the camera's certificate is not checked: the connection is encrypted, but may lead to another; set ca_file",
            r->name);
    is_said = true;
}

/* Whether packets are missing is read off libavformat's log, which may change. */
static void warn_of_version(void)
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
    error = read_url(r, &url);
    if (error)
        goto fail1;
    warn_of_version();
    av_max_alloc(BLOCK_BYTES_MAX);
    dd_ffmpeg_log_redact(&url);
    error = reach(r, &url);
    if (!error && r->tunnel && !*io->options->ca_pem)
        warn_unchecked(r); /* before the password goes out */
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

/* When the packet just read arrived. libavformat knows that a joined picture is complete only by the first slice of the
 * next one: what it returns now had come by the time that it returned the one before. */
static uint64_t arrival(struct rtsp *r, uint64_t now_us, bool waited)
{
    uint64_t arrived_us = r->joined ? r->read_us : now_us;
    bool arrived_waited = r->joined ? r->read_waited : waited;
    const AVStream *stream = r->format->streams[r->video];
    int64_t stamp = r->packet->pts != AV_NOPTS_VALUE ? r->packet->pts : r->packet->dts;

    r->read_us = now_us;
    r->read_waited = waited;
    r->behind_us = 0;
    if (stamp != AV_NOPTS_VALUE)
        r->behind_us =
            dd_latency_update(&r->lag, arrived_us, arrived_waited, av_rescale_q(stamp, stream->time_base, AV_TIME_BASE_Q));
    if (r->behind_us < LAG_NOTICED_US)
        r->behind_us = 0;
    return arrived_us - r->behind_us;
}

/* Reads one packet; a picture from due_us on is wanted. */
static int feed(struct rtsp *r, uint64_t due_us)
{
    uint64_t start_us = dd_clock_now_us();
    unsigned losses = dd_ffmpeg_log_rtp_losses();
    int error = av_read_frame(r->format, r->packet);
    uint64_t now_us = dd_clock_now_us();
    bool lost = dd_ffmpeg_log_rtp_losses() != losses;

    if (error == AVERROR(EAGAIN))
        return interrupt(r) ? fail_timeout(r) : 0;
    if (error < 0)
        return fail(r, error);
    error = 0;
    if (r->packet->stream_index == r->video) {
        uint64_t captured_us = arrival(r, now_us, now_us - start_us >= WAITED_US);
        error = dd_frame_selector_send(r->sift, r->packet, captured_us, due_us, r->io);
        /* what was missing may belong to this packet, or to the one that libavformat is still joining */
        if (lost || r->lost)
            dd_frame_selector_mark_damaged(r->sift, captured_us);
        r->lost = lost;
    }
    av_packet_unref(r->packet);
    return error;
}

/* True if a picture is left out, so that a stream that has backed up comes back to the present. */
static bool is_skipped(const struct rtsp *r, uint64_t now_us)
{
    return r->behind_us > LAG_SKIPPED_US && now_us < r->delivered_us + LAG_SHOWN_US;
}

static int rtsp_next(void *state, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture)
{
    struct rtsp *r = state;

    r->io = io;
    for (;;) {
        /* at every turn: packets may come that hold no picture, and pictures that nobody wants */
        bool interrupted = interrupt(r);
        int error = dd_frame_selector_receive(r->sift, picture, io);
        if (!error) {
            uint64_t now_us = dd_clock_now_us();
            if (picture->captured_us > r->picture_us)
                r->picture_us = picture->captured_us;
            if (picture->captured_us >= due_us && !dd_frame_selector_is_past(r->sift, picture->captured_us) &&
                !is_skipped(r, now_us)) {
                r->delivered_us = now_us;
                return 0;
            }
        } else if (error != DD_ERROR_AGAIN) {
            return error;
        }
        if (interrupted)
            return fail_timeout(r);
        if (error && dd_frame_selector_wants_packet(r->sift)) {
            error = feed(r, due_us);
            if (error)
                return error;
        }
    }
}

const struct dd_source_kind dd_rtsp_source = {
    .name = "rtsp",
    .open = rtsp_open,
    .next = rtsp_next,
    .close = rtsp_close,
};
