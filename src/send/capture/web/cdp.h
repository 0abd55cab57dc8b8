/* The debugging pipe of a browser, without any knowledge of browsers: JSON messages, each ended by a NUL, over two
 * descriptors. Commands have ids and get answers; everything else that arrives is an event. Nothing here waits. */
#ifndef DD_SEND_CAPTURE_WEB_CDP_H
#define DD_SEND_CAPTURE_WEB_CDP_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

struct dd_json;
struct dd_cdp;

enum {
    DD_CDP_MESSAGE_MAX = 64 * 1024 * 1024, /* a picture of 4096x2304 in base64 is half of that at worst */
    DD_CDP_VALUES_MAX = 200 * 1000,        /* in a message: see dd_json_parse_wire() */
    DD_CDP_COMMANDS_MAX = 128,             /* that wait for their answer */
    DD_CDP_OUTPUT_MAX = 4 * 1024 * 1024,   /* that the browser has not read yet */
};

struct dd_cdp_event {
    const char *session_id; /* "" for the browser's own; all borrowed for the call */
    const char *method;
    const struct dd_json *params; /* an object, or NULL */
};

/* How a command came out. */
struct dd_cdp_answer {
    int error;                    /* 0; DD_ERROR_INPUT: refused, text says why; DD_ERROR_TIMEOUT: no answer in time */
    const struct dd_json *result; /* borrowed for the call; NULL after an error */
    const char *text;             /* borrowed for the call; "" without an error */
    uint64_t sent_us;             /* when the command was given to dd_cdp_send() */
};

struct dd_cdp_command {
    const char *session_id; /* "": to the browser itself */
    const char *method;
    struct dd_json *params; /* taken; NULL: none */
    uint64_t deadline_us;   /* by which the answer has to be there */
    /* Called once, unless the command is forgotten first; NULL: the answer does not matter. May send; may not free the pipe. */
    void (*answered)(void *context, const struct dd_cdp_answer *answer);
    void *context;
};

struct dd_cdp_config {
    int read_fd, write_fd; /* taken; made non-blocking */
    void (*event)(void *context, const struct dd_cdp_event *event);
    void *context;
};

/* NULL, logged, without memory; the descriptors are then closed. Returned-owned. */
struct dd_cdp *dd_cdp_new(const struct dd_cdp_config *config);
/* Closes both ends, wipes and frees; nobody is told of commands without an answer. */
void dd_cdp_free(struct dd_cdp *cdp);

/* 0; or DD_ERROR_SPACE: too many commands have no answer, or too much is not read; or DD_ERROR_GONE, or DD_ERROR_MEMORY.
 * answered is then never called. */
int dd_cdp_send(struct dd_cdp *cdp, const struct dd_cdp_command *command);

/* Drops the answers of all commands with this context. */
void dd_cdp_forget(struct dd_cdp *cdp, const void *context);

/* What to poll for; fds[1].fd is -1 while there is nothing to write. */
void dd_cdp_poll(const struct dd_cdp *cdp, struct pollfd fds[static 2]);

/* Writes and reads what is there now, and calls those who wait for it, and for what is over its time. 0; DD_ERROR_GONE: the
 * browser closed the pipe; DD_ERROR_INPUT: what it sends is no such message, or too long; DD_ERROR_MEMORY. After an error
 * there is nothing more to be had. */
int dd_cdp_step(struct dd_cdp *cdp);

/* As if these bytes had been read: for tests. Errors as dd_cdp_step(). */
int dd_cdp_feed(struct dd_cdp *cdp, const void *bytes, size_t size);

#endif
