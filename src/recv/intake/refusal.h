/* Finds out why a stream's datagrams are refused: notes it for serve, and logs it. What counts as trouble of the sender is only
 * what has its key, apart from forgeries, which are called that. One owner, one thread. */
#ifndef DD_RECV_INTAKE_REFUSAL_H
#define DD_RECV_INTAKE_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recv/stream_state.h"

struct dd_key;
struct dd_refusal;
struct dd_refused_sessions;
struct dd_stream_receiver_datagram;
struct dd_stream_state_tracker;

/* All borrowed until dd_refusal_free(). */
struct dd_refusal_config {
    const char *stream, *port; /* its name and its UDP port, for the log; port may be NULL: not known */
    uint8_t *scratch;          /* room for the plaintext of the largest datagram */
    struct dd_stream_state_tracker *tracker;
    struct dd_refused_sessions *sessions; /* NULL: none */
    size_t index;                         /* of the stream, in sessions */
};

/* All borrowed for the call. */
struct dd_refusal_event {
    enum dd_stream_refusal why;
    const struct dd_key *key; /* that has the datagram's key id */
    const struct dd_stream_receiver_datagram *datagram;
    bool is_quiet;            /* nothing of the stream has been accepted for a while: otherwise replays do not matter */
    const char *other_port;   /* where it arrived, for DD_STREAM_REFUSAL_OTHER_PORT */
    uint64_t newest_start_us; /* of the newest session, and the address that it came from, as in struct dd_refused_session */
    const char *newest_from;
};

/* Returned-owned: dd_refusal_free(). NULL, logged, if there is no memory. */
struct dd_refusal *dd_refusal_new(const struct dd_refusal_config *config);
/* r may be NULL. */
void dd_refusal_free(struct dd_refusal *r);

/* A datagram was refused. */
void dd_refusal_handle(struct dd_refusal *r, const struct dd_refusal_event *event);

#endif
