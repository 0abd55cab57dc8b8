/* Decodes a camera's packets to pictures, in the order of their arrival and without a delay of its own. The wrapper of
 * libavcodec. One owner, one thread. */
#ifndef DD_SEND_CAPTURE_MEDIA_VIDEO_DECODER_H
#define DD_SEND_CAPTURE_MEDIA_VIDEO_DECODER_H

#include <stdbool.h>
#include <stdint.h>

struct AVCodecParameters;
struct AVFrame;
struct AVPacket;
struct dd_picture;
struct dd_video_decoder;
struct dd_source_io;

enum {
    /* The most pixels of a source's picture, in whatever shape: a camera of 12 megapixels or a panorama of 7680x2160 is scaled
     * down.
     */
    DD_VIDEO_DECODER_PIXELS_MAX = 4096 * 4096,
    /* Memory of a decoder for pictures, those kept for reference included: 16 of 3840x2160 with eight bits a sample. */
    DD_VIDEO_DECODER_MEMORY_MAX = 384 * 1024 * 1024,
};

/* The names of the codecs that cameras may use, separated by commas, as for FFmpeg's codec_whitelist. */
extern const char dd_video_decoder_codecs[];

/* Opens a decoder for a stream with these parameters. name is the source's, for messages; it is borrowed for the decoder's life.
 * *decoder is returned-owned: dd_video_decoder_close(); NULL after an error. 0; DD_ERROR_SOURCE, set in io by dd_source_fail();
 * or DD_ERROR_MEMORY, logged. */
int dd_video_decoder_open(struct dd_video_decoder **decoder, const struct AVCodecParameters *parameters, const char *name,
                          struct dd_source_io *io);
void dd_video_decoder_close(struct dd_video_decoder *d);

/* Decodes a packet, whose pts is the time of its capture (dd_clock_now_us()). dd_video_decoder_receive() then gives its pictures.
 * That a packet cannot be decoded is no error: see dd_video_decoder_has_errors(). 0, or an error as of open. */
int dd_video_decoder_send(struct dd_video_decoder *d, const struct AVPacket *packet, struct dd_source_io *io);
/* Decodes a key frame alone, without the packets before and after it. So dd_video_decoder_receive() gives its picture at once,
 * and does not wait for packets that are shown before it. It has to be called until it gives DD_ERROR_AGAIN before the next
 * packet is sent. Returns as dd_video_decoder_send(). */
int dd_video_decoder_send_key_frame(struct dd_video_decoder *d, const struct AVPacket *packet, struct dd_source_io *io);
/* Tells the decoder that packets captured before captured_us are missing; not every codec notices. Pictures captured until then
 * count as damaged, and so do later ones until a key frame. Damage ends after 10 s in any case: cameras that refresh in stripes
 * send no key frames. */
void dd_video_decoder_mark_damaged(struct dd_video_decoder *d, uint64_t captured_us);
/* Drops all packets so far. The next one is a key frame. */
void dd_video_decoder_restart(struct dd_video_decoder *d);
/* Gives the next whole picture; it leaves damaged ones out. The picture is borrowed until the next call of this or of close. 0;
 * DD_ERROR_AGAIN: the decoder needs more packets. */
int dd_video_decoder_receive(struct dd_video_decoder *d, struct dd_picture *picture);

/* True if the last packets could not be decoded, or their pictures were damaged, and no whole picture has come since. */
bool dd_video_decoder_has_errors(const struct dd_video_decoder *d);

/* Makes *picture the pixels of a frame of libavcodec's, in its format and colours; borrowed from the frame. The frame's pts is
 * the time of its capture; 0 or less: now. */
void dd_video_decoder_describe(const struct AVFrame *frame, struct dd_picture *picture);

#endif
