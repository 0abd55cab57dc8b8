#include "send/capture/rtsp/keyframe_policy.h"

#include "dd/base/clock.h"

enum {
    LATE_US = 250 * DD_CLOCK_US_PER_MS, /* the jitter that a key frame may have beside a quarter of the longest gap */
    USELESS_MAX = 2,                    /* a refresh in stripes has no key frames, though its packets say so */
};

void dd_keyframe_policy_init(struct dd_keyframe_policy *k, uint64_t interval_us, uint64_t timeout_us)
{
    /* With these, pictures are decoded at most 3/4 of the time-out apart while key frames come as before; and when they do
     * not, is_late() is true in time. */
    *k = (struct dd_keyframe_policy){
        .limit_us = interval_us < timeout_us / 2 ? interval_us : timeout_us / 2,
        .patience_us = timeout_us / 4,
    };
}

static uint64_t since(uint64_t then_us, uint64_t now_us)
{
    return now_us > then_us ? now_us - then_us : 0;
}

static void note_key(struct dd_keyframe_policy *k, uint64_t captured_us)
{
    uint64_t gap_us = since(k->key_us, captured_us);

    if (k->has_key && gap_us < k->limit_us) {
        k->gap_us[k->gap_next] = gap_us;
        k->gap_next = (k->gap_next + 1) % DD_KEYFRAME_POLICY_GAPS;
        if (k->gaps < DD_KEYFRAME_POLICY_GAPS)
            k->gaps++;
    } else {
        k->gaps = 0;
    }
    k->has_key = true;
    k->key_us = captured_us;
}

/* True once the next key frame stays out clearly longer than the last ones did. */
static bool is_late(const struct dd_keyframe_policy *k, uint64_t captured_us)
{
    uint64_t longest_us = 0;

    for (size_t i = 0; i < DD_KEYFRAME_POLICY_GAPS; i++)
        if (k->gap_us[i] > longest_us)
            longest_us = k->gap_us[i];
    return since(k->key_us, captured_us) > longest_us + longest_us / 4 + LATE_US;
}

static bool is_wanted(const struct dd_keyframe_policy *k, const struct dd_keyframe_policy_packet *p)
{
    return p->captured_us >= p->due_us || since(p->picture_us, p->now_us) >= k->patience_us;
}

static enum dd_keyframe_policy_action follow(struct dd_keyframe_policy *k)
{
    k->alone = false;
    k->gaps = 0;
    return DD_KEYFRAME_POLICY_CATCH_UP;
}

static enum dd_keyframe_policy_action take_key(struct dd_keyframe_policy *k, const struct dd_keyframe_policy_packet *p)
{
    bool was_alone = k->alone;

    note_key(k, p->captured_us);
    k->alone = k->gaps == DD_KEYFRAME_POLICY_GAPS && k->useless < USELESS_MAX;
    k->kept = 1;
    k->kept_bytes = p->bytes;
    k->whole = true;
    if (k->alone)
        return is_wanted(k, p) ? DD_KEYFRAME_POLICY_DECODE_ALONE : DD_KEYFRAME_POLICY_KEEP;
    return was_alone ? DD_KEYFRAME_POLICY_CATCH_UP : DD_KEYFRAME_POLICY_DECODE;
}

enum dd_keyframe_policy_action dd_keyframe_policy_decide(struct dd_keyframe_policy *k, const struct dd_keyframe_policy_packet *p)
{
    if (p->key)
        return take_key(k, p);
    if (!k->alone)
        return DD_KEYFRAME_POLICY_DECODE;
    if (!k->whole)
        return DD_KEYFRAME_POLICY_DROP;

    bool late = is_late(k, p->captured_us);
    bool full = k->kept >= DD_KEYFRAME_POLICY_KEPT_MAX - 1 || p->bytes >= DD_KEYFRAME_POLICY_KEPT_BYTES_MAX - k->kept_bytes;
    /* what is full and late would be lost when it is wanted */
    if (late && (full || is_wanted(k, p)))
        return follow(k);
    if (full) {
        k->whole = false;
        return DD_KEYFRAME_POLICY_DROP;
    }
    k->kept++;
    k->kept_bytes += p->bytes;
    return DD_KEYFRAME_POLICY_KEEP;
}

bool dd_keyframe_policy_shown(struct dd_keyframe_policy *k, bool shown)
{
    k->useless = shown ? 0 : k->useless + 1;
    if (!shown)
        follow(k);
    return !shown;
}
