/* Decides which packets of a video are decoded. While key frames come often enough, only those that are due are decoded, each
 * alone. The packets behind the newest key frame are kept, in case the next one does not come in time. Then, and whenever key
 * frames are too far apart, all packets are decoded. Pure. */
#ifndef DD_SEND_CAPTURE_RTSP_KEYFRAME_POLICY_H
#define DD_SEND_CAPTURE_RTSP_KEYFRAME_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DD_KEYFRAME_POLICY_GAPS = 3, /* short ones in a row before only key frames are decoded */
    /* Packets and bytes kept at most. At 25 pictures/s and 4 Mbit/s that is over half a minute. */
    DD_KEYFRAME_POLICY_KEPT_MAX = 1024,
    DD_KEYFRAME_POLICY_KEPT_BYTES_MAX = 16 * 1024 * 1024,
};

struct dd_keyframe_policy {
    uint64_t limit_us;    /* a gap between key frames below this is short */
    uint64_t patience_us; /* after so long without a decoded picture, the next key frame is decoded even if it is not due */
    uint64_t gap_us[DD_KEYFRAME_POLICY_GAPS];
    unsigned gaps; /* short ones in a row, DD_KEYFRAME_POLICY_GAPS at most: the newest of gap_us, which is a ring */
    unsigned gap_next;
    bool has_key;
    uint64_t key_us;  /* capture of the last key frame */
    bool alone;       /* only key frames are decoded */
    bool whole;       /* all packets since the last key frame are kept */
    unsigned useless; /* key frames in a row that gave no picture alone */
    size_t kept, kept_bytes;
};

struct dd_keyframe_policy_packet {
    bool key;
    size_t bytes;
    uint64_t captured_us;
    uint64_t now_us;
    uint64_t due_us;     /* when the next picture is due */
    uint64_t picture_us; /* capture of the last picture that was decoded */
};

/* A key frame always takes the place of all that is kept. */
enum dd_keyframe_policy_action {
    DD_KEYFRAME_POLICY_DECODE,       /* after the packet before it */
    DD_KEYFRAME_POLICY_DECODE_ALONE, /* keep it, and decode it alone; dd_keyframe_policy_shown() has to follow */
    DD_KEYFRAME_POLICY_KEEP,         /* behind those that are kept */
    DD_KEYFRAME_POLICY_CATCH_UP,     /* keep it, then decode all that is kept in order; it begins with a key frame */
    DD_KEYFRAME_POLICY_DROP,         /* with all that is kept */
};

/* interval_us: one picture per interval is wanted (0: all); timeout_us: how long the source may be without one. */
void dd_keyframe_policy_init(struct dd_keyframe_policy *k, uint64_t interval_us, uint64_t timeout_us);

/* Decides about the next packet. */
enum dd_keyframe_policy_action dd_keyframe_policy_decide(struct dd_keyframe_policy *k,
                                                         const struct dd_keyframe_policy_packet *packet);

/* Notes whether the key frame that was decoded alone gave a picture. True if the kept packets have to be decoded instead. */
bool dd_keyframe_policy_shown(struct dd_keyframe_policy *k, bool shown);

#endif
