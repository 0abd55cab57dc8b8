/* Sessions that are refused though they have the key: of a second ddsend, of a sender that lost its clock and its state, or of a
 * recording. Collects those of all streams, and logs them together with the command that admits them all: five streams of one
 * sender are one line. Lines come at growing distances while nothing changes. One owner, one thread. */
#ifndef DD_RECV_INTAKE_REFUSED_SESSIONS_H
#define DD_RECV_INTAKE_REFUSED_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_refused_sessions;

/* All texts are borrowed for the call. Starts are in µs since 1970. */
struct dd_refused_session {
    const char *stream;
    const char *port, *from; /* the UDP port, the sender's address */
    uint64_t start_us, salt;
    bool is_ahead;            /* refused because it begins over a day ahead of this clock; else because it is old */
    uint64_t newest_start_us; /* of the session that is accepted; 0: none */
    const char *newest_from;  /* its sender's address; "": not known, it came before this process began */
};

/* For count streams. command (copied) is what a user types before --forget-session: "ddrecv --config FILE"; "": sessions can't be
 * admitted. Returned-owned: dd_refused_sessions_free(). NULL, logged, if there is no memory. */
struct dd_refused_sessions *dd_refused_sessions_new(size_t count, const char *command);
/* s may be NULL. */
void dd_refused_sessions_free(struct dd_refused_sessions *s);

/* A datagram of this session of stream (an index) was refused at now_us (dd_clock_now_us()). */
void dd_refused_sessions_add(struct dd_refused_sessions *s, size_t stream, const struct dd_refused_session *session,
                             uint64_t now_us);
/* Logs what is due. Cheap, and to be called at least twice a second. */
void dd_refused_sessions_log(struct dd_refused_sessions *s, uint64_t now_us);

#endif
