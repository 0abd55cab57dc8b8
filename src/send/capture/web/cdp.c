#include "send/capture/web/cdp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dd/base/buffer.h"
#include "dd/base/clock.h"
#include "dd/base/error.h"
#include "dd/base/json.h"
#include "dd/base/log.h"

enum {
    READ_BYTES = 256 * 1024,
    STEP_MS = 100, /* one step reads no longer: a browser that floods the pipe must not stop everything else, nor the heartbeat */
    KEPT_BYTES = 4 * 1024 * 1024, /* an empty buffer that is larger than this is freed */
    PIPE_BYTES = 1024 * 1024,     /* the pipe's size in the kernel: holds a picture in one piece; a smaller one works, too */
};

/* A command that waits for its answer. */
struct command {
    int id; /* 0: this slot is free */
    uint64_t sent_us, deadline_us;
    void (*answered)(void *context, const struct dd_cdp_answer *answer);
    void *context;
};

struct dd_cdp {
    int read_fd, write_fd;
    void (*event)(void *context, const struct dd_cdp_event *event);
    void *context;
    struct dd_buffer in;
    size_t searched; /* bytes at the start of in that are known to have no NUL */
    struct dd_buffer out;
    struct command commands[DD_CDP_COMMANDS_MAX];
    int last_id;
    int error; /* final: nothing is read or written after it */
};

/* ---- buffers; they may hold secrets, and dd_buffer wipes them ---- */

static int grow(struct dd_buffer *b, size_t more)
{
    int error = dd_buffer_grow(b, more);
    if (error)
        dd_log_error("no memory for %zu more bytes of messages to or from the browser", more);
    return error;
}

static void consume(struct dd_buffer *b, size_t count)
{
    dd_buffer_consume(b, count);
    if (b->size == 0 && b->capacity > KEPT_BYTES)
        dd_buffer_free(b);
}

/* ---- opening, closing ---- */

struct dd_cdp *dd_cdp_new(const struct dd_cdp_config *config)
{
    struct dd_cdp *cdp = calloc(1, sizeof *cdp);

    if (!cdp) {
        dd_log_error("no memory for the pipe to the browser");
        close(config->read_fd);
        close(config->write_fd);
        return NULL;
    }
    cdp->read_fd = config->read_fd;
    cdp->write_fd = config->write_fd;
    cdp->event = config->event;
    cdp->context = config->context;
    for (int i = 0; i < 2; i++) {
        int fd = i ? cdp->write_fd : cdp->read_fd;
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
    }
    return cdp;
}

void dd_cdp_free(struct dd_cdp *cdp)
{
    if (!cdp)
        return;
    close(cdp->write_fd);
    close(cdp->read_fd);
    dd_buffer_free(&cdp->in);
    dd_buffer_free(&cdp->out);
    free(cdp);
}

/* ---- sending ---- */

static struct command *find_command(struct dd_cdp *cdp, int id)
{
    for (size_t i = 0; i < DD_CDP_COMMANDS_MAX; i++)
        if (cdp->commands[i].id == id)
            return &cdp->commands[i];
    return NULL;
}

static int append(struct dd_buffer *b, const char *text, size_t size)
{
    int error = grow(b, size);

    if (error)
        return error;
    memcpy(b->bytes + b->size, text, size);
    b->size += size;
    return 0;
}

/* Appends the JSON object head, with the JSON object params (may be NULL) as its member "params", and a NUL. */
static int append_message(struct dd_buffer *b, const char *head, const char *params)
{
    static const char between[] = ",\"params\":";
    size_t head_size = strlen(head) - 1, params_size = params ? strlen(params) : 0;

    if (b->size + head_size + params_size + sizeof between + 2 > DD_CDP_OUTPUT_MAX)
        return DD_ERROR_SPACE;
    int error = append(b, head, head_size);
    if (!error && params)
        error = append(b, between, sizeof between - 1);
    if (!error && params)
        error = append(b, params, params_size);
    return error ? error : append(b, "}", 2);
}

static void wipe_text(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static int write_command(struct dd_cdp *cdp, const struct dd_cdp_command *command, int id)
{
    struct dd_json *message = dd_json_new_object();
    char *head, *params = NULL;
    int error = DD_ERROR_MEMORY;
    size_t before = cdp->out.size;

    dd_json_add_integer(message, "id", (uint64_t)id);
    dd_json_add_string(message, "method", command->method);
    if (*command->session_id)
        dd_json_add_string(message, "sessionId", command->session_id);
    head = dd_json_print(message);
    if (command->params)
        params = dd_json_print(command->params);
    if (head && (params || !command->params))
        error = append_message(&cdp->out, head, params);
    if (error)
        cdp->out.size = before;
    wipe_text(params);
    free(head);
    dd_json_free(message);
    return error;
}

static void flush(struct dd_cdp *cdp)
{
    while (cdp->out.size) {
        ssize_t n = write(cdp->write_fd, cdp->out.bytes, cdp->out.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            cdp->error = DD_ERROR_GONE;
        if (n <= 0)
            return;
        consume(&cdp->out, (size_t)n);
    }
}

int dd_cdp_send(struct dd_cdp *cdp, const struct dd_cdp_command *command)
{
    /* a command whose answer does not matter needs no slot: there may be hundreds of these at once */
    struct command *slot = command->answered ? find_command(cdp, 0) : NULL;
    int id = cdp->last_id == INT32_MAX ? 1 : cdp->last_id + 1;
    int error = cdp->error ? DD_ERROR_GONE : slot || !command->answered ? 0 : DD_ERROR_SPACE;

    if (!error)
        error = write_command(cdp, command, id);
    dd_json_free(command->params);
    if (error)
        return error;
    cdp->last_id = id;
    if (slot)
        *slot = (struct command){.id = id,
                                 .sent_us = dd_clock_now_us(),
                                 .deadline_us = command->deadline_us,
                                 .answered = command->answered,
                                 .context = command->context};
    flush(cdp);
    return 0;
}

void dd_cdp_forget(struct dd_cdp *cdp, const void *context)
{
    for (size_t i = 0; i < DD_CDP_COMMANDS_MAX; i++)
        if (cdp->commands[i].context == context)
            cdp->commands[i].answered = NULL;
}

/* ---- receiving ---- */

static void deliver_answer(struct command *slot, const struct dd_cdp_answer *answer)
{
    struct command command = *slot;
    struct dd_cdp_answer delivered = *answer;

    slot->id = 0; /* before the call, which may send the next command */
    slot->context = NULL;
    delivered.sent_us = command.sent_us;
    if (command.answered)
        command.answered(command.context, &delivered);
}

static void dispatch_answer(struct dd_cdp *cdp, const struct dd_json *message, int64_t id)
{
    const struct dd_json *cdp_error = dd_json_member(message, "error");
    /* an answer after the deadline finds no slot */
    struct command *slot = id >= 1 && id <= INT32_MAX ? find_command(cdp, (int)id) : NULL;

    if (!slot)
        return;
    if (cdp_error)
        deliver_answer(
            slot, &(struct dd_cdp_answer){.error = DD_ERROR_INPUT, .text = dd_json_string(dd_json_member(cdp_error, "message"))});
    else
        deliver_answer(slot, &(struct dd_cdp_answer){.result = dd_json_member(message, "result"), .text = ""});
}

static int dispatch(struct dd_cdp *cdp, const char *text, size_t size)
{
    struct dd_json *message = dd_json_parse_wire(text, size, DD_CDP_VALUES_MAX);
    const struct dd_json *id = dd_json_member(message, "id"), *params = dd_json_member(message, "params");
    const char *method = dd_json_string(dd_json_member(message, "method"));
    int error = 0;

    if (!message || dd_json_type(message) != DD_JSON_OBJECT)
        error = DD_ERROR_INPUT;
    else if (dd_json_type(id) == DD_JSON_NUMBER)
        dispatch_answer(cdp, message, dd_json_integer(id));
    else if (*method)
        cdp->event(cdp->context, &(struct dd_cdp_event){.session_id = dd_json_string(dd_json_member(message, "sessionId")),
                                                        .method = method,
                                                        .params = dd_json_type(params) == DD_JSON_OBJECT ? params : NULL});
    dd_json_free(message);
    return error;
}

/* Dispatches every complete message in the buffer. */
static int dispatch_all(struct dd_cdp *cdp)
{
    size_t done = 0;
    int error = 0;

    while (!error) {
        const char *start = (const char *)cdp->in.bytes + done, *end;
        size_t rest = cdp->in.size - done;
        end = rest > cdp->searched ? memchr(start + cdp->searched, '\0', rest - cdp->searched) : NULL;
        size_t length = end ? (size_t)(end - start) : rest;
        if (length > DD_CDP_MESSAGE_MAX)
            error = DD_ERROR_INPUT;
        cdp->searched = end ? 0 : rest;
        if (!end)
            break;
        if (!error)
            error = dispatch(cdp, start, length);
        done += length + 1;
    }
    if (done)
        consume(&cdp->in, done);
    return error;
}

int dd_cdp_feed(struct dd_cdp *cdp, const void *bytes, size_t size)
{
    int error = cdp->error;

    if (!error && size)
        error = append(&cdp->in, bytes, size);
    if (!error)
        error = dispatch_all(cdp);
    cdp->error = error;
    return error;
}

static int receive(struct dd_cdp *cdp)
{
    const uint64_t until_us = dd_clock_now_us() + STEP_MS * DD_CLOCK_US_PER_MS;

    do {
        int error = grow(&cdp->in, READ_BYTES);
        if (error)
            return error;
        ssize_t n = read(cdp->read_fd, cdp->in.bytes + cdp->in.size, cdp->in.capacity - cdp->in.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n <= 0)
            return DD_ERROR_GONE;
        cdp->in.size += (size_t)n;
        error = dispatch_all(cdp);
        if (error)
            return error;
    } while (dd_clock_now_us() < until_us);
    return 0;
}

static void expire(struct dd_cdp *cdp)
{
    uint64_t now_us = dd_clock_now_us();

    for (size_t i = 0; i < DD_CDP_COMMANDS_MAX; i++)
        if (cdp->commands[i].id && now_us >= cdp->commands[i].deadline_us)
            deliver_answer(&cdp->commands[i], &(struct dd_cdp_answer){.error = DD_ERROR_TIMEOUT, .text = "no answer in time"});
}

void dd_cdp_poll(const struct dd_cdp *cdp, struct pollfd fds[static 2])
{
    fds[0] = (struct pollfd){.fd = cdp->read_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = cdp->out.size ? cdp->write_fd : -1, .events = POLLOUT};
}

int dd_cdp_step(struct dd_cdp *cdp)
{
    if (!cdp->error)
        flush(cdp);
    if (!cdp->error)
        cdp->error = receive(cdp);
    expire(cdp);
    return cdp->error;
}
