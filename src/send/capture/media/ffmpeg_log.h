/* What libav* has to say goes to our log, at debug level only, and without the secrets of the source's URL. */
#ifndef DD_SEND_CAPTURE_MEDIA_FFMPEG_LOG_H
#define DD_SEND_CAPTURE_MEDIA_FFMPEG_LOG_H

struct dd_url;

/* Sends the log of all FFmpeg libraries of this process to ours, at debug level. More than one call does no harm. */
void dd_ffmpeg_log_install(void);

/* From now on hides what belongs to this URL (copied); NULL: nothing, and the copy is wiped. Thread-safe. */
void dd_ffmpeg_log_redact(const struct dd_url *url);

/* How often libav has said so far that RTP packets were missing. Nothing but its log tells. Thread-safe. */
unsigned dd_ffmpeg_log_rtp_losses(void);

#endif
