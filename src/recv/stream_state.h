/* What intake tells serve of one stream, through the state of their ring. Both are the same program, so the struct is its
 * own format. Times named _us are dd_clock_now_us() of this machine unless said otherwise; 0: never. */
#ifndef DD_RECV_STREAM_STATE_H
#define DD_RECV_STREAM_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/link/wire.h"

/* as /{stream}/stats names them */
struct dd_stream_ledger {
    uint64_t datagrams_sent, datagrams_received, datagrams_recovered, datagrams_lost, bytes_received;
    uint64_t refused_session, refused_replay, refused_forged, refused_malformed;
    uint64_t frames_complete, frames_incomplete, frames_late, frames_bad, frames_skipped;
};

/* what can't be laid to a stream, of its UDP port */
struct dd_socket_counters {
    uint64_t refused_short, refused_version, refused_key, kernel_drops;
};

struct dd_stream_state {
    uint64_t heard_us;            /* the newest authentic datagram arrived */
    uint64_t status_us;           /* the newest STATUS arrived */
    struct dd_wire_status status; /* that STATUS */
    uint64_t frame;               /* number of the newest complete frame; 0: none */
    uint64_t frame_us;            /* it arrived */
    uint64_t frame_captured_us;   /* since 1970, as on the wire */
    uint64_t frame_age_us;        /* how old the picture was on arrival: by the sender's clock, less the smallest
                                     difference of clocks ever seen, so with all of its delay */
    uint64_t delay_us;            /* of the newest STATUS */
    uint64_t newer_us;            /* since when the sender has a newer frame than the newest complete one; 0: it has not */
    uint64_t shown_us;            /* the newest STATUS that names frame arrived; 0: none yet for this frame */
    uint64_t shown_age_us;        /* how old the picture was then: the age that it states and its delay */
    struct dd_stream_ledger session, total;
    struct dd_socket_counters socket;
};

#endif
