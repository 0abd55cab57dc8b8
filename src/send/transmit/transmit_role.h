/* The transmit role. It holds the keys and the UDP sockets.
 * Ring (pixels) -> JPEG -> fragments + parity -> seal -> pace -> UDP. */
#ifndef DD_SEND_TRANSMIT_TRANSMIT_ROLE_H
#define DD_SEND_TRANSMIT_TRANSMIT_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "dd/base/options.h"
#include "dd/link/frame_ring.h"
#include "dd/link/key.h"
#include "send/destination.h"

struct dd_role;

enum { DD_TRANSMIT_STATUS_PERIOD_MS = 1000 };

struct dd_transmit_stream {
    char name[DD_OPTIONS_NAME_SIZE];
    uint8_t key[DD_KEY_BYTES]; /* secret */
    char stream_id[DD_KEY_STREAM_ID_MAX + 1];
    struct dd_frame_ring_shape ring;
    int max_width, max_height;
    size_t max_bytes; /* of a picture in the ring */
    int quality;
    bool full_chroma;
    uint32_t max_packet_size;
    double loss_tolerance;
    uint64_t interval_us;
    uint64_t refresh_us;    /* 0: never */
    double weight;          /* of the stream's share of rate_bps; the other streams have theirs */
    uint64_t last_start_us; /* start of the newest session of earlier runs, µs since 1970; 0: none is known */
    struct dd_destination to[DD_DESTINATION_MAX];
    size_t to_count;
};

/* In the boot record. */
struct dd_transmit_config {
    uint64_t epoch_us; /* wall clock less dd_clock_now_us() at the start of the run: so times on the wire never step */
    uint32_t boot_tag; /* dd_boot_tag_compute() */
    uint64_t rate_bps;
    uint32_t stream_count;
    bool has_ipv4, has_ipv6;
    struct dd_transmit_stream streams[];
};

/* Shared with the supervisor, and with nobody else. */
struct dd_session_table {
    /* The start of the newest session of each stream, written by transmit. The supervisor keeps it on disk. */
    _Atomic uint64_t start_us[DD_OPTIONS_STREAMS_MAX];
    /* The start of the newest session that another daemon has begun with the stream's key, written by the supervisor; 0: none. */
    _Atomic uint64_t other_start_us[DD_OPTIONS_STREAMS_MAX];
    /* How often the stream's capture role has died, written by the supervisor: transmit need not wait for the end of its
     * heartbeat. The supervisor does not end that in the ring itself: whatever is left of the dead role may hold the ring's inode
     * locked. */
    _Atomic uint32_t capture_deaths[DD_OPTIONS_STREAMS_MAX];
    /* How often the machine was resumed from a snapshot, written by the supervisor. Then another machine may go on from the same
     * sessions, so transmit begins new ones at once: no nonce may repeat under a packet key. */
    _Atomic uint32_t resumes;
};

/* Descriptors: the session table; the IPv4 socket and the IPv6 socket, if has_ipv4 and has_ipv6; then those of each stream. */
enum { DD_TRANSMIT_FD_SESSIONS = 0, DD_TRANSMIT_FD_SOCKETS = 1 };
/* Descriptors of a stream: its ring and its wake-up. */
enum { DD_TRANSMIT_STREAM_FD_RING = 0, DD_TRANSMIT_STREAM_FD_WAKE = 1, DD_TRANSMIT_STREAM_FDS = 2 };

/* Runs until the role is to stop. Returns the exit code. */
int dd_transmit_role_run(struct dd_role *role);

#endif
