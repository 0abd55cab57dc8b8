/* Turns the packets of a video stream into pictures, and decodes no more of them than the stream's interval needs
 * (keyframe_policy.h). */
#ifndef DD_SEND_CAPTURE_RTSP_FRAME_SELECTOR_H
#define DD_SEND_CAPTURE_RTSP_FRAME_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

struct AVCodecParameters;
struct AVPacket;
struct dd_picture;
struct dd_frame_selector;
struct dd_source_io;

/* As dd_video_decoder_open(). */
int dd_frame_selector_open(struct dd_frame_selector **sift, const struct AVCodecParameters *parameters, const char *name,
                           struct dd_source_io *io);
void dd_frame_selector_close(struct dd_frame_selector *s);

/* Takes a packet that was captured at captured_us; the next picture is wanted at due_us or later. To be called only after
 * dd_frame_selector_receive() gave DD_ERROR_AGAIN and dd_frame_selector_wants_packet() is true. 0, or an error as open. */
int dd_frame_selector_send(struct dd_frame_selector *s, struct AVPacket *packet, uint64_t captured_us, uint64_t due_us,
                           struct dd_source_io *io);
/* As dd_video_decoder_mark_damaged(), once that packet was sent. */
void dd_frame_selector_mark_damaged(struct dd_frame_selector *s, uint64_t captured_us);
/* The next picture, as dd_video_decoder_receive() gives it. 0; DD_ERROR_AGAIN: another packet is needed if
 * dd_frame_selector_wants_packet(), else this is to be called again; or an error as open. */
int dd_frame_selector_receive(struct dd_frame_selector *s, struct dd_picture *picture, struct dd_source_io *io);
bool dd_frame_selector_wants_packet(const struct dd_frame_selector *s);

/* True for a picture that is decoded only because later ones refer to it. */
bool dd_frame_selector_is_past(const struct dd_frame_selector *s, uint64_t captured_us);

/* As dd_video_decoder_is_broken(). */
bool dd_frame_selector_is_broken(const struct dd_frame_selector *s);

#endif
