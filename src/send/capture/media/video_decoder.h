/* Packets to pictures, by libavcodec, in the order of their arrival and without a delay of its own. */
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

/* The codecs of cameras, as FFmpeg's codec_whitelist writes them. */
extern const char dd_video_decoder_codecs[];

/* Opens a decoder for a stream with these parameters. name is the source's, for messages; borrowed for the decoder's life.
 * *decode is returned-owned. 0; or DD_ERROR_SOURCE, told in io; or DD_ERROR_MEMORY. */
int dd_video_decoder_open(struct dd_video_decoder **decode, const struct AVCodecParameters *parameters, const char *name,
                          struct dd_source_io *io);
void dd_video_decoder_close(struct dd_video_decoder *d);

/* Takes a packet; its pts is the time of its capture, dd_clock_now_us(). A broken packet is counted, and no error. 0, or an error
 * as open. */
int dd_video_decoder_send(struct dd_video_decoder *d, const struct AVPacket *packet, struct dd_source_io *io);
/* The same for a key frame that is decoded alone: dd_video_decoder_receive() gives its picture at once, where it would otherwise
 * wait for packets that are shown before it. All its pictures have to be received before the next packet is sent. */
int dd_video_decoder_send_key_frame(struct dd_video_decoder *d, const struct AVPacket *packet, struct dd_source_io *io);
/* Packets are missing in the stream before captured_us; not every decoder notices. Pictures captured until then count as damaged,
 * and so do those that refer to them. */
void dd_video_decoder_mark_damaged(struct dd_video_decoder *d, uint64_t captured_us);
/* Drops all packets so far: the next one is a key frame. */
void dd_video_decoder_restart(struct dd_video_decoder *d);
/* Gives the next whole picture; borrowed until the next call of this or of close. Damaged pictures are left out, and so are those
 * that refer to them. 0; DD_ERROR_AGAIN: more packets are needed. */
int dd_video_decoder_receive(struct dd_video_decoder *d, struct dd_picture *picture);

/* True if the last packets were broken or their pictures damaged, and no whole picture came since. */
bool dd_video_decoder_is_broken(const struct dd_video_decoder *d);

/* A picture over a frame of libavcodec's, whose pts is the time of its capture; borrowed from the frame. */
void dd_video_decoder_describe(const struct AVFrame *frame, struct dd_picture *picture);

#endif
