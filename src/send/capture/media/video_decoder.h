/* Packets to pictures, with libavcodec: one after the other as they come, with no delay of its own. */
#ifndef DD_SEND_CAPTURE_MEDIA_VIDEO_DECODER_H
#define DD_SEND_CAPTURE_MEDIA_VIDEO_DECODER_H

#include <stdbool.h>
#include <stdint.h>

struct AVCodecParameters;
struct AVFrame;
struct AVPacket;
struct dd_video_decoder;
struct dd_picture;
struct dd_source_io;

enum { DD_VIDEO_DECODER_WIDTH_MAX = 8192, DD_VIDEO_DECODER_HEIGHT_MAX = 8192 }; /* what a source may claim to be */

/* The codecs that cameras have: as libav's codec_whitelist writes it. */
extern const char dd_video_decoder_codecs[];

/* A decoder for a stream with these parameters; name is the source's for messages, borrowed for its life. 0; or DD_ERROR_SOURCE,
 * told in io; or DD_ERROR_MEMORY. */
int dd_video_decoder_open(struct dd_video_decoder **decode, const struct AVCodecParameters *parameters, const char *name,
                          struct dd_source_io *io);
void dd_video_decoder_close(struct dd_video_decoder *d);

/* Takes a packet whose pts is the time of its capture. A broken one is counted, not an error. 0, or an error as open. */
int dd_video_decoder_send(struct dd_video_decoder *d, const struct AVPacket *packet, struct dd_source_io *io);
/* The same for a key frame that is to be decoded alone: dd_video_decoder_receive() gives its picture without waiting for those
 * behind it, in whose order it may come later. Before the next packet, all its pictures have to be received. */
int dd_video_decoder_send_key_frame(struct dd_video_decoder *d, const struct AVPacket *packet, struct dd_source_io *io);
/* Something is missing in the stream up to the packet of captured_us: not every decoder notices. What was captured until then,
 * and what builds on it, is damaged. */
void dd_video_decoder_mark_damaged(struct dd_video_decoder *d, uint64_t captured_us);
/* Forgets the packets so far: what comes next is a key frame. */
void dd_video_decoder_restart(struct dd_video_decoder *d);
/* The next whole picture, borrowed until the next call of this or of close. Damaged pictures are left out, and those that
 * build on them. 0; DD_ERROR_AGAIN: more packets are needed. */
int dd_video_decoder_receive(struct dd_video_decoder *d, struct dd_picture *picture);

/* True if the last packets were broken, or their pictures damaged: nothing whole came since. */
bool dd_video_decoder_is_broken(const struct dd_video_decoder *d);

/* A picture over a frame of libavcodec's, whose pts is the time of its capture; borrowed from the frame. */
void dd_video_decoder_describe(const struct AVFrame *frame, struct dd_picture *picture);

#endif
