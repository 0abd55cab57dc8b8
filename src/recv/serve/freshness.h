/* How true the picture is that a stream shows: the rules of "Freshness" in docs/protocol.md, as a pure function. */
#ifndef DD_RECV_SERVE_FRESHNESS_H
#define DD_RECV_SERVE_FRESHNESS_H

#include <stdint.h>

struct dd_stream_state;

enum dd_freshness_level { DD_FRESHNESS_LIVE = 0, DD_FRESHNESS_STALLED = 1, DD_FRESHNESS_STALE = 2 };
enum dd_freshness_sender { DD_FRESHNESS_ALIVE = 0, DD_FRESHNESS_DELAYED = 1, DD_FRESHNESS_SILENT = 2 };

struct dd_freshness_limits {
    uint64_t live_us, stale_us; /* live_seconds, stale_seconds */
};

struct dd_freshness {
    enum dd_freshness_level level;
    enum dd_freshness_sender sender;
    const char *source;          /* "ok", "starting", "connecting", "failed", "unknown"; static */
    const char *reason;          /* a few fixed words, why it is not live; NULL: it is; static */
    uint64_t frame;              /* 0: none yet; the fields below are then without meaning, but delay */
    double seconds;              /* age of what the picture shows */
    double seconds_since_frame;  /* since the newest complete frame arrived */
    double seconds_since_change; /* since the picture last changed; equal to the former while every frame is a change */
    uint64_t captured_us;        /* since 1970 */
    double delay_seconds;
};

/* state may be NULL: nothing was ever heard. now_us: dd_clock_now_us(). */
void dd_freshness_evaluate(const struct dd_stream_state *state, const struct dd_freshness_limits *limits, uint64_t now_us,
                           struct dd_freshness *out);

/* "live", "stalled", "stale"; "green", "yellow", "red"; "alive", "delayed", "silent". Static. */
const char *dd_freshness_level_text(enum dd_freshness_level level);
const char *dd_freshness_color(enum dd_freshness_level level);
const char *dd_freshness_sender_text(enum dd_freshness_sender sender);

#endif
