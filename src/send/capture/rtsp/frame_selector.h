/* The packets of a video stream to pictures, decoding no more of them than the stream's interval needs (keyframes.h). */
#ifndef DD_SEND_CAPTURE_RTSP_FRAME_SELECTOR_H
#define DD_SEND_CAPTURE_RTSP_FRAME_SELECTOR_H

#include <stdbool.h>
#include <stdint.h>

struct AVCodecParameters;
struct AVPacket;
struct dd_picture;
struct dd_sift;
struct dd_source_io;

/* As dd_decode_open(). */
int dd_sift_open(struct dd_sift **sift, const struct AVCodecParameters *parameters, const char *name, struct dd_source_io *io);
void dd_sift_close(struct dd_sift *s);

/* Takes a packet that was captured at captured_us, when a picture from due_us on is wanted next. Only after
 * dd_sift_receive() said DD_ERROR_AGAIN and dd_sift_wants_packet() true. 0, or an error as open. */
int dd_sift_send(struct dd_sift *s, struct AVPacket *packet, uint64_t captured_us, uint64_t due_us, struct dd_source_io *io);
/* As dd_decode_damage(), once that packet was sent. */
void dd_sift_damage(struct dd_sift *s, uint64_t captured_us);
/* The next picture, as dd_decode_receive() gives it. 0; DD_ERROR_AGAIN: another packet is needed if dd_sift_wants_packet(),
 * else this is to be called again; or an error as open. */
int dd_sift_receive(struct dd_sift *s, struct dd_picture *picture, struct dd_source_io *io);
bool dd_sift_wants_packet(const struct dd_sift *s);

/* True for a picture on the way to the present: it is decoded only because later ones build on it. */
bool dd_sift_is_past(const struct dd_sift *s, uint64_t captured_us);

/* As dd_decode_is_broken(). */
bool dd_sift_is_broken(const struct dd_sift *s);

#endif
