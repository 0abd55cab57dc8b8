/* The seam between capture and its sources. A source opens, delivers pictures and closes; connecting again, backing off,
 * pacing, state and logging are in capture.c, once for all.
 *
 * A source does all its waiting within its calls, and no call may take longer than the deadline it is given, or go on
 * after io->checkpoint() is true: capture asks with dd_source_interrupted(), libraries through their interrupt hooks. */
#ifndef DD_SEND_CAPTURE_SOURCE_H
#define DD_SEND_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct dd_picture;
struct dd_send_stream;

enum { DD_SOURCE_MESSAGE_SIZE = 512 };

/* What a source knows of the world around it; borrowed for its life. */
struct dd_source_io {
    const struct dd_send_stream *options; /* of its stream; keys are wiped */
    uint64_t deadline_us;                 /* dd_clock_now_us() by which the call under way has to return */
    /* True once capture is to stop. Asking shows that the call under way is alive: at least once a second in waits. */
    bool (*checkpoint)(void *context);
    void *context;
    int stop_fd;     /* polls readable once capture is to stop; -1: none */
    unsigned reason; /* enum dd_wire_reason, and in words what happened and what to do, without a secret: dd_source_fail() */
    char message[DD_SOURCE_MESSAGE_SIZE];
};

struct dd_source_kind {
    const char *name; /* "rtsp" */
    bool still;       /* it delivers what has changed: while nothing does no picture is missed, and what does is due at once */
    /* Connects. *state is the source's own, returned-owned: closed with close; NULL after an error. 0; or DD_ERROR_SOURCE,
     * told with dd_source_fail() (capture logs it: the same refusal is not said again at each attempt); or another
     * negative enum dd_error. */
    int (*open)(void **state, struct dd_source_io *io);
    /* Delivers the first picture that the source shows at or after due_us (at once, what it shows now, if that is past),
     * and takes from the source what comes before. *picture is borrowed until the next call. 0; DD_ERROR_AGAIN: it lives,
     * but shows nothing new: so it was at picture->captured_us, or is now if that is 0; other errors as open: the source is
     * then closed and opened again. */
    int (*next)(void *state, struct dd_source_io *io, uint64_t due_us, struct dd_picture *picture);
    /* May be NULL. With it a source is not closed when open or next failed: its state stays, also one that open made before it
     * failed, and after a while this is called, to connect once more. It leaves nothing behind that goes on in between. 0, or
     * errors as open, after which it is called again. */
    int (*again)(void *state, struct dd_source_io *io);
    /* Frees. state may be NULL. */
    void (*close)(void *state);
};

/* True if the call under way has to end: the deadline is over, or capture stops. */
bool dd_source_interrupted(const struct dd_source_io *io);

/* Waits until due_us, the deadline or a stop. 0, DD_ERROR_AGAIN (the deadline came first) or DD_ERROR_STOPPED. */
int dd_source_wait(const struct dd_source_io *io, uint64_t due_us);

/* Waits until fd is ready for one of events (as poll(2)'s). 0; DD_ERROR_TIMEOUT: until_us or io's deadline came, or a stop. */
int dd_source_wait_fd(const struct dd_source_io *io, int fd, short events, uint64_t until_us);

/* Sets reason and message. Returns DD_ERROR_SOURCE. */
int dd_source_fail(struct dd_source_io *io, unsigned reason, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
