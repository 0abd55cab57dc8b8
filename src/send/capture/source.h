/* The interface between the capture role and its sources. A source connects, delivers pictures and disconnects. capture_role.c
 * does the rest once for all sources: reconnecting, backing off, pacing, state and logging.
 *
 * A source waits only within its calls, which are all made from one thread. A call returns by io->deadline_us, and soon after
 * io->checkpoint() returns true: our code asks with dd_source_interrupted(), libraries through their interrupt hooks. There is
 * one exception. Looking up a host's name, in open() or reconnect() (dd_connect_look_up()), blocks until the resolver answers or
 * its own time-outs have passed, and nothing interrupts it. While a source connects, its heartbeat counts long enough for that.
 */
#ifndef DD_SEND_CAPTURE_SOURCE_H
#define DD_SEND_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dd_picture;
struct dd_send_stream;

enum { DD_SOURCE_MESSAGE_SIZE = 512 };

/* What the capture role gives a source; borrowed until the source is closed. */
struct dd_source_io {
    const struct dd_send_stream *options; /* of its stream, without keys */
    /* When the call under way has to return, on dd_clock_now_us()'s clock. checkpoint() moves it by a pause of this process,
     * unless that was long. What a source times by itself (a server's answer, a camera's next picture) is not moved: a pause as
     * long as the stream's timeout looks like a silence, and the source is opened again. */
    uint64_t deadline_us;
    /* Sends the heartbeat. Returns true once the role is to stop. To be called at least once a second while a call waits. */
    bool (*checkpoint)(void *context);
    void *context;
    int stop_fd; /* becomes readable once the role is to stop; -1: none */
    /* How long this process was away in sum: stopped, asleep with the machine, or without a CPU. Set by checkpoint(). What is
     * read right after may have waited as long in the kernel; how old it is, nobody knows. */
    uint64_t away_us;
    /* set by dd_source_fail(): */
    unsigned reason;                      /* enum dd_wire_reason */
    char message[DD_SOURCE_MESSAGE_SIZE]; /* what happened and what to do, without a secret */
};

struct dd_source_kind {
    const char *name; /* "rtsp" */
    /* The source delivers a picture only when it shows something new. So no picture is missed while nothing changes, and the
     * first change after a pause is due at once. */
    bool delivers_changes;
    /* The most private memory of the role, bytes: what the ring has is not private, nor what programs have that the source
     * starts. The kernel refuses more, and the source fails with DD_ERROR_MEMORY. */
    size_t memory_max;
    /* Connects. *state is the source's own, returned-owned: close(). It is NULL after an error, unless there is reconnect(). 0;
     * DD_ERROR_SOURCE, told with dd_source_fail(); or another negative enum dd_error. The capture role logs an error once, not at
     * each attempt. */
    int (*open)(void **state, struct dd_source_io *io);
    /* Delivers the first picture that the source shows at or after due_us, and drops earlier ones; with due_us in the past, what
     * it shows now. *picture is borrowed until the next call. 0; DD_ERROR_AGAIN: the source is alive, and at picture->captured_us
     * (0: now) it showed nothing new; other errors as open(): the source is then closed and opened again. */
    int (*next)(void *state, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture);
    /* Reconnects. NULL: close() and open() do. Where it exists, a source that failed is not closed. It keeps its state, even if
     * open() failed and has set one, and this is called after the back-off. No code of the source runs in between. Returns as
     * open(). */
    int (*reconnect)(void *state, struct dd_source_io *io);
    /* Disconnects and frees. state may be NULL. */
    void (*close)(void *state);
};

/* Sends the heartbeat. True if the call under way has to return: its deadline has passed, or capture stops. */
bool dd_source_interrupted(const struct dd_source_io *io);

/* Sends the heartbeat. True if this process was away for over a second since io->away_us was away_us. */
bool dd_source_was_away(const struct dd_source_io *io, uint64_t away_us);

/* Waits until due_us and keeps the heartbeat meanwhile. 0; DD_ERROR_AGAIN: io's deadline came first; DD_ERROR_STOPPED. */
int dd_source_wait(const struct dd_source_io *io, uint64_t due_us);

/* Waits until fd is ready for one of events, as of poll(2), and keeps the heartbeat meanwhile. 0; DD_ERROR_TIMEOUT: until_us,
 * io's deadline or a stop came first. */
int dd_source_wait_fd(const struct dd_source_io *io, int fd, short events, uint64_t until_us);

/* Sets io's reason (enum dd_wire_reason) and message, which is cut off at DD_SOURCE_MESSAGE_SIZE. Returns DD_ERROR_SOURCE. */
int dd_source_fail(struct dd_source_io *io, unsigned reason, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
