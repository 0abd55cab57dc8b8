/* The transport of the Chrome DevTools Protocol (CDP), as of --remote-debugging-pipe: JSON messages, each ended by a NUL, over
 * two descriptors. A command has an id and gets an answer with this id; any other message is an event. Knows no domain of CDP.
 * Source: https://chromedevtools.github.io/devtools-protocol/. Never blocks. Not thread-safe. */
#ifndef DD_SEND_CAPTURE_WEB_CDP_H
#define DD_SEND_CAPTURE_WEB_CDP_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

struct dd_json;
struct dd_cdp;

enum {
    DD_CDP_MESSAGE_MAX = 64 * 1024 * 1024, /* bytes of a message; a picture of 4096x2304 in base64 has at most half of that */
    DD_CDP_VALUES_MAX = 200 * 1000,        /* JSON values in a message: see dd_json_parse_wire() */
    DD_CDP_COMMANDS_MAX = 128,             /* commands that wait for their answer */
    DD_CDP_OUTPUT_MAX = 4 * 1024 * 1024,   /* bytes that the browser has not read yet */
};

/* All borrowed for the call. */
struct dd_cdp_event {
    const char *session_id;       /* of the target that it is about; "": the browser itself */
    const char *method;           /* "Page.frameNavigated" */
    const struct dd_json *params; /* an object, or NULL */
};

/* The answer to a command, or why there is none. */
struct dd_cdp_answer {
    int error; /* 0; DD_ERROR_INPUT: the browser refused it, text says why; DD_ERROR_TIMEOUT: no answer in time */
    const struct dd_json *result; /* borrowed for the call; NULL after an error */
    const char *text;             /* borrowed for the call; "" without an error */
    uint64_t sent_us;             /* dd_clock_now_us() of dd_cdp_send() */
};

struct dd_cdp_command {
    const char *session_id; /* of the target that it is for; "": the browser itself; borrowed for the call, like method */
    const char *method;     /* "Page.navigate" */
    struct dd_json *params; /* taken, also after an error; NULL: none */
    /* dd_clock_now_us() by which the answer has to arrive. Answers are read before deadlines are looked at: what came during a
     * pause of this process is in time. */
    uint64_t deadline_us;
    /* Called once, by dd_cdp_step() or dd_cdp_feed(), unless dd_cdp_forget() comes first. May send commands; may not free the
     * dd_cdp. NULL: the answer does not matter. */
    void (*answered)(void *context, const struct dd_cdp_answer *answer);
    void *context;
};

struct dd_cdp_config {
    int read_fd, write_fd; /* taken; made non-blocking */
    /* Called by dd_cdp_step() and dd_cdp_feed() for each event. May send commands; may not free the dd_cdp. */
    void (*event)(void *context, const struct dd_cdp_event *event);
    void *context;
};

/* Returned-owned. NULL, logged, if memory is exhausted; the descriptors are closed then, too. */
struct dd_cdp *dd_cdp_new(const struct dd_cdp_config *config);
/* Closes both descriptors, wipes the buffers and frees. Does not call answered for commands without an answer. cdp may be NULL.
 */
void dd_cdp_free(struct dd_cdp *cdp);

/* Sends a command, or buffers what the pipe does not take yet. 0; DD_ERROR_SPACE: DD_CDP_COMMANDS_MAX commands wait for their
 * answer, or the browser has not read DD_CDP_OUTPUT_MAX bytes; DD_ERROR_GONE after an error of dd_cdp_step(); DD_ERROR_MEMORY.
 * After an error answered is not called. */
int dd_cdp_send(struct dd_cdp *cdp, const struct dd_cdp_command *command);

/* Forgets all commands with this context: their answers are dropped. Call it before the context is freed. */
void dd_cdp_forget(struct dd_cdp *cdp, const void *context);

/* Fills fds for poll(2). fds[1].fd is -1 while there is nothing to write. */
void dd_cdp_poll(const struct dd_cdp *cdp, struct pollfd fds[static 2]);

/* Writes and reads what the pipe takes and has now. Calls event and answered for what arrived, and answered for commands that are
 * overdue. 0; DD_ERROR_GONE: the browser closed the pipe; DD_ERROR_INPUT: it sent something that is no message, or is over the
 * limits; DD_ERROR_MEMORY. An error is final: later calls return it again. */
int dd_cdp_step(struct dd_cdp *cdp);

/* For tests: handles size bytes as if they had been read from the pipe. Errors as dd_cdp_step(). */
int dd_cdp_feed(struct dd_cdp *cdp, const void *bytes, size_t size);

#endif
