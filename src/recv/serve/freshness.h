/* Freshness of the picture that a stream shows: the rules of "Freshness" in docs/protocol.md, as pure functions. */
#ifndef DD_RECV_SERVE_FRESHNESS_H
#define DD_RECV_SERVE_FRESHNESS_H

#include <stdint.h>

struct dd_stream_state;

/* A higher level is worse. */
enum dd_freshness_level { DD_FRESHNESS_LIVE = 0, DD_FRESHNESS_STALLED = 1, DD_FRESHNESS_STALE = 2 };
/* What is wrong; the words of each are in docs/protocol.md, "Reasons". */
enum dd_freshness_reason {
    DD_FRESHNESS_REASON_NONE, /* nothing */
    /* The sender is silent: no authentic datagram of it is accepted. */
    DD_FRESHNESS_REASON_OLD_SESSION,
    DD_FRESHNESS_REASON_AHEAD,
    DD_FRESHNESS_REASON_REPLAYED,
    DD_FRESHNESS_REASON_REPLACED_KEY,
    DD_FRESHNESS_REASON_OTHER_PORT,
    DD_FRESHNESS_REASON_FORGED,
    DD_FRESHNESS_REASON_OTHER_KEY,
    DD_FRESHNESS_REASON_OTHER_TRAFFIC,
    DD_FRESHNESS_REASON_WAITING,
    DD_FRESHNESS_REASON_OTHER_STREAMS,
    DD_FRESHNESS_REASON_NOTHING_ARRIVES,
    /* It is not silent. */
    DD_FRESHNESS_REASON_CLOCKS_DRIFT,
    DD_FRESHNESS_REASON_CLOCK_SET,
    DD_FRESHNESS_REASON_DELAYED,
    DD_FRESHNESS_REASON_NOT_UNDERSTOOD,
    DD_FRESHNESS_REASON_SOURCE, /* the STATUS says why: dd_wire_reason_text() */
    DD_FRESHNESS_REASON_SOURCE_STARTING,
    DD_FRESHNESS_REASON_SOURCE_CONNECTING,
    DD_FRESHNESS_REASON_SOURCE_FAILED,
    DD_FRESHNESS_REASON_NEWER_REFUSED,
    DD_FRESHNESS_REASON_NEWER_LOST,
    DD_FRESHNESS_REASON_NO_NEW_PICTURE,
    DD_FRESHNESS_REASON_NO_PICTURE,
    DD_FRESHNESS_REASONS
};
enum dd_freshness_sender { DD_FRESHNESS_ALIVE = 0, DD_FRESHNESS_DELAYED = 1, DD_FRESHNESS_SILENT = 2 };

struct dd_freshness_limits {
    uint64_t live_us, stale_us; /* live_seconds, stale_seconds */
};

/* Before the first picture, frame is 0, and seconds, captured_us and the seconds_since_ are without meaning. */
struct dd_freshness {
    enum dd_freshness_level level;
    enum dd_freshness_sender sender;
    const char *source;          /* "ok", "starting", "connecting", "failed", "unknown"; static */
    const char *reason;          /* what is wrong, in a few fixed words, also while the picture is live; static; NULL: nothing */
    uint64_t frame;              /* number of the newest complete frame */
    double seconds;              /* age of what the picture shows */
    double seconds_since_frame;  /* since the newest complete frame arrived */
    double seconds_since_change; /* since the picture last changed; each new frame counts as a change */
    uint64_t captured_us;        /* by the sender's clock: µs since 1970 */
    double delay_seconds;        /* of the newest STATUS */
};

/* Evaluates state at now_us (dd_clock_now_us()). state may be NULL: no datagram ever arrived. The ages grow while the machine
 * sleeps and while intake is stopped; then the sender looks silent, until what waits in its socket was read. A wall clock that is
 * set, here or there, changes nothing. */
void dd_freshness_evaluate(const struct dd_stream_state *state, const struct dd_freshness_limits *limits, uint64_t now_us,
                           struct dd_freshness *out);

/* The words of reason, static; NULL for DD_FRESHNESS_REASON_NONE and DD_FRESHNESS_REASON_SOURCE. */
const char *dd_freshness_reason_text(enum dd_freshness_reason reason);

/* Static texts: "live", "stalled", "stale"; "green", "yellow", "red"; "alive", "delayed", "silent". */
const char *dd_freshness_level_text(enum dd_freshness_level level);
const char *dd_freshness_color(enum dd_freshness_level level);
const char *dd_freshness_sender_text(enum dd_freshness_sender sender);

#endif
