/* The log of the FFmpeg libraries: it goes to ours, at debug level, without the secrets of the source's URL. */
#ifndef DD_SEND_CAPTURE_MEDIA_FFMPEG_LOG_H
#define DD_SEND_CAPTURE_MEDIA_FFMPEG_LOG_H

#include <stdbool.h>

struct dd_url;

/* Sends the log of all FFmpeg libraries of this process to ours, at debug level. May be called again. */
void dd_ffmpeg_log_install(void);

/* Hides the secrets of this URL from now on; it is copied. NULL: hides nothing, and wipes the copy. Thread-safe. */
void dd_ffmpeg_log_redact(const struct dd_url *url);

/* How often FFmpeg has logged so far that RTP packets are missing. It has no other way to report it. Thread-safe. */
unsigned dd_ffmpeg_log_rtp_losses(void);

/* True if this version of libavformat, as avformat_version() gives it, was seen to log missing RTP packets in the way that
 * dd_ffmpeg_log_rtp_losses() counts. With another version lost packets may go unnoticed. */
bool dd_ffmpeg_log_knows_losses(unsigned avformat_version);

#endif
