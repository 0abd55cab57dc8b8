/* The wrapper of libavutil's log. */
#include "send/capture/media/ffmpeg_log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <libavutil/log.h>
#include <libavutil/version.h>

#include "dd/base/log.h"
#include "send/capture/net/url.h"

enum { LINE_SIZE = 4096 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct dd_url redacted; /* under the lock */
static int print_prefix = 1;   /* under the lock; libavutil's note that the last line was ended */

/* The format of a line of libavformat's rtpdec.c, and the major versions that were seen to log it: those of FFmpeg 5.1 (Debian
 * 12) and 7.1 (Debian 13). */
static const char loss_format[] = "RTP: missed %d packets";
static const unsigned loss_majors[] = {59, 61};
static atomic_uint losses;

/* libavutil's hook. May run in any thread. */
static void handle_message(void *object, int level, const char *format, va_list arguments)
{
    char line[LINE_SIZE];

    if (strncmp(format, loss_format, sizeof loss_format - 1) == 0)
        atomic_fetch_add(&losses, 1);
    /* from AV_LOG_DEBUG on FFmpeg prints whole requests */
    if (level > AV_LOG_VERBOSE || dd_log_threshold() < DD_LOG_DEBUG)
        return;
    pthread_mutex_lock(&lock);
    int length = av_log_format_line2(object, level, format, arguments, line, sizeof line, &print_prefix);
    /* A line that was cut may end in a part of a secret, which dd_url_scrub() would not find. */
    bool whole = length > 0 && length < (int)sizeof line;
    if (whole)
        dd_url_scrub(&redacted, line);
    pthread_mutex_unlock(&lock);
    if (whole) {
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0])
            dd_log_debug("libav: %s", line);
    }
    explicit_bzero(line, sizeof line);
}

void dd_ffmpeg_log_install(void)
{
    av_log_set_callback(handle_message);
}

void dd_ffmpeg_log_redact(const struct dd_url *url)
{
    pthread_mutex_lock(&lock);
    dd_url_wipe(&redacted);
    if (url)
        redacted = *url;
    pthread_mutex_unlock(&lock);
}

unsigned dd_ffmpeg_log_rtp_losses(void)
{
    return atomic_load(&losses);
}

bool dd_ffmpeg_log_knows_losses(unsigned avformat_version)
{
    for (size_t i = 0; i < sizeof loss_majors / sizeof *loss_majors; i++)
        if (AV_VERSION_MAJOR(avformat_version) == loss_majors[i])
            return true;
    return false;
}
