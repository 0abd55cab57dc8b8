#include "send/capture/rtsp/keyframe_policy.h"

#include "dd/base/clock.h"

enum {
    JITTER_US = 250 * DD_CLOCK_US_PER_MS, /* a key frame may be later by this and a quarter of the longest gap */
    FAILURES_MAX = 2,                     /* cameras that refresh in stripes mark packets as key frames that are none */
};

void dd_keyframe_policy_init(struct dd_keyframe_policy *policy, uint64_t interval_us, uint64_t timeout_us)
{
    /* With these limits decoded pictures are at most 3/4 of the time-out apart while key frames come as before. If they stop,
     * is_late() is true in time. */
    *policy = (struct dd_keyframe_policy){
        .short_us = interval_us < timeout_us / 2 ? interval_us : timeout_us / 2,
        .max_gap_us = timeout_us / 4,
    };
}

static uint64_t since(uint64_t then_us, uint64_t now_us)
{
    return now_us > then_us ? now_us - then_us : 0;
}

static void note_key(struct dd_keyframe_policy *policy, uint64_t captured_us)
{
    uint64_t gap_us = since(policy->key_us, captured_us);

    if (policy->has_key && gap_us < policy->short_us) {
        policy->gap_us[policy->gap_next] = gap_us;
        policy->gap_next = (policy->gap_next + 1) % DD_KEYFRAME_POLICY_GAPS;
        if (policy->gaps < DD_KEYFRAME_POLICY_GAPS)
            policy->gaps++;
    } else {
        policy->gaps = 0;
    }
    policy->has_key = true;
    policy->key_us = captured_us;
}

/* True if the next key frame takes clearly longer than the last ones did. */
static bool is_late(const struct dd_keyframe_policy *policy, uint64_t captured_us)
{
    uint64_t longest_us = 0;

    for (size_t i = 0; i < DD_KEYFRAME_POLICY_GAPS; i++)
        if (policy->gap_us[i] > longest_us)
            longest_us = policy->gap_us[i];
    return since(policy->key_us, captured_us) > longest_us + longest_us / 4 + JITTER_US;
}

static bool is_wanted(const struct dd_keyframe_policy *policy, const struct dd_keyframe_policy_packet *packet)
{
    return packet->captured_us >= packet->due_us || since(packet->picture_us, packet->now_us) >= policy->max_gap_us;
}

static enum dd_keyframe_policy_action decode_all(struct dd_keyframe_policy *policy)
{
    policy->keyframes_only = false;
    policy->gaps = 0;
    return DD_KEYFRAME_POLICY_CATCH_UP;
}

static enum dd_keyframe_policy_action decide_key(struct dd_keyframe_policy *policy,
                                                 const struct dd_keyframe_policy_packet *packet)
{
    bool were_keyframes_only = policy->keyframes_only;

    note_key(policy, packet->captured_us);
    policy->keyframes_only = policy->gaps == DD_KEYFRAME_POLICY_GAPS && policy->failures < FAILURES_MAX;
    policy->buffered = 1;
    policy->buffered_bytes = packet->bytes;
    policy->is_buffer_complete = true;
    if (policy->keyframes_only)
        return is_wanted(policy, packet) ? DD_KEYFRAME_POLICY_DECODE_ALONE : DD_KEYFRAME_POLICY_BUFFER;
    return were_keyframes_only ? DD_KEYFRAME_POLICY_CATCH_UP : DD_KEYFRAME_POLICY_DECODE;
}

enum dd_keyframe_policy_action dd_keyframe_policy_decide(struct dd_keyframe_policy *policy,
                                                         const struct dd_keyframe_policy_packet *packet)
{
    if (packet->is_key)
        return decide_key(policy, packet);
    if (!policy->keyframes_only)
        return DD_KEYFRAME_POLICY_DECODE;
    if (!policy->is_buffer_complete)
        return DD_KEYFRAME_POLICY_DROP;

    bool late = is_late(policy, packet->captured_us);
    bool full = policy->buffered >= DD_KEYFRAME_POLICY_BUFFERED_MAX - 1 ||
                packet->bytes >= DD_KEYFRAME_POLICY_BUFFERED_BYTES_MAX - policy->buffered_bytes;
    /* if the buffer is full, its packets would be gone when the picture is due */
    if (late && (full || is_wanted(policy, packet)))
        return decode_all(policy);
    if (full) {
        policy->is_buffer_complete = false;
        return DD_KEYFRAME_POLICY_DROP;
    }
    policy->buffered++;
    policy->buffered_bytes += packet->bytes;
    return DD_KEYFRAME_POLICY_BUFFER;
}

bool dd_keyframe_policy_note_result(struct dd_keyframe_policy *policy, bool gave_picture)
{
    policy->failures = gave_picture ? 0 : policy->failures + 1;
    if (!gave_picture)
        decode_all(policy);
    return !gave_picture;
}
