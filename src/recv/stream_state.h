/* What intake tells serve of one stream, in the state of the frame ring. Both roles are the same program, so the struct's layout
 * is the format. Times named _us are dd_clock_now_us() of this machine unless said otherwise; 0: never. That clock goes on while
 * the machine sleeps and never steps. So after a sleep, and while intake is stopped, everything here is as old as it is. */
#ifndef DD_RECV_STREAM_STATE_H
#define DD_RECV_STREAM_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/link/wire.h"

/* What was sent, received and lost; named as in /{stream}/stats. */
struct dd_stream_ledger {
    uint64_t datagrams_sent, datagrams_received, datagrams_recovered, datagrams_lost, bytes_received;
    uint64_t refused_session, refused_replay, refused_forged, refused_malformed;
    uint64_t frames_complete, frames_incomplete, frames_late, frames_bad, frames_skipped;
};

/* Of the stream's UDP port: what can't be attributed to a stream. The times may be DD_STREAM_NOTE_PERIOD_US behind. */
struct dd_socket_counters {
    uint64_t refused_short, refused_version, refused_key;
    uint64_t kernel_drops;   /* by the kernel, because the port's buffer was full */
    uint64_t share_drops;    /* unread, of streams that took more than their share of the time while the buffer was not emptied */
    uint64_t heard_us;       /* the newest datagram of any kind arrived */
    uint64_t foreign_us;     /* the newest that is not of this protocol: too short, or of another version */
    uint64_t unknown_key_us; /* the newest under a key id that no stream of this ddrecv has */
};

/* Why a datagram with the key id of one of the stream's keys is refused. Of these, what authenticates comes first: with the
 * exception of FORGED they all do. */
enum dd_stream_refusal {
    DD_STREAM_REFUSAL_OLD_SESSION,  /* its session is older than the newest one */
    DD_STREAM_REFUSAL_AHEAD,        /* its session begins over a day ahead of this machine's clock */
    DD_STREAM_REFUSAL_REPLAYED,     /* its counter came before, or is too old to tell */
    DD_STREAM_REFUSAL_REPLACED_KEY, /* another key has replaced its key */
    DD_STREAM_REFUSAL_OTHER_PORT,   /* it arrives at the UDP port of other streams; here it would be accepted */
    DD_STREAM_REFUSAL_MALFORMED,    /* it is accepted, but its message cannot be read */
    DD_STREAM_REFUSAL_PICTURE,      /* it is accepted, but its picture is too large, or cannot be shown */
    DD_STREAM_REFUSAL_FORGED,       /* it does not authenticate */
    DD_STREAM_REFUSALS
};

/* How far behind the newest event a time of events that can come in floods may be: each change is published. */
#define DD_STREAM_NOTE_PERIOD_US UINT64_C(500000)

/* Sets *then_us to now_us, if that is DD_STREAM_NOTE_PERIOD_US later. True if it has changed. */
static inline bool dd_stream_state_note(uint64_t *then_us, uint64_t now_us)
{
    if (*then_us && now_us - *then_us < DD_STREAM_NOTE_PERIOD_US)
        return false;
    *then_us = now_us;
    return true;
}

/* There is no bool in it: serve must not rely on any value, and of a bool only two are defined. */
struct dd_stream_state {
    uint64_t listening_us;        /* intake began to listen */
    uint64_t heard_us;            /* the newest authentic datagram arrived */
    uint64_t status_us;           /* the newest STATUS arrived */
    struct dd_wire_status status; /* that STATUS */
    uint64_t frame;               /* number of the newest complete frame; 0: none */
    uint64_t frame_us;            /* that frame arrived */
    uint64_t frame_captured_us;   /* it was captured, by the sender's clock: µs since 1970 */
    uint64_t frame_age_us;        /* duration: its age on arrival, by the sender's clock less the smallest difference of the
                                     clocks ever seen; so the path's delay is included */
    uint64_t delay_us;            /* duration: the delay of the newest STATUS */
    uint64_t delay_rise_us;       /* duration: what has been allowed so far for clocks that drift apart (recv/intake/delay.h) */
    uint64_t delay_rise_limit_us; /* duration: delay_drift */
    uint8_t delay_used_up;        /* or 0: the rise is at its limit, and datagrams are late by what the clocks may have drifted
                                     further */
    uint8_t delay_of_other_boot;  /* or 0: the sender's machine was started again since the delay's baseline was measured. So the
                                     delay goes by its wall clock: if it is long, that clock may have been set back */
    uint64_t newer_announced_us;  /* since when a STATUS names a newer frame than the newest complete one; 0: none does */
    uint64_t confirmed_us;        /* the newest STATUS that names this frame arrived; 0: there was none since the frame came */
    uint64_t confirmed_age_us;    /* duration: the picture's age then, which is the age that STATUS states plus its delay */
    struct dd_stream_ledger session, total; /* since the newest session began; since intake started */
    struct dd_socket_counters socket;
    uint64_t refused_us[DD_STREAM_REFUSALS]; /* the newest such datagram arrived; up to DD_STREAM_NOTE_PERIOD_US behind */
};

#endif
