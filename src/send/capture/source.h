/* The interface between capture and its sources. A source opens, delivers pictures and closes. capture_role.c does the rest once
 * for all sources: reconnecting, backing off, pacing, state and logging.
 *
 * A source waits only within its calls. A call returns by its deadline, and soon after io->checkpoint() is true: our code checks
 * with dd_source_interrupted(), libraries through their interrupt hooks. */
#ifndef DD_SEND_CAPTURE_SOURCE_H
#define DD_SEND_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct dd_picture;
struct dd_send_stream;

enum { DD_SOURCE_MESSAGE_SIZE = 512 };

/* What capture gives a source; borrowed for its life. */
struct dd_source_io {
    const struct dd_send_stream *options; /* of its stream; keys are wiped */
    uint64_t deadline_us;                 /* dd_clock_now_us() by which the call under way has to return */
    /* Sends the heartbeat. True once capture is to stop. To be called at least once a second while a call waits. */
    bool (*checkpoint)(void *context);
    void *context;
    int stop_fd;                          /* polls readable once capture is to stop; -1: none */
    unsigned reason;                      /* enum dd_wire_reason; set by dd_source_fail() */
    char message[DD_SOURCE_MESSAGE_SIZE]; /* what happened and what to do, without a secret; likewise */
};

struct dd_source_kind {
    const char *name; /* "rtsp" */
    bool still;       /* it delivers changes only: without one no picture is missed, and one is due at once */
    /* Connects. *state is the source's own, returned-owned: close(); NULL after an error. 0; DD_ERROR_SOURCE, told with
     * dd_source_fail(); or another negative enum dd_error. capture logs the error, and not again at each attempt. */
    int (*open)(void **state, struct dd_source_io *io);
    /* Delivers the first picture that the source shows at or after due_us, and drops earlier ones; with due_us in the past, what
     * it shows now. *picture is borrowed until the next call. 0; DD_ERROR_AGAIN: the source is alive and showed nothing new at
     * picture->captured_us (0: now); other errors as open: the source is then closed and opened again. */
    int (*next)(void *state, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture);
    /* Reconnects; may be NULL. A source that has it is not closed after open or next failed: its state stays, also one that open
     * made before it failed, and after the back-off this is called. Nothing of the source runs in between. Returns as open. */
    int (*again)(void *state, struct dd_source_io *io);
    /* Disconnects and frees. state may be NULL. */
    void (*close)(void *state);
};

/* Sends the heartbeat. True if the call under way has to return: its deadline has passed, or capture stops. */
bool dd_source_interrupted(const struct dd_source_io *io);

/* Waits until due_us, and keeps the heartbeat. 0; DD_ERROR_AGAIN: the deadline came first; DD_ERROR_STOPPED. */
int dd_source_wait(const struct dd_source_io *io, uint64_t due_us);

/* Waits until fd is ready for one of events, as of poll(2), and keeps the heartbeat. 0; DD_ERROR_TIMEOUT: until_us, io's deadline
 * or a stop came first. */
int dd_source_wait_fd(const struct dd_source_io *io, int fd, short events, uint64_t until_us);

/* Sets io's reason (enum dd_wire_reason) and message. Returns DD_ERROR_SOURCE. */
int dd_source_fail(struct dd_source_io *io, unsigned reason, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
