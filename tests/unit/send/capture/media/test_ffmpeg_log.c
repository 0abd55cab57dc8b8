/* What FFmpeg logs: losses are counted, and no secret gets into our log. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libavformat/version.h>
#include <libavutil/log.h>
#include <libavutil/version.h>

#include "dd/base/log.h"
#include "send/capture/media/ffmpeg_log.h"
#include "send/capture/net/url.h"
#include "suite.h"

/* Debian 12 has 59, Debian 13 has 61. A test with cameras holds that they log losses: test_camera_faults.py. */
START_TEST(knows_the_versions_that_report_losses)
{
    static const unsigned known[] = {59, 61}, others[] = {0, 58, 60, 62, 1000};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ck_assert(dd_ffmpeg_log_knows_losses(AV_VERSION_INT(known[i], 0, 0)));
        ck_assert(dd_ffmpeg_log_knows_losses(AV_VERSION_INT(known[i], 255, 255)));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        ck_assert(!dd_ffmpeg_log_knows_losses(AV_VERSION_INT(others[i], 0, 0)));
        ck_assert(!dd_ffmpeg_log_knows_losses(AV_VERSION_INT(others[i], 59, 61)));
    }
}
END_TEST

START_TEST(knows_the_version_installed)
{
    ck_assert_msg(dd_ffmpeg_log_knows_losses(LIBAVFORMAT_VERSION_INT), "see if test_camera_faults.py passes, and add it");
}
END_TEST

START_TEST(counts_losses)
{
    dd_ffmpeg_log_install();
    ck_assert_uint_eq(dd_ffmpeg_log_rtp_losses(), 0);
    av_log(NULL, AV_LOG_WARNING, "RTP: missed %d packets\n", 3);
    av_log(NULL, AV_LOG_WARNING, "RTP: dropping old packet received too late\n");
    av_log(NULL, AV_LOG_WARNING, "%s", "RTP: missed 3 packets\n"); /* what a camera sends cannot be the format */
    ck_assert_uint_eq(dd_ffmpeg_log_rtp_losses(), 1);
    av_log(NULL, AV_LOG_TRACE, "RTP: missed %d packets\n", 1); /* whatever the level */
    ck_assert_uint_eq(dd_ffmpeg_log_rtp_losses(), 2);
}
END_TEST

/* What is written to standard error while message is logged. */
static void log_message(int level, const char *message, char *text, size_t size)
{
    int fds[2], saved = dup(STDERR_FILENO);

    ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
    dup2(fds[1], STDERR_FILENO);
    av_log(NULL, level, "%s", message);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fds[1]);
    ssize_t n = read(fds[0], text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fds[0]);
}

START_TEST(hides_secrets)
{
    static const char message[] = "cannot open rtsp://gate:s3cret@camera.example/stream\n";
    static char longest[8192];
    struct dd_url url;
    char text[8192];

    dd_log_open("test", DD_LOG_DEBUG);
    dd_ffmpeg_log_install();
    log_message(AV_LOG_ERROR, message, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "s3cret"));

    ck_assert_int_eq(dd_url_parse(&url, "rtsp://gate:s3cret@camera.example/stream"), 0);
    dd_ffmpeg_log_redact(&url);
    log_message(AV_LOG_ERROR, message, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "cannot open"));
    ck_assert_ptr_null(strstr(text, "s3cret"));

    /* of a line that is cut, the end might be a part of a secret */
    memset(longest, 'x', sizeof longest - 1);
    memcpy(longest + 4088, "s3cret", 6);
    log_message(AV_LOG_ERROR, longest, text, sizeof text);
    ck_assert_str_eq(text, "");

    dd_ffmpeg_log_redact(NULL);
    log_message(AV_LOG_ERROR, message, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "s3cret"));
    log_message(AV_LOG_DEBUG, message, text, sizeof text); /* whole requests */
    ck_assert_str_eq(text, "");
}
END_TEST

SUITE("send/capture/media/ffmpeg_log", knows_the_versions_that_report_losses, knows_the_version_installed, counts_losses,
      hides_secrets)
