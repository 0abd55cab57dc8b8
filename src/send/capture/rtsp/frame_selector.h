/* Turns the packets of a video stream into pictures. It decodes no more of them than the stream's interval needs
 * (keyframe_policy.h). One owner, one thread. */
#ifndef DD_SEND_CAPTURE_RTSP_FRAME_SELECTOR_H
#define DD_SEND_CAPTURE_RTSP_FRAME_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

struct AVCodecParameters;
struct AVPacket;
struct dd_picture;
struct dd_frame_selector;
struct dd_source_io;

/* Opens a selector with a decoder. Parameters and errors as of dd_video_decoder_open(). *selector is returned-owned:
 * dd_frame_selector_close(); NULL after an error. */
int dd_frame_selector_open(struct dd_frame_selector **selector, const struct AVCodecParameters *parameters, const char *name,
                           struct dd_source_io *io);
void dd_frame_selector_close(struct dd_frame_selector *selector);

/* Takes a packet that was captured at captured_us; the next picture is wanted at due_us or later. The packet's time stamps are
 * overwritten; it stays the caller's. Only to be called after dd_frame_selector_receive() gave DD_ERROR_AGAIN and while
 * dd_frame_selector_needs_packet(). 0, or an error as of open. */
int dd_frame_selector_send(struct dd_frame_selector *selector, struct AVPacket *packet, uint64_t captured_us, uint64_t due_us,
                           struct dd_source_io *io);
/* As dd_video_decoder_mark_damaged(), after the packet of captured_us was sent. */
void dd_frame_selector_mark_damaged(struct dd_frame_selector *selector, uint64_t captured_us);
/* Gives the next picture, as dd_video_decoder_receive(). 0; DD_ERROR_AGAIN: if dd_frame_selector_needs_packet(), send one, else
 * call this again; or an error as of open. */
int dd_frame_selector_receive(struct dd_frame_selector *selector, struct dd_picture *picture, struct dd_source_io *io);
bool dd_frame_selector_needs_packet(const struct dd_frame_selector *selector);

/* True for a picture that is not to be shown: it was decoded only because later ones refer to it. */
bool dd_frame_selector_is_outdated(const struct dd_frame_selector *selector, uint64_t captured_us);

/* As dd_video_decoder_has_errors(). */
bool dd_frame_selector_has_errors(const struct dd_frame_selector *selector);

#endif
