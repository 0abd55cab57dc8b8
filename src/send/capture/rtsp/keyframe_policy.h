/* Decides which packets of a video are decoded. While key frames come often enough, only those that are due are decoded, each
 * alone. The packets since the newest key frame are buffered, in case the next one does not come in time. Then, and whenever key
 * frames are too far apart, all packets are decoded. Pure. */
#ifndef DD_SEND_CAPTURE_RTSP_KEYFRAME_POLICY_H
#define DD_SEND_CAPTURE_RTSP_KEYFRAME_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DD_KEYFRAME_POLICY_GAPS = 3, /* so many short gaps in a row have to come before only key frames are decoded */
    /* Limits of the buffered packets. At 25 pictures/s and 4 Mbit/s they are over half a minute. */
    DD_KEYFRAME_POLICY_BUFFERED_MAX = 1024,
    DD_KEYFRAME_POLICY_BUFFERED_BYTES_MAX = 16 * 1024 * 1024,
};

struct dd_keyframe_policy {
    uint64_t short_us;   /* a gap between key frames below this is short */
    uint64_t max_gap_us; /* after so long without a picture, the next key frame is decoded although not due */
    uint64_t gap_us[DD_KEYFRAME_POLICY_GAPS]; /* the last short gaps in a row; a ring */
    unsigned gaps;                            /* how many of gap_us are set */
    unsigned gap_next;                        /* where in gap_us the next one goes */
    bool has_key;
    uint64_t key_us;         /* capture of the last key frame */
    bool keyframes_only;     /* only key frames are decoded */
    bool is_buffer_complete; /* all packets since the last key frame are buffered */
    unsigned failures;       /* key frames in a row that gave no picture when decoded alone */
    size_t buffered, buffered_bytes;
};

struct dd_keyframe_policy_packet {
    bool is_key;
    size_t bytes;
    uint64_t captured_us;
    uint64_t now_us;
    uint64_t due_us;     /* when the next picture is due */
    uint64_t picture_us; /* capture of the last picture that was decoded */
};

/* What to do with a packet. A key frame replaces all buffered packets, whatever the action. */
enum dd_keyframe_policy_action {
    DD_KEYFRAME_POLICY_DECODE,       /* decode it, after the packet before it */
    DD_KEYFRAME_POLICY_DECODE_ALONE, /* buffer it and decode it alone; dd_keyframe_policy_note_result() has to follow */
    DD_KEYFRAME_POLICY_BUFFER,       /* add it to the buffered packets */
    DD_KEYFRAME_POLICY_CATCH_UP,     /* buffer it, then decode all buffered packets in order; the first is a key frame */
    DD_KEYFRAME_POLICY_DROP,         /* drop it and all buffered packets */
};

/* interval_us: one picture per interval is wanted (0: all); timeout_us: how long the source may be without a picture. */
void dd_keyframe_policy_init(struct dd_keyframe_policy *policy, uint64_t interval_us, uint64_t timeout_us);

/* Decides about the next packet. */
enum dd_keyframe_policy_action dd_keyframe_policy_decide(struct dd_keyframe_policy *policy,
                                                         const struct dd_keyframe_policy_packet *packet);

/* Notes whether the key frame that was decoded alone gave a picture. True if it did not: then the buffered packets have to be
 * decoded in order, as for DD_KEYFRAME_POLICY_CATCH_UP. */
bool dd_keyframe_policy_note_result(struct dd_keyframe_policy *policy, bool gave_picture);

#endif
